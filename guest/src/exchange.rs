//! [`Exchange`]: what a handler may ask for, fetched only when asked.

use crate::directory::{self, Directory};
use crate::field::Fields;
use crate::rejection::Rejection;
use crate::router::Method;
use std::time::SystemTime;

/// One request, and what surrounds it.
///
/// Each method may cost a call to the host, so handlers ask only for what they need.
pub trait Exchange {
    /// The mapped directory.
    type Directory: Directory;

    /// The request's method.
    fn method(&self) -> Method;

    /// The path and query of the request target.
    fn target(&self) -> &str;

    /// The authority that the request is for (RFC 3986 3.2), if it says.
    fn authority(&self) -> Option<String>;

    /// The request's fields.
    fn fields(&self) -> &Fields;

    /// The mapped directory, if there is one.
    fn directory(&self) -> Option<Self::Directory>;

    /// The operator's settings.
    fn settings(&self) -> Settings;

    /// The time now.
    fn now(&self) -> SystemTime;

    /// A number nobody can guess.
    fn random(&self) -> u64;

    /// Tells the operator why the file system failed.
    fn report(&self, cause: &str);

    /// Waits for a moment.
    fn pause(&self);

    /// Receives the request's content, and throws it away.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] if it is not whole.
    fn discard(&self) -> Result<(), Interrupted>;

    /// Moves the request's content to the end of `file`.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] if the content is not whole in the file.
    fn receive(&self, file: &<Self::Directory as Directory>::File) -> Result<(), Interrupted>;
}

/// The `FILES_…` settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `FILES_HIDDEN=1`: names that begin with a dot are served, listed and written as any other.
    pub hidden: bool,
    /// `FILES_INDEX=1`: `index.html` is served for its directory.
    pub index: bool,
    /// `FILES_PRECOMPRESSED=1`: `name.br`, `name.zst` and `name.gz` are served for `name`.
    pub precompressed: bool,
    /// `FILES_SYNC=0` turns it off: an upload is on stable storage before it is answered.
    pub sync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hidden: false,
            index: false,
            precompressed: false,
            sync: true,
        }
    }
}

impl Settings {
    /// Reads the settings from environment variables. Only `1` and `true` turn a setting on and only `0`
    /// and `false` off; anything else leaves it as it is.
    #[must_use]
    pub fn from_environment(variables: &[(String, String)]) -> Self {
        let mut settings = Self::default();
        for (name, value) in variables {
            let setting = match name.as_str() {
                "FILES_HIDDEN" => &mut settings.hidden,
                "FILES_INDEX" => &mut settings.index,
                "FILES_PRECOMPRESSED" => &mut settings.precompressed,
                "FILES_SYNC" => &mut settings.sync,
                _ => continue,
            };
            match value.as_str() {
                "1" | "true" => *setting = true,
                "0" | "false" => *setting = false,
                _ => {}
            }
        }
        settings
    }
}

/// Why content is not whole, or not where it was to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// The client stopped early, or its framing was wrong.
    CutShort,
    /// The client sent too slowly.
    TooSlow,
    /// The client sent more than the host takes.
    TooLarge,
    /// The file could not be written.
    Storage(directory::Error),
}

impl From<Interrupted> for Rejection {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::CutShort => Self::ContentCutShort,
            Interrupted::TooSlow => Self::ContentTooSlow,
            Interrupted::TooLarge => Self::ContentTooLarge,
            Interrupted::Storage(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_the_environment() {
        let settings = |variables: &[(&str, &str)]| {
            let owned: Vec<_> = variables
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            Settings::from_environment(&owned)
        };
        let default = Settings::default();
        assert_eq!(settings(&[]), default);
        assert_eq!(
            settings(&[("FILES_HIDDEN", "1")]),
            Settings {
                hidden: true,
                ..default
            }
        );
        assert_eq!(
            settings(&[("FILES_INDEX", "1")]),
            Settings {
                index: true,
                ..default
            }
        );
        assert_eq!(
            settings(&[("FILES_PRECOMPRESSED", "1")]),
            Settings {
                precompressed: true,
                ..default
            }
        );
        assert_eq!(
            settings(&[("FILES_SYNC", "0")]),
            Settings {
                sync: false,
                ..default
            }
        );
        assert_eq!(
            settings(&[("FILES_SYNC", "false"), ("FILES_INDEX", "true")]),
            Settings {
                index: true,
                sync: false,
                ..default
            }
        );
        assert_eq!(
            settings(&[("FILES_SYNC", "no"), ("FILES_HIDDEN", ""), ("PATH", "1")]),
            default
        );
    }
}

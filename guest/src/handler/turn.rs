//! [`Turn`]: who changes a file on a condition does so one after the other.

use crate::directory::{Directory, Error};
use crate::exchange::Exchange;
use crate::path::UPLOAD_PREFIX;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Whose turn takes longer was killed in it.
const LONGEST: Duration = Duration::from_secs(10);

/// The turn to change a file, until it is dropped.
///
/// No file system replaces a file on the condition that it is still the same one, so nobody else may
/// act between evaluating a precondition and acting on it: of many clients that mean to replace one
/// version (If-Match, RFC 9110 13.1.1), one does. The turn is a file, which only one can make. Who
/// writes without a condition takes none: it means to replace whatever is there.
pub(super) struct Turn<'a, D: Directory> {
    directory: &'a D,
    name: String,
}

impl<'a, D: Directory> Turn<'a, D> {
    /// Waits for the turn to change `name` in `directory`.
    ///
    /// # Errors
    ///
    /// As the file system says.
    pub(super) fn wait<X>(exchange: &X, directory: &'a D, name: &str) -> Result<Self, Error>
    where
        X: Exchange<Directory = D>,
    {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let name = format!("{UPLOAD_PREFIX}turn-{:016x}", hasher.finish());
        // When the turn that is waited for began, and since when it is.
        let mut awaited = None;
        let mut is_over = || {
            let (begun, now) = (
                directory.link_metadata(&name).ok()?.modified?,
                exchange.now(),
            );
            awaited.take_if(|(other, _)| *other != begun);
            let (_, since) = *awaited.get_or_insert((begun, now));
            let is_long = |since| now.duration_since(since).is_ok_and(|it| it > LONGEST);
            // Whoever set the clock back has not made the turn longer.
            Some(is_long(begun) || is_long(since))
        };
        loop {
            match directory.create(&name) {
                Ok(_) => return Ok(Self { directory, name }),
                // Should this fail, another was faster.
                Err(Error::Exists) if is_over() == Some(true) => {
                    let _ = directory.remove_file(&name);
                }
                Err(Error::Exists) => exchange.pause(),
                Err(error) => return Err(error),
            }
        }
    }
}

impl<D: Directory> Drop for Turn<'_, D> {
    fn drop(&mut self) {
        // Should this fail, it is over in ten seconds.
        let _ = self.directory.remove_file(&self.name);
    }
}

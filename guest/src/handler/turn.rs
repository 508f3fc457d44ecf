//! [`Turn`]: who changes a file on a condition does so one after the other.

use crate::directory::{Directory, Error, File};
use crate::exchange::Exchange;
use crate::path::UPLOAD_PREFIX;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

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
    file: D::File,
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
        let hash = hasher.finish();
        let name = format!("{UPLOAD_PREFIX}turn-{hash:016x}");
        // When the turn that is waited for began, and since when it is.
        let mut awaited = None;
        let mut over = || {
            let (begun, now) = (begun(directory, &name)?, exchange.now());
            awaited.take_if(|(other, _)| *other != begun);
            let (_, since) = *awaited.get_or_insert((begun, now));
            let is_long = |since| now.duration_since(since).is_ok_and(|it| it > LONGEST);
            // Whoever set the clock back has not made the turn longer.
            (is_long(begun) || is_long(since)).then_some(begun)
        };
        // Of those who see that a turn is over, one may end it: by now another could have begun the next.
        let may_end = |begun: SystemTime| {
            let since = begun.duration_since(SystemTime::UNIX_EPOCH);
            let number = since.unwrap_or_default().as_nanos();
            let ended = format!("{UPLOAD_PREFIX}over-{hash:016x}-{number:x}");
            directory.create(&ended).is_ok()
        };
        loop {
            match directory.create(&name) {
                Ok(file) => {
                    return Ok(Self {
                        directory,
                        name,
                        file,
                    });
                }
                // Should this fail, who had the turn came to its end after all.
                Err(Error::Exists) if over().is_some_and(may_end) => {
                    let _ = directory.remove_file(&name);
                }
                Err(Error::Exists) => exchange.pause(),
                Err(error) => return Err(error),
            }
        }
    }
}

/// When the turn of this name began.
fn begun<D: Directory>(directory: &D, name: &str) -> Option<SystemTime> {
    directory.link_metadata(name).ok()?.modified
}

impl<D: Directory> Drop for Turn<'_, D> {
    fn drop(&mut self) {
        let began = self.file.metadata().ok().and_then(|it| it.modified);
        // If it took too long, it may be the turn of another.
        if began == begun(self.directory, &self.name) {
            // Should this fail, it is over in ten seconds.
            let _ = self.directory.remove_file(&self.name);
        }
    }
}

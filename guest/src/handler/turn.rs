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
    /// If that is known.
    begun: Option<SystemTime>,
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
        let mut awaited = Awaited::default();
        loop {
            match directory.create(&name) {
                Ok(file) => {
                    let mut turn = Self {
                        directory,
                        name,
                        begun: None,
                    };
                    turn.begun = file.metadata()?.modified;
                    return Ok(turn);
                }
                Err(Error::Exists) => {}
                Err(error) => return Err(error),
            }
            let begun = begun(directory, &name);
            let lasts = begun.map(|begun| awaited.lasts(begun, exchange.now()));
            match (begun, lasts) {
                (Some(begun), Some(lasts))
                    if lasts > LONGEST && may_end(directory, hash, begun, lasts)? =>
                {
                    // As whoever had it would have.
                    drop(Self {
                        directory,
                        name: name.clone(),
                        begun: Some(begun),
                    });
                }
                _ => exchange.pause(),
            }
        }
    }
}

/// The turn that is waited for: when it began, and since when it is.
#[derive(Default)]
struct Awaited(Option<(SystemTime, SystemTime)>);

impl Awaited {
    /// How long the turn that began then has lasted.
    fn lasts(&mut self, begun: SystemTime, now: SystemTime) -> Duration {
        self.0.take_if(|(other, _)| *other != begun);
        let (_, since) = *self.0.get_or_insert((begun, now));
        let lasts = |since| now.duration_since(since).unwrap_or_default();
        // Whoever set the clock back has not made the turn longer.
        lasts(begun).max(lasts(since))
    }
}

/// Whether it is for the caller to end a turn that is over. Of those who see that, it is for one: by now
/// another could have begun the next. Should that one be killed too, it is for one more ten seconds later.
fn may_end<D: Directory>(
    directory: &D,
    hash: u64,
    begun: SystemTime,
    lasts: Duration,
) -> Result<bool, Error> {
    let begun = begun.duration_since(SystemTime::UNIX_EPOCH);
    let number = begun.unwrap_or_default().as_nanos();
    let attempt = lasts.as_secs() / LONGEST.as_secs();
    match directory.create(&format!(
        "{UPLOAD_PREFIX}over-{hash:016x}-{number:x}-{attempt}"
    )) {
        Ok(_) => Ok(true),
        Err(Error::Exists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// When the turn of this name began.
fn begun<D: Directory>(directory: &D, name: &str) -> Option<SystemTime> {
    directory.link_metadata(name).ok()?.modified
}

impl<D: Directory> Drop for Turn<'_, D> {
    fn drop(&mut self) {
        // If it took too long, it may be the turn of another.
        if self.begun.is_none() || self.begun == begun(self.directory, &self.name) {
            // Should this fail, it is over in ten seconds.
            let _ = self.directory.remove_file(&self.name);
        }
    }
}

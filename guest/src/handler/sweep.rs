//! What killed servers left behind, removed by those who upload later.

use crate::directory::Directory;
use crate::exchange::Exchange;
use crate::path::UPLOAD_PREFIX;
use std::time::{Duration, SystemTime};

/// A temporary file older than this was abandoned: its server was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);

/// A directory that is itself no larger than this, in bytes, is swept by every upload to it.
const SWEPT_AT_ONCE: u64 = 32 * 1024;

/// Removes what killed servers left behind.
///
/// It takes a look at every entry, so a directory of very many is not swept by every upload to it,
/// but by one in so many: then sweeping costs each the same, however large the directory.
pub(super) fn sweep<X: Exchange>(exchange: &X, directory: &X::Directory, now: SystemTime) {
    let size = directory.metadata("").map_or(0, |metadata| metadata.length);
    if size > SWEPT_AT_ONCE
        && !exchange
            .random()
            .is_multiple_of(size.div_ceil(SWEPT_AT_ONCE))
    {
        return;
    }
    let abandoned = |name: &str| {
        let modified = directory.link_metadata(name).ok()?.modified?;
        Some(now.duration_since(modified).ok()? > ABANDONED_AFTER)
    };
    let mut left = Vec::new();
    // What can't be read now is for another upload to sweep; so is what another removes first.
    let _ = directory.each_entry(|entry| {
        if entry.name.starts_with(UPLOAD_PREFIX) {
            left.push(entry.name);
        }
    });
    for name in left {
        if abandoned(&name) == Some(true) {
            let _ = directory.remove_file(&name);
        }
    }
}

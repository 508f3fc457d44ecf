//! The folder that compiled code is kept in between starts. What is in it is run, outside of any
//! sandbox: so nobody else may write to it.

use std::fs::{DirBuilder, metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use wasmtime::{Cache, CacheConfig};

/// Opens the folder, or makes it. Without one, it is said why, and each start compiles anew.
pub(crate) fn open(folder: &Path) -> Option<Cache> {
    let cache = make_private(folder)
        .map_err(|error| error.to_string())
        .and_then(|folder| {
            let mut config = CacheConfig::new();
            config.with_directory(folder);
            Cache::new(config).map_err(|error| format!("{error:#}"))
        });
    cache
        .inspect_err(|error| tracing::warn!("no code cache in {}: {error}", folder.display()))
        .ok()
}

/// Makes sure that there is such a folder. Returns it without links, which could lead elsewhere by the time
/// that it is used.
fn make_private(folder: &Path) -> io::Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let folder = folder.canonicalize()?;
    let found = metadata(&folder)?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw();
    if !is_ours || found.mode() & 0o022 != 0 {
        let sentence = "somebody else owns it, or may write to it, and so to what would be run";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, sentence));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_folder_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        make_private(&folder).unwrap();
        for folder in [&folder, &parent.path().join("a")] {
            assert_eq!(metadata(folder).unwrap().mode() & 0o777, 0o700);
        }
        make_private(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, is_used) in [
            (0o700, true),
            (0o755, true),
            (0o770, false),
            (0o702, false),
            (0o1777, false),
        ] {
            set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(make_private(folder.path()).is_ok(), is_used, "{mode:o}");
        }
    }

    #[test]
    fn neither_is_what_somebody_else_owns() {
        // Only root can give a folder away; to anybody else, root's are somebody else's.
        let folder = tempfile::tempdir().unwrap();
        let nobody = std::os::unix::fs::chown(folder.path(), Some(65534), None);
        let theirs = if nobody.is_ok() {
            folder.path()
        } else {
            Path::new("/")
        };
        assert!(make_private(theirs).is_err());
    }
}

//! The directories around an upload, made when there are none.

use super::upload::failed;
use crate::directory::{Directory, Error};
use crate::rejection::Rejection;

/// So many directories are made for an upload. Each is looked up from the outermost on, so that for all of
/// a path of thousands a small request would take a second.
const MOST_MADE: usize = 64;

/// The directories around an upload. Those made for it are removed again unless they are kept.
pub(super) struct Parents<'a, D: Directory> {
    root: &'a D,
    made: Vec<&'a str>,
    /// The directory the upload is for, if it is not `root`.
    innermost: Option<D>,
}

impl<'a, D: Directory> Parents<'a, D> {
    /// Opens the directory at `path`, and makes what there is not of it.
    pub(super) fn make(root: &'a D, path: &'a str) -> Result<Self, Error> {
        let mut parents = Self {
            root,
            made: Vec::new(),
            innermost: None,
        };
        if path.is_empty() {
            return Ok(parents);
        }
        let opened = root.open_directory(path).or_else(|error| {
            if error != Error::NotFound {
                return Err(error);
            }
            for parent in missing(root, path)?.into_iter().rev() {
                match root.create_directory(parent) {
                    Ok(()) => parents.made.push(parent),
                    Err(Error::Exists) => {}
                    Err(error) => return Err(error),
                }
            }
            root.open_directory(path)
        });
        parents.innermost = Some(opened?);
        Ok(parents)
    }

    /// The directory the upload is for.
    pub(super) fn directory(&self) -> &D {
        self.innermost.as_ref().unwrap_or(self.root)
    }

    /// Keeps what was made, on stable storage if `sync` says so.
    pub(super) fn keep(mut self, sync: bool) -> Result<(), Rejection> {
        for made in std::mem::take(&mut self.made) {
            match made.rsplit_once('/') {
                _ if !sync => {}
                None => self.root.sync().map_err(failed)?,
                Some((parent, _)) => self
                    .root
                    .open_directory(parent)
                    .and_then(|parent| parent.sync())
                    .map_err(failed)?,
            }
        }
        Ok(())
    }
}

/// The directories of `path` that are not there, the innermost first.
fn missing<'a, D: Directory>(root: &D, path: &'a str) -> Result<Vec<&'a str>, Error> {
    let mut missing = Vec::new();
    let starts = path.rmatch_indices('/').map(|(end, _)| &path[..end]);
    for parent in std::iter::once(path).chain(starts) {
        match root.link_metadata(parent) {
            Err(Error::NotFound) if missing.len() < MOST_MADE => missing.push(parent),
            Err(Error::NotFound) => return Err(Error::NameTooLong),
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    Ok(missing)
}

impl<D: Directory> Drop for Parents<'_, D> {
    fn drop(&mut self) {
        for made in self.made.iter().rev() {
            // Another upload may be in there by now: then it stays.
            let _ = self.root.remove_directory(made);
        }
    }
}

//! The directories around an upload, made when there are none.

use super::upload::refused;
use crate::directory::{Directory, Error};
use crate::rejection::Rejection;

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
            let ends = path
                .match_indices('/')
                .map(|(end, _)| end)
                .chain([path.len()]);
            for parent in ends.map(|end| &path[..end]) {
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
                None => self.root.sync().map_err(refused)?,
                Some((parent, _)) => self
                    .root
                    .open_directory(parent)
                    .and_then(|parent| parent.sync())
                    .map_err(refused)?,
            }
        }
        Ok(())
    }
}

impl<D: Directory> Drop for Parents<'_, D> {
    fn drop(&mut self) {
        for made in self.made.iter().rev() {
            // Another upload may be in there by now: then it stays.
            let _ = self.root.remove_directory(made);
        }
    }
}

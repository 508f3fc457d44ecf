//! POST and PUT of `/files/{path}`: content to a temporary name, then published at once.

use super::Handled;
use super::parents::Parents;
use super::sweep::sweep;
use super::turn::Turn;
use crate::directory::{Directory, Error, File, Kind};
use crate::exchange::{Exchange, Interrupted, Settings};
use crate::field::accept_encoding::Coding;
use crate::field::elements;
use crate::outcome::{Content, Outcome, Status};
use crate::path::{FilePath, UPLOAD_PREFIX};
use crate::precondition::{Preconditions, Verdict};
use crate::rejection::Rejection;
use crate::representation::Representation;
use crate::router::Method;

/// So often the directories around an upload are made before it is given up.
const MOST_ATTEMPTS: u32 = 100;

/// POST: 201, whether the name is new or not.
pub(super) fn create<X: Exchange>(exchange: &X, encoded: &str) -> Handled<X> {
    store(exchange, encoded).map(|stored| stored.created())
}

/// PUT: 201 for a new name, 204 for one that is replaced.
pub(super) fn replace<X: Exchange>(exchange: &X, encoded: &str) -> Handled<X> {
    store(exchange, encoded).map(|stored| {
        if stored.is_new == Some(false) {
            stored.replaced()
        } else {
            stored.created()
        }
    })
}

/// What was stored, and where.
struct Stored {
    path: FilePath,
    /// Whether nothing had the name, if that makes a difference.
    is_new: Option<bool>,
    entity_tag: String,
}

impl Stored {
    fn created<F>(self) -> Outcome<F> {
        let location = format!("/files/{}", self.path);
        let content = Content::Bytes(Vec::new());
        Outcome {
            content,
            ..Outcome::empty(Status::CREATED)
        }
        .field("location", location)
        .field("etag", self.entity_tag)
        .field("x-content-type-options", "nosniff")
    }

    fn replaced<F>(self) -> Outcome<F> {
        Outcome::empty(Status::NO_CONTENT).field("etag", self.entity_tag)
    }
}

/// Stores the request's content:
///
/// 1. Refuse what can be refused before the content is asked for.
/// 2. Receive it under a temporary name in the directory it is for.
/// 3. Publish it: a reader sees the old file or the new one, whole.
///
/// Whatever fails, what was there is untouched and no file is left behind; of the directories made for it,
/// those that another upload was in meanwhile.
fn store<X: Exchange>(exchange: &X, encoded: &str) -> Result<Stored, Rejection> {
    let root = exchange.directory().ok_or(Rejection::NoDirectory)?;
    let settings = exchange.settings();
    let path = acceptable(exchange, encoded, settings)?;
    let preconditions = Preconditions::parse_to_write(exchange.fields());
    check(exchange, &root, path.as_str(), &preconditions)?;

    let (parent, name) = path.split();
    let Begun {
        parents,
        temporary,
        file,
    } = begin(exchange, &root, parent)?;
    let directory = parents.directory();
    let mut upload = Upload {
        directory,
        file,
        temporary: Some(temporary),
    };
    exchange
        .receive(&upload.file)
        .map_err(|interrupted| match interrupted {
            Interrupted::Storage(error) => failed(error),
            interrupted => interrupted.into(),
        })?;
    if settings.sync {
        upload.file.sync().map_err(failed)?;
    }
    // Receiving takes its time, and another client may have been faster.
    // To make a file that is not there is exclusive by itself.
    let turn = if preconditions.are_given() && !preconditions.is_create_only() {
        Some(Turn::wait(exchange, directory, name).map_err(failed)?)
    } else {
        None
    };
    // POST without preconditions does the same, and is answered the same, whatever has the name.
    let is_new = if exchange.method() == Method::Put || preconditions.are_given() {
        Some(check(exchange, directory, name, &preconditions)?)
    } else {
        None
    };
    upload.publish(exchange, name, preconditions.is_create_only())?;
    drop(turn);
    let now = exchange.now();
    let entity_tag = Representation::of(&upload.file, now)?
        .entity_tag
        .to_string();
    if settings.sync {
        directory.sync().map_err(failed)?;
    }
    drop(upload);
    sweep(exchange, directory, now);
    parents.keep(settings.sync)?;
    Ok(Stored {
        path,
        is_new,
        entity_tag,
    })
}

/// Checks what the request says of itself.
fn acceptable<X: Exchange>(
    exchange: &X,
    encoded: &str,
    settings: Settings,
) -> Result<FilePath, Rejection> {
    let path = FilePath::parse(encoded)?;
    let fields = exchange.fields();
    let codings = fields.list("content-encoding").unwrap_or_default();
    if path.has_trailing_slash() {
        Err(Rejection::ContentToDirectory)
    } else if path.is_too_long() {
        Err(Rejection::NameTooLong)
    } else if path.is_upload() || (path.is_hidden() && !settings.hidden) {
        Err(Rejection::Hidden)
    } else if fields.contains("content-range") {
        Err(Rejection::PartialContent)
    } else if !elements(&codings).all(|coding| Coding::Identity.is(coding)) {
        Err(Rejection::ContentCoding)
    } else {
        Ok(path)
    }
}

/// Evaluates the preconditions against what is at `path` now. Returns whether that is nothing.
fn check<X: Exchange>(
    exchange: &X,
    directory: &X::Directory,
    path: &str,
    preconditions: &Preconditions,
) -> Result<bool, Rejection> {
    let mut exists = match directory.metadata(path).map(|metadata| metadata.kind) {
        Ok(Kind::File) => true,
        Ok(Kind::Directory) => return Err(Rejection::IsDirectory),
        Ok(Kind::Link | Kind::Other) => return Err(Rejection::NotAFile),
        Err(Error::NotFound) => false,
        Err(error) => return Err(refused(error)),
    };
    if preconditions.are_given() {
        let opened = exists.then(|| {
            let file = directory.open(path)?;
            Representation::of(&file, exchange.now())
        });
        let current = match opened.transpose() {
            // It is gone by now.
            Err(Error::NotFound) => None,
            current => current.map_err(refused)?,
        };
        exists = current.is_some();
        if preconditions.evaluate(current.as_ref(), false) != Verdict::Proceed {
            return Err(Rejection::PreconditionFailed);
        }
    }
    Ok(!exists)
}

/// An upload whose content is to come: the directories around it, and the file under its name.
struct Begun<'a, D: Directory> {
    parents: Parents<'a, D>,
    temporary: String,
    file: D::File,
}

/// Makes the directories around an upload, and a file under a temporary name in the innermost.
///
/// Another upload that fails removes the directories it has made, perhaps those that this one has
/// just found: then they are made again.
fn begin<'a, X: Exchange>(
    exchange: &X,
    root: &'a X::Directory,
    path: &'a str,
) -> Result<Begun<'a, X::Directory>, Rejection> {
    let mut attempts = 0..MOST_ATTEMPTS;
    loop {
        let begun = Parents::make(root, path).and_then(|parents| {
            let temporary = format!("{UPLOAD_PREFIX}{:016x}", exchange.random());
            let file = parents.directory().create(&temporary)?;
            Ok(Begun {
                parents,
                temporary,
                file,
            })
        });
        match begun {
            Err(Error::NotFound) if attempts.next().is_some() => {}
            // A link that leads nowhere.
            Err(Error::NotFound) => return Err(Rejection::ParentIsFile),
            begun => return begun.map_err(refused),
        }
    }
}

/// A file under a temporary name, which goes when this does.
struct Upload<'a, D: Directory> {
    directory: &'a D,
    file: D::File,
    temporary: Option<String>,
}

impl<D: Directory> Upload<'_, D> {
    /// Gives the file its name: instead of what has it now, or, exclusively, only if nothing has.
    fn publish<X>(&mut self, exchange: &X, name: &str, exclusive: bool) -> Result<(), Rejection>
    where
        X: Exchange<Directory = D>,
    {
        let Some(temporary) = &self.temporary else {
            return Ok(());
        };
        let _turn = if exclusive {
            match self.directory.link(temporary, name) {
                Ok(()) => return Ok(()),
                Err(
                    error @ (Error::Exists | Error::NotFound | Error::NoSpace | Error::Exhausted),
                ) => return Err(failed(error)),
                // Where no file has two names, of which there are many errors, those who make one take turns.
                Err(_) => {}
            }
            let turn = Turn::wait(exchange, self.directory, name).map_err(failed)?;
            match self.directory.link_metadata(name) {
                Err(Error::NotFound) => Some(turn),
                Err(error) => return Err(failed(error)),
                Ok(_) => return Err(Rejection::PreconditionFailed),
            }
        } else {
            None
        };
        self.directory.rename(temporary, name).map_err(failed)?;
        self.temporary = None;
        Ok(())
    }
}

impl<D: Directory> Drop for Upload<'_, D> {
    fn drop(&mut self) {
        if let Some(name) = &self.temporary {
            // Should this fail, the file is swept in an hour.
            let _ = self.directory.remove_file(name);
        }
    }
}

/// What a failure means once the directories around an upload were there.
pub(super) fn failed(error: Error) -> Rejection {
    match error {
        Error::NotFound => Rejection::ParentRemoved,
        error => refused(error),
    }
}

/// What a failure to write means. A link that leads out and a read-only mapping look the same here.
pub(super) fn refused(error: Error) -> Rejection {
    match error {
        Error::NotPermitted => Rejection::Forbidden,
        Error::NotDirectory => Rejection::ParentIsFile,
        Error::Loop => Rejection::NotAFile,
        Error::NameTooLong => Rejection::NameTooLong,
        error => error.into(),
    }
}

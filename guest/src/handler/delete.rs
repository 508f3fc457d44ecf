//! DELETE of `/files/{path}`.

use super::Handled;
use super::files::kinds;
use super::turn::Turn;
use super::upload::refused;
use crate::directory::{Directory, Kind};
use crate::exchange::Exchange;
use crate::outcome::{Outcome, Status};
use crate::path::FilePath;
use crate::precondition::{Preconditions, Verdict};
use crate::rejection::Rejection;
use crate::representation::Representation;

/// Removes a file, a symbolic link, or an empty directory: 204.
pub(super) fn delete<X: Exchange>(exchange: &X, encoded: &str) -> Handled<X> {
    let directory = exchange.directory().ok_or(Rejection::NoDirectory)?;
    let path = FilePath::parse(encoded)?;
    if path.is_upload() || (path.is_hidden() && !exchange.settings().hidden) {
        return Err(Rejection::Hidden);
    }
    if path.is_too_long() {
        return Err(Rejection::NameTooLong);
    }

    let preconditions = Preconditions::parse_to_write(exchange.fields());
    // Who waits to be told to send content sends none in vain.
    removable(exchange, &directory, &path, &preconditions)?;
    // What is cut off or malformed is not to be acted upon.
    exchange.discard()?;
    let (around, name) = path.split();
    let innermost = if preconditions.are_given() && !around.is_empty() {
        Some(directory.open_directory(around)?)
    } else {
        None
    };
    let around = innermost.as_ref().unwrap_or(&directory);
    let _turn = if preconditions.are_given() {
        Some(Turn::wait(exchange, around, name).map_err(refused)?)
    } else {
        None
    };
    // All of that takes its time, and another client may have been faster.
    let remove = match removable(exchange, &directory, &path, &preconditions)? {
        Kind::Directory => X::Directory::remove_directory,
        Kind::File | Kind::Link | Kind::Other => X::Directory::remove_file,
    };
    remove(&directory, path.as_str()).map_err(refused)?;
    Ok(Outcome::empty(Status::NO_CONTENT))
}

/// Evaluates the preconditions against what is at `path` now. Returns what it is, a link as such.
fn removable<X: Exchange>(
    exchange: &X,
    directory: &X::Directory,
    path: &FilePath,
    preconditions: &Preconditions,
) -> Result<Kind, Rejection> {
    // What can't be read, such as a link that leads out, is not there to be deleted either.
    let (itself, kind) = kinds(directory, path.as_str())?;
    match kind {
        Kind::File if !path.has_trailing_slash() => {}
        Kind::Directory => {}
        Kind::File | Kind::Link | Kind::Other => return Err(Rejection::NotFound),
    }
    if preconditions.are_given() {
        let current = match kind {
            Kind::Directory => Representation::without_validators(),
            _ => Representation::of(&directory.open(path.as_str())?, exchange.now())?,
        };
        if preconditions.evaluate(Some(&current), false) != Verdict::Proceed {
            return Err(Rejection::PreconditionFailed);
        }
    }
    Ok(itself)
}

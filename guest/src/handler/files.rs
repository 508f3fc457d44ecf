//! GET and HEAD of `/files/{path}`.

use super::select::{Selected, Storage, select};
use super::{Handled, listing};
use crate::directory::{Directory, Error, File, Kind};
use crate::exchange::{Exchange, Settings};
use crate::field::range::{ByteRange, RangeSet, Selection, if_range_holds};
use crate::media_type;
use crate::outcome::{Content, Outcome, Part, Status};
use crate::path::{FilePath, encode_query};
use crate::precondition::{Preconditions, Verdict};
use crate::rejection::Rejection;
use crate::representation::Representation;
use crate::router::Method;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// How much of a file the component holds at once where it must touch the content itself.
const CHUNK: u64 = 64 * 1024;

/// A file, a listing, or a redirect to the directory.
pub(super) fn read<X: Exchange>(exchange: &X, encoded: Option<&str>, query: &str) -> Handled<X> {
    let directory = exchange.directory().ok_or(Rejection::NoDirectory)?;
    let Some(encoded) = encoded else {
        return Ok(redirect("/files/", query));
    };
    let path = FilePath::parse(encoded)?;
    let settings = exchange.settings();
    if path.is_upload() || path.is_too_long() || (path.is_hidden() && !settings.hidden) {
        return Err(Rejection::NotFound);
    }
    match kinds(&directory, path.as_str())?.1 {
        Kind::Directory if !path.has_trailing_slash() => {
            Ok(redirect(&format!("/files/{path}/"), query))
        }
        Kind::Directory => {
            let index = path.join("index.html");
            if settings.index
                && kinds(&directory, index.as_str()).is_ok_and(|(_, kind)| kind == Kind::File)
            {
                return file(exchange, &directory, &index, settings);
            }
            listing::list(exchange, directory, &path, settings)
        }
        Kind::File if !path.has_trailing_slash() => file(exchange, &directory, &path, settings),
        Kind::File | Kind::Link | Kind::Other => Err(Rejection::NotFound),
    }
}

/// What is at `path` itself, and what it is with symbolic links followed. Most paths have none, and a
/// host answers for a link itself with fewer system calls than for what it leads to: so ask for that
/// first.
pub(super) fn kinds<D: Directory>(directory: &D, path: &str) -> Result<(Kind, Kind), Error> {
    match directory.link_metadata(path)?.kind {
        Kind::Link => Ok((Kind::Link, directory.metadata(path)?.kind)),
        kind => Ok((kind, kind)),
    }
}

fn redirect<F>(target: &str, query: &str) -> Outcome<F> {
    Outcome::text(
        Status::PERMANENT_REDIRECT,
        b"This is a directory: its name ends in a slash.\n".into(),
    )
    .field("location", format!("{target}{}", encode_query(query)))
}

fn file<X: Exchange>(
    exchange: &X,
    directory: &X::Directory,
    path: &FilePath,
    settings: Settings,
) -> Handled<X> {
    let fields = exchange.fields();
    let media_type = media_type::of(path.as_str());
    let ranges = match exchange.method() {
        Method::Get => RangeSet::parse(fields),
        _ => None,
    };
    let mut selected = select(exchange, directory, path, &media_type, settings)?;
    let length = selected.representation.length;
    let preconditions = Preconditions::parse(fields);
    let mut verdict = preconditions.evaluate(Some(&selected.representation), true);
    let mut selection = Selection::Whole;
    // Range comes after the preconditions (RFC 9110 14.2): who has the whole is sent no part of it.
    if verdict != Verdict::NotModified
        && let (Some(ranges), Some(of_parts)) = (ranges, selected.of_parts())
        && if_range_holds(fields, of_parts)
    {
        selection = ranges.resolve(length);
    }
    // Preconditions are of what is sent, so that the tag of one part is good to ask for the next. Who asks for
    // a part of what has none, by its tag, is sent the whole.
    if selection != Selection::Whole {
        let of_parts = preconditions.evaluate(selected.of_parts(), true);
        if (verdict, of_parts) == (Verdict::Proceed, Verdict::Failed) {
            selection = Selection::Whole;
        } else {
            (selected, verdict) = (selected.in_parts(), of_parts);
        }
    }
    match verdict {
        Verdict::Failed => {
            let failed = Rejection::PreconditionFailed.into_outcome();
            return Ok(failed.field("vary", "accept-encoding"));
        }
        Verdict::NotModified => {
            return Ok(describe(Outcome::empty(Status::NOT_MODIFIED), &selected));
        }
        Verdict::Proceed => {}
    }

    let on_the_fly = matches!(selected.storage, Storage::Uncoded(_));
    let outcome = |status| {
        let outcome = describe(Outcome::empty(status), &selected);
        let outcome = outcome.field("x-content-type-options", "nosniff");
        // Nobody knows the length of what is coded on the fly, and so it has no parts.
        if on_the_fly {
            outcome
        } else {
            outcome.field("accept-ranges", "bytes")
        }
    };
    let outcome = match &selection {
        Selection::Unsatisfiable => return Err(Rejection::RangeNotSatisfiable(length)),
        Selection::Whole => outcome(Status::OK).field("content-type", media_type),
        Selection::Parts(parts) => match parts.as_slice() {
            [part] => outcome(Status::PARTIAL_CONTENT)
                .field("content-type", media_type)
                .field("content-range", part.content_range(length)),
            parts => {
                let boundary = format!("{:016x}{:016x}", exchange.random(), exchange.random());
                let outcome = outcome(Status::PARTIAL_CONTENT).field(
                    "content-type",
                    format!("multipart/byteranges; boundary={boundary}"),
                );
                let content = Content::File(
                    selected.file,
                    multipart(parts, length, &media_type, &boundary),
                );
                return Ok(Outcome { content, ..outcome });
            }
        },
    };
    let content = match selection {
        Selection::Parts(parts) => {
            Content::File(selected.file, parts.into_iter().map(Part::Range).collect())
        }
        _ if on_the_fly => Content::in_chunks(Box::new(gzip(selected.file, length)))?,
        _ => Content::File(
            selected.file,
            ByteRange::whole(length)
                .map(Part::Range)
                .into_iter()
                .collect(),
        ),
    };
    Ok(Outcome { content, ..outcome })
}

/// The fields that say which representation this is: those of a 304 too (RFC 9110 15.4.5).
fn describe<F>(outcome: Outcome<F>, selected: &Selected<F>) -> Outcome<F> {
    let Representation {
        last_modified,
        entity_tag,
        ..
    } = &selected.representation;
    let mut outcome = outcome
        .field("etag", entity_tag.to_string())
        .field("vary", "accept-encoding");
    if let Some(last_modified) = *last_modified {
        outcome = outcome.field("last-modified", httpdate::fmt_http_date(last_modified));
    }
    match selected.coding.name() {
        Some(name) if outcome.status != Status::NOT_MODIFIED => {
            outcome.field("content-encoding", name)
        }
        _ => outcome,
    }
}

/// `multipart/byteranges` (RFC 9110 14.6).
fn multipart(
    ranges: &[ByteRange],
    complete_length: u64,
    media_type: &str,
    boundary: &str,
) -> Vec<Part> {
    let mut parts = Vec::with_capacity(ranges.len() * 2 + 1);
    let mut line_end = "";
    for range in ranges {
        let content_range = range.content_range(complete_length);
        let head = format!(
            "{line_end}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {content_range}\r\n\r\n"
        );
        parts.push(Part::Bytes(head.into_bytes()));
        parts.push(Part::Range(*range));
        line_end = "\r\n";
    }
    parts.push(Part::Bytes(format!("\r\n--{boundary}--\r\n").into_bytes()));
    parts
}

/// The file's content, coded a chunk at a time.
fn gzip(file: impl File, length: u64) -> impl Iterator<Item = Result<Vec<u8>, Error>> {
    let mut encoder = Some(GzEncoder::new(Vec::new(), Compression::default()));
    let mut offset = 0;
    std::iter::from_fn(move || {
        let mut writer = encoder.take()?;
        while offset < length {
            let chunk = match file.read(offset, CHUNK.min(length - offset)) {
                Ok(chunk) if chunk.is_empty() => {
                    return Some(Err(Error::Other(
                        "the file shrank while it was sent".to_owned(),
                    )));
                }
                Ok(chunk) => chunk,
                Err(error) => return Some(Err(error)),
            };
            offset += chunk.len() as u64;
            if let Err(error) = writer.write_all(&chunk) {
                return Some(Err(Error::Other(error.to_string())));
            }
            if !writer.get_ref().is_empty() {
                let coded = std::mem::take(writer.get_mut());
                encoder = Some(writer);
                return Some(Ok(coded));
            }
        }
        Some(
            writer
                .finish()
                .map_err(|error| Error::Other(error.to_string())),
        )
    })
}

//! The listing of a directory, as a page or as JSON, made while it is sent.

use super::Handled;
use crate::directory::{Directory, Entry, Error, Kind, Metadata};
use crate::exchange::{Exchange, Settings};
use crate::field::accept::prefers_html;
use crate::outcome::{Chunks, Content, Outcome, Status};
use crate::path::{FilePath, UPLOAD_PREFIX, encode, is_segment};
use crate::precondition::{Preconditions, Verdict};
use crate::rejection::Rejection;
use crate::representation::Representation;
use html_escape::encode_safe;
use std::fmt::Write;

/// How long a chunk of a listing gets before it is sent.
const CHUNK: usize = 16 * 1024;

/// Lists a directory: folders first, each in the order of its names.
pub(super) fn list<X: Exchange>(
    exchange: &X,
    directory: X::Directory,
    path: &FilePath,
    settings: Settings,
) -> Handled<X> {
    let directory = Listed {
        below: match path.as_str() {
            "" => None,
            path => Some(directory.open_directory(path)?),
        },
        mapped: directory,
        path: path.clone(),
    };
    let fields = exchange.fields();
    let current = Representation::without_validators();
    match Preconditions::parse(fields).evaluate(Some(&current), true) {
        Verdict::Failed => return Err(Rejection::PreconditionFailed),
        Verdict::NotModified => {
            return Ok(Outcome::empty(Status::NOT_MODIFIED).field("vary", "accept"));
        }
        Verdict::Proceed => {}
    }
    let html = prefers_html(fields);
    let rows = Rows {
        entries: visible(&directory, settings)?.into_iter(),
        directory,
    };
    let (media_type, content) = if html {
        (
            "text/html; charset=utf-8",
            chunks(
                page_head(path),
                rows,
                html_row,
                "</tbody>\n</table>\n</body>\n</html>\n",
            ),
        )
    } else {
        (
            "application/json",
            chunks("[".to_owned(), rows, json_row, "\n]\n"),
        )
    };
    let outcome = Outcome {
        content: Content::in_chunks(content)?,
        ..Outcome::empty(Status::OK)
    }
    .field("content-type", media_type)
    .field("vary", "accept")
    .field("x-content-type-options", "nosniff");
    // A name can't become a script even if its escaping were wrong.
    Ok(if html {
        outcome.field(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        )
    } else {
        outcome
    })
}

/// A directory that is listed.
struct Listed<D> {
    mapped: D,
    /// The directory itself, unless it is the mapped one.
    below: Option<D>,
    path: FilePath,
}

impl<D: Directory> Listed<D> {
    fn itself(&self) -> &D {
        self.below.as_ref().unwrap_or(&self.mapped)
    }

    /// What is at `name`; nothing if that has vanished since the directory was read, or can't be looked at.
    /// A symbolic link stands for what it leads to, which may be anywhere in the mapped directory.
    fn metadata(&self, name: &str, is_link: bool) -> Result<Option<Metadata>, Error> {
        let metadata = if is_link {
            self.mapped.metadata(self.path.join(name).as_str())
        } else {
            self.itself().metadata(name)
        };
        match metadata {
            // That is not of this one: the list would be short.
            Err(Error::Exhausted) => Err(Error::Exhausted),
            metadata => Ok(metadata.ok()),
        }
    }
}

/// What a client may see of an entry.
struct Visible {
    name: String,
    kind: Kind,
    is_link: bool,
}

/// What a client may see of a directory, sorted: folders first.
fn visible<D: Directory>(directory: &Listed<D>, settings: Settings) -> Result<Vec<Visible>, Error> {
    let mut entries = Vec::new();
    directory.itself().each_entry(|Entry { name, kind }| {
        let is_hidden = name.starts_with('.') && !settings.hidden;
        if is_segment(&name) && !name.starts_with(UPLOAD_PREFIX) && !is_hidden {
            let is_link = kind == Kind::Link;
            entries.push(Visible {
                name,
                kind,
                is_link,
            });
        }
    })?;
    for entry in entries.iter_mut().filter(|entry| entry.is_link) {
        let metadata = directory.metadata(&entry.name, true)?;
        entry.kind = metadata.map_or(Kind::Other, |metadata| metadata.kind);
    }
    entries.retain(|entry| matches!(entry.kind, Kind::File | Kind::Directory));
    entries.sort_unstable_by(|a, b| {
        (a.kind == Kind::File, &a.name).cmp(&(b.kind == Kind::File, &b.name))
    });
    Ok(entries)
}

/// The rows of a listing.
struct Rows<D> {
    directory: Listed<D>,
    entries: std::vec::IntoIter<Visible>,
}

impl<D: Directory> Iterator for Rows<D> {
    type Item = Result<(String, Metadata), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.by_ref().find_map(|entry| {
            let metadata = self.directory.metadata(&entry.name, entry.is_link);
            let metadata = metadata.transpose()?;
            Some(metadata.map(|metadata| (entry.name, metadata)))
        })
    }
}

/// Joins `head`, the rows as `write_row` writes them, and `tail`, into chunks.
fn chunks<R>(
    head: String,
    mut rows: R,
    write_row: fn(&mut String, bool, &str, Metadata),
    tail: &'static str,
) -> Chunks
where
    R: Iterator<Item = Result<(String, Metadata), Error>> + 'static,
{
    let mut pending = Some(head);
    let mut first = true;
    Box::new(std::iter::from_fn(move || {
        let mut chunk = pending.take()?;
        for row in rows.by_ref() {
            let (name, metadata) = match row {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            };
            write_row(&mut chunk, first, &name, metadata);
            first = false;
            if chunk.len() >= CHUNK {
                pending = Some(String::new());
                return Some(Ok(chunk.into_bytes()));
            }
        }
        chunk.push_str(tail);
        Some(Ok(chunk.into_bytes()))
    }))
}

fn page_head(path: &FilePath) -> String {
    let title = format!(
        "/files/{}{}",
        encode_safe(path.as_str()),
        if path.as_str().is_empty() { "" } else { "/" }
    );
    let parent = if path.as_str().is_empty() {
        ""
    } else {
        "<tr><td><a href=\"../\">..</a></td><td></td><td></td></tr>\n"
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n:root {{ color-scheme: light dark }}\nbody {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem }}\n\
         th {{ text-align: left }}\nth, td {{ padding: 0.1rem 1.5rem 0.1rem 0 }}\n\
         .size {{ text-align: right; font-variant-numeric: tabular-nums }}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <table>\n<thead>\n<tr><th scope=\"col\">Name</th><th scope=\"col\" class=\"size\">Bytes</th><th scope=\"col\">Modified</th></tr>\n\
         </thead>\n<tbody>\n{parent}"
    )
}

fn html_row(page: &mut String, _first: bool, name: &str, metadata: Metadata) {
    let (slash, size) = match metadata.kind {
        Kind::Directory => ("/", String::new()),
        _ => ("", metadata.length.to_string()),
    };
    // A string takes what is written to it. The ./ keeps a colon in a name from being a scheme's.
    let _ = writeln!(
        page,
        "<tr><td><a href=\"./{}{slash}\">{}{slash}</a></td><td class=\"size\">{size}</td><td>{}</td></tr>",
        encode(name),
        encode_safe(name),
        modified(metadata),
    );
}

fn json_row(json: &mut String, first: bool, name: &str, metadata: Metadata) {
    let separator = if first { "\n" } else { ",\n" };
    // A string can always be serialized.
    let name = serde_json::to_string(name).unwrap_or_default();
    let modified = modified(metadata);
    let _ = match metadata.kind {
        Kind::Directory => write!(
            json,
            "{separator}{{\"name\":{name},\"type\":\"directory\",\"modified\":\"{modified}\"}}"
        ),
        _ => write!(
            json,
            "{separator}{{\"name\":{name},\"type\":\"file\",\"size\":{},\"modified\":\"{modified}\"}}",
            metadata.length
        ),
    };
}

/// The time of the last change (RFC 3339), or nothing.
fn modified(metadata: Metadata) -> String {
    metadata.modified.map_or_else(String::new, |time| {
        humantime::format_rfc3339_seconds(time).to_string()
    })
}

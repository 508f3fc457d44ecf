//! [`Outcome`]: what to answer, decided but not sent.

use crate::directory;
use crate::field::range::ByteRange;

/// A status code (RFC 9110 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u16);

#[expect(missing_docs, reason = "the names of RFC 9110 15 say it")]
impl Status {
    pub const OK: Self = Self(200);
    pub const CREATED: Self = Self(201);
    pub const NO_CONTENT: Self = Self(204);
    pub const PARTIAL_CONTENT: Self = Self(206);
    pub const NOT_MODIFIED: Self = Self(304);
    pub const PERMANENT_REDIRECT: Self = Self(308);
    pub const BAD_REQUEST: Self = Self(400);
    pub const FORBIDDEN: Self = Self(403);
    pub const NOT_FOUND: Self = Self(404);
    pub const METHOD_NOT_ALLOWED: Self = Self(405);
    pub const NOT_ACCEPTABLE: Self = Self(406);
    pub const REQUEST_TIMEOUT: Self = Self(408);
    pub const CONFLICT: Self = Self(409);
    pub const PRECONDITION_FAILED: Self = Self(412);
    pub const CONTENT_TOO_LARGE: Self = Self(413);
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self(415);
    pub const RANGE_NOT_SATISFIABLE: Self = Self(416);
    pub const INTERNAL_SERVER_ERROR: Self = Self(500);
    pub const NOT_IMPLEMENTED: Self = Self(501);
    pub const SERVICE_UNAVAILABLE: Self = Self(503);
    pub const INSUFFICIENT_STORAGE: Self = Self(507);
}

/// What to answer.
pub struct Outcome<F> {
    /// The status code.
    pub status: Status,
    /// The response's fields, names in lower case; all but Content-Length, which the edge writes.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The response's content.
    pub content: Content<F>,
}

/// The content of a response.
pub enum Content<F> {
    /// None; not even its length is said.
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// Parts of a file, and what stands between them.
    File(F, Vec<Part>),
    /// Chunks made while they are sent; an error breaks the response off.
    Chunks(Chunks),
    /// The request's content, sent back while it arrives; its length, if the client said it.
    Echo(Option<u64>),
    /// Left out because the method is HEAD; the length it would have had, if that is known.
    Withheld(Option<u64>),
}

/// A part of a [`Content::File`].
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes of the file.
    Range(ByteRange),
}

/// The chunks of content that is made while it is sent.
pub type Chunks = Box<dyn Iterator<Item = Result<Vec<u8>, directory::Error>>>;

/// Content that is made while it is sent is made before, if it is no longer than this in bytes: then its
/// length is known.
const SHORT: usize = 16 * 1024;

impl<F> Outcome<F> {
    /// An answer without content.
    #[must_use]
    pub fn empty(status: Status) -> Self {
        Self {
            status,
            // A whole file's response has seven with the edge's; few have more than eight.
            fields: Vec::with_capacity(8),
            content: Content::Empty,
        }
    }

    /// An answer in plain text, which no browser takes for anything else.
    ///
    /// ASCII is exactly `text/plain`, which simple clients count on.
    #[must_use]
    pub fn text(status: Status, text: Vec<u8>) -> Self {
        let media_type = if text.is_ascii() {
            "text/plain"
        } else {
            "text/plain; charset=utf-8"
        };
        let outcome = Self {
            content: Content::Bytes(text),
            ..Self::empty(status)
        };
        outcome
            .field("content-type", media_type)
            .field("x-content-type-options", "nosniff")
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// The answer to HEAD: all but the content (RFC 9110 9.3.2).
    #[must_use]
    pub fn withhold_content(mut self) -> Self {
        self.content = match self.content {
            Content::Empty => Content::Empty,
            content => Content::Withheld(content.length()),
        };
        self
    }
}

impl<F> Content<F> {
    /// Content in chunks; short content at once.
    ///
    /// # Errors
    ///
    /// That of the first chunks, while there is still another answer.
    pub(crate) fn in_chunks(mut chunks: Chunks) -> Result<Self, directory::Error> {
        let mut begun = Vec::new();
        while begun.len() <= SHORT {
            match chunks.next() {
                Some(chunk) => begun.append(&mut chunk?),
                None => return Ok(Self::Bytes(begun)),
            }
        }
        Ok(Self::Chunks(Box::new(
            std::iter::once(Ok(begun)).chain(chunks),
        )))
    }

    /// The length in bytes, if it is known before the content is made.
    ///
    /// [`Content::Empty`] has none: a 204 or a 304 does not say it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty | Self::Chunks(_) => None,
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(_, parts) => Some(parts.iter().map(Part::length).sum()),
            Self::Echo(length) | Self::Withheld(length) => *length,
        }
    }
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range(range) => range.length(),
        }
    }
}

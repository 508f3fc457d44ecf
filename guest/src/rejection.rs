//! Every reason to refuse a request, and the only place where a reason becomes a status code.

use crate::directory;
use crate::outcome::{Outcome, Status};
use crate::router::Allow;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// A `%` without two hexadecimal digits after it.
    PercentEncoding,
    /// Text that is not UTF-8 once decoded.
    NotUtf8,
    /// A control character in a segment of the path.
    ControlCharacter,
    /// An encoded slash in a segment of the path.
    EncodedSlash,
    /// A backslash in a segment of the path.
    Backslash,
    /// A `.` or `..` segment.
    DotSegment,
    /// An empty segment that is not the last.
    EmptySegment,
    /// A name that no file system takes.
    NameTooLong,
    /// Content sent to a path that ends in a slash.
    ContentToDirectory,
    /// A part of a representation, where only a whole one can be stored (RFC 9110 14.5).
    PartialContent,
    /// `*` with another method than OPTIONS (RFC 9112 3.2.4).
    AsteriskForm,
    /// The request's content ended before it was whole.
    ContentCutShort,
    /// The directory is mapped without write permission, or the operating system refuses.
    Forbidden,
    /// A hidden name, which is not written to.
    Hidden,
    /// A change that a page of another site has a browser ask for.
    AnotherSite,
    /// No such route.
    NoSuchTarget,
    /// No directory is mapped in.
    NoDirectory,
    /// No such file.
    NotFound,
    /// A known target that does not answer this method.
    MethodNotAllowed(Allow),
    /// No acceptable content coding.
    NotAcceptable,
    /// The content did not come in time.
    ContentTooSlow,
    /// Content for a file whose name is a directory's.
    IsDirectory,
    /// A parent directory of the path is a file.
    ParentIsFile,
    /// A directory around an upload was removed before that was whole.
    ParentRemoved,
    /// Neither a file nor a directory.
    NotAFile,
    /// A directory that is not empty can't be deleted.
    NotEmpty,
    /// A precondition failed (RFC 9110 13.2.2).
    PreconditionFailed,
    /// More content than the host or the file system takes.
    ContentTooLarge,
    /// A content coding that is not stored.
    ContentCoding,
    /// No satisfiable range (RFC 9110 14.4); the length of the representation.
    RangeNotSatisfiable(u64),
    /// The file system failed.
    Storage(String),
    /// A method nobody knows.
    NotImplemented,
    /// The operating system is short of something, for now.
    Exhausted,
    /// No space left, or the quota is used up.
    InsufficientStorage,
}

impl Rejection {
    /// The status code, and a sentence that says what to do differently.
    fn answer(&self) -> (Status, &str) {
        use Rejection as R;
        match self {
            R::PercentEncoding => (
                Status::BAD_REQUEST,
                "Write each % in the target as %25, or follow it with two hexadecimal digits.",
            ),
            R::NotUtf8 => (
                Status::BAD_REQUEST,
                "The target must be UTF-8 once percent-decoded.",
            ),
            R::ControlCharacter => (
                Status::BAD_REQUEST,
                "A file name can't have control characters in it.",
            ),
            R::EncodedSlash => (
                Status::BAD_REQUEST,
                "A file name can't have a slash in it: write directories with a plain /.",
            ),
            R::Backslash => (
                Status::BAD_REQUEST,
                "A file name can't have a backslash in it: directories are separated by /.",
            ),
            R::DotSegment => (
                Status::BAD_REQUEST,
                "Resolve . and .. in the path before sending it.",
            ),
            R::EmptySegment => (
                Status::BAD_REQUEST,
                "The path has an empty segment: write a single / between names.",
            ),
            R::NameTooLong => (
                Status::BAD_REQUEST,
                "A file name can be 255 bytes long at most, a path 4095, and 64 of its directories new.",
            ),
            R::ContentToDirectory => (
                Status::BAD_REQUEST,
                "Content can't be stored as a directory: leave the final / out.",
            ),
            R::PartialContent => (
                Status::BAD_REQUEST,
                "A part can't be stored: send the whole content, without Content-Range.",
            ),
            R::AsteriskForm => (
                Status::BAD_REQUEST,
                "The target * is for OPTIONS only: begin it with a slash.",
            ),
            R::ContentCutShort => (
                Status::BAD_REQUEST,
                "The content ended before it was whole, and nothing was changed: send all of it.",
            ),
            R::Forbidden => (
                Status::FORBIDDEN,
                "The server may not do this to the directory: ask the operator.",
            ),
            R::Hidden => (
                Status::FORBIDDEN,
                "Names that begin with a dot can't be written: choose another.",
            ),
            R::AnotherSite => (
                Status::FORBIDDEN,
                "A page of another site can't change files: do it from a page of this one.",
            ),
            R::NoSuchTarget => (
                Status::NOT_FOUND,
                "There is nothing here; / lists what there is.",
            ),
            R::NoDirectory => (
                Status::NOT_FOUND,
                "No directory is served: start the server with --directory DIR, or with --dir DIR::/files.",
            ),
            R::NotFound => (
                Status::NOT_FOUND,
                "There is no such file; /files/ lists what there is.",
            ),
            R::MethodNotAllowed(_) => (
                Status::METHOD_NOT_ALLOWED,
                "This target does not answer this method; Allow lists those it does.",
            ),
            R::NotAcceptable => (
                Status::NOT_ACCEPTABLE,
                "No content coding of what is here is acceptable: allow identity or gzip in Accept-Encoding.",
            ),
            R::ContentTooSlow => (
                Status::REQUEST_TIMEOUT,
                "The content did not come in time, and nothing was changed: send it faster.",
            ),
            R::IsDirectory => (
                Status::CONFLICT,
                "There is a directory of this name: store the file under another.",
            ),
            R::ParentIsFile => (
                Status::CONFLICT,
                "A directory of this path is a file, or a link that leads nowhere: choose another.",
            ),
            R::ParentRemoved => (
                Status::CONFLICT,
                "A directory of this path was removed meanwhile: send the content again.",
            ),
            R::NotAFile => (
                Status::CONFLICT,
                "What has this name is no file: store the file under another.",
            ),
            R::NotEmpty => (
                Status::CONFLICT,
                "The directory is not empty: delete what is in it first.",
            ),
            R::PreconditionFailed => (
                Status::PRECONDITION_FAILED,
                "What is there is not what the request asks for: look at it, and ask again.",
            ),
            R::ContentTooLarge => (
                Status::CONTENT_TOO_LARGE,
                "The content is larger than the server takes: send less.",
            ),
            R::ContentCoding => (
                Status::UNSUPPORTED_MEDIA_TYPE,
                "Coded content is not stored: send it without Content-Encoding.",
            ),
            R::RangeNotSatisfiable(_) => (
                Status::RANGE_NOT_SATISFIABLE,
                "No byte of the file is in that range: stay within the length in Content-Range.",
            ),
            R::Storage(_) => (
                Status::INTERNAL_SERVER_ERROR,
                "The file system failed: ask the operator, whose log has the cause.",
            ),
            R::NotImplemented => (
                Status::NOT_IMPLEMENTED,
                "This method is not implemented: / lists those that are.",
            ),
            R::Exhausted => (
                Status::SERVICE_UNAVAILABLE,
                "The server has too many files open: try again in a moment.",
            ),
            R::InsufficientStorage => (
                Status::INSUFFICIENT_STORAGE,
                "There is no space left: delete something, or ask the operator.",
            ),
        }
    }

    /// The answer to a request that is refused.
    #[must_use]
    pub fn into_outcome<F>(self) -> Outcome<F> {
        let (status, sentence) = self.answer();
        let outcome = Outcome::text(status, format!("{sentence}\n").into_bytes());
        match self {
            Rejection::MethodNotAllowed(Allow(methods)) => outcome.field("allow", methods),
            // Who takes no identity is given no range either.
            Rejection::RangeNotSatisfiable(length) => outcome
                .field("content-range", format!("bytes */{length}"))
                .field("vary", "accept-encoding"),
            Rejection::NotAcceptable => outcome.field("vary", "accept-encoding"),
            // RFC 9110 15.5.16
            Rejection::ContentCoding => outcome.field("accept-encoding", "identity"),
            Rejection::Exhausted => outcome.field("retry-after", "1"),
            _ => outcome,
        }
    }
}

/// What a failure means to a client unless the place where it happens says otherwise.
impl From<directory::Error> for Rejection {
    fn from(error: directory::Error) -> Self {
        use directory::Error;
        match error {
            // A link that leads out of the directory is not permitted: to a client it is not there.
            Error::NotFound
            | Error::NotDirectory
            | Error::NameTooLong
            | Error::Loop
            | Error::NotPermitted => Self::NotFound,
            Error::Access => Self::Forbidden,
            Error::IsDirectory => Self::IsDirectory,
            Error::Exists => Self::PreconditionFailed,
            Error::NotEmpty => Self::NotEmpty,
            Error::TooLarge => Self::ContentTooLarge,
            Error::NoSpace => Self::InsufficientStorage,
            Error::Exhausted => Self::Exhausted,
            Error::Other(cause) => Self::Storage(cause),
        }
    }
}

//! Every reason for the host itself to refuse a request; the only place where one becomes a status code.

use http::StatusCode;
use std::time::Duration;

/// Why the host refuses a request before, or instead of, asking the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request line is not one (RFC 9112 3).
    RequestLine,
    /// The request target is none of the four forms (RFC 9112 3.2).
    Target,
    /// An `https` URI: without TLS this server can't answer for it (RFC 9110 7.4).
    Scheme,
    /// The target is longer than the limit.
    TargetTooLong,
    /// The method is longer than any that is known, or is CONNECT.
    Method,
    /// Another major version than 1.
    Version,
    /// A field line is not one, is folded, or ends in something else than CRLF (RFC 9112 5).
    FieldLine,
    /// The fields are larger, or more, than the limit.
    FieldsTooLarge,
    /// Host is missing, repeated or malformed (RFC 9112 3.2).
    Host,
    /// Content-Length or Transfer-Encoding is malformed, repeated, or there are both (RFC 9112 6).
    Framing,
    /// A transfer coding that is not implemented (RFC 9112 6.1).
    TransferCoding,
    /// The chunked coding is malformed (RFC 9112 7.1).
    Chunk,
    /// The content ended before its length was reached.
    ContentCutShort,
    /// The content is longer than the limit.
    ContentTooLarge,
    /// The head did not come in time.
    HeadTooSlow,
    /// The content did not come in time.
    ContentTooSlow,
    /// An expectation that is not `100-continue` (RFC 9110 10.1.1).
    Expectation,
    /// The component failed before it answered.
    ComponentFailed,
    /// The component did not answer in time.
    ComponentTooSlow,
    /// More requests than are served at once and may wait.
    Overloaded,
}

/// How long a client that was refused for want of capacity is asked to stay away.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Refusal {
    /// The status code, and a sentence that says what to do differently.
    pub(crate) fn answer(self) -> (StatusCode, &'static str) {
        use Refusal as R;
        match self {
            R::RequestLine => (
                StatusCode::BAD_REQUEST,
                "Write the request line as METHOD TARGET HTTP/1.1.",
            ),
            R::Target => (
                StatusCode::BAD_REQUEST,
                "Send a request target that is a path, or a URI, of printable ASCII.",
            ),
            R::Scheme => (
                StatusCode::MISDIRECTED_REQUEST,
                "This server has no TLS: send a target of the http scheme, or a path.",
            ),
            R::TargetTooLong => (
                StatusCode::URI_TOO_LONG,
                "The request target is longer than this server takes: send a shorter one.",
            ),
            R::Method => (
                StatusCode::NOT_IMPLEMENTED,
                "This method is not implemented: use another.",
            ),
            R::Version => (
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "Use HTTP/1.1 or HTTP/1.0.",
            ),
            R::FieldLine => (
                StatusCode::BAD_REQUEST,
                "Write each field as NAME: VALUE on a line of its own, ended by CRLF.",
            ),
            R::FieldsTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The fields are larger, or more, than this server takes: send less.",
            ),
            R::Host => (
                StatusCode::BAD_REQUEST,
                "Send one Host field, of a host and perhaps a port.",
            ),
            R::Framing => (
                StatusCode::BAD_REQUEST,
                "Send one Content-Length, or Transfer-Encoding: chunked, or neither.",
            ),
            R::TransferCoding => (
                StatusCode::NOT_IMPLEMENTED,
                "The only transfer coding that is implemented is chunked: use that, or none.",
            ),
            R::Chunk => (
                StatusCode::BAD_REQUEST,
                "Code the chunks of the content as in RFC 9112, section 7.1.",
            ),
            R::ContentCutShort => (
                StatusCode::BAD_REQUEST,
                "The content ended before it was whole: send all of it.",
            ),
            R::ContentTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "The content is larger than this server takes: send less.",
            ),
            R::HeadTooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "The request did not come in time: send it faster.",
            ),
            R::ContentTooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "The content did not come in time: send it faster.",
            ),
            R::Expectation => (
                StatusCode::EXPECTATION_FAILED,
                "Expect nothing but 100-continue.",
            ),
            R::ComponentFailed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The component failed: ask who runs this server, whose log has the cause.",
            ),
            R::ComponentTooSlow => (
                StatusCode::GATEWAY_TIMEOUT,
                "The component did not answer in time: try again later.",
            ),
            R::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The server is busy; try again in a moment.",
            ),
        }
    }
}

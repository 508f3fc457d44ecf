//! The head of a response, and the framing of its content (RFC 9112 4, 6, 7.1).

use super::field_lines::FieldLines;
use super::refusal::{RETRY_AFTER, Refusal};
use http::header::{self, HeaderName};
use http::{Method, StatusCode};
use std::cell::RefCell;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// How the end of a response's content is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseFraming {
    /// There is no content, whatever the fields say: HEAD, 204, 304. GET would have so many bytes, if
    /// that is known.
    Absent(Option<u64>),
    /// So many bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// The end of the connection, for HTTP/1.0.
    Close,
}

impl ResponseFraming {
    /// Decides how content of `length` bytes, if that is known, is framed (RFC 9112 6.3).
    pub(crate) fn new(
        method: &Method,
        status: StatusCode,
        length: Option<u64>,
        is_http10: bool,
    ) -> Self {
        if is_without_content(method, status) {
            // 204 never says a length (RFC 9110 8.6).
            return Self::Absent(length.filter(|_| status != StatusCode::NO_CONTENT));
        }
        match length {
            Some(length) => Self::Length(length),
            None if is_http10 => Self::Close,
            None => Self::Chunked,
        }
    }
}

/// Whether a response has no content by definition.
pub(crate) fn is_without_content(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// What the connection does after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It persists, as HTTP/1.1 does.
    Persist,
    /// It persists, which an HTTP/1.0 client must be told.
    PersistHttp10,
    /// It ends.
    Close,
}

/// The reason phrase, by RFC 9110 15, which has two that are newer than those of the `http` crate.
fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        status => status.canonical_reason().unwrap_or_default(),
    }
}

/// Writes the head of a response.
pub(crate) fn write_head(
    output: &mut Vec<u8>,
    status: StatusCode,
    fields: &FieldLines,
    framing: ResponseFraming,
    persistence: Persistence,
) {
    output.extend_from_slice(b"HTTP/1.1 ");
    output.extend_from_slice(status.as_str().as_bytes());
    output.push(b' ');
    output.extend_from_slice(reason(status).as_bytes());
    output.extend_from_slice(b"\r\n");
    for (name, value) in fields.iter() {
        // The framing is decided here, whatever the component says of it.
        if name != header::CONTENT_LENGTH
            && name != header::TRANSFER_ENCODING
            && name != header::CONNECTION
        {
            write_field(output, name, value.as_bytes());
        }
    }
    if !fields.contain(&header::DATE) {
        write_date(output);
    }
    match framing {
        ResponseFraming::Chunked => {
            output.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        ResponseFraming::Length(length) | ResponseFraming::Absent(Some(length)) => {
            // Writing to a vector does not fail.
            let _ = write!(output, "Content-Length: {length}\r\n");
        }
        ResponseFraming::Absent(None) | ResponseFraming::Close => {}
    }
    match persistence {
        Persistence::Persist => {}
        Persistence::PersistHttp10 => output.extend_from_slice(b"Connection: keep-alive\r\n"),
        Persistence::Close => output.extend_from_slice(b"Connection: close\r\n"),
    }
    output.extend_from_slice(b"\r\n");
}

/// Writes a whole refusal, after which the connection ends. HEAD gets it without its content.
pub(crate) fn write_refusal(output: &mut Vec<u8>, refusal: Refusal, is_head: bool) {
    let (status, sentence) = refusal.answer();
    let mut fields = FieldLines::with_capacity(2);
    fields.push(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain"),
    );
    if refusal == Refusal::Overloaded {
        fields.push(
            header::RETRY_AFTER,
            header::HeaderValue::from(RETRY_AFTER.as_secs()),
        );
    }
    let length = sentence.len() as u64 + 1;
    let framing = if is_head {
        ResponseFraming::Absent(Some(length))
    } else {
        ResponseFraming::Length(length)
    };
    write_head(output, status, &fields, framing, Persistence::Close);
    if !is_head {
        output.extend_from_slice(sentence.as_bytes());
        output.push(b'\n');
    }
}

/// Writes a field, its name as people write it. Simple clients look for `Content-Length`, not `content-length`.
fn write_field(output: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    if name == header::ETAG {
        output.extend_from_slice(b"ETag");
    } else {
        let mut is_first = true;
        output.extend(name.as_str().bytes().map(|byte| {
            let written = if is_first {
                byte.to_ascii_uppercase()
            } else {
                byte
            };
            is_first = byte == b'-';
            written
        }));
    }
    output.extend_from_slice(b": ");
    output.extend_from_slice(value);
    output.extend_from_slice(b"\r\n");
}

/// Writes the Date field (RFC 9110 6.6.1), made once a second.
fn write_date(output: &mut Vec<u8>) {
    thread_local! {
        static DATE: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let now = SystemTime::now();
    let second = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs());
    DATE.with_borrow_mut(|(made, date)| {
        if *made != second {
            *made = second;
            *date = format!("Date: {}\r\n", httpdate::fmt_http_date(now));
        }
        output.extend_from_slice(date.as_bytes());
    });
}

/// Writes what stands before a chunk's data (RFC 9112 7.1).
pub(crate) fn write_chunk_size(output: &mut Vec<u8>, size: u64) {
    // Writing to a vector does not fail.
    let _ = write!(output, "{size:X}\r\n");
}

/// Writes the end of a chunked response, with the trailers it has.
pub(crate) fn write_last_chunk(output: &mut Vec<u8>, trailers: &FieldLines) {
    output.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter() {
        // What says how a message is framed comes before it (RFC 9110 6.5.1).
        if ![
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::TRAILER,
        ]
        .contains(name)
        {
            write_field(output, name, value.as_bytes());
        }
    }
    output.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(
        status: u16,
        fields: &[(&'static str, &'static str)],
        framing: ResponseFraming,
    ) -> String {
        let mut map = FieldLines::new();
        map.push(header::DATE, "then".parse().unwrap());
        for &(name, value) in fields {
            map.push(name.parse().unwrap(), value.parse().unwrap());
        }
        let mut output = Vec::new();
        write_head(
            &mut output,
            StatusCode::from_u16(status).unwrap(),
            &map,
            framing,
            Persistence::Persist,
        );
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn heads() {
        for (status, fields, framing, expected) in [
            (
                200,
                &[("content-type", "a"), ("etag", "\"b\"")][..],
                ResponseFraming::Length(3),
                "200 OK\r\nDate: then\r\nContent-Type: a\r\nETag: \"b\"\r\nContent-Length: 3\r\n\r\n",
            ),
            // What the component says of the framing does not count.
            (
                200,
                &[
                    ("content-length", "5"),
                    ("transfer-encoding", "gzip"),
                    ("connection", "x"),
                ],
                ResponseFraming::Chunked,
                "200 OK\r\nDate: then\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (
                204,
                &[],
                ResponseFraming::Absent(None),
                "204 No Content\r\nDate: then\r\n\r\n",
            ),
            (
                304,
                &[],
                ResponseFraming::Absent(Some(7)),
                "304 Not Modified\r\nDate: then\r\nContent-Length: 7\r\n\r\n",
            ),
            (
                200,
                &[],
                ResponseFraming::Close,
                "200 OK\r\nDate: then\r\n\r\n",
            ),
            // RFC 9112 4: the space stays where there is no phrase.
            (
                299,
                &[],
                ResponseFraming::Length(0),
                "299 \r\nDate: then\r\nContent-Length: 0\r\n\r\n",
            ),
        ] {
            assert_eq!(
                head(status, fields, framing),
                format!("HTTP/1.1 {expected}")
            );
        }
    }

    #[test]
    fn framings() {
        use ResponseFraming::{Absent, Chunked, Close, Length};
        for (method, status, length, is_http10, expected) in [
            (Method::GET, 200, Some(3), false, Length(3)),
            (Method::GET, 200, None, false, Chunked),
            (Method::GET, 200, None, true, Close),
            (Method::HEAD, 200, Some(3), false, Absent(Some(3))),
            (Method::GET, 204, Some(3), false, Absent(None)),
            (Method::GET, 304, Some(3), false, Absent(Some(3))),
            (Method::GET, 304, None, false, Absent(None)),
        ] {
            assert_eq!(
                ResponseFraming::new(
                    &method,
                    StatusCode::from_u16(status).unwrap(),
                    length,
                    is_http10
                ),
                expected
            );
        }
    }

    #[test]
    fn reason_phrases_are_those_of_rfc_9110() {
        for (status, expected) in [
            (200, "OK"),
            (413, "Content Too Large"),
            (416, "Range Not Satisfiable"),
            (422, "Unprocessable Content"),
            (431, "Request Header Fields Too Large"),
            (599, ""),
        ] {
            assert_eq!(reason(StatusCode::from_u16(status).unwrap()), expected);
        }
    }

    #[test]
    fn refusals() {
        let mut output = Vec::new();
        write_refusal(&mut output, Refusal::Overloaded, false);
        let text = String::from_utf8(output).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 503 Service Unavailable\r\n")
                && text.contains("\r\nRetry-After: 1\r\n"),
            "{text}"
        );
        assert!(
            text.contains("\r\nConnection: close\r\n")
                && text.ends_with("\r\n\r\nThe server is busy; try again in a moment.\n")
        );
        let mut output = Vec::new();
        write_refusal(&mut output, Refusal::Host, true);
        assert!(
            String::from_utf8(output)
                .unwrap()
                .ends_with("Connection: close\r\n\r\n")
        );
    }

    #[test]
    fn the_date_is_an_imf_fixdate() {
        let mut output = Vec::new();
        write_date(&mut output);
        let date = String::from_utf8(output).unwrap();
        let date = date
            .strip_prefix("Date: ")
            .and_then(|date| date.strip_suffix("\r\n"))
            .unwrap();
        assert_eq!(
            httpdate::fmt_http_date(httpdate::parse_http_date(date).unwrap()),
            date
        );
    }

    #[test]
    fn trailers_say_nothing_of_framing() {
        let mut trailers = FieldLines::new();
        for name in ["x-a", "content-length", "transfer-encoding", "trailer"] {
            trailers.push(name.parse().unwrap(), "1".parse().unwrap());
        }
        let mut output = Vec::new();
        write_last_chunk(&mut output, &trailers);
        assert_eq!(output, b"0\r\nX-A: 1\r\n\r\n");
    }
}

//! The head of a request: request line and fields (RFC 9112 2 to 5).
//!
//! # ABNF
//!
//! ```abnf
//! request-line = method SP request-target SP HTTP-version
//! field-line   = field-name ":" OWS field-value OWS
//! ```
//!
//! Lines end in CRLF: a bare CR or LF is refused, as is folding.

use super::field_lines::FieldLines;
use super::framing::{Framing, expects_continue, framing, persists};
use super::host;
use super::refusal::Refusal;
use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// The request target, in bytes.
    pub(crate) target: usize,
    /// All fields together with the request line, in bytes.
    pub(crate) head: usize,
    /// The number of field lines.
    pub(crate) fields: usize,
}

/// The head of a request, and what it says of the rest.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Origin-form, absolute-form with its authority, or `*`.
    pub(crate) target: Uri,
    pub(crate) fields: FieldLines,
    pub(crate) framing: Framing,
    /// HTTP/1.0: no chunked coding, no 100 Continue.
    pub(crate) is_http10: bool,
    /// The client wants to use the connection again.
    pub(crate) persists: bool,
    pub(crate) expects_continue: bool,
}

/// The methods that are known are not longer; more than this is none of them.
const LONGEST_METHOD: usize = 64;

/// A target that is longer can't be represented: so long may the limit be.
pub(crate) const LONGEST_TARGET: usize = u16::MAX as usize - 1;

/// The same of the name of a field.
const LONGEST_NAME: usize = u16::MAX as usize;

/// Looks for the end of the head in `buffer`, which begins with the request line; `scanned` bytes
/// of it were looked at before. Returns the length of the head, or nothing if it is not there yet.
///
/// What can be refused before all of it is there is: nobody waits for the rest of a bad request.
pub(crate) fn find_end(
    buffer: &[u8],
    scanned: usize,
    limits: HeadLimits,
) -> Result<Option<usize>, Refusal> {
    if buffer.first().is_some_and(|&byte| !is_tchar(byte)) {
        return Err(Refusal::RequestLine);
    }
    // What is beyond the limit makes no difference, however much of it came at once.
    let is_too_large = buffer.len() > limits.head;
    let buffer = &buffer[..buffer.len().min(limits.head.saturating_add(1))];
    let from = scanned.saturating_sub(3);
    let mut lines = memchr::memchr_iter(b'\n', &buffer[from..]).map(|end| &buffer[..=from + end]);
    // An LF without its CR is the end of no line, and the end of the head would never come.
    let ends = |lines: &&[u8]| lines.ends_with(b"\r\n\r\n") || !lines.ends_with(b"\r\n");
    let end = lines.find(ends);
    if let Some(head) = end
        && head.ends_with(b"\r\n\r\n")
        && head.len() <= limits.head
    {
        return Ok(Some(head.len()));
    }
    RequestLine::read(buffer, limits)?;
    if end.is_some_and(|lines| !lines.ends_with(b"\r\n")) {
        Err(Refusal::FieldLine)
    } else if is_too_large {
        Err(Refusal::FieldsTooLarge)
    } else {
        Ok(None)
    }
}

impl Head {
    /// Parses a whole head, the empty line included.
    pub(crate) fn parse(head: &Bytes, limits: HeadLimits) -> Result<Self, Refusal> {
        let read = RequestLine::read(head, limits)?;
        let (line, line_end) = read.ok_or(Refusal::RequestLine)?;
        let method = Method::from_bytes(line.method).map_err(|_| Refusal::RequestLine)?;
        let is_http10 = line.is_http10;
        let target = parse_target(&method, head.slice_ref(line.target))?;
        let fields = parse_fields(head, line_end, limits.fields)?;
        check_host(&fields, is_http10)?;
        Ok(Self {
            framing: framing(&fields, is_http10)?,
            persists: persists(&fields, is_http10),
            expects_continue: expects_continue(&fields)? && !is_http10,
            method,
            target,
            fields,
            is_http10,
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
    is_http10: bool,
}

impl<'a> RequestLine<'a> {
    /// Parses the line that `text` begins with, if all of it is there. Returns where the next begins, too.
    /// One that is too long is so whatever there is of it.
    fn read(text: &'a [u8], limits: HeadLimits) -> Result<Option<(Self, usize)>, Refusal> {
        let line_feed = memchr::memchr(b'\n', text);
        let line = &text[..line_feed.unwrap_or(text.len())];
        if line.len() > LONGEST_METHOD + limits.target + "  HTTP/1.1\r".len() {
            return Err(match memchr::memchr(b' ', line) {
                Some(space) if space <= LONGEST_METHOD => Refusal::TargetTooLong,
                _ => Refusal::Method,
            });
        }
        let Some(line_feed) = line_feed else {
            return Ok(None);
        };
        let line = line.strip_suffix(b"\r").ok_or(Refusal::RequestLine)?;
        Ok(Some((Self::parse(line, limits)?, line_feed + 1)))
    }

    fn parse(line: &'a [u8], limits: HeadLimits) -> Result<Self, Refusal> {
        let method_end = memchr::memchr(b' ', line).ok_or(Refusal::RequestLine)?;
        let (method, rest) = (&line[..method_end], &line[method_end + 1..]);
        if !method.iter().all(|&byte| is_tchar(byte)) {
            return Err(Refusal::RequestLine);
        }
        if method.len() > LONGEST_METHOD {
            return Err(Refusal::Method);
        }
        let target_end = memchr::memrchr(b' ', rest).ok_or(Refusal::RequestLine)?;
        let (target, version) = (&rest[..target_end], &rest[target_end + 1..]);
        if target.len() > limits.target {
            return Err(Refusal::TargetTooLong);
        }
        if target.is_empty()
            || !target
                .iter()
                .all(|byte| matches!(byte, 0x21..=0x7e if *byte != b'#'))
        {
            return Err(Refusal::Target);
        }
        match version {
            b"HTTP/1.1" => Ok(Self {
                method,
                target,
                is_http10: false,
            }),
            b"HTTP/1.0" => Ok(Self {
                method,
                target,
                is_http10: true,
            }),
            // A higher minor version is taken for the highest known (RFC 9110 2.5).
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok(Self {
                method,
                target,
                is_http10: false,
            }),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Refusal::Version),
            _ => Err(Refusal::RequestLine),
        }
    }
}

/// Parses a request target in one of the forms that `method` has (RFC 9112 3.2).
fn parse_target(method: &Method, target: Bytes) -> Result<Uri, Refusal> {
    if method == Method::CONNECT {
        return Err(if host::is_valid(&target) {
            Refusal::Method
        } else {
            Refusal::Target
        });
    }
    match target.as_ref() {
        b"*" if method == Method::OPTIONS => Ok(Uri::from(PathAndQuery::from_static("*"))),
        [b'/', ..] => Uri::from_maybe_shared(target).map_err(|_| Refusal::Target),
        _ => {
            let uri = Uri::from_maybe_shared(target).map_err(|_| Refusal::Target)?;
            let authority = uri.authority().ok_or(Refusal::Target)?;
            let is_valid = host::is_valid(authority.as_str().as_bytes());
            match uri.scheme_str() {
                Some("http") if is_valid => Ok(uri),
                Some("https") if is_valid => Err(Refusal::Scheme),
                _ => Err(Refusal::Target),
            }
        }
    }
}

/// Parses the field lines of `section`, from `position` to the empty line that ends them.
pub(crate) fn parse_fields(
    section: &Bytes,
    mut position: usize,
    most: usize,
) -> Result<FieldLines, Refusal> {
    let mut fields = FieldLines::new();
    let mut count = 0;
    loop {
        let rest = &section[position..];
        let length = find_line_end(rest).ok_or(Refusal::FieldLine)?;
        if length == 0 {
            return Ok(fields);
        }
        count += 1;
        if count > most {
            return Err(Refusal::FieldsTooLarge);
        }
        let (name, value) = parse_field(&rest[..length])?;
        // A bare CR or LF is part of no value.
        let value = HeaderValue::from_maybe_shared(section.slice_ref(value))
            .map_err(|_| Refusal::FieldLine)?;
        fields.push(name, value);
        position += length + 2;
    }
}

/// Where the first CRLF is. To prepare a search for two bytes takes longer than to search a line for one.
fn find_line_end(bytes: &[u8]) -> Option<usize> {
    let mut line_feeds = memchr::memchr_iter(b'\n', bytes);
    line_feeds.find_map(|line_feed| bytes[..line_feed].ends_with(b"\r").then(|| line_feed - 1))
}

/// Splits a line. White space before the colon, or at the beginning, is part of no name.
fn parse_field(line: &[u8]) -> Result<(HeaderName, &[u8]), Refusal> {
    let colon = memchr::memchr(b':', line).ok_or(Refusal::FieldLine)?;
    if colon > LONGEST_NAME {
        return Err(Refusal::FieldsTooLarge);
    }
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| Refusal::FieldLine)?;
    Ok((name, trim(&line[colon + 1..])))
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A request has one Host, and it is one; HTTP/1.0 may do without (RFC 9112 3.2).
fn check_host(fields: &FieldLines, is_http10: bool) -> Result<(), Refusal> {
    let mut lines = fields.values(&header::HOST);
    match (lines.next(), lines.next()) {
        (None, _) if is_http10 => Ok(()),
        (Some(value), None) if host::is_valid(value.as_bytes()) => Ok(()),
        _ => Err(Refusal::Host),
    }
}

/// A character of a token (RFC 9110 5.6.2).
pub(crate) fn is_tchar(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: HeadLimits = HeadLimits {
        target: 100,
        head: 1000,
        fields: 10,
    };

    /// Parses as the connection does: looks for the end after every `step` bytes.
    fn parse(text: &[u8], step: usize) -> Result<Option<Head>, Refusal> {
        let mut scanned = 0;
        while scanned < text.len() {
            let available = (scanned + step).min(text.len());
            if let Some(length) = find_end(&text[..available], scanned, LIMITS)? {
                return Head::parse(&Bytes::copy_from_slice(&text[..length]), LIMITS).map(Some);
            }
            scanned = available;
        }
        Ok(None)
    }

    fn name(name: &str) -> HeaderName {
        name.parse().unwrap()
    }

    fn refusal(text: &str) -> Option<Refusal> {
        let by_byte = parse(text.as_bytes(), 1).err();
        assert_eq!(
            by_byte,
            parse(text.as_bytes(), text.len()).err(),
            "{text:?}"
        );
        by_byte
    }

    #[test]
    fn a_head() {
        let text = b"GET /a?b HTTP/1.1\r\nhOsT: \tx:1 \t\r\nA:\r\nX!#$%&'*+-.^_`|~9: caf\xe9\r\nA: 2\r\n\r\nrest";
        for step in [1, 7, text.len()] {
            let head = parse(text, step).unwrap().unwrap();
            assert_eq!(
                (head.method.as_str(), head.target.to_string().as_str()),
                ("GET", "/a?b")
            );
            assert_eq!(head.fields.first(&header::HOST).unwrap(), "x:1");
            assert_eq!(
                head.fields.values(&name("a")).collect::<Vec<_>>(),
                ["", "2"]
            );
            let value = head.fields.first(&name("x!#$%&'*+-.^_`|~9")).unwrap();
            assert_eq!(value.as_bytes(), b"caf\xe9");
            assert!(head.persists && !head.is_http10 && !head.expects_continue);
            assert_eq!(head.framing, Framing::Length(0));
        }
    }

    #[test]
    fn targets() {
        for (line, expected) in [
            ("GET / HTTP/1.1", Some("/")),
            ("GET //a HTTP/1.1", Some("//a")),
            ("GET /a%zz HTTP/1.1", Some("/a%zz")),
            ("GET http://h:1/a?b HTTP/1.1", Some("http://h:1/a?b")),
            ("GET HTTP://h/a HTTP/1.1", Some("http://h/a")),
            ("GET http://h HTTP/1.1", Some("http://h/")),
            ("GET http://h?q=1 HTTP/1.1", Some("http://h/?q=1")),
            ("OPTIONS * HTTP/1.1", Some("*")),
            ("GET * HTTP/1.1", None),
            ("GET a/b HTTP/1.1", None),
            ("GET h:80 HTTP/1.1", None),
            ("GET ftp://h/a HTTP/1.1", None),
            ("GET http:///a HTTP/1.1", None),
            ("GET http://u@h/a HTTP/1.1", None),
            ("GET http://h:99999/ HTTP/1.1", None),
            ("GET /a#b HTTP/1.1", None),
            ("GET /a b HTTP/1.1", None),
            ("GET  / HTTP/1.1", None),
            ("GET /\u{fc} HTTP/1.1", None),
            ("GET /a\0b HTTP/1.1", None),
            ("GET /a\x7fb HTTP/1.1", None),
        ] {
            let head = parse(format!("{line}\r\nHost: x\r\n\r\n").as_bytes(), 1000);
            let target = head
                .as_ref()
                .map(|head| head.as_ref().unwrap().target.to_string());
            match expected {
                Some(expected) => assert_eq!(target.as_deref(), Ok(expected), "{line}"),
                None => assert_eq!(target, Err(&Refusal::Target), "{line}"),
            }
        }
        // RFC 9110 7.4
        for (target, expected) in [
            ("https://h/a", Refusal::Scheme),
            ("https://u@h/a", Refusal::Target),
        ] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
            assert_eq!(refusal(&request), Some(expected));
        }
        assert_eq!(
            refusal("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
            Some(Refusal::Method)
        );
        assert_eq!(
            refusal("CONNECT /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            Some(Refusal::Target)
        );
    }

    #[test]
    fn request_lines() {
        for (line, expected) in [
            ("get / HTTP/1.1", None),
            ("BREW / HTTP/1.1", None),
            ("GET / HTTP/1.2", None),
            ("GET / HTTP/2.0", Some(Refusal::Version)),
            ("GET / HTTP/0.9", Some(Refusal::Version)),
            ("GET / HTTX/1.1", Some(Refusal::RequestLine)),
            ("GET / HTTP/01.1", Some(Refusal::RequestLine)),
            ("GET / HTTP/1.", Some(Refusal::RequestLine)),
            ("GET / HTTP/1.10", Some(Refusal::RequestLine)),
            ("GET / HTTP/+1.1", Some(Refusal::RequestLine)),
            ("GET / HTTP/ 1.1", Some(Refusal::Target)),
            ("GET / HTTP/1,1", Some(Refusal::RequestLine)),
            ("GET / http/1.1", Some(Refusal::RequestLine)),
            ("GET / HTTP/1.1 ", Some(Refusal::Target)),
            ("GET /", Some(Refusal::RequestLine)),
            ("GET HTTP/1.1", Some(Refusal::RequestLine)),
            ("GET", Some(Refusal::RequestLine)),
            (" GET / HTTP/1.1", Some(Refusal::RequestLine)),
            ("GE\x01T / HTTP/1.1", Some(Refusal::RequestLine)),
            ("\x16\x03\x01\0", Some(Refusal::RequestLine)),
        ] {
            assert_eq!(
                refusal(&format!("{line}\r\nHost: x\r\n\r\n")),
                expected,
                "{line}"
            );
        }
        // As soon as the line is there.
        assert_eq!(refusal("GET /\r\n"), Some(Refusal::RequestLine));
        assert_eq!(refusal("GET / HTTP/1.1\n"), Some(Refusal::RequestLine));
        assert_eq!(
            refusal("GET / HTTP/1.1\rHost: x\r\n\r\n"),
            Some(Refusal::Target)
        );
    }

    #[test]
    fn field_lines() {
        for (line, expected) in [
            ("X-A: 1", None),
            ("X-A:", None),
            ("X-A : 1", Some(Refusal::FieldLine)),
            (" X-A: 1", Some(Refusal::FieldLine)),
            ("\tX-A: 1", Some(Refusal::FieldLine)),
            ("NotAField", Some(Refusal::FieldLine)),
            (": v", Some(Refusal::FieldLine)),
            ("X\0A: 1", Some(Refusal::FieldLine)),
            ("X[1]: 1", Some(Refusal::FieldLine)),
            ("X(1): 1", Some(Refusal::FieldLine)),
            ("X\"1\": 1", Some(Refusal::FieldLine)),
            ("X\u{e9}: 1", Some(Refusal::FieldLine)),
            ("X-A: a\0b", Some(Refusal::FieldLine)),
            ("X-A: a\rb", Some(Refusal::FieldLine)),
            ("X-A: a\nX-B: b", Some(Refusal::FieldLine)),
            ("X-A: a\r\n b", Some(Refusal::FieldLine)),
        ] {
            assert_eq!(
                refusal(&format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n")),
                expected,
                "{line:?}"
            );
        }
    }

    #[test]
    fn hosts() {
        for (fields, version, expected) in [
            ("", "1.1", Some(Refusal::Host)),
            ("", "1.0", None),
            ("Host: x\r\n", "1.0", None),
            ("Host: x\r\nHost: x\r\n", "1.1", Some(Refusal::Host)),
            ("Host:\r\n", "1.1", Some(Refusal::Host)),
            ("Host: a b\r\n", "1.1", Some(Refusal::Host)),
            ("Host: a b\r\n", "1.0", Some(Refusal::Host)),
        ] {
            assert_eq!(
                refusal(&format!("GET / HTTP/{version}\r\n{fields}\r\n")),
                expected,
                "{fields:?} {version}"
            );
        }
    }

    #[test]
    fn limits() {
        let head = |target: usize, value: usize| {
            format!(
                "GET /{} HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
                "t".repeat(target),
                "v".repeat(value)
            )
        };
        assert_eq!(refusal(&head(99, 1)), None);
        assert_eq!(refusal(&head(100, 1)), Some(Refusal::TargetTooLong));
        assert_eq!(refusal(&head(5000, 1)), Some(Refusal::TargetTooLong));
        assert_eq!(
            refusal(&format!("GET /{}", "t".repeat(5000))),
            Some(Refusal::TargetTooLong)
        );
        assert_eq!(refusal(&"M".repeat(5000)), Some(Refusal::Method));
        assert_eq!(
            refusal(&format!("{} / HTTP/1.1\r\n", "M".repeat(65))),
            Some(Refusal::Method)
        );
        assert_eq!(refusal(&head(1, 900)), None);
        assert_eq!(refusal(&head(1, 1000)), Some(Refusal::FieldsTooLarge));
        assert_eq!(
            refusal(&format!(
                "GET / HTTP/1.1\r\nHost: x\r\n{}",
                "A: 1\r\n".repeat(400)
            )),
            Some(Refusal::FieldsTooLarge)
        );
        assert_eq!(
            refusal(&format!(
                "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
                "A: 1\r\n".repeat(9)
            )),
            None
        );
        assert_eq!(
            refusal(&format!(
                "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
                "A: 1\r\n".repeat(10)
            )),
            Some(Refusal::FieldsTooLarge)
        );
    }

    /// Neither the end of a line that is too long nor that of a head is waited for, so they make no
    /// difference if they are there.
    #[test]
    fn what_is_too_large_is_so_however_much_of_it_came_at_once() {
        let long = |line: &str| format!("{line}\r\nHost: x\r\nA: {}\r\n\r\n", "v".repeat(1000));
        for (text, expected) in [
            // A target as long as it may be.
            (
                long(&format!("GET /{} HTTP/1.1", "t".repeat(99))),
                Refusal::FieldsTooLarge,
            ),
            (
                long(&format!("{} /{} HTTP/1.1", "M".repeat(64), "t".repeat(99))),
                Refusal::FieldsTooLarge,
            ),
            (
                long(&format!("GET /{} HTTP/1.1", "t".repeat(100))),
                Refusal::TargetTooLong,
            ),
            (
                format!("GET / {}\r\nHost: x\r\n\r\n", "x".repeat(500)),
                Refusal::TargetTooLong,
            ),
            (
                format!("{}\r\nHost: x\r\n\r\n", "M".repeat(500)),
                Refusal::Method,
            ),
            (long("GET / HTTX/1.1"), Refusal::RequestLine),
            (long("GET / HTTP/1.1\r\nB: b\n"), Refusal::FieldLine),
            (long("GET / HTTP/1.1") + "\n", Refusal::FieldsTooLarge),
        ] {
            assert_eq!(refusal(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_name_that_can_t_be_represented_is_too_large() {
        let limits = HeadLimits {
            head: 100_000,
            ..LIMITS
        };
        for (length, expected) in [(65_535, None), (65_536, Some(Refusal::FieldsTooLarge))] {
            let name = "a".repeat(length);
            let text = format!("GET / HTTP/1.1\r\nHost: x\r\n{name}: 1\r\n\r\n");
            let parsed = Head::parse(&Bytes::from(text), limits);
            assert_eq!(parsed.err(), expected, "{length}");
        }
    }

    #[test]
    fn expectations_are_for_1_1() {
        let expects = |version| {
            let text = format!("PUT / HTTP/{version}\r\nHost: x\r\nExpect: 100-continue\r\n\r\n");
            parse(text.as_bytes(), 1000)
                .unwrap()
                .unwrap()
                .expects_continue
        };
        assert!(expects("1.1"));
        assert!(!expects("1.0"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, step in 1usize..10) {
            let _ = parse(&text, step);
        }

        /// Around each limit, too.
        #[test]
        fn every_split_gives_the_same_result(
            line in "(GET|M{60,70}) /t{80,110}( HTTP/1.1| x{0,110}|)(\r\n|\n|)",
            fields in "(A: v{800,1000}|A: v)(\r\n|\n)",
            step in 1usize..2000,
        ) {
            let text = format!("{line}Host: x\r\n{fields}\r\n");
            let [whole, parts] = [text.len(), step].map(|step| parse(text.as_bytes(), step));
            prop_assert_eq!(whole.err(), parts.err());
        }

        /// What is accepted here, another parser understands as the same.
        #[test]
        fn an_accepted_head_is_unambiguous(
            line in "(GET|PUT|[a-z]{1,3}) (/|http://h/)[!-~]{0,10} HTTP/1\\.[0-9]",
            fields in "(([A-Za-z-]{1,8}|content-length|connection):[ \t]?[ -~\r\n\t]{0,10}(\r\n|\n)){0,5}",
        ) {
            let text = format!("{line}\r\nHost: x\r\n{fields}\r\n");
            if let Ok(Some(head)) = parse(text.as_bytes(), 1000) {
                let mut lines = [httparse::EMPTY_HEADER; 32];
                let mut other = httparse::Request::new(&mut lines);
                let version = if text.contains(" HTTP/1.0\r\n") { "HTTP/1.0" } else { "HTTP/1.1" };
                let known = text.replacen(&line[line.len() - 8..], version, 1);
                prop_assert!(other.parse(known.as_bytes()).is_ok_and(|status| status.is_complete()));
                prop_assert_eq!(other.method, Some(head.method.as_str()));
                prop_assert_eq!(other.headers.len(), head.fields.iter().count());
                for line in other.headers {
                    let name = name(line.name);
                    let mut values = head.fields.values(&name);
                    prop_assert!(values.any(|value| value.as_bytes() == line.value), "{}", name);
                }
            }
        }
    }
}

//! How long a request's content is (RFC 9112 6.3), and whether the connection persists (9.3).

use super::field_lines::FieldLines;
use super::refusal::Refusal;
use http::header::{self, HeaderName, HeaderValue};

/// How the end of a request's content is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes; none without Content-Length.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
}

/// Reads the framing of a request. Whatever two recipients could understand differently is refused.
pub(crate) fn framing(fields: &FieldLines, is_http10: bool) -> Result<Framing, Refusal> {
    let chunked = transfer_encoding(fields)?;
    let length = content_length(fields)?;
    match (chunked, length) {
        (true, Some(_)) => Err(Refusal::Framing),
        // A transfer coding in HTTP/1.0 is a sign of faulty framing (RFC 9112 6.1).
        (true, None) if is_http10 => Err(Refusal::Framing),
        (true, None) => Ok(Framing::Chunked),
        (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// Whether the content is chunked: the only transfer coding there may be, once.
fn transfer_encoding(fields: &FieldLines) -> Result<bool, Refusal> {
    if !fields.contain(&header::TRANSFER_ENCODING) {
        return Ok(false);
    }
    let lines = fields.values(&header::TRANSFER_ENCODING).count();
    let codings: Vec<_> = elements(fields, &header::TRANSFER_ENCODING).collect();
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match codings.split_last() {
        Some((last, [])) if is_chunked(last) && lines == 1 => Ok(true),
        // Not the last, or not once, or beside an empty line: there is no telling where the content ends.
        None => Err(Refusal::Framing),
        Some((last, [])) if is_chunked(last) => Err(Refusal::Framing),
        Some((_, others)) if others.iter().any(is_chunked) => Err(Refusal::Framing),
        Some(_) => Err(Refusal::TransferCoding),
    }
}

fn content_length(fields: &FieldLines) -> Result<Option<u64>, Refusal> {
    let mut lines = fields.values(&header::CONTENT_LENGTH);
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => parse_length(value).map(Some),
        (Some(_), Some(_)) => Err(Refusal::Framing),
    }
}

/// `1*DIGIT`; what does not fit 64 bits is larger than any limit.
fn parse_length(value: &HeaderValue) -> Result<u64, Refusal> {
    let digits = value.to_str().map_err(|_| Refusal::Framing)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Framing);
    }
    digits.parse().map_err(|_| Refusal::ContentTooLarge)
}

/// Whether the connection is to be used again after this request.
pub(crate) fn persists(fields: &FieldLines, is_http10: bool) -> bool {
    if !fields.contain(&header::CONNECTION) {
        return !is_http10;
    }
    let has = |option: &[u8]| {
        elements(fields, &header::CONNECTION).any(|it| it.eq_ignore_ascii_case(option))
    };
    !has(b"close") && (!is_http10 || has(b"keep-alive"))
}

/// Whether the client takes trailers (RFC 9110 10.1.4).
pub(crate) fn takes_trailers(fields: &FieldLines) -> bool {
    elements(fields, &header::TE).any(|it| it.eq_ignore_ascii_case(b"trailers"))
}

/// Whether the client waits for `100 Continue` before it sends its content.
pub(crate) fn expects_continue(fields: &FieldLines) -> Result<bool, Refusal> {
    let mut expects = false;
    for expectation in elements(fields, &header::EXPECT) {
        if !expectation.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::Expectation);
        }
        expects = true;
    }
    Ok(expects)
}

/// The elements of a list, all its lines together; empty ones are ignored (RFC 9110 5.6.1).
fn elements<'a>(fields: &'a FieldLines, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let elements = fields
        .values(name)
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    elements
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &str)]) -> FieldLines {
        let mut fields = FieldLines::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            fields.push(name.parse().unwrap(), value);
        }
        fields
    }

    #[test]
    fn framings() {
        const LENGTH: &str = "content-length";
        const CODING: &str = "transfer-encoding";
        for (lines, expected) in [
            (&[][..], Ok(Framing::Length(0))),
            (&[(LENGTH, "5")], Ok(Framing::Length(5))),
            (&[(LENGTH, "0")], Ok(Framing::Length(0))),
            (
                &[(LENGTH, "18446744073709551615")],
                Ok(Framing::Length(u64::MAX)),
            ),
            (
                &[(LENGTH, "18446744073709551621")],
                Err(Refusal::ContentTooLarge),
            ),
            (&[(LENGTH, "")], Err(Refusal::Framing)),
            (&[(LENGTH, "-5")], Err(Refusal::Framing)),
            (&[(LENGTH, "+5")], Err(Refusal::Framing)),
            (&[(LENGTH, "0x5")], Err(Refusal::Framing)),
            (&[(LENGTH, "5, 5")], Err(Refusal::Framing)),
            (&[(LENGTH, "5 5")], Err(Refusal::Framing)),
            (&[(LENGTH, "\"5\"")], Err(Refusal::Framing)),
            (&[(LENGTH, "5"), (LENGTH, "5")], Err(Refusal::Framing)),
            (&[(LENGTH, "5"), (LENGTH, "6")], Err(Refusal::Framing)),
            (&[(CODING, "chunked")], Ok(Framing::Chunked)),
            (&[(CODING, "CHUNKED")], Ok(Framing::Chunked)),
            (&[(CODING, "\tchunked ,")], Ok(Framing::Chunked)),
            (&[(CODING, ""), (CODING, "chunked")], Err(Refusal::Framing)),
            (&[(CODING, "chunked"), (CODING, ",")], Err(Refusal::Framing)),
            (&[(CODING, "chunked"), (LENGTH, "5")], Err(Refusal::Framing)),
            (&[(CODING, "chunked, chunked")], Err(Refusal::Framing)),
            (
                &[(CODING, "chunked"), (CODING, "chunked")],
                Err(Refusal::Framing),
            ),
            (&[(CODING, "chunked, gzip")], Err(Refusal::Framing)),
            (&[(CODING, ",")], Err(Refusal::Framing)),
            (&[(CODING, "")], Err(Refusal::Framing)),
            (&[(CODING, "gzip, chunked")], Err(Refusal::TransferCoding)),
            (
                &[(CODING, "gzip"), (CODING, "chunked")],
                Err(Refusal::TransferCoding),
            ),
            (&[(CODING, "identity")], Err(Refusal::TransferCoding)),
            (&[(CODING, "xchunked")], Err(Refusal::TransferCoding)),
            (&[(CODING, "chunked;a=b")], Err(Refusal::TransferCoding)),
            (&[(CODING, "chun\u{212a}ed")], Err(Refusal::TransferCoding)),
        ] {
            assert_eq!(framing(&fields(lines), false), expected, "{lines:?}");
        }
        assert_eq!(
            framing(&fields(&[(CODING, "chunked")]), true),
            Err(Refusal::Framing)
        );
    }

    #[test]
    fn persistence() {
        for (lines, http11, http10) in [
            (&[][..], true, false),
            (&["close"], false, false),
            (&["CLOSE"], false, false),
            (&["X-Foo, close"], false, false),
            (&["keep-alive", "close"], false, false),
            (&["keep-alive"], true, true),
            (&["Keep-Alive"], true, true),
            (&["closed, xclose"], true, false),
        ] {
            let lines: Vec<_> = lines.iter().map(|value| ("connection", *value)).collect();
            assert_eq!(persists(&fields(&lines), false), http11, "{lines:?}");
            assert_eq!(persists(&fields(&lines), true), http10, "{lines:?}");
        }
    }

    #[test]
    fn expectations() {
        for (lines, expected) in [
            (&[][..], Ok(false)),
            (&[("expect", "100-continue")], Ok(true)),
            (&[("expect", "100-Continue")], Ok(true)),
            (&[("expect", "")], Ok(false)),
            (&[("expect", "200-ok")], Err(Refusal::Expectation)),
            (
                &[("expect", "100-continue, 200-ok")],
                Err(Refusal::Expectation),
            ),
        ] {
            assert_eq!(expects_continue(&fields(lines)), expected, "{lines:?}");
        }
    }
}

//! The chunked transfer coding (RFC 9112 7.1), decoded as it comes.
//!
//! # ABNF
//!
//! ```abnf
//! chunked-body = *chunk last-chunk trailer-section CRLF
//! chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//! chunk-size   = 1*HEXDIG
//! last-chunk   = 1*("0") [ chunk-ext ] CRLF
//! chunk-ext    = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//! ```

use super::field_lines::FieldLines;
use super::head::parse_fields;
use super::refusal::Refusal;
use bytes::{Bytes, BytesMut};

/// A chunk's size and extensions are read up to this length; nobody needs more.
const LONGEST_LINE: usize = 4096;

/// What all extensions of a message may come to: they are read and thrown away.
const MOST_EXTENSIONS: usize = 16 * 1024;

/// Decodes one message's content.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// How much content there may still be, in bytes.
    permitted: u64,
    extensions: usize,
    largest_trailers: usize,
    most_trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the beginning of a chunk.
    Size,
    /// Inside a chunk: so many bytes to come.
    Data(u64),
    /// At the end of a chunk.
    DataEnd,
    /// After the last chunk.
    Trailers,
    Done,
}

/// What is decoded next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// More bytes are needed.
    Incomplete,
    /// Some of a chunk's data.
    Data(Bytes),
    /// The end, and the trailers.
    End(FieldLines),
}

/// What stands at the front of what was received.
enum Part {
    /// Something whose end is still to come.
    Incomplete,
    /// The size of a chunk, or its end: nothing to hand on.
    Frame,
    Data,
    Trailers,
}

impl Decoder {
    /// A decoder of a message of at most `limit` bytes of content, whose trailers may be this large, and
    /// this many.
    pub(crate) fn new(limit: u64, largest_trailers: usize, most_trailers: usize) -> Self {
        Self {
            state: State::Size,
            permitted: limit,
            extensions: 0,
            largest_trailers,
            most_trailers,
        }
    }

    /// Looks for what is wrong with a message, as far as it is in `bytes`.
    pub(crate) fn check(mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        loop {
            let (part, length) = self.next(bytes)?;
            match part {
                Part::Incomplete => return Ok(()),
                Part::Frame | Part::Data => {}
                Part::Trailers => {
                    let section = Bytes::copy_from_slice(&bytes[..length]);
                    return parse_fields(&section, 0, self.most_trailers).map(drop);
                }
            }
            bytes = &bytes[length..];
        }
    }

    /// Decodes from the front of `buffer`, taking from it what was used.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, Refusal> {
        loop {
            let (part, length) = self.next(buffer)?;
            let bytes = buffer.split_to(length);
            return Ok(match part {
                Part::Incomplete => Decoded::Incomplete,
                Part::Frame => continue,
                Part::Data => Decoded::Data(bytes.freeze()),
                Part::Trailers => {
                    Decoded::End(parse_fields(&bytes.freeze(), 0, self.most_trailers)?)
                }
            });
        }
    }

    /// What stands at the front of `bytes`, and its length there.
    fn next(&mut self, bytes: &[u8]) -> Result<(Part, usize), Refusal> {
        const INCOMPLETE: (Part, usize) = (Part::Incomplete, 0);
        Ok(match self.state {
            State::Size => {
                let Some((line, length)) = first_line(bytes)? else {
                    return Ok(INCOMPLETE);
                };
                let (size, extension) = parse_size(line).ok_or(Refusal::Chunk)?;
                self.extensions += extension;
                if self.extensions > MOST_EXTENSIONS {
                    return Err(Refusal::Chunk);
                }
                let permitted = self.permitted.checked_sub(size);
                self.permitted = permitted.ok_or(Refusal::ContentTooLarge)?;
                self.state = match size {
                    0 => State::Trailers,
                    size => State::Data(size),
                };
                (Part::Frame, length)
            }
            State::Data(_) if bytes.is_empty() => INCOMPLETE,
            State::Data(remaining) => {
                let most = usize::try_from(remaining).unwrap_or(usize::MAX);
                let length = bytes.len().min(most);
                self.state = match remaining - length as u64 {
                    0 => State::DataEnd,
                    remaining => State::Data(remaining),
                };
                (Part::Data, length)
            }
            State::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    (Part::Frame, 2)
                }
                [] | [b'\r'] => INCOMPLETE,
                _ => return Err(Refusal::Chunk),
            },
            State::Trailers => {
                let end = if bytes.starts_with(b"\r\n") {
                    Some(2)
                } else {
                    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
                };
                match end {
                    Some(end) if end <= self.largest_trailers => {
                        self.state = State::Done;
                        (Part::Trailers, end)
                    }
                    _ if bytes.len() > self.largest_trailers => {
                        return Err(Refusal::FieldsTooLarge);
                    }
                    _ if has_bare_line_feed(bytes) => return Err(Refusal::FieldLine),
                    _ => INCOMPLETE,
                }
            }
            State::Done => INCOMPLETE,
        })
    }
}

/// Whether there is a line feed without its carriage return: the end of the trailers would never come.
fn has_bare_line_feed(section: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', section).any(|end| !section[..end].ends_with(b"\r"))
}

/// The first line without its CRLF, and its length with it.
fn first_line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, Refusal> {
    let Some(line_feed) = memchr::memchr(b'\n', bytes) else {
        return if bytes.len() > LONGEST_LINE {
            Err(Refusal::Chunk)
        } else {
            Ok(None)
        };
    };
    match bytes[..line_feed].strip_suffix(b"\r") {
        Some(line) if line.len() <= LONGEST_LINE => Ok(Some((line, line_feed + 1))),
        _ => Err(Refusal::Chunk),
    }
}

/// The size of a chunk, and the length of its extensions.
fn parse_size(line: &[u8]) -> Option<(u64, usize)> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    // 2^63 - 1 is more than any file; sixteen digits and more may not wrap around.
    let text = std::str::from_utf8(&line[..digits]).ok()?;
    let size = u64::from_str_radix(text, 16)
        .ok()
        .filter(|&size| size <= i64::MAX as u64)?;
    is_extension(&line[digits..]).then_some((size, line.len() - digits))
}

/// Whether this is `chunk-ext`: a sequence of `;name` and `;name=value`, the value a token or quoted.
fn is_extension(mut text: &[u8]) -> bool {
    while !text.is_empty() {
        let Some(rest) = skip_space(text).strip_prefix(b";") else {
            return false;
        };
        let Some(rest) = skip_token(skip_space(rest)) else {
            return false;
        };
        text = rest;
        if let Some(value) = skip_space(text).strip_prefix(b"=") {
            let value = skip_space(value);
            let after = if value.starts_with(b"\"") {
                skip_quoted(value)
            } else {
                skip_token(value)
            };
            let Some(after) = after else { return false };
            text = after;
        }
    }
    true
}

fn skip_space(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    &text[end.unwrap_or(text.len())..]
}

fn skip_token(text: &[u8]) -> Option<&[u8]> {
    let end = text
        .iter()
        .position(|&byte| !super::head::is_tchar(byte))
        .unwrap_or(text.len());
    (end > 0).then(|| &text[end..])
}

/// Skips a quoted string; no control character is part of one, with a backslash or without
/// (RFC 9110 5.6.4).
fn skip_quoted(text: &[u8]) -> Option<&[u8]> {
    let mut bytes = text.iter().enumerate().skip(1);
    while let Some((index, &byte)) = bytes.next() {
        let quoted = match byte {
            b'"' => return Some(&text[index + 1..]),
            b'\\' => *bytes.next()?.1,
            byte => byte,
        };
        if quoted != b'\t' && quoted.is_ascii_control() {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// More than any message here has, but those that are to pass it.
    const LIMIT: u64 = 1 << 20;

    #[derive(Debug, Default, PartialEq)]
    struct Message {
        content: Vec<u8>,
        trailers: FieldLines,
        /// What follows it.
        rest: Vec<u8>,
    }

    /// Decodes `coded`, fed in pieces of `step` bytes. Nothing if it is cut short.
    fn decode(coded: &[u8], step: usize) -> Result<Option<Message>, Refusal> {
        let mut decoder = Decoder::new(LIMIT, 1024, 10);
        let mut buffer = BytesMut::new();
        let mut message = Message::default();
        let mut pieces = coded.chunks(step);
        loop {
            match decoder.decode(&mut buffer)? {
                Decoded::Incomplete => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => return Ok(None),
                },
                Decoded::Data(data) => message.content.extend_from_slice(&data),
                Decoded::End(trailers) => {
                    message.trailers = trailers;
                    message.rest =
                        pieces.fold(buffer.to_vec(), |rest, piece| [&rest, piece].concat());
                    return Ok(Some(message));
                }
            }
        }
    }

    #[test]
    fn well_formed() {
        for (coded, content, rest) in [
            ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
            ("0\r\n\r\n", "", ""),
            ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /", "abcde", "GET /"),
            ("A\r\n0123456789\r\n0000\r\n\r\n", "0123456789", ""),
            ("0000000000000000005\r\nhello\r\n0\r\n\r\n", "hello", ""),
            ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello", ""),
            ("5 ; a = b\r\nhello\r\n0\r\n\r\n", "hello", ""),
            ("5;a=\"b;\\\"c\";d\r\nhello\r\n0\r\n\r\n", "hello", ""),
            ("5;a=\"\\\t\\ \t\u{e9}\"\r\nhello\r\n0\r\n\r\n", "hello", ""),
            ("5\r\n\r\n\r\n\n\r\n0\r\n\r\n", "\r\n\r\n\n", ""),
        ] {
            for step in [1, 3, coded.len()] {
                let expected = Message {
                    content: content.into(),
                    trailers: FieldLines::new(),
                    rest: rest.into(),
                };
                assert_eq!(
                    decode(coded.as_bytes(), step),
                    Ok(Some(expected)),
                    "{coded:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn trailers() {
        let message = decode(b"0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", 1);
        let trailers = message.unwrap().unwrap().trailers;
        let lines = trailers.iter().map(|(name, value)| (name.as_str(), value));
        let (one, two) = ("1".parse().unwrap(), "2".parse().unwrap());
        assert_eq!(lines.collect::<Vec<_>>(), [("x-a", &one), ("x-b", &two)]);
        let large = format!("0\r\n{}\r\n", "X-T: aaaa\r\n".repeat(200));
        assert_eq!(decode(large.as_bytes(), 64), Err(Refusal::FieldsTooLarge));
        let many = format!("0\r\n{}\r\n", "X-T: a\r\n".repeat(11));
        assert_eq!(decode(many.as_bytes(), 64), Err(Refusal::FieldsTooLarge));
        assert_eq!(decode(b"0\r\nX-A : 1\r\n\r\n", 64), Err(Refusal::FieldLine));
    }

    /// The end would never come.
    #[test]
    fn a_bare_line_feed_in_a_trailer_is_seen_at_once() {
        for trailers in ["X: y\n", "\n", "X: y\r\nZ\n"] {
            let coded = format!("1\r\nx\r\n0\r\n{trailers}");
            for step in [1, coded.len()] {
                let refused = decode(coded.as_bytes(), step);
                assert_eq!(refused, Err(Refusal::FieldLine), "{trailers:?} by {step}");
            }
        }
    }

    #[test]
    fn malformed() {
        for coded in [
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "0_5\r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n0\r\n\r\n",
            ";a\r\nhello\r\n0\r\n\r\n",
            "5,5\r\nhello\r\n0\r\n\r\n",
            "3\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhelloXX0\r\n\r\n",
            "5\rhello\r\n0\r\n\r\n",
            "5\r\r\nhello\r\n0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            "5;\r\nhello\r\n0\r\n\r\n",
            "5;a\rb\r\nhello\r\n0\r\n\r\n",
            "5;a=\r\nhello\r\n0\r\n\r\n",
            "5;a=\"b\r\nhello\r\n0\r\n\r\n",
            // RFC 9110 5.6.4: control characters are quoted no more than written.
            "5;a=\"\u{1}\"\r\nhello\r\n0\r\n\r\n",
            "5;a=\"\\\r\"\r\nhello\r\n0\r\n\r\n",
            "5;a=\"\\\0\"\r\nhello\r\n0\r\n\r\n",
            "5;a=\"\\\u{7f}\"\r\nhello\r\n0\r\n\r\n",
            "5;a=\"\\\r\nhello\r\n0\r\n\r\n",
            "10000000000000005\r\nhello",
            "FFFFFFFFFFFFFFFF\r\nhello",
            "-1\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
        ] {
            for step in [1, coded.len()] {
                assert_eq!(
                    decode(coded.as_bytes(), step),
                    Err(Refusal::Chunk),
                    "{coded:?} by {step}"
                );
            }
        }
        assert_eq!(
            decode(format!("5;{}", "a".repeat(5000)).as_bytes(), 64),
            Err(Refusal::Chunk)
        );
        let extensions = format!("1;{}\r\nx\r\n", "a".repeat(4000)).repeat(5);
        assert_eq!(decode(extensions.as_bytes(), 64), Err(Refusal::Chunk));
    }

    /// As soon as it is announced, and of all chunks together.
    #[test]
    fn more_than_the_limit() {
        for (coded, expected) in [
            ("100000\r\n", Ok(None)),
            ("100001\r\n", Err(Refusal::ContentTooLarge)),
            ("1\r\nx\r\nfffff\r\n", Ok(None)),
            ("1\r\nx\r\n100000\r\n", Err(Refusal::ContentTooLarge)),
            ("7fffffffffffffff\r\n", Err(Refusal::ContentTooLarge)),
        ] {
            for step in [1, coded.len()] {
                assert_eq!(
                    decode(coded.as_bytes(), step),
                    expected,
                    "{coded:?} by {step}"
                );
            }
            let checked = Decoder::new(LIMIT, 1024, 10).check(coded.as_bytes());
            assert_eq!(checked, expected.map(drop), "{coded:?}");
        }
    }

    #[test]
    fn cut_short() {
        for coded in [
            "",
            "5",
            "5\r",
            "5\r\n",
            "5\r\nhel",
            "5\r\nhello",
            "5\r\nhello\r\n",
            "5\r\nhello\r\n0\r\n",
            "0\r\nX-A: 1\r\n",
        ] {
            assert_eq!(decode(coded.as_bytes(), 1), Ok(None), "{coded:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(coded: Vec<u8>, step in 1usize..10) {
            let _ = decode(&coded, step);
        }

        #[test]
        fn the_pieces_do_not_matter(coded in "([0-9a-f]{1,2}(;a(=b)?)?\r\n|[a-z\r\n]{0,20}|0\r\n\r\n){0,8}", step in 1usize..10) {
            // How much was taken before an error may differ, the verdict may not.
            prop_assert_eq!(decode(coded.as_bytes(), step), decode(coded.as_bytes(), coded.len().max(1)));
        }

        #[test]
        fn what_is_coded_is_decoded(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..10), step in 1usize..100) {
            let mut coded = Vec::new();
            for chunk in &chunks {
                coded.extend(format!("{:X}\r\n", chunk.len()).bytes());
                coded.extend(chunk);
                coded.extend(b"\r\n");
            }
            coded.extend(b"0\r\n\r\n");
            let message = decode(&coded, step).unwrap().unwrap();
            prop_assert_eq!(message.content, chunks.concat());
            prop_assert!(message.rest.is_empty());
        }
    }
}

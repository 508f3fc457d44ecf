//! [`FilePath`]: a path below the mapped directory, checked once.

use crate::rejection::Rejection;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// Names that begin like this belong to uploads under way. They are never served, listed or written to.
pub const UPLOAD_PREFIX: &str = ".http-server-upload-";

/// The longest name of Linux's file systems, in bytes.
const NAME_MAX: usize = 255;

/// A relative path: decoded once, made of normal segments only.
///
/// No segment is empty, `.` or `..`, or has a slash, backslash or control character in it.
/// The preopen is what keeps a path inside the directory; this type is what keeps a request
/// from meaning something else than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    path: String,
    trailing_slash: bool,
}

impl FilePath {
    /// Parses what follows `/files/` in a request target: splits at `/`, then decodes each segment.
    ///
    /// # Errors
    ///
    /// A rejection (400) that says what is wrong with the first bad segment.
    pub fn parse(encoded: &str) -> Result<Self, Rejection> {
        let mut path = String::with_capacity(encoded.len());
        let trailing_slash = encoded.is_empty() || encoded.ends_with('/');
        let segments = encoded.strip_suffix('/').unwrap_or(encoded);
        if !segments.is_empty() || encoded.starts_with('/') {
            for segment in segments.split('/') {
                let name = decode(segment)?;
                check(&name)?;
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(&name);
            }
        }
        Ok(Self {
            path,
            trailing_slash,
        })
    }

    /// The path, relative to the mapped directory; empty for the directory itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether the target ended in a slash, and so means a directory.
    #[must_use]
    pub fn has_trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// The path of the directory around this, empty for the mapped directory, and the last segment.
    #[must_use]
    pub fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }

    /// A file in this directory.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let separator = if self.path.is_empty() { "" } else { "/" };
        Self {
            path: format!("{}{separator}{name}", self.path),
            trailing_slash: false,
        }
    }

    /// Whether any segment begins with a dot.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.path.split('/').any(|name| name.starts_with('.'))
    }

    /// Whether any segment is the name of an upload under way.
    #[must_use]
    pub fn is_upload(&self) -> bool {
        self.path
            .split('/')
            .any(|name| name.starts_with(UPLOAD_PREFIX))
    }

    /// Whether any segment is longer than a file's name can be.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.path.split('/').any(|name| name.len() > NAME_MAX)
    }
}

/// The path as part of a URI: every character but RFC 3986's unreserved ones encoded.
impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.path.split('/').enumerate() {
            let separator = if index == 0 { "" } else { "/" };
            write!(f, "{separator}{}", encode(name))?;
        }
        if self.trailing_slash && !self.path.is_empty() {
            f.write_str("/")
        } else {
            Ok(())
        }
    }
}

/// Whether a path can have this name in it: a directory may have others, which nobody can ask for.
#[must_use]
pub fn is_segment(name: &str) -> bool {
    check(name).is_ok()
}

fn check(name: &str) -> Result<(), Rejection> {
    match name {
        "" => Err(Rejection::EmptySegment),
        "." | ".." => Err(Rejection::DotSegment),
        _ if name.contains('/') => Err(Rejection::EncodedSlash),
        _ if name.contains('\\') => Err(Rejection::Backslash),
        _ if name.contains(char::is_control) => Err(Rejection::ControlCharacter),
        _ => Ok(()),
    }
}

/// A single name as a segment of a URI's path.
pub fn encode(name: &str) -> impl fmt::Display + '_ {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(name, RESERVED)
}

/// What follows the path of a request target, for another URI: what none may have in it is encoded (RFC
/// 3986 3.4), and what is encoded already stays as it is.
pub fn encode_query(query: &str) -> impl fmt::Display + '_ {
    const NEVER: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'<')
        .add(b'>')
        .add(b'[')
        .add(b'\\')
        .add(b']')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    utf8_percent_encode(query, NEVER)
}

/// Decodes percent-encoding once (RFC 3986 2.1).
///
/// # Errors
///
/// A rejection (400) when a `%` is not followed by two hexadecimal digits, or the result is not UTF-8.
pub fn decode(encoded: &str) -> Result<String, Rejection> {
    let malformed = encoded.split('%').skip(1).any(|rest| {
        let digits = rest.as_bytes();
        digits.len() < 2 || !digits[..2].iter().all(u8::is_ascii_hexdigit)
    });
    if malformed {
        return Err(Rejection::PercentEncoding);
    }
    match percent_encoding::percent_decode_str(encoded).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Rejection::NotUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_of_the_contract() {
        for (encoded, expected) in [
            ("", Ok(("", true))),
            ("a", Ok(("a", false))),
            ("a/", Ok(("a", true))),
            ("a/b.txt", Ok(("a/b.txt", false))),
            ("sp%20ace", Ok(("sp ace", false))),
            ("a+b;c", Ok(("a+b;c", false))),
            ("%E2%82%AC", Ok(("€", false))),
            // Decoded once, never twice.
            ("%252e%252e", Ok(("%2e%2e", false))),
            ("100%25", Ok(("100%", false))),
            ("...", Ok(("...", false))),
            ("%zz", Err(Rejection::PercentEncoding)),
            ("%4", Err(Rejection::PercentEncoding)),
            ("a%", Err(Rejection::PercentEncoding)),
            ("%€", Err(Rejection::PercentEncoding)),
            ("a%00b", Err(Rejection::ControlCharacter)),
            ("a%0Ab", Err(Rejection::ControlCharacter)),
            ("%7F", Err(Rejection::ControlCharacter)),
            ("%C2%80", Err(Rejection::ControlCharacter)),
            ("a%2Fb", Err(Rejection::EncodedSlash)),
            ("..%2fb", Err(Rejection::EncodedSlash)),
            ("a\\b", Err(Rejection::Backslash)),
            ("..%5cb", Err(Rejection::Backslash)),
            (".", Err(Rejection::DotSegment)),
            ("..", Err(Rejection::DotSegment)),
            ("a/../b", Err(Rejection::DotSegment)),
            ("%2e%2E/b", Err(Rejection::DotSegment)),
            ("../", Err(Rejection::DotSegment)),
            ("/", Err(Rejection::EmptySegment)),
            ("/a", Err(Rejection::EmptySegment)),
            ("a//b", Err(Rejection::EmptySegment)),
            ("a//", Err(Rejection::EmptySegment)),
            ("%ff", Err(Rejection::NotUtf8)),
            ("%c0%ae%c0%ae", Err(Rejection::NotUtf8)),
        ] {
            let parsed = FilePath::parse(encoded);
            let parsed = parsed
                .as_ref()
                .map(|path| (path.as_str(), path.has_trailing_slash()));
            assert_eq!(parsed, expected.as_ref().map(|&pair| pair), "{encoded}");
        }
    }

    #[test]
    fn names_that_are_kept_back() {
        let path = |encoded: &str| FilePath::parse(encoded).unwrap();
        assert!(path(".git/config").is_hidden());
        assert!(path("a/.hidden").is_hidden());
        assert!(!path("a.b").is_hidden());
        assert!(path("a/.http-server-upload-1").is_upload());
        assert!(!path(".http-server").is_upload());
        assert!(!path(&"n".repeat(255)).is_too_long());
        assert!(path(&"n".repeat(256)).is_too_long());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_safe_and_prints_back(encoded in ".*") {
            if let Ok(path) = FilePath::parse(&encoded) {
                prop_assert!(!path.as_str().starts_with('/'));
                for segment in path.as_str().split('/') {
                    prop_assert!(segment != "." && segment != "..");
                    prop_assert!(path.as_str().is_empty() || !segment.is_empty());
                    prop_assert!(!segment.contains(['\\', '\0']));
                }
                prop_assert_eq!(FilePath::parse(&path.to_string()), Ok(path));
            }
        }

        #[test]
        fn names_survive_encoding(name in "[^/\\\\\\pC]{1,40}") {
            prop_assume!(name != "." && name != "..");
            let parsed = FilePath::parse(&encode(&name).to_string());
            prop_assert_eq!(parsed.map(|path| path.path), Ok(name));
        }
    }
}

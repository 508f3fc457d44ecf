//! Request fields, and the grammar they share (RFC 9110 5.6). One field per file below.

pub mod accept;
pub mod accept_encoding;
pub mod entity_tag;
pub mod range;

/// The fields of a request, in the order they came.
#[derive(Debug, Default)]
pub struct Fields(pub Vec<(String, Vec<u8>)>);

impl Fields {
    /// The values of every line of the field `name`.
    fn lines<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter(move |(line, _)| line.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The raw value of the first line of the field.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.lines(name).next()
    }

    /// Whether there is such a field.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The value of a field that has a single one: nothing if it is missing, repeated, or not UTF-8.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut lines = self.lines(name);
        match (lines.next(), lines.next()) {
            (Some(value), None) => std::str::from_utf8(value).ok(),
            _ => None,
        }
    }

    /// The value of a field that is a list: its lines, joined (RFC 9110 5.3).
    #[must_use]
    pub fn list(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self.lines(name).map(String::from_utf8_lossy).collect();
        (!lines.is_empty()).then(|| lines.join(","))
    }
}

#[cfg(test)]
impl From<&[(&str, &str)]> for Fields {
    fn from(fields: &[(&str, &str)]) -> Self {
        Self(
            fields
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
                .collect(),
        )
    }
}

/// The elements of a list: separated by commas that stand outside quotes, without the white space
/// around them; empty ones are ignored (RFC 9110 5.6.1).
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
    .map(trim)
    .filter(|element| !element.is_empty())
}

/// Removes optional white space (RFC 9110 5.6.3) from both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Parses `1*DIGIT`. A number too large for 64 bits is larger than any length: it is clamped.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// An element of a list and its weight in thousandths (RFC 9110 12.4.2): the value before the
/// first semicolon, and its last parameter `q`. A malformed weight is none, so the default of 1.
pub(crate) fn weighted(element: &str) -> (&str, u16) {
    let mut parts = element.split(';').map(trim);
    let value = parts.next().unwrap_or_default();
    let is_q = |parameter: &&str| parameter.starts_with("q=") || parameter.starts_with("Q=");
    let q = parts
        .rfind(is_q)
        .and_then(|parameter| weight(&parameter[2..]));
    (value, q.unwrap_or(1000))
}

/// ```abnf
/// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
/// ```
fn weight(qvalue: &str) -> Option<u16> {
    let (whole, fraction) = qvalue.split_once('.').unwrap_or((qvalue, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_by_name() {
        let fields = Fields::from(&[("a", "1"), ("A", "2"), ("b", "3")][..]);
        assert_eq!(fields.one("b"), Some("3"));
        assert_eq!(fields.one("a"), None);
        assert_eq!(fields.one("c"), None);
        assert_eq!(fields.list("a").as_deref(), Some("1,2"));
        assert_eq!(fields.list("c"), None);
        assert_eq!(fields.first("a"), Some(&b"1"[..]));
    }

    #[test]
    fn lists() {
        for (list, expected) in [
            // RFC 9110 5.6.1.2
            ("foo,bar", &["foo", "bar"][..]),
            ("foo ,bar,", &["foo", "bar"]),
            ("foo , ,bar,charlie", &["foo", "bar", "charlie"]),
            ("", &[]),
            (",", &[]),
            (",   ,", &[]),
            ("\"a,b\",\tc", &["\"a,b\"", "c"]),
            ("\"open, a", &["\"open, a"]),
        ] {
            assert_eq!(elements(list).collect::<Vec<_>>(), expected, "{list}");
        }
    }

    #[test]
    fn weights() {
        for (element, expected) in [
            ("gzip", ("gzip", 1000)),
            ("gzip;q=1", ("gzip", 1000)),
            ("gzip;q=0", ("gzip", 0)),
            ("gzip ; q=0.000", ("gzip", 0)),
            ("gzip;Q=0.5", ("gzip", 500)),
            ("gzip;q=0.25", ("gzip", 250)),
            ("text/html;level=1;q=0.125", ("text/html", 125)),
            ("gzip;q=1.000", ("gzip", 1000)),
            // Malformed: not a weight.
            ("gzip;q=1.001", ("gzip", 1000)),
            ("gzip;q=2", ("gzip", 1000)),
            ("gzip;q=0.0001", ("gzip", 1000)),
            ("gzip;q=-0", ("gzip", 1000)),
            ("gzip;q=0.+1", ("gzip", 1000)),
            ("gzip;q=", ("gzip", 1000)),
            ("gzip;q", ("gzip", 1000)),
        ] {
            assert_eq!(weighted(element), expected, "{element}");
        }
    }

    #[test]
    fn decimals() {
        for (text, expected) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551619", Some(u64::MAX)),
            ("", None),
            ("+5", None),
            ("-5", None),
            ("5 ", None),
            ("0x5", None),
            ("٣", None),
        ] {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_weights_are_weights(text in ".*") {
            for element in elements(&text) {
                prop_assert!(!element.is_empty());
                prop_assert!(weighted(element).1 <= 1000);
            }
            decimal(&text);
        }

        #[test]
        fn elements_survive_joining(parts in proptest::collection::vec("[a-z]{1,5}", 0..8)) {
            let list = parts.join(" , ");
            prop_assert_eq!(elements(&list).collect::<Vec<_>>(), parts);
        }
    }
}

//! Accept: whether a client wants a listing as a page.
//!
//! # ABNF (RFC 9110 12.5.1)
//!
//! ```abnf
//! Accept      = #( media-range [ weight ] )
//! media-range = ( "*/*" / ( type "/" "*" ) / ( type "/" subtype ) ) parameters
//! ```
//!
//! # Example values
//!
//! * `text/html, application/xhtml+xml;q=0.9`
//! * `application/json`

use super::{Fields, elements, weighted};

/// Whether the client likes HTML better than JSON. Who takes either, as by `*/*`, is a program more often
/// than not, and JSON is better for that.
#[must_use]
pub fn prefers_html(fields: &Fields) -> bool {
    let list = fields.list("accept").unwrap_or_default();
    // The most specific range counts (RFC 9110 12.5.1).
    let weight = |media_ranges: &[&str]| {
        media_ranges.iter().find_map(|media_range| {
            let asked = elements(&list).map(weighted);
            let asked = asked.filter(|(range, _)| range.eq_ignore_ascii_case(media_range));
            asked.map(|(_, weight)| weight).max()
        })
    };
    let similar = || weight(&["application/xhtml+xml"]).max(weight(&["text/*", "*/*"]));
    let html = weight(&["text/html"]).or_else(similar);
    html > weight(&["application/json", "application/*", "*/*"]).or(Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn html_is_for_those_who_ask() {
        let check = |value| prefers_html(&(&[("accept", value)][..]).into());
        for (value, expected) in [
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("text/html", true),
            ("TEXT/HTML;q=0.1", true),
            ("text/*", true),
            ("text/html;level=1", true),
            ("text/html;q=0", false),
            ("text/html;q=0, text/*", false),
            ("text/html;q=0.2, text/*, application/json;q=0.5", false),
            ("text/html;q=0.5, application/json", false),
            ("application/json, text/html", false),
            ("application/json", false),
            ("*/*", false),
            ("application/json;q=0, */*", true),
            ("text/html;q=0.1, */*;q=0.9", false),
            (
                "text/html;q=0, application/xhtml+xml, application/json;q=0.5",
                false,
            ),
            ("application/xhtml+xml, */*;q=0.5", true),
            (
                "application/xhtml+xml;q=0, text/*, application/json;q=0.5",
                true,
            ),
            ("text/plain, */*;q=0.1", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(check(value), expected, "{value}");
        }
        assert!(!prefers_html(&Fields::default()));
    }

    proptest! {
        #[test]
        fn nothing_panics(value in ".*") {
            let _ = prefers_html(&(&[("accept", value.as_str())][..]).into());
        }
    }
}

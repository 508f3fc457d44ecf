//! Preconditions (RFC 9110 13), evaluated to a verdict.

use crate::field::Fields;
use crate::field::entity_tag::TagList;
use crate::representation::Representation;
use std::time::SystemTime;

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Do what the request asks.
    Proceed,
    /// 304: the client has the current representation.
    NotModified,
    /// 412
    Failed,
}

/// The preconditions of a request, all but If-Range, which belongs to Range.
#[derive(Debug)]
pub struct Preconditions {
    if_match: Option<TagList>,
    if_unmodified_since: Option<SystemTime>,
    if_none_match: Option<TagList>,
    if_modified_since: Option<SystemTime>,
}

impl Preconditions {
    /// Reads the preconditions of a request. A date that is none is ignored (13.1.3, 13.1.4).
    #[must_use]
    pub fn parse(fields: &Fields) -> Self {
        let date = |name| {
            fields
                .one(name)
                .and_then(|value| httpdate::parse_http_date(value).ok())
        };
        Self {
            if_match: fields
                .list("if-match")
                .map(|list| TagList::parse_match(&list)),
            if_unmodified_since: date("if-unmodified-since"),
            if_none_match: fields
                .list("if-none-match")
                .map(|list| TagList::parse_none_match(&list)),
            if_modified_since: date("if-modified-since"),
        }
    }

    /// The preconditions of a request that changes a file. A client that read it compressed knows
    /// the tag of that, and means the file.
    #[must_use]
    pub fn parse_to_write(fields: &Fields) -> Self {
        let preconditions = Self::parse(fields);
        let uncoded = |tags: Option<TagList>| tags.map(|tags| tags.uncoded("gzip"));
        Self {
            if_match: uncoded(preconditions.if_match),
            if_none_match: uncoded(preconditions.if_none_match),
            ..preconditions
        }
    }

    /// Whether there are any.
    #[must_use]
    pub fn are_given(&self) -> bool {
        self.if_match.is_some()
            || self.if_unmodified_since.is_some()
            || self.if_none_match.is_some()
            || self.if_modified_since.is_some()
    }

    /// Evaluates in the order of RFC 9110 13.2.2:
    ///
    /// 1. If-Match: strong comparison; if false, 412.
    /// 2. Without If-Match, If-Unmodified-Since; if false, 412.
    /// 3. If-None-Match: weak comparison; if false, 304 for GET and HEAD, else 412.
    /// 4. Without If-None-Match, for GET and HEAD, If-Modified-Since; if false, 304.
    ///
    /// (5. is If-Range: see [`crate::field::range`].) `current` is the selected representation,
    /// if there is one; `reading` says that the method is GET or HEAD.
    #[must_use]
    pub fn evaluate(&self, current: Option<&Representation>, reading: bool) -> Verdict {
        let last_modified = current.and_then(|current| current.last_modified);
        let if_false = if reading {
            Verdict::NotModified
        } else {
            Verdict::Failed
        };

        if let Some(tags) = &self.if_match {
            if !current.is_some_and(|current| tags.matches_strongly(&current.entity_tag)) {
                return Verdict::Failed;
            }
        } else if let (Some(date), Some(last_modified)) = (self.if_unmodified_since, last_modified)
            && last_modified > date
        {
            return Verdict::Failed;
        }

        if let Some(tags) = &self.if_none_match {
            if current.is_some_and(|current| tags.matches_weakly(&current.entity_tag)) {
                return if_false;
            }
        } else if let (Some(date), Some(last_modified)) = (self.if_modified_since, last_modified)
            && reading
            && last_modified <= date
        {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Whether the request must not replace anything: `If-None-Match: *`.
    #[must_use]
    pub fn is_create_only(&self) -> bool {
        matches!(self.if_none_match, Some(TagList::Any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::entity_tag::EntityTag;
    use std::time::{Duration, UNIX_EPOCH};

    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn evaluate(fields: &[(&str, &str)], exists: bool, reading: bool) -> Verdict {
        let current = Representation {
            length: 1,
            last_modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)),
            entity_tag: EntityTag::strong("now".to_owned()),
        };
        Preconditions::parse(&fields.into()).evaluate(exists.then_some(&current), reading)
    }

    #[test]
    fn each_precondition_alone() {
        use Verdict::{Failed, NotModified, Proceed};
        for (name, value, reading, writing) in [
            // 13.1.1: strong comparison.
            ("if-match", "\"now\"", Proceed, Proceed),
            ("if-match", "\"then\", \"now\"", Proceed, Proceed),
            ("if-match", "*", Proceed, Proceed),
            ("if-match", "\"then\"", Failed, Failed),
            ("if-match", "W/\"now\"", Failed, Failed),
            ("if-match", "now", Failed, Failed),
            ("if-match", "", Failed, Failed),
            // 13.1.2: weak comparison.
            ("if-none-match", "\"now\"", NotModified, Failed),
            ("if-none-match", "W/\"now\"", NotModified, Failed),
            ("if-none-match", "\"then\", W/\"now\"", NotModified, Failed),
            ("if-none-match", "*", NotModified, Failed),
            ("if-none-match", "\"then\"", Proceed, Proceed),
            ("if-none-match", "now", Proceed, Proceed),
            // 13.1.3: GET and HEAD only.
            ("if-modified-since", EARLIER, Proceed, Proceed),
            ("if-modified-since", SAME, NotModified, Proceed),
            ("if-modified-since", LATER, NotModified, Proceed),
            (
                "if-modified-since",
                "Sunday, 06-Nov-94 08:49:37 GMT",
                NotModified,
                Proceed,
            ),
            (
                "if-modified-since",
                "Sun Nov  6 08:49:37 1994",
                NotModified,
                Proceed,
            ),
            ("if-modified-since", "yesterday", Proceed, Proceed),
            ("if-modified-since", "", Proceed, Proceed),
            // 13.1.4
            ("if-unmodified-since", EARLIER, Failed, Failed),
            ("if-unmodified-since", SAME, Proceed, Proceed),
            ("if-unmodified-since", LATER, Proceed, Proceed),
            ("if-unmodified-since", "yesterday", Proceed, Proceed),
        ] {
            assert_eq!(
                evaluate(&[(name, value)], true, true),
                reading,
                "GET {name}: {value}"
            );
            assert_eq!(
                evaluate(&[(name, value)], true, false),
                writing,
                "PUT {name}: {value}"
            );
        }
    }

    #[test]
    fn the_order_of_13_2_2() {
        use Verdict::{Failed, NotModified, Proceed};
        for (fields, expected) in [
            // If-Match wins over If-Unmodified-Since, If-None-Match over If-Modified-Since.
            (
                &[("if-match", "\"now\""), ("if-unmodified-since", EARLIER)][..],
                Proceed,
            ),
            (
                &[("if-match", "\"then\""), ("if-unmodified-since", LATER)],
                Failed,
            ),
            (
                &[("if-none-match", "\"then\""), ("if-modified-since", LATER)],
                Proceed,
            ),
            (
                &[("if-none-match", "\"now\""), ("if-modified-since", EARLIER)],
                NotModified,
            ),
            // 412 comes before 304.
            (
                &[("if-match", "\"then\""), ("if-none-match", "\"now\"")],
                Failed,
            ),
            (
                &[
                    ("if-unmodified-since", EARLIER),
                    ("if-modified-since", LATER),
                ],
                Failed,
            ),
            (
                &[("if-match", "\"now\""), ("if-none-match", "\"now\"")],
                NotModified,
            ),
            // Several lines of a list are one list; several lines of a date are none.
            (
                &[("if-none-match", "\"a\""), ("if-none-match", "\"now\"")],
                NotModified,
            ),
            (
                &[("if-modified-since", LATER), ("if-modified-since", LATER)],
                Proceed,
            ),
        ] {
            assert_eq!(evaluate(fields, true, true), expected, "{fields:?}");
        }
    }

    #[test]
    fn without_a_representation() {
        for (name, value, expected) in [
            ("if-match", "*", Verdict::Failed),
            ("if-match", "\"now\"", Verdict::Failed),
            ("if-none-match", "*", Verdict::Proceed),
            ("if-none-match", "\"now\"", Verdict::Proceed),
            ("if-unmodified-since", EARLIER, Verdict::Proceed),
        ] {
            assert_eq!(
                evaluate(&[(name, value)], false, false),
                expected,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn create_only_is_a_star() {
        let create_only = |value| {
            Preconditions::parse(&(&[("if-none-match", value)][..]).into()).is_create_only()
        };
        assert!(create_only("*"));
        assert!(!create_only("\"a\""));
    }
}

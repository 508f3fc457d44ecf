//! Entity tags, and the lists of them in If-Match and If-None-Match.
//!
//! # ABNF (RFC 9110 8.8.3, 13.1.1)
//!
//! ```abnf
//! entity-tag = [ weak ] opaque-tag
//! weak       = %s"W/"
//! opaque-tag = DQUOTE *etagc DQUOTE
//! etagc      = %x21 / %x23-7E / obs-text
//! If-Match   = "*" / #entity-tag
//! ```
//!
//! # Example values
//!
//! * `"xyzzy"`
//! * `W/"xyzzy"`
//! * `""`

use super::elements;
use std::fmt;

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    weak: bool,
    opaque: String,
}

impl EntityTag {
    /// A strong tag. `opaque` is made by this component, of characters that need no escape.
    #[must_use]
    pub fn strong(opaque: String) -> Self {
        Self {
            weak: false,
            opaque,
        }
    }

    /// What no client can send: `"` is no character of a tag.
    #[must_use]
    pub fn unmatched() -> Self {
        Self::strong("\"".to_owned())
    }

    /// The tag of the same file in another content coding: a representation of its own.
    #[must_use]
    pub fn coded(&self, coding: &str) -> Self {
        Self {
            weak: self.weak,
            opaque: format!("{}-{coding}", self.opaque),
        }
    }

    /// The tag of the same file in no content coding.
    #[must_use]
    pub fn uncoded(&self, coding: &str) -> Self {
        let suffix = format!("-{coding}");
        let opaque = self.opaque.strip_suffix(&suffix).unwrap_or(&self.opaque);
        Self {
            weak: self.weak,
            opaque: opaque.to_owned(),
        }
    }

    /// Parses a single tag.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (weak, quoted) = text
            .strip_prefix("W/")
            .map_or((false, text), |rest| (true, rest));
        let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let is_etagc = |byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
        opaque.bytes().all(is_etagc).then(|| Self {
            weak,
            opaque: opaque.to_owned(),
        })
    }

    /// Strong comparison (RFC 9110 8.8.3.2): the same, and neither is weak.
    #[must_use]
    pub fn strong_eq(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison (RFC 9110 8.8.3.2): the same, weak or not.
    #[must_use]
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.weak { "W/\"" } else { "\"" })?;
        f.write_str(&self.opaque)?;
        f.write_str("\"")
    }
}

/// The value of If-Match or If-None-Match.
#[derive(Debug, PartialEq, Eq)]
pub enum TagList {
    /// `*`: any current representation.
    Any,
    /// One of these tags.
    Tags(Vec<EntityTag>),
}

impl TagList {
    /// The tags of the same files in no content coding.
    #[must_use]
    pub fn uncoded(self, coding: &str) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Tags(tags) => Self::Tags(tags.iter().map(|tag| tag.uncoded(coding)).collect()),
        }
    }

    /// Parses If-Match. What is no tag matches nothing, nor does `*` among tags: it fails, as it should.
    #[must_use]
    pub fn parse_match(list: &str) -> Self {
        Self::parse(list, false)
    }

    /// Parses If-None-Match. What is no tag matches nothing. `*` is not to be one of several, but is
    /// what it is: what is sent with it is not to replace anything.
    #[must_use]
    pub fn parse_none_match(list: &str) -> Self {
        Self::parse(list, true)
    }

    fn parse(list: &str, any_among_tags: bool) -> Self {
        let (any, tags): (Vec<_>, Vec<_>) = elements(list).partition(|element| *element == "*");
        if !any.is_empty() && (any_among_tags || tags.is_empty()) {
            Self::Any
        } else {
            Self::Tags(tags.into_iter().filter_map(EntityTag::parse).collect())
        }
    }

    /// Whether `current` is in the list, by strong comparison.
    #[must_use]
    pub fn matches_strongly(&self, current: &EntityTag) -> bool {
        self.matches(|tag| tag.strong_eq(current))
    }

    /// Whether `current` is in the list, by weak comparison.
    #[must_use]
    pub fn matches_weakly(&self, current: &EntityTag) -> bool {
        self.matches(|tag| tag.weak_eq(current))
    }

    fn matches(&self, equal: impl Fn(&EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(equal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(weak: bool, opaque: &str) -> EntityTag {
        EntityTag {
            weak,
            opaque: opaque.to_owned(),
        }
    }

    #[test]
    fn tags() {
        for (text, expected) in [
            // RFC 9110 8.8.3
            ("\"xyzzy\"", Some(tag(false, "xyzzy"))),
            ("W/\"xyzzy\"", Some(tag(true, "xyzzy"))),
            ("\"\"", Some(tag(false, ""))),
            ("\"a\\b\"", Some(tag(false, "a\\b"))),
            ("w/\"xyzzy\"", None),
            ("W/xyzzy", None),
            ("xyzzy", None),
            ("\"", None),
            ("\"a\"b\"", None),
            ("\"a b\"", None),
            ("*", None),
        ] {
            assert_eq!(EntityTag::parse(text), expected, "{text}");
        }
    }

    /// The table of RFC 9110 8.8.3.2.
    #[test]
    fn comparison() {
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let (one, other) = (
                EntityTag::parse(one).unwrap(),
                EntityTag::parse(other).unwrap(),
            );
            assert_eq!(one.strong_eq(&other), strong, "{one} {other}");
            assert_eq!(one.weak_eq(&other), weak, "{one} {other}");
        }
    }

    #[test]
    fn lists() {
        for (list, expected) in [
            ("*", TagList::Any),
            (" * ", TagList::Any),
            // RFC 9110 13.1.1
            ("\"xyzzy\"", TagList::Tags(vec![tag(false, "xyzzy")])),
            (
                "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"",
                TagList::Tags(vec![
                    tag(false, "xyzzy"),
                    tag(false, "r2d2xxxx"),
                    tag(false, "c3piozzzz"),
                ]),
            ),
            (
                "W/\"a,b\" ,, \"c\"",
                TagList::Tags(vec![tag(true, "a,b"), tag(false, "c")]),
            ),
            ("*,*", TagList::Any),
            (", *", TagList::Any),
            ("\"*\"", TagList::Tags(vec![tag(false, "*")])),
            ("a, \"b\"", TagList::Tags(vec![tag(false, "b")])),
            ("", TagList::Tags(vec![])),
        ] {
            assert_eq!(TagList::parse_match(list), expected, "{list}");
            assert_eq!(TagList::parse_none_match(list), expected, "{list}");
        }
    }

    /// Which RFC 9110 does not foresee: either way, nothing is replaced.
    #[test]
    fn any_among_tags() {
        for list in ["*, \"a\"", "\"a\", *", "\"a\", *, *"] {
            let tags = TagList::Tags(vec![tag(false, "a")]);
            assert_eq!(TagList::parse_match(list), tags, "{list}");
            assert_eq!(TagList::parse_none_match(list), TagList::Any, "{list}");
        }
    }

    #[test]
    fn codings_have_tags_of_their_own() {
        let identity = EntityTag::strong("a".to_owned());
        assert_eq!(identity.coded("gzip").to_string(), "\"a-gzip\"");
        assert!(!identity.weak_eq(&identity.coded("gzip")));
    }

    proptest! {
        #[test]
        fn what_is_accepted_prints_back(text in ".*") {
            let _ = TagList::parse_match(&text);
            if let Some(tag) = EntityTag::parse(&text) {
                prop_assert_eq!(tag.to_string(), text);
            }
        }

        #[test]
        fn every_tag_is_accepted(text in "(W/)?\"[!#-~]*\"") {
            prop_assert_eq!(EntityTag::parse(&text).map(|tag| tag.to_string()), Some(text));
        }
    }
}

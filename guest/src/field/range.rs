//! Range and If-Range.
//!
//! # ABNF (RFC 9110 14.1.1, 14.2, 13.1.5)
//!
//! ```abnf
//! Range            = range-unit "=" range-set
//! range-set        = 1#range-spec
//! range-spec       = int-range / suffix-range
//! int-range        = first-pos "-" [ last-pos ]
//! suffix-range     = "-" suffix-length
//! If-Range         = entity-tag / HTTP-date
//! ```
//!
//! # Example values
//!
//! * `bytes=0-499`
//! * `bytes=-500`
//! * `bytes=0-0,-1`

use super::{Fields, decimal, elements, trim};
use crate::field::entity_tag::EntityTag;
use crate::representation::Representation;

/// More ranges than this are an attack, or a client that wants the whole file (RFC 9110 17.15).
const MOST_RANGES: usize = 16;

/// A part of a representation: never empty, never past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The position of the first byte.
    pub first: u64,
    /// The position of the last byte: inclusive.
    pub last: u64,
}

impl ByteRange {
    /// All of a representation; nothing, if that is empty.
    #[must_use]
    pub fn whole(complete_length: u64) -> Option<Self> {
        complete_length
            .checked_sub(1)
            .map(|last| Self { first: 0, last })
    }

    /// The length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.last - self.first + 1
    }

    /// The value of Content-Range (RFC 9110 14.4).
    #[must_use]
    pub fn content_range(&self, complete_length: u64) -> String {
        format!("bytes {}-{}/{complete_length}", self.first, self.last)
    }

    fn touches(&self, other: &Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }
}

/// One range of a set, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeSpec {
    Int { first: u64, last: Option<u64> },
    Suffix(u64),
}

impl RangeSpec {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        if first.is_empty() {
            return decimal(last).map(Self::Suffix);
        }
        let spec = Self::Int {
            first: decimal(first)?,
            last: if last.is_empty() {
                None
            } else {
                Some(decimal(last)?)
            },
        };
        // As digits, because positions that are clamped have an order too.
        let [first, last] = [first, last].map(|digits| digits.trim_start_matches('0'));
        let is_backwards = (last.len(), last) < (first.len(), first);
        (text.ends_with('-') || !is_backwards).then_some(spec)
    }

    /// The bytes meant, if there are any: a last position past the end is clamped, a suffix longer
    /// than the representation is all of it (RFC 9110 14.1.2).
    fn resolve(self, complete_length: u64) -> Option<ByteRange> {
        let end = complete_length.checked_sub(1)?;
        match self {
            Self::Int { first, .. } if first > end => None,
            Self::Int { first, last } => Some(ByteRange {
                first,
                last: last.map_or(end, |last| last.min(end)),
            }),
            Self::Suffix(0) => None,
            Self::Suffix(length) => Some(ByteRange {
                first: complete_length.saturating_sub(length),
                last: end,
            }),
        }
    }
}

/// The `bytes` ranges that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct RangeSet(Vec<RangeSpec>);

/// What a set of ranges selects of a representation.
#[derive(Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: the ranges are ignored.
    Whole,
    /// These parts, in the order they were asked for, none touching another.
    Parts(Vec<ByteRange>),
    /// Nothing: 416.
    Unsatisfiable,
}

impl RangeSet {
    /// Reads the Range field of a GET. One that is malformed, repeated, or of another unit than
    /// `bytes` is ignored (RFC 9110 14.2).
    #[must_use]
    pub fn parse(fields: &Fields) -> Option<Self> {
        let (unit, set) = fields.one("range")?.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let specs: Vec<_> = elements(set).map(RangeSpec::parse).collect::<Option<_>>()?;
        (!specs.is_empty()).then_some(Self(specs))
    }

    /// Resolves the set against the length of the representation.
    ///
    /// Many ranges, or ranges that sum to more than there is, would make the answer larger than
    /// the whole: they are ignored. Overlapping and adjacent ones are coalesced (RFC 9110 15.3.7.2).
    #[must_use]
    pub fn resolve(&self, complete_length: u64) -> Selection {
        // A suffix longer than there is is all there is, even if that is nothing (14.1.2).
        let is_suffix = |spec: &RangeSpec| matches!(spec, RangeSpec::Suffix(1..));
        if complete_length == 0 && self.0.iter().any(is_suffix) {
            return Selection::Whole;
        }
        let ranges: Vec<_> = self
            .0
            .iter()
            .filter_map(|spec| spec.resolve(complete_length))
            .collect();
        let sum = ranges
            .iter()
            .fold(0, |sum: u64, range| sum.saturating_add(range.length()));
        if self.0.len() > MOST_RANGES || sum > complete_length {
            return Selection::Whole;
        }
        let mut parts: Vec<ByteRange> = Vec::with_capacity(ranges.len());
        for mut range in ranges {
            // A range that joins two parts takes the place of the first.
            let mut place = parts.len();
            while let Some(index) = parts.iter().position(|part| part.touches(&range)) {
                let part = parts.remove(index);
                range = ByteRange {
                    first: range.first.min(part.first),
                    last: range.last.max(part.last),
                };
                place = place.min(index);
            }
            parts.insert(place.min(parts.len()), range);
        }
        if parts.is_empty() {
            Selection::Unsatisfiable
        } else {
            Selection::Parts(parts)
        }
    }
}

/// Whether the If-Range of a request, if it has one, holds for `current`: a strong tag that is the
/// current one, or a date that is exactly Last-Modified (RFC 9110 13.1.5).
#[must_use]
pub fn if_range_holds(fields: &Fields, current: &Representation) -> bool {
    if !fields.contains("if-range") {
        return true;
    }
    let Some(value) = fields.one("if-range").map(trim) else {
        return false;
    };
    match EntityTag::parse(value) {
        Some(tag) => tag.strong_eq(&current.entity_tag),
        None => {
            current.last_modified.is_some()
                && httpdate::parse_http_date(value).ok() == current.last_modified
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn range(first: u64, last: u64) -> ByteRange {
        ByteRange { first, last }
    }

    fn set(value: &str) -> Option<RangeSet> {
        RangeSet::parse(&(&[("range", value)][..]).into())
    }

    #[test]
    fn selections() {
        use Selection::{Parts, Unsatisfiable, Whole};
        for (value, complete_length, expected) in [
            // RFC 9110 14.1.2, of 10000 bytes
            ("bytes=0-499", 10000, Parts(vec![range(0, 499)])),
            ("bytes=500-999", 10000, Parts(vec![range(500, 999)])),
            ("bytes=-500", 10000, Parts(vec![range(9500, 9999)])),
            ("bytes=9500-", 10000, Parts(vec![range(9500, 9999)])),
            (
                "bytes=0-0,-1",
                10000,
                Parts(vec![range(0, 0), range(9999, 9999)]),
            ),
            (
                "bytes= 0-999, 4500-5499, -1000",
                10000,
                Parts(vec![range(0, 999), range(4500, 5499), range(9000, 9999)]),
            ),
            ("bytes=500-600,601-999", 10000, Parts(vec![range(500, 999)])),
            ("bytes=500-700,601-999", 10000, Parts(vec![range(500, 999)])),
            ("BYTES=0-4", 26, Parts(vec![range(0, 4)])),
            // Clamped to the end.
            ("bytes=20-1000", 26, Parts(vec![range(20, 25)])),
            (
                "bytes=20-99999999999999999999999999",
                26,
                Parts(vec![range(20, 25)]),
            ),
            ("bytes=-1000", 26, Parts(vec![range(0, 25)])),
            ("bytes=25-25", 26, Parts(vec![range(25, 25)])),
            // Not satisfiable.
            ("bytes=26-", 26, Unsatisfiable),
            ("bytes=1000-2000", 26, Unsatisfiable),
            ("bytes=-0", 26, Unsatisfiable),
            (
                "bytes=18446744073709551619-18446744073709551620",
                26,
                Unsatisfiable,
            ),
            (
                "bytes=018446744073709551619-18446744073709551619",
                26,
                Unsatisfiable,
            ),
            ("bytes=100-200,300-", 26, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-1", 0, Whole),
            // What can be satisfied is.
            ("bytes=100-200,0-1", 26, Parts(vec![range(0, 1)])),
            (
                "bytes=0-1 , ,24-25",
                26,
                Parts(vec![range(0, 1), range(24, 25)]),
            ),
            // In the order asked for; a range that joins two stands where the first stood.
            (
                "bytes=20-21,0-1",
                26,
                Parts(vec![range(20, 21), range(0, 1)]),
            ),
            (
                "bytes=10-11,0-1,14-15,12-13",
                26,
                Parts(vec![range(10, 15), range(0, 1)]),
            ),
            // Larger than the whole.
            ("bytes=0-,0-", 26, Whole),
            ("bytes=0-20,10-25", 26, Whole),
            (
                "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32",
                100,
                Whole,
            ),
        ] {
            assert_eq!(
                set(value).expect(value).resolve(complete_length),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for value in [
            "bytes=5-2",
            "bytes=abc",
            "bytes=--5",
            "0-4",
            "bytes=0-4-6",
            "bytes=0x0-0x4",
            "bytes 0-4",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=+0-4",
            "bytes=0-4,x",
            "bytes=0 - 4",
            "bytes =0-4",
            "lines=1-2",
            "",
            "=0-4",
        ] {
            assert_eq!(set(value), None, "{value}");
        }
        assert_eq!(
            RangeSet::parse(&(&[("range", "bytes=0-1"), ("range", "bytes=4-5")][..]).into()),
            None
        );
    }

    #[test]
    fn if_range() {
        let current = Representation {
            length: 1,
            last_modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)),
            entity_tag: EntityTag::strong("now".to_owned()),
        };
        let holds = |fields: &[(&str, &str)]| if_range_holds(&fields.into(), &current);
        assert!(holds(&[]));
        for (value, expected) in [
            ("\"now\"", true),
            ("\"then\"", false),
            ("W/\"now\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:36 GMT", false),
            ("Sun, 06 Nov 1994 08:49:38 GMT", false),
            ("yesterday", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(holds(&[("if-range", value)]), expected, "{value}");
        }
        assert!(!holds(&[("if-range", "\"now\""), ("if-range", "\"now\"")]));
    }

    proptest! {
        #[test]
        fn nothing_panics(value in ".*", complete_length: u64) {
            if let Some(set) = set(&value) {
                let _ = set.resolve(complete_length);
            }
        }

        #[test]
        fn parts_stay_inside_the_length_and_apart(
            specs in proptest::collection::vec((0u64..200, proptest::option::of(0u64..200), any::<bool>()), 1..20),
            complete_length in 0u64..150,
        ) {
            let specs: Vec<_> = specs
                .into_iter()
                .map(|(a, b, suffix)| match b {
                    _ if suffix => format!("-{a}"),
                    None => format!("{a}-"),
                    Some(b) => format!("{}-{}", a.min(b), a.max(b)),
                })
                .collect();
            if let Selection::Parts(parts) = set(&format!("bytes={}", specs.join(","))).unwrap().resolve(complete_length) {
                prop_assert!(!parts.is_empty() && parts.len() <= MOST_RANGES);
                prop_assert!(parts.iter().map(ByteRange::length).sum::<u64>() <= complete_length);
                for (index, part) in parts.iter().enumerate() {
                    prop_assert!(part.first <= part.last && part.last < complete_length);
                    prop_assert!(parts[..index].iter().all(|other| !other.touches(part)));
                }
            }
        }
    }
}

//! Accept-Encoding: which content codings a client takes.
//!
//! # ABNF (RFC 9110 12.5.3)
//!
//! ```abnf
//! Accept-Encoding = #( codings [ weight ] )
//! codings         = content-coding / "identity" / "*"
//! ```
//!
//! # Example values
//!
//! * `gzip, deflate, br`
//! * `gzip;q=1.0, identity; q=0.5, *;q=0`

use super::{Fields, elements, weighted};

/// A content coding (RFC 9110 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// None.
    Identity,
    /// `gzip`, or its alias `x-gzip`.
    Gzip,
    /// `zstd` (RFC 8878)
    Zstd,
    /// `br` (RFC 7932)
    Brotli,
}

impl Coding {
    /// The value of Content-Encoding; nothing for [`Coding::Identity`].
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
            Self::Brotli => Some("br"),
        }
    }

    /// Whether `name`, of a list's element, means this coding.
    pub(crate) fn is(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name().unwrap_or("identity"))
            || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }
}

/// The codings a client takes.
#[derive(Debug, PartialEq, Eq)]
pub struct AcceptEncoding(Option<Vec<(String, u16)>>);

impl AcceptEncoding {
    /// Reads the field of a request.
    #[must_use]
    pub fn parse(fields: &Fields) -> Self {
        let list = fields.list("accept-encoding");
        Self(list.map(|list| {
            elements(&list)
                .map(weighted)
                .map(|(name, weight)| (name.to_owned(), weight))
                .collect()
        }))
    }

    /// The weight of a coding in thousandths; 0 is not acceptable.
    ///
    /// What is not in the list is not acceptable, but for identity: that is, unless `identity;q=0`
    /// or `*;q=0` says otherwise. Then it is the last resort.
    fn weight(&self, coding: Coding) -> u16 {
        const LAST_RESORT: u16 = 1;
        let Some(list) = &self.0 else {
            // Without the field anything goes, and what goes everywhere is identity.
            return if coding == Coding::Identity { 1000 } else { 0 };
        };
        let weight = |is_meant: &dyn Fn(&str) -> bool| {
            list.iter()
                .find(|(name, _)| is_meant(name))
                .map(|&(_, weight)| weight)
        };
        let listed = weight(&|name| coding.is(name));
        let star = weight(&|name| name == "*");
        match (coding, listed, star) {
            (_, Some(listed), _) => listed,
            (Coding::Identity, None, star) => star.unwrap_or(LAST_RESORT).min(LAST_RESORT),
            (_, None, star) => star.unwrap_or(0),
        }
    }

    /// Whether the client takes this coding.
    #[must_use]
    pub fn accepts(&self, coding: Coding) -> bool {
        self.weight(coding) > 0
    }

    /// The coding of `available`, which is in the server's order of preference, that the client
    /// likes best; nothing if it takes none of them.
    #[must_use]
    pub fn negotiate(&self, available: &[Coding]) -> Option<Coding> {
        let acceptable = available
            .iter()
            .copied()
            .filter(|&coding| self.accepts(coding));
        acceptable.rev().max_by_key(|&coding| self.weight(coding))
    }
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Identity, Zstd};
    use super::*;
    use proptest::prelude::*;

    fn accept(value: &str) -> AcceptEncoding {
        AcceptEncoding::parse(&(&[("accept-encoding", value)][..]).into())
    }

    #[test]
    fn negotiation() {
        let all = &[Brotli, Zstd, Gzip, Identity];
        for (value, all_of_them, gzip_or_identity) in [
            // RFC 9110 12.5.3
            ("compress, gzip", Some(Gzip), Some(Gzip)),
            ("", Some(Identity), Some(Identity)),
            ("*", Some(Brotli), Some(Gzip)),
            ("compress;q=0.5, gzip;q=1.0", Some(Gzip), Some(Gzip)),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", Some(Gzip), Some(Gzip)),
            ("br, zstd, gzip", Some(Brotli), Some(Gzip)),
            ("gzip, br;q=0.9", Some(Gzip), Some(Gzip)),
            ("x-gzip", Some(Gzip), Some(Gzip)),
            ("GZIP", Some(Gzip), Some(Gzip)),
            ("encoding-1, gzip, encoding-2", Some(Gzip), Some(Gzip)),
            ("gzip;q=0", Some(Identity), Some(Identity)),
            ("gzip ; q=0.000", Some(Identity), Some(Identity)),
            ("gzip;q=0, *", Some(Brotli), Some(Identity)),
            ("gzip;q=0.1, identity;q=1", Some(Identity), Some(Identity)),
            ("gzip;q=0.001", Some(Gzip), Some(Gzip)),
            ("gzipped, xgzip", Some(Identity), Some(Identity)),
            ("identity;q=0", None, None),
            ("*;q=0", None, None),
            ("identity;q=0, gzip", Some(Gzip), Some(Gzip)),
            ("*;q=0, identity", Some(Identity), Some(Identity)),
            ("br, *;q=0", Some(Brotli), None),
        ] {
            assert_eq!(accept(value).negotiate(all), all_of_them, "{value}");
            assert_eq!(
                accept(value).negotiate(&[Gzip, Identity]),
                gzip_or_identity,
                "{value}"
            );
        }
    }

    #[test]
    fn without_the_field_nothing_is_coded() {
        assert_eq!(
            AcceptEncoding::parse(&Fields::default()).negotiate(&[Brotli, Gzip, Identity]),
            Some(Identity)
        );
    }

    #[test]
    fn lines_are_one_list() {
        let fields =
            Fields::from(&[("accept-encoding", "br;q=0.1"), ("accept-encoding", "gzip")][..]);
        assert_eq!(
            AcceptEncoding::parse(&fields).negotiate(&[Brotli, Gzip, Identity]),
            Some(Gzip)
        );
    }

    proptest! {
        #[test]
        fn what_is_negotiated_is_available_and_accepted(value in ".*") {
            let accept = accept(&value);
            if let Some(coding) = accept.negotiate(&[Gzip, Identity]) {
                prop_assert!(matches!(coding, Gzip | Identity));
                prop_assert!(accept.accepts(coding));
            }
        }
    }
}

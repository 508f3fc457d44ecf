//! Whose page has a browser send a request.

use crate::field::Fields;

/// Whether a browser sends the request for a page of another site, so that its user may not know of it.
///
/// Sec-Fetch-Site says so (W3C Fetch Metadata), but not over plain HTTP to another machine; there Origin
/// (RFC 6454 7) says whose page it is, to be compared with the authority that the request is for. What is
/// not a browser sends neither.
pub fn is_another(fields: &Fields, authority: impl FnOnce() -> Option<String>) -> bool {
    if fields.contains("sec-fetch-site") {
        return !matches!(fields.one("sec-fetch-site"), Some("same-origin" | "none"));
    }
    if !fields.contains("origin") {
        return false;
    }
    let origin = fields.one("origin").and_then(|it| it.split_once("://"));
    let (Some((scheme, host)), Some(authority)) = (origin, authority()) else {
        return true;
    };
    // Browsers leave out the scheme's own port (RFC 6454 6.1); others may not.
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let without = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    without(host) != without(&authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_sites() {
        let same = [("origin", "http://Files.example:8080")];
        let other = [("origin", "http://evil.example:8080")];
        for (fields, expected) in [
            (&[][..], false),
            (&same, false),
            (&[("origin", "https://files.example:8080")], false),
            (&other, true),
            (&[("origin", "http://files.example")], true),
            (&[("origin", "null")], true),
            (&[("origin", "")], true),
            (&[same[0], same[0]], true),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "")], true),
            // A proxy may have changed the authority, but not this.
            (&[("sec-fetch-site", "same-origin"), other[0]], false),
            (&[("sec-fetch-site", "cross-site"), same[0]], true),
        ] {
            let authority = || Some("files.example:8080".to_owned());
            let fields: Fields = fields.into();
            assert_eq!(is_another(&fields, authority), expected, "{fields:?}");
        }
        assert!(is_another(&same[..].into(), || None));
        for (origin, authority, expected) in [
            ("http://files.example", "files.example:80", false),
            ("https://files.example", "files.example:443", false),
            ("http://files.example:80", "files.example", false),
            ("http://files.example", "files.example:443", true),
            ("https://files.example", "files.example:80", true),
            ("http://files.example", "files.example:8080", true),
            ("http://[::80]", "[::80]", false),
            ("http://[::1]", "[::1]:80", false),
        ] {
            let authority = || Some(authority.to_owned());
            let fields: Fields = (&[("origin", origin)][..]).into();
            assert_eq!(is_another(&fields, authority), expected, "{fields:?}");
        }
    }
}

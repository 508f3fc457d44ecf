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
    let host = origin.map(|(_, host)| host);
    match (host, authority()) {
        (Some(host), Some(authority)) => !host.eq_ignore_ascii_case(&authority),
        _ => true,
    }
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
    }
}

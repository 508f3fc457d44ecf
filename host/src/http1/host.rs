//! Host: the authority a request is for.
//!
//! # ABNF (RFC 9110 7.2, RFC 3986 3.2.2)
//!
//! ```abnf
//! Host       = uri-host [ ":" port ]
//! uri-host   = IP-literal / IPv4address / reg-name
//! IP-literal = "[" ( IPv6address / IPvFuture ) "]"
//! IPvFuture  = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
//! reg-name   = *( unreserved / pct-encoded / sub-delims )
//! port       = *DIGIT
//! ```
//!
//! # Example values
//!
//! * `www.example.org`
//! * `localhost:8080`
//! * `[::1]:8080`

/// Whether `authority` is a host, and perhaps a port. An empty host is none: the URI of an HTTP
/// resource has one (RFC 9110 4.2.1).
pub(crate) fn is_valid(authority: &[u8]) -> bool {
    let (host, port) = match authority {
        [b'[', rest @ ..] => match rest.iter().position(|&byte| byte == b']') {
            Some(end) if is_ip_literal(&rest[..end]) => (authority, &rest[end + 1..]),
            _ => return false,
        },
        _ => authority.split_at(
            authority
                .iter()
                .position(|&byte| byte == b':')
                .unwrap_or(authority.len()),
        ),
    };
    let port_is_valid = match port {
        [] => true,
        [b':', digits @ ..] => is_port(digits),
        _ => false,
    };
    port_is_valid && (host.starts_with(b"[") || is_reg_name(host))
}

fn is_ip_literal(literal: &[u8]) -> bool {
    match literal {
        [b'v' | b'V', future @ ..] => {
            let mut parts = future.splitn(2, |&byte| byte == b'.');
            let (version, address) = (parts.next().unwrap_or_default(), parts.next());
            !version.is_empty()
                && version.iter().all(u8::is_ascii_hexdigit)
                && address.is_some_and(is_future_address)
        }
        _ => std::str::from_utf8(literal)
            .is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok()),
    }
}

/// The part of an IPvFuture behind its version.
fn is_future_address(address: &[u8]) -> bool {
    let is_allowed = |&byte: &u8| byte == b':' || is_reg_name(&[byte]);
    !address.is_empty() && address.iter().all(is_allowed)
}

fn is_port(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(digits)
            .is_ok_and(|text| text.is_empty() || text.parse::<u16>().is_ok())
}

fn is_reg_name(host: &[u8]) -> bool {
    let mut bytes = host.iter();
    while let Some(byte) = bytes.next() {
        let valid = match byte {
            b'%' => {
                bytes.next().is_some_and(u8::is_ascii_hexdigit)
                    && bytes.next().is_some_and(u8::is_ascii_hexdigit)
            }
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b',' | b';' | b'=' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !valid {
            return false;
        }
    }
    !host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts() {
        for (authority, expected) in [
            ("www.example.org", true),
            ("localhost:8080", true),
            ("127.0.0.1:80", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("[2001:db8::7]:", true),
            ("[v1.a:b]", true),
            ("[vF0.a.b]", true),
            ("[v1.]", false),
            ("[v.a]", false),
            ("[vz.a]", false),
            ("[v1]", false),
            ("[v1.%61]", false),
            ("localhost:", true),
            ("xn--bcher-kva.example", true),
            ("a%20b", true),
            ("under_score", true),
            ("", false),
            (":80", false),
            ("a b", false),
            ("a.example, b.example", false),
            ("user@localhost", false),
            ("localhost/evil", false),
            ("localhost#x", false),
            ("localhost?x", false),
            ("localhost:-1", false),
            ("localhost:+1", false),
            ("localhost:80:80", false),
            ("localhost:99999", false),
            ("localhost:8o", false),
            ("[::1", false),
            ("::1", false),
            ("[::1]x", false),
            ("[localhost]", false),
            ("[]", false),
            ("a\\b", false),
            ("a%2", false),
            ("b\u{fc}cher.example", false),
        ] {
            assert_eq!(is_valid(authority.as_bytes()), expected, "{authority}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_an_authority_without_userinfo(authority in "[\\PC]{0,20}|[a-z:\\[\\].%@0-9-]{0,20}") {
            if is_valid(authority.as_bytes()) {
                prop_assert!(!authority.contains(['@', '/', ' ']));
                // `http` takes no percent-encoded host, which RFC 3986 has.
                prop_assert!(authority.contains('%') || authority.parse::<http::uri::Authority>().is_ok());
            }
        }
    }
}

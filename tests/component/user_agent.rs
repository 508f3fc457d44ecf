//! `/user-agent`

use super::*;

on_both_hosts! {
    fn the_field_s_value_comes_back(server, bare) {
        for value in ["curl/8.0", "Mozilla/5.0 (X11; Linux x86_64) a/b c", ""] {
            let response = server.get("/user-agent").field("User-Agent", value).send();
            assert_eq!((response.status, response.text()), (200, value));
            assert_eq!(response.field("content-type"), Some("text/plain"));
            assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
        }
        assert_eq!(server.get("/user-agent").send().content, b"");
    }

    /// RFC 9110 5.5: bytes that are not ASCII are opaque.
    fn a_value_that_is_not_ascii_comes_back_as_it_is(server, bare) {
        let mut connection = server.connect();
        connection.send(b"GET /user-agent HTTP/1.1\r\nHost: x\r\nUser-Agent: caf\xc3\xa9\r\n\r\n").unwrap();
        let response = connection.response("GET").unwrap();
        assert_eq!((response.text(), response.field("content-type")), ("café", Some("text/plain; charset=utf-8")));
    }
}

//! `/echo` and `/user-agent`.

use super::*;

#[test]
fn echo_and_user_agent_are_plain_text() {
    let directory = alphabet();
    for (target, agent, media_type, text) in [
        ("/echo/abc", "", "text/plain", "abc"),
        ("/echo/a/b?c", "", "text/plain", "a/b"),
        ("/echo/a%20b%2Fc", "", "text/plain", "a b/c"),
        ("/echo/%E2%82%AC", "", "text/plain; charset=utf-8", "€"),
        ("/echo/%3Cscript%3E", "", "text/plain", "<script>"),
        ("/echo/", "", "text/plain", ""),
        ("/user-agent", "curl/8", "text/plain", "curl/8"),
        ("/user-agent", "ü", "text/plain; charset=utf-8", "ü"),
    ] {
        let response = request(&directory, Method::Get, target)
            .field("user-agent", agent)
            .send();
        assert_eq!(response.status(), 200);
        assert_eq!(response.field("content-type").as_deref(), Some(media_type));
        assert_eq!(
            response.field("x-content-type-options").as_deref(),
            Some("nosniff")
        );
        assert_eq!(response.text(), text, "{target}");
    }
    assert_eq!(
        request(&directory, Method::Get, "/user-agent")
            .send()
            .text(),
        ""
    );
}

#[test]
fn echo_is_coded_when_the_client_takes_it() {
    let echo = |accept| {
        request(&alphabet(), Method::Get, "/echo/abc")
            .field("accept-encoding", accept)
            .send()
    };
    for (accept, status, coding) in [
        ("gzip", 200, Some("gzip")),
        ("gzip;q=0", 200, None),
        ("identity;q=0", 406, None),
        ("", 200, None),
    ] {
        let response = echo(accept);
        assert_eq!(response.status(), status);
        assert_eq!(response.field("content-encoding").as_deref(), coding);
        assert_eq!(response.field("vary").as_deref(), Some("accept-encoding"));
    }
    assert_eq!(echo("gzip").gunzipped(), "abc");
}

#[test]
fn echoed_content_keeps_its_length() {
    let echo = |length| {
        request(&alphabet(), Method::Post, "/echo")
            .field("content-length", length)
            .send()
            .0
            .content
            .length()
    };
    assert_eq!(echo("7"), Some(7));
    assert_eq!(echo("x"), None);
}

//! Which targets and methods there are.

use super::*;

on_both_hosts! {
    fn the_root_names_the_server_and_its_routes(server, bare) {
        let response = server.get("/").send();
        assert_eq!((response.status, response.field("content-type")), (200, Some("text/plain")));
        assert_eq!(response.field("content-length"), Some(response.content.len().to_string().as_str()));
        let first = response.text().lines().next().unwrap();
        assert_eq!(first, concat!("http-server ", env!("CARGO_PKG_VERSION")));
        for route in ["/echo", "/user-agent", "/files"] {
            assert!(response.text().contains(route));
        }
    }

    fn unknown_targets_are_404(server, bare) {
        for target in ["/nope", "/nope/a", "/echoes", "/user-agent/", "//", "/index.html"] {
            let response = server.get(target).send();
            assert_eq!((response.status, response.field("content-type")), (404, Some("text/plain")), "{target}");
        }
    }

    /// RFC 9110 15.5.6: a 405 has an Allow field.
    fn methods_that_a_target_does_not_answer_are_405(server, bare) {
        for (method, target, allow) in [
            ("POST", "/", "GET, HEAD, OPTIONS"),
            ("DELETE", "/user-agent", "GET, HEAD, OPTIONS"),
            ("PUT", "/echo/a", "GET, HEAD, OPTIONS"),
            ("GET", "/echo", "POST, PUT, OPTIONS"),
            ("PATCH", "/files/a", "GET, HEAD, PUT, POST, DELETE, OPTIONS"),
            ("TRACE", "/files/a", "GET, HEAD, PUT, POST, DELETE, OPTIONS"),
            ("DELETE", "/files/", "GET, HEAD, OPTIONS"),
        ] {
            let response = server.request(method, target).send();
            assert_eq!((response.status, response.field("allow")), (405, Some(allow)), "{method} {target}");
        }
    }

    fn options_says_what_a_target_answers(server, bare) {
        for (target, allow) in [("/", Some("GET, HEAD, OPTIONS")), ("/files/a", Some("GET, HEAD, PUT, POST, DELETE, OPTIONS")), ("*", None)] {
            let response = server.request("OPTIONS", target).send();
            assert_eq!((response.status, response.field("allow")), (204, allow), "{target}");
            assert_eq!(response.field("content-length"), None, "{target}");
        }
        assert_eq!(server.request("OPTIONS", "/nope").send().status, 404);
    }

    /// RFC 9110 9.1: methods are case-sensitive.
    fn a_method_nobody_knows_is_501(server, bare) {
        for method in ["BREW", "get"] {
            assert_eq!(server.request(method, "/").send().status, 501, "{method}");
        }
    }

    /// RFC 9110 9.3.2
    fn head_is_get_without_content(server, |setup| setup.file("a.txt", ALPHABET)) {
        for target in ["/", "/echo/abc", "/files/a.txt", "/nope", "/files/nope"] {
            let get = server.get(target).send();
            let head = server.request("HEAD", target).send();
            let fields = |response: &tests::Response| {
                let fields = response.fields.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
                fields.filter(|(name, _)| name != "date").collect::<Vec<_>>()
            };
            assert_eq!((head.status, fields(&head)), (get.status, fields(&get)), "{target}");
            assert!(head.content.is_empty());
        }
    }
}

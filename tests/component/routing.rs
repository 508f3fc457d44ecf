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
    fn head_is_get_without_content(server, |setup| setup.file("a.txt", ALPHABET.repeat(100)).file("sub/b", "")) {
        for (target, name, value) in [
            ("/", "X", "x"),
            ("/echo/abc", "X", "x"),
            ("/echo/abc", "Accept-Encoding", "gzip"),
            ("/echo/%zz", "X", "x"),
            ("/echo", "X", "x"),
            ("/user-agent", "User-Agent", "x"),
            ("/files/a.txt", "X", "x"),
            ("/files/a.txt", "Accept-Encoding", "gzip"),
            ("/files/a.txt", "Accept-Encoding", "*;q=0"),
            ("/files/a.txt", "If-None-Match", "*"),
            ("/files/a.txt", "If-Match", "\"x\""),
            ("/files", "X", "x"),
            ("/files/sub", "X", "x"),
            ("/files/", "Accept", "text/html"),
            ("/files/", "Accept", "application/json"),
            ("/files/../a.txt", "X", "x"),
            ("/nope", "X", "x"),
            ("/files/nope", "X", "x"),
        ] {
            let get = server.get(target).field(name, value).send();
            let head = server.request("HEAD", target).field(name, value).send();
            let fields = |response: &tests::Response| {
                let fields = response.fields.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
                // 9.3.2: what is known once the content is made may be left out.
                let framing = ["content-length", "transfer-encoding"];
                let is_made = get.field("content-encoding").is_some() || target == "/files/";
                fields
                    .filter(|(name, _)| name != "date" && !(is_made && framing.contains(&name.as_str())))
                    .collect::<Vec<_>>()
            };
            assert_eq!((head.status, fields(&head)), (get.status, fields(&get)), "{target} {name}: {value}");
            assert!(head.content.is_empty());
        }
    }
}

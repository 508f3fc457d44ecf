//! `/echo/{text}` and `/echo`.

use super::*;

on_both_hosts! {
    fn the_text_comes_back(server, bare) {
        for (target, text, media_type) in [
            ("/echo/abc", "abc", "text/plain"),
            ("/echo/a/b/c?d", "a/b/c", "text/plain"),
            ("/echo/a%20b%2Fc%25", "a b/c%", "text/plain"),
            ("/echo/%E2%82%AC", "€", "text/plain; charset=utf-8"),
            ("/echo/", "", "text/plain"),
        ] {
            let response = server.get(target).send();
            assert_eq!((response.status, response.text()), (200, text), "{target}");
            assert_eq!(response.field("content-type"), Some(media_type));
            assert_eq!(response.field("content-length"), Some(text.len().to_string().as_str()));
            assert_eq!(response.field("transfer-encoding"), None);
        }
        for target in ["/echo/%ff", "/echo/%zz", "/echo/%4"] {
            assert_eq!(server.get(target).send().status, 400, "{target}");
        }
    }

    fn text_is_coded_with_gzip_when_accepted(server, bare) {
        let long = "compressible-".repeat(60);
        for text in ["abc", &long] {
            let target = format!("/echo/{text}");
            for (accept, coding) in [
                (Some("gzip"), Some("gzip")),
                (Some("encoding-1, gzip, encoding-2"), Some("gzip")),
                (Some("x-gzip"), Some("gzip")),
                (Some("gzip;q=0"), None),
                (Some("gzip;q=0.1, identity"), None),
                (Some("br"), None),
                (None, None),
            ] {
                let request = server.get(&target);
                let response = accept.into_iter().fold(request, |request, value| request.field("Accept-Encoding", value)).send();
                assert_eq!((response.status, response.field("content-encoding")), (200, coding), "{accept:?}");
                assert_eq!(response.field("vary"), Some("accept-encoding"));
                assert_eq!(response.field("content-length"), Some(response.content.len().to_string().as_str()));
                let decoded = if coding.is_some() { gunzip(&response.content) } else { response.content.clone() };
                assert_eq!(decoded, text.as_bytes());
            }
        }
        assert_eq!(server.get("/echo/abc").field("Accept-Encoding", "identity;q=0").send().status, 406);
    }

    fn content_is_streamed_back_while_it_arrives(server, bare) {
        let mut connection = server.connect();
        connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
        // The answer begins before the request has ended.
        let head = connection.head().unwrap();
        assert_eq!((head.status, head.field("content-type")), (200, Some("application/octet-stream")));
        connection.send("6\r\nsecond\r\n0\r\n\r\nGET /echo/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let rest = connection.receive_to_end();
        let (content, length) = tests::decode_chunked(&rest).unwrap().unwrap();
        assert_eq!(content, b"firstsecond");
        assert!(rest[length..].starts_with(b"HTTP/1.1 200 OK\r\n") && rest.ends_with(b"next"));
    }

    fn content_of_known_length_keeps_it(server, bare) {
        let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        for method in ["POST", "PUT"] {
            let response = server.request(method, "/echo").content(content.clone()).send();
            assert_eq!((response.status, response.field("content-length")), (200, Some("300000")));
            assert!(response.content == content);
        }
    }
}

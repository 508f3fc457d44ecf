//! HTTP/1.1 on the wire (RFC 9112).
//!
//! The last case needs `--threads=1`, a flag that `wasmtime serve` does not have.

use super::*;

/// The status codes of all responses in what came back.
fn statuses(received: &str) -> Vec<&str> {
    received
        .match_indices("HTTP/1.1 ")
        .map(|(index, _)| &received[index + 9..index + 12])
        .collect()
}

/// Sends a request whose framing is wrong, and one after it that must not be taken for a request.
/// The status codes that came back.
fn smuggle(server: &TestServer, fields: &str, content: &str) -> String {
    let received = server.raw(format!(
        "PUT /files/smuggled HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{content}GET /echo/SMUGGLED HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    ));
    assert!(!received.contains("SMUGGLED"), "{fields:?} {content:?}");
    assert_eq!(server.names(), ["a.txt"], "{fields:?} {content:?}");
    statuses(&received).join(" ")
}

const CHUNKED: &str = "5\r\nhello\r\n0\r\n\r\n";

on_both_hosts! {
    fn two_requests_on_one_connection(server, bare) {
        let mut connection = server.connect();
        for text in ["one", "two"] {
            let response = server.get(&format!("/echo/{text}")).send_on(&mut connection).unwrap();
            assert_eq!((response.text(), response.field("connection")), (text, None));
        }
    }

    fn ten_connections_opened_in_one_order_and_used_in_another(server, bare) {
        let mut connections: Vec<_> = (0..10).map(|_| server.connect()).collect();
        for (index, connection) in connections.iter_mut().enumerate().rev() {
            let response = server.get(&format!("/echo/{index}")).send_on(connection).unwrap();
            assert_eq!(response.text(), index.to_string());
        }
    }

    /// RFC 9112 9.3.2
    fn requests_that_are_pipelined_are_answered_in_order(server, bare) {
        let received = server.raw(
            "GET /nope HTTP/1.1\r\nHost: x\r\n\r\nPOST /files/p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello\
             HEAD /echo/h HTTP/1.1\r\nHost: x\r\n\r\nGET /echo/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(statuses(&received), ["404", "201", "200", "200"]);
        assert!(received.ends_with("\r\n\r\nend"));
    }

    /// RFC 9112 9.6
    fn nothing_is_served_after_close(server, bare) {
        let received = server.raw("GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /echo/b HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(statuses(&received), ["200"]);
        assert!(received.to_lowercase().contains("\r\nconnection: close\r\n") && received.ends_with("\r\n\r\na"));
    }

    /// RFC 9110 9.3.2: also where it is refused, and after an empty line (RFC 9112 2.2).
    fn head_that_is_refused_has_no_content(server, bare) {
        for empty_lines in ["", "\r\n", "\r\n\r\n"] {
            let received = server.raw(format!("{empty_lines}HEAD / HTTP/1.1\r\nBad\r\n\r\n"));
            assert!(received.starts_with("HTTP/1.1 400 ") && received.ends_with("\r\n\r\n"), "{received}");
        }
    }

    fn garbage_is_400_and_the_end(server, bare) {
        for garbage in ["GARBAGE\r\n\r\n", "\x16\x03\x01\0\0", "\0\r\n\r\n", "GET /\r\n"] {
            let received = server.raw(garbage);
            assert!(received.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{garbage:?}: {received}");
            assert!(received.to_lowercase().contains("\r\nconnection: close\r\n"));
        }
    }

    /// RFC 9112 6.1, 6.3, 11.2: a request that could be understood in two ways is refused, and what
    /// follows it is not taken for a request.
    fn framing_that_is_ambiguous_is_refused(server, alphabet) {
        for fields in [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length : 5",
            "X: 1\r\n Transfer-Encoding: chunked",
        ] {
            assert_eq!(smuggle(server, fields, CHUNKED), "400", "{fields:?}");
        }
    }

    /// RFC 9112 7.1
    fn malformed_chunks_are_400_and_nothing_is_stored(server, alphabet) {
        for content in ["+5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "3\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n"] {
            assert_eq!(smuggle(server, "Transfer-Encoding: chunked", content), "400", "{content:?}");
        }
    }

    /// RFC 9112 8: what was cut off is no whole request, and is not acted upon.
    fn a_request_that_is_cut_off_deletes_nothing(server, alphabet) {
        for content in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"] {
            let mut connection = server.connect();
            connection.send(format!("DELETE /files/a.txt HTTP/1.1\r\nHost: x\r\n{content}")).unwrap();
            connection.finish_sending().unwrap();
            connection.receive_to_end();
            assert_eq!(server.names(), ["a.txt"], "{content:?}");
        }
        assert_eq!(server.request("DELETE", "/files/a.txt").content("abc").send().status, 204);
    }

    fn content_that_nobody_reads_does_not_become_a_request(server, bare) {
        let smuggled = "GET /echo/SMUGGLED HTTP/1.1\r\nHost: x\r\n\r\n";
        let received = server.raw(format!(
            "GET /echo/one HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{smuggled}\
             GET /echo/two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            smuggled.len()
        ));
        assert_eq!(statuses(&received), ["200", "200"], "{received}");
        assert!(!received.contains("SMUGGLED") && received.ends_with("two"));
    }

    /// RFC 9112 3.2.2: the authority of absolute-form wins over Host.
    fn absolute_form(server, bare) {
        let received = server.raw("GET HTTP://one.example/echo/abc HTTP/1.1\r\nHost: two.example\r\nConnection: close\r\n\r\n");
        assert!(received.starts_with("HTTP/1.1 200 OK\r\n") && received.ends_with("abc"));
    }

    fn every_split_of_a_request_is_the_same_request(server, bare) {
        let request = "PUT /files/split HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for position in 1..request.len() {
            let mut connection = server.connect();
            connection.send(&request[..position]).unwrap();
            connection.send(&request[position..]).unwrap();
            assert!(matches!(connection.response("PUT").unwrap().status, 201 | 204), "{position}");
        }
    }
}

on_ours_only! {
    /// hyper takes a line feed alone for the end of a line, which RFC 9112 2.2 allows.
    fn a_bare_line_feed_is_refused(server, bare) {
        assert_eq!(statuses(&server.raw("GET / HTTP/1.1\nHost: x\nConnection: close\n\n")), ["400"]);
    }

    /// The same, where the end of the head would never come.
    fn a_bare_line_feed_at_the_end_of_a_field_is_refused(server, bare) {
        assert_eq!(statuses(&server.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\n\n")), ["400"]);
    }

    /// The same: one such line feed hides a field from who does not take it for the end.
    fn a_bare_line_feed_before_transfer_encoding_is_refused(server, alphabet) {
        assert_eq!(smuggle(server, "X: 1\nTransfer-Encoding: chunked", CHUNKED), "400");
    }

    /// hyper takes Content-Length twice with one value for once, which RFC 9110 8.6 allows.
    fn content_length_repeated_is_refused(server, alphabet) {
        assert_eq!(smuggle(server, "Content-Length: 5\r\nContent-Length: 5", CHUNKED), "400");
    }

    /// hyper lets Transfer-Encoding win over Content-Length, which RFC 9112 6.3 allows.
    fn content_length_beside_transfer_encoding_is_refused(server, alphabet) {
        assert_eq!(smuggle(server, "Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKED), "400");
    }

    /// hyper looks at the last transfer coding only, and would store what is still coded.
    fn a_transfer_coding_nobody_knows_is_501(server, alphabet) {
        assert_eq!(smuggle(server, "Transfer-Encoding: gzip, chunked", CHUNKED), "501");
    }

    /// hyper takes chunked twice for once, which RFC 9112 7 says a sender must not.
    fn chunked_twice_is_refused(server, alphabet) {
        assert_eq!(smuggle(server, "Transfer-Encoding: chunked, chunked", CHUNKED), "400");
    }

    /// The same, on two lines.
    fn transfer_encoding_repeated_is_refused(server, alphabet) {
        assert_eq!(smuggle(server, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CHUNKED), "400");
    }

    /// hyper skips whatever follows the semicolon of a chunk.
    fn a_chunk_extension_without_a_name_is_refused(server, alphabet) {
        assert_eq!(smuggle(server, "Transfer-Encoding: chunked", "5;\r\nhello\r\n0\r\n\r\n"), "400");
    }

    /// hyper looks at content only as far as somebody reads it.
    fn malformed_chunks_that_nobody_reads_are_refused(server, alphabet) {
        for content in ["ZZ\r\n", "2\r\nhi\r\nZZ\r\n", "0\r\nX: y\n\r\n"] {
            let request = format!("GET /echo/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{content}");
            assert_eq!(statuses(&server.raw(request)), ["400"], "{content:?}");
        }
    }

    /// hyper looks at the first Host only, against RFC 9112 3.2.
    fn two_hosts_are_refused(server, alphabet) {
        assert_eq!(smuggle(server, "Host: y\r\nContent-Length: 0", ""), "400");
    }

    /// wasmtime serve answers 500 when there is no Host.
    fn http_1_0(server, alphabet) {
        let received = server.raw("GET /echo/abc HTTP/1.0\r\n\r\n");
        assert!(received.starts_with("HTTP/1.1 200 OK\r\n") && received.ends_with("\r\n\r\nabc"), "{received}");
        // Nothing is chunked for it (RFC 9112 6.1).
        let coded = server.raw("GET /files/a.txt HTTP/1.0\r\nAccept-Encoding: gzip, identity;q=0\r\n\r\n");
        assert!(!coded.contains("Transfer-Encoding") && coded.contains("\r\nContent-Encoding: gzip\r\n"), "{coded}");
        // It knows no interim responses (RFC 9110 10.1.1).
        let received = server.raw("PUT /files/a HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx");
        assert_eq!(statuses(&received), ["201"]);
    }

    /// hyper answers a request of HTTP/1.0 as HTTP/1.0, against RFC 9112 2.3.
    fn http_1_0_that_keeps_alive(server, alphabet) {
        let kept = server.raw("GET /echo/a HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\nGET /echo/b HTTP/1.0\r\nHost: x\r\n\r\n");
        assert_eq!(statuses(&kept), ["200", "200"]);
        assert!(kept.contains("\r\nConnection: keep-alive\r\n"));
    }

    /// hyper breaks the answer off when the client half-closes.
    fn a_client_that_half_closes_gets_its_answer(server, |setup| setup.file("large", vec![7; 30_000_000])) {
        let mut connection = server.begin("/files/large");
        connection.finish_sending().unwrap();
        assert!(connection.response("GET").unwrap().content == vec![7; 30_000_000]);
        connection.expect_end().unwrap();
    }

    /// hyper drops the userinfo of an authority; RFC 9110 4.2.4 has it taken for an error.
    fn userinfo_in_absolute_form_is_refused(server, bare) {
        assert_eq!(statuses(&server.raw("GET http://x@y/ HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n")), ["400"]);
    }

    /// RFC 9110 7.4 has a request be rejected that is for `https`; to hyper one scheme is as good as another.
    fn a_target_of_the_https_scheme_is_misdirected(server, bare) {
        assert_eq!(statuses(&server.raw("GET https://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), ["421"]);
    }

    /// hyper ignores an expectation it does not know, which RFC 9110 10.1.1 allows.
    fn an_expectation_nobody_knows_is_417(server, bare) {
        assert_eq!(statuses(&server.raw("GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\nConnection: close\r\n\r\n")), ["417"]);
    }

    /// hyper says 100 even to who did not wait for it, which RFC 9110 10.1.1 allows.
    fn a_client_that_does_not_wait_is_not_told_to_go_on(server, bare) {
        let received = server.raw("PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nx");
        assert_eq!(statuses(&received), ["201"]);
    }
}

#[test]
fn a_blocked_client_blocks_nobody_else() {
    let server = Setup::new(Host::Ours)
        .file("large", vec![0; 50_000_000])
        .flags(&["--threads=1"])
        .start();
    let mut blocked = server.begin("/files/large");
    assert_eq!(blocked.head().unwrap().status, 200);
    let mut connections: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for connection in &mut connections {
        assert_eq!(
            server.get("/echo/on").send_on(connection).unwrap().text(),
            "on"
        );
    }
}

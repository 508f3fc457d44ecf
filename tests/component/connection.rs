//! HTTP/1.1 on the wire (RFC 9112), as our host speaks it.

use super::*;

fn server() -> TestServer {
    alphabet(Setup::new(Host::Ours)).start()
}

/// The status codes of all responses in what came back.
fn statuses(received: &str) -> Vec<&str> {
    received
        .match_indices("HTTP/1.1 ")
        .map(|(index, _)| &received[index + 9..index + 12])
        .collect()
}

#[test]
fn two_requests_on_one_connection() {
    let server = server();
    let mut connection = server.connect();
    for text in ["one", "two"] {
        let response = server
            .get(&format!("/echo/{text}"))
            .send_on(&mut connection)
            .unwrap();
        assert_eq!(
            (response.text(), response.field("connection")),
            (text, None)
        );
    }
}

#[test]
fn ten_connections_opened_in_one_order_and_used_in_another() {
    let server = server();
    let mut connections: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for (index, connection) in connections.iter_mut().enumerate().rev() {
        let response = server
            .get(&format!("/echo/{index}"))
            .send_on(connection)
            .unwrap();
        assert_eq!(response.text(), index.to_string());
    }
}

/// RFC 9112 9.3.2
#[test]
fn requests_that_are_pipelined_are_answered_in_order() {
    let received = server().raw(
        "GET /nope HTTP/1.1\r\nHost: x\r\n\r\nPOST /files/p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello\
         HEAD /echo/h HTTP/1.1\r\nHost: x\r\n\r\nGET /echo/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(statuses(&received), ["404", "201", "200", "200"]);
    assert!(received.ends_with("\r\n\r\nend"));
}

/// RFC 9112 9.6
#[test]
fn nothing_is_served_after_close() {
    let received = server().raw("GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /echo/b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(statuses(&received), ["200"]);
    assert!(received.contains("\r\nConnection: close\r\n") && received.ends_with("\r\n\r\na"));
}

#[test]
fn http_1_0() {
    let server = server();
    let received = server.raw("GET /echo/abc HTTP/1.0\r\n\r\n");
    assert!(
        received.starts_with("HTTP/1.1 200 OK\r\n") && received.ends_with("\r\n\r\nabc"),
        "{received}"
    );
    let kept = server
        .raw("GET /echo/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /echo/b HTTP/1.0\r\n\r\n");
    assert_eq!(statuses(&kept), ["200", "200"]);
    assert!(kept.contains("\r\nConnection: keep-alive\r\n"));
    // Nothing is chunked for it (RFC 9112 6.1).
    let listing =
        server.raw("GET /files/a.txt HTTP/1.0\r\nAccept-Encoding: gzip, identity;q=0\r\n\r\n");
    assert!(
        !listing.contains("Transfer-Encoding")
            && listing.contains("\r\nContent-Encoding: gzip\r\n"),
        "{listing}"
    );
}

#[test]
fn a_client_that_half_closes_gets_its_answer() {
    let server = server();
    let mut connection = server.connect();
    connection
        .send("GET /files/a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    connection.finish_sending().unwrap();
    assert_eq!(connection.response("GET").unwrap().text(), ALPHABET);
    connection.expect_end().unwrap();
}

#[test]
fn garbage_is_400_and_the_end() {
    for garbage in [
        "GARBAGE\r\n\r\n",
        "\x16\x03\x01\0\0",
        "\0\r\n\r\n",
        "GET /\r\n",
        "GET / HTTP/1.1\nHost: x\n\n",
    ] {
        let received = server().raw(garbage);
        assert!(
            received.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{garbage:?}: {received}"
        );
        assert!(received.contains("\r\nConnection: close\r\n"));
    }
}

on_ours_only! {
    /// hyper takes a line feed alone for the end of a line, which RFC 9112 2.2 allows.
    fn a_bare_line_feed_is_refused(server, bare) {
        assert_eq!(statuses(&server.raw("GET / HTTP/1.1\nHost: x\nConnection: close\n\n")), ["400"]);
    }
}

/// RFC 9112 6.1, 6.3, 11.2: a request that could be understood in two ways is refused, and what
/// follows it is not taken for a request.
#[test]
fn framing_that_is_ambiguous_is_refused() {
    let server = server();
    for (fields, status) in [
        ("Content-Length: 5\r\nContent-Length: 6", "400"),
        ("Content-Length: 5\r\nContent-Length: 5", "400"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", "400"),
        ("Content-Length: +5", "400"),
        ("Content-Length: 5, 5", "400"),
        ("Content-Length : 5", "400"),
        ("Transfer-Encoding: gzip, chunked", "501"),
        ("Transfer-Encoding: chunked, chunked", "400"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "400",
        ),
        ("X: 1\nTransfer-Encoding: chunked", "400"),
        ("X: 1\r\n Transfer-Encoding: chunked", "400"),
        ("Host: y", "400"),
    ] {
        let received = server.raw(format!(
            "PUT /files/smuggled HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /echo/SMUGGLED HTTP/1.1\r\nHost: x\r\n\r\n"
        ));
        assert_eq!(statuses(&received), [status], "{fields:?}");
        assert!(!received.contains("SMUGGLED"));
    }
    assert_eq!(server.names(), ["a.txt"]);
}

/// RFC 9112 7.1
#[test]
fn malformed_chunks_are_400_and_nothing_is_stored() {
    let server = server();
    for content in [
        "+5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "3\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
    ] {
        let received = server.raw(format!(
            "PUT /files/new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{content}GET /echo/SMUGGLED HTTP/1.1\r\nHost: x\r\n\r\n"
        ));
        assert_eq!(statuses(&received), ["400"], "{content:?}");
    }
    assert_eq!(server.names(), ["a.txt"]);
}

#[test]
fn content_that_nobody_reads_does_not_become_a_request() {
    let smuggled = "GET /echo/SMUGGLED HTTP/1.1\r\nHost: x\r\n\r\n";
    let received = server().raw(format!(
        "GET /echo/one HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{smuggled}\
         GET /echo/two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        smuggled.len()
    ));
    assert_eq!(statuses(&received), ["200", "200"], "{received}");
    assert!(!received.contains("SMUGGLED") && received.ends_with("two"));
}

/// RFC 9112 3.2.2: the authority of absolute-form wins over Host.
#[test]
fn absolute_form() {
    let server = server();
    let received = server.raw("GET HTTP://one.example/echo/abc HTTP/1.1\r\nHost: two.example\r\nConnection: close\r\n\r\n");
    assert!(received.starts_with("HTTP/1.1 200 OK\r\n") && received.ends_with("abc"));
    assert_eq!(
        statuses(&server.raw("GET http://x@y/ HTTP/1.1\r\nHost: y\r\n\r\n")),
        ["400"]
    );
}

#[test]
fn every_split_of_a_request_is_the_same_request() {
    let server = server();
    let request = "PUT /files/split HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for position in 1..request.len() {
        let mut connection = server.connect();
        connection.send(&request[..position]).unwrap();
        connection.send(&request[position..]).unwrap();
        assert!(
            matches!(connection.response("PUT").unwrap().status, 201 | 204),
            "{position}"
        );
    }
}

/// RFC 9110 10.1.1
#[test]
fn expectations() {
    let server = server();
    assert_eq!(
        statuses(&server.raw("GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n")),
        ["417"]
    );
    // HTTP/1.0 knows no interim responses.
    let received =
        server.raw("PUT /files/a HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx");
    assert_eq!(statuses(&received), ["201"]);
    // Who does not wait is not told to go on.
    let received = server.raw("PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nx");
    assert_eq!(statuses(&received), ["204"]);
}

#[test]
fn a_blocked_client_blocks_nobody_else() {
    let server = Setup::new(Host::Ours)
        .file("large", vec![0; 50_000_000])
        .flags(&["--threads=1"])
        .start();
    let mut blocked = server.connect();
    blocked
        .send("GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(blocked.head().unwrap().status, 200);
    let mut connections: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for connection in &mut connections {
        assert_eq!(
            server.get("/echo/on").send_on(connection).unwrap().text(),
            "on"
        );
    }
}

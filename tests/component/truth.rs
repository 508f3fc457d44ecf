//! Truth on the wire: what a component fails to answer is an error, and what it fails to finish
//! does not look finished (RFC 9112 8).

use super::*;
use std::io::{ErrorKind, Read};

fn get(server: &TestServer, target: &str) -> anyhow::Result<tests::Response> {
    server.get(target).send_on(&mut server.connect())
}

/// Begins a request, and receives the head of its response and the first of its content.
fn begin(server: &TestServer, target: &str) -> Connection {
    let mut connection = server.begin(target);
    assert_eq!(connection.head().unwrap().status, 200);
    connection.receive_until(b"partial").unwrap();
    connection
}

/// Nothing more comes, and the content does not look whole.
fn assert_broken_off(mut connection: Connection) {
    let rest = connection.receive_to_end();
    assert!(
        !rest.ends_with(b"0\r\n\r\n"),
        "{}",
        rest.escape_ascii().to_string()
    );
}

#[test]
fn no_answer_is_500() {
    let server = hostile(&[]);
    for target in [
        "/trap-before",
        "/trap-clean",
        "/recurse",
        "/silent",
        "/exit",
        "/error",
        "/forget-outparam",
        "/empty-promise",
        "/memory?100000000",
    ] {
        let response = server.get(target).send();
        assert_eq!(
            (response.status, response.field("connection")),
            (500, Some("close")),
            "{target}"
        );
        assert!(response.text().starts_with("The component failed"));
    }
}

#[test]
fn an_unfinished_answer_does_not_look_finished() {
    let server = hostile(&[]);
    for target in [
        "/trap-mid",
        "/drop-body",
        "/return-mid",
        "/too-short",
        "/too-long",
    ] {
        // Where all of it was there before the head was sent, there is still time to say so.
        if let Ok(response) = get(&server, target) {
            assert_eq!(response.status, 500, "{target}");
        }
    }
}

#[test]
fn a_trap_after_much_content_breaks_it_off() {
    let server = hostile(&[]);
    let mut connection = server.begin("/trap-late");
    assert_eq!(connection.head().unwrap().status, 200);
    assert_broken_off(connection);
    // HTTP/1.0 finds the end of the content at the end of the connection: it must be an error, for
    // who has received all there is as for who has not.
    for target in ["/trap-late", "/trap-mid"] {
        let mut connection = server.connect();
        connection
            .send(format!("GET {target} HTTP/1.0\r\n\r\n"))
            .unwrap();
        assert_eq!(connection.head().unwrap().status, 200);
        let end = connection.stream().read_to_end(&mut Vec::new());
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_known_length_is_not_reached() {
    let server = hostile(&[]);
    let mut connection = server.begin("/stop-short");
    let head = connection.head().unwrap();
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("1000000"))
    );
    assert!(connection.receive_to_end().len() < 1_000_000);
}

#[test]
fn what_happens_after_the_answer_does_not_change_it() {
    let server = hostile(&["--response-timeout=200ms"]);
    for target in ["/trap-after", "/after-work?100000"] {
        let mut connection = server.connect();
        for target in [target, "/count"] {
            let response = server.get(target).send_on(&mut connection).unwrap();
            assert_eq!(response.status, 200, "{target}");
        }
    }
}

#[test]
fn a_component_that_computes_for_ever_is_504_or_broken_off() {
    let server = hostile(&["--cpu-timeout=100ms"]);
    assert_eq!(server.get("/loop-before").send().status, 504);
    assert_broken_off(begin(&server, "/loop-mid"));
}

#[test]
fn a_component_that_waits_for_ever_is_504_or_broken_off() {
    let server = hostile(&["--response-timeout=200ms"]);
    assert_eq!(server.get("/sleep-before?100000").send().status, 504);
    assert_eq!(server.get("/slow-head?100000").send().status, 504);
    assert_broken_off(begin(&server, "/sleep-mid?100000"));
}

/// It neither reads the content that a client owes it nor does anything else.
#[test]
fn a_component_that_only_looked_for_content_is_not_waited_for_for_ever() {
    let server = hostile(&["--response-timeout=200ms", "--content-timeout=100ms"]);
    let mut connection = server.connect();
    connection
        .send("PUT /look-and-sleep?100000 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        .unwrap();
    assert_eq!(connection.response("PUT").unwrap().status, 504);
}

/// Nor is its client to blame for what it does then.
#[test]
fn a_component_that_waits_for_something_else_does_not_wait_for_its_client() {
    let server = hostile(&["--content-timeout=100ms"]);
    let mut connection = server.connect();
    connection
        .send("PUT /wait-and-sleep?300 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        .unwrap();
    let response = connection.response("PUT").unwrap();
    assert_eq!((response.status, response.text()), (200, "slept"));
}

#[test]
fn other_requests_of_the_thread_go_on_while_one_computes() {
    let server = hostile(&["--threads=1"]);
    let mut spinning = server.begin("/loop-before");
    // Far more than there would be in its time if each waited for more than a tick or two.
    for _ in 0..30 {
        assert_eq!(server.get("/count").send().text(), "0");
    }
    spinning.stream().set_nonblocking(true).unwrap();
    // It still has no answer.
    assert!(spinning.head().is_err());
}

/// However many compute, a request waits for one of them and not for all: else these hundred would take
/// longer than those are let compute.
#[test]
fn other_requests_of_the_thread_go_on_while_many_compute() {
    let server = hostile(&["--threads=1", "--cpu-timeout=2s"]);
    let spinning: Vec<_> = (0..20).map(|_| server.begin("/loop-before")).collect();
    for _ in 0..100 {
        assert_eq!(server.get("/count").send().text(), "0");
    }
    for connection in spinning {
        connection.stream().set_nonblocking(true).unwrap();
        assert!(connection.stream().peek(&mut [0]).is_err());
    }
}

/// The component sleeps for longer than the test waits.
#[test]
fn the_head_is_sent_as_soon_as_there_is_content() {
    begin(&hostile(&[]), "/sleep-mid?100000");
}

#[test]
fn content_that_is_whole_when_the_head_is_sent_has_a_length() {
    let server = hostile(&[]);
    let response = server.get("/count").send();
    assert_eq!(
        (
            response.field("content-length"),
            response.field("transfer-encoding")
        ),
        (Some("1"), None)
    );
}

/// RFC 9110 8.6, 9.3.2
#[test]
fn head_has_the_length_that_get_has() {
    let server = alphabet(Setup::new(Host::Ours)).start();
    for target in ["/", "/echo/abc", "/files/a.txt", "/nope"] {
        let mut connection = server.connect();
        let [get, head] = ["GET", "HEAD"].map(|method| {
            server
                .request(method, target)
                .send_on(&mut connection)
                .unwrap()
        });
        let length = get.content.len().to_string();
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(head.field("content-length"), Some(&*length), "{target}");
    }
    let server = hostile(&[]);
    let response = server.request("HEAD", "/count").send();
    assert_eq!(response.field("content-length"), Some("1"));
    // It may be left out, but not be another.
    let response = server.request("HEAD", "/nothing-for-head").send();
    assert_eq!(
        (response.status, response.field("content-length")),
        (200, None)
    );
    assert_eq!(server.get("/nothing-for-head").send().text(), "content");
}

/// RFC 9110 8.6: the length is that of a 200.
#[test]
fn a_304_may_say_a_length_and_has_no_content() {
    let server = hostile(&["--isolation=connection"]);
    let mut connection = server.connect();
    for _ in 0..2 {
        let response = server
            .get("/not-modified")
            .send_on(&mut connection)
            .unwrap();
        assert_eq!(
            (response.status, response.field("content-length")),
            (304, Some("7"))
        );
    }
    // It did not trap, or this were another instance.
    let count = server.get("/count").send_on(&mut connection).unwrap();
    assert_eq!(count.text(), "2");
}

/// RFC 9110 15.2: an interim response comes before the final one, not inside it.
#[test]
fn nobody_is_told_to_continue_inside_an_answer() {
    let server = hostile(&["--content-timeout=100ms"]);
    let mut connection = server.connect();
    connection
        .send("PUT /answer-then-receive HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    let response = connection.response("PUT").unwrap();
    assert_eq!(
        (response.status, response.text()),
        (200, "partial and whole")
    );
}

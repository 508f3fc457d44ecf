//! Stopping: what is in flight finishes, what is idle ends.
//!
//! This is our host's: the component has no part in it, and the time limit is a flag that
//! `wasmtime serve` does not have.

use super::*;

#[test]
fn idle_connections_end_and_requests_in_flight_finish() {
    let mut server = Setup::new(Host::Ours)
        .file("large", vec![7; 20_000_000])
        .start();
    let mut idle = server.connect();
    assert_eq!(
        server.get("/echo/a").send_on(&mut idle).unwrap().status,
        200
    );
    let mut busy: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for connection in &mut busy {
        connection
            .send("GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        assert_eq!(connection.head().unwrap().status, 200);
    }
    server.begin_to_stop();
    idle.expect_end().unwrap();
    for mut connection in busy {
        let content = connection.receive_to_end();
        assert!(content.len() == 20_000_000 && content.iter().all(|&byte| byte == 7));
    }
    server.stop();
}

#[test]
fn an_upload_in_flight_finishes() {
    let mut server = Setup::new(Host::Ours).start();
    let mut upload = server.connect();
    upload.send("PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert_eq!(upload.head().unwrap().status, 100);
    server.begin_to_stop();
    upload.send("0123456789").unwrap();
    let response = upload.response("PUT").unwrap();
    assert_eq!(
        (response.status, response.field("connection")),
        (201, Some("close"))
    );
    server.stop();
    assert_eq!(server.read("a").as_deref(), Some(&b"0123456789"[..]));
}

#[test]
fn what_does_not_finish_in_time_is_cut_off_and_cleaned_up() {
    let mut server = Setup::new(Host::Ours)
        .flags(&["--shutdown-timeout=0s"])
        .start();
    let mut upload = server.connect();
    upload.send("PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert_eq!(upload.head().unwrap().status, 100);
    upload.send("01234").unwrap();
    server.stop();
    assert_eq!(server.names(), [""; 0]);
}

/// Of two, one waits for the permit of an upload that never ends: its turn comes when the time to finish is
/// over.
#[test]
fn what_has_not_begun_in_time_never_does() {
    let mut server = Setup::new(Host::Ours)
        .flags(&[
            "--shutdown-timeout=0s",
            "--max-requests=1",
            "--max-queue=1",
            "--busy-timeout=1h",
        ])
        .file("keep", "kept")
        .start();
    let mut upload = server.connect();
    upload.send("PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert_eq!(upload.head().unwrap().status, 100);
    let waiting = [server.connect(), server.connect()].map(|mut connection| {
        connection
            .send("DELETE /files/keep HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        connection.stream().set_nonblocking(true).unwrap();
        connection
    });
    let is_refused = |connection: &Connection| connection.stream().peek(&mut [0]).is_ok();
    tests::eventually(|| waiting.iter().any(is_refused));
    server.stop();
    assert_eq!(server.read("keep").as_deref(), Some(&b"kept"[..]));
}

//! What requests share: nothing, the instance of their connection, or instances. The component
//! counts in its memory, so what it answers shows how many the instance has answered before.

use super::*;
use std::time::Duration;

fn count_on(server: &TestServer, connection: &mut Connection) -> String {
    server
        .get("/count")
        .send_on(connection)
        .unwrap()
        .text()
        .to_owned()
}

/// What six requests on two connections, in turn, see.
fn counts(flags: &[&str]) -> Vec<String> {
    let server = hostile(flags);
    let mut connections = [server.connect(), server.connect()];
    (0..6)
        .map(|index| count_on(&server, &mut connections[index % 2]))
        .collect()
}

#[test]
fn request_shares_nothing() {
    assert_eq!(counts(&[]), ["0"; 6]);
    assert_eq!(counts(&["--isolation=request", "--threads=1"]), ["0"; 6]);
}

#[test]
fn connection_shares_an_instance_with_no_other_connection() {
    assert_eq!(
        counts(&["--isolation=connection", "--kept-timeout=1h", "--threads=1"]),
        ["0", "0", "1", "1", "2", "2"]
    );
}

#[test]
fn kept_timeout_gives_the_instance_up_and_not_the_connection() {
    // It goes unless the next request is there by then.
    let server = hostile(&["--isolation=connection", "--kept-timeout=0s"]);
    let mut connection = server.connect();
    assert_eq!(count_on(&server, &mut connection), "0");
    tests::eventually(|| count_on(&server, &mut connection) == "0");
}

/// Those who have the permits are told that one is wanted, and not who has been idle, or waited for its
/// client, for so long that it has none.
#[test]
fn who_gave_its_instance_up_does_not_take_the_notice_of_who_has_one() {
    let server = Setup::new(Host::Ours)
        .flags(&[
            "--isolation=connection",
            "--max-requests=2",
            "--kept-timeout=2s",
            "--response-timeout=1s",
            "--write-timeout=1h",
        ])
        .start();
    let large = std::fs::File::create(server.path().join("large")).unwrap();
    large.set_len(1 << 30).unwrap();
    let mut stalled = server.begin("/files/large");
    assert_eq!(stalled.head().unwrap().status, 200);
    let mut idle = server.connect();
    assert_eq!(server.get("/").send_on(&mut idle).unwrap().status, 200);
    tests::pass(Duration::from_millis(2500));
    let mut later = [server.connect(), server.connect()];
    for connection in &mut later {
        assert_eq!(server.get("/").send_on(connection).unwrap().status, 200);
    }
    assert_eq!(server.get("/").send().status, 200);
}

#[test]
fn shared_uses_an_instance_for_so_many_requests() {
    assert_eq!(
        counts(&["--isolation=shared", "--instance-reuse=4", "--threads=1"]),
        ["0", "1", "2", "3", "0", "1"]
    );
    assert_eq!(
        counts(&["--isolation=shared", "--instance-reuse=1", "--threads=1"]),
        ["0"; 6]
    );
}

/// What may be wrong with an instance after a request, and the flags that make it so.
const SPOILT: [(&str, &[&str]); 12] = [
    ("/trap-before", &[]),
    ("/trap-clean", &[]),
    ("/trap-mid", &[]),
    ("/trap-after", &[]),
    ("/exit", &[]),
    ("/leak", &[]),
    ("/forget-outparam", &[]),
    ("/loop-before", &["--cpu-timeout=50ms"]),
    ("/sleep-before?100000", &["--response-timeout=100ms"]),
    ("/sleep-mid?100000", &["--response-timeout=100ms"]),
    ("/after-work?100000", &["--response-timeout=100ms"]),
    ("/memory?2000000", &["--max-kept-memory=2MiB"]),
];

#[test]
fn an_instance_that_went_wrong_is_never_used_again() {
    for (target, flags) in SPOILT {
        let server = hostile(&[&["--isolation=shared", "--threads=1"], flags].concat());
        // One at a time: there is one instance, which remembers.
        for expected in ["0", "1"] {
            assert_eq!(server.get("/count").send().text(), expected, "{target}");
        }
        // It is whole, cut short or an error.
        let _ = server.get(target).send_on(&mut server.connect());
        assert_eq!(server.get("/count").send().text(), "0", "{target}");
    }
}

#[test]
fn neither_is_that_of_a_connection() {
    for (target, flags) in SPOILT {
        let server = hostile(&[&["--isolation=connection"], flags].concat());
        let mut connection = server.connect();
        assert_eq!(count_on(&server, &mut connection), "0");
        let _ = server.get(target).send_on(&mut connection);
        // If it is over, there is nothing that could be used again.
        if let Ok(response) = server.get("/count").send_on(&mut connection) {
            assert_eq!(response.text(), "0", "{target}");
        }
    }
}

#[test]
fn an_instance_that_did_nothing_wrong_is_used_again() {
    for target in [
        "/memory?100000",
        "/error",
        "/fields?10",
        "/nothing",
        "/too-short",
    ] {
        let server = hostile(&["--isolation=shared", "--threads=1"]);
        assert_eq!(server.get("/count").send().text(), "0");
        // It is whole, cut short or an error.
        let _ = server.get(target).send_on(&mut server.connect());
        assert_eq!(server.get("/count").send().text(), "1", "{target}");
    }
}

/// The library of most languages keeps its handle of the mapped directory. That shares nothing: every
/// request is given it.
#[test]
fn neither_did_one_that_keeps_the_mapped_directory() {
    let server = Setup::new(Host::Ours)
        .flags(&["--component", HOSTILE, "--isolation=shared", "--threads=1"])
        .file("a", b"")
        .start();
    assert_eq!(server.get("/count").send().text(), "0");
    for _ in 0..2 {
        assert_eq!(server.get("/list").send().text(), "1");
    }
    assert_eq!(server.get("/count").send().text(), "1");
}

/// There is room for one instance, so each has the memory of the one before: of that, part is zeroed by
/// hand where there is an instance for each request, and all else is given back to the operating system.
#[test]
fn nothing_is_left_in_memory() {
    for isolation in ["request", "connection", "shared"].map(|it| format!("--isolation={it}")) {
        for target in ["/scribble?1048576", "/scribble-trap?1048576"] {
            let server = hostile(&[
                &isolation,
                "--max-requests=1",
                "--threads=1",
                "--max-kept-memory=0B",
            ]);
            for _ in 0..3 {
                let response = server.get(target).send();
                assert!(response.status == 500 || response.text() != "0", "{target}");
                let traces = server.get("/traces?1048576").send();
                assert_eq!((traces.status, traces.text()), (200, "0"), "{target}");
            }
        }
    }
}

/// A request has a permit, and so has an instance that is kept: it may not keep others from theirs.
#[test]
fn who_waits_gets_the_permit_of_an_instance_that_is_idle() {
    for isolation in ["--isolation=connection", "--isolation=shared"] {
        let server = hostile(&[
            isolation,
            "--max-requests=1",
            "--kept-timeout=1h",
            "--threads=2",
        ]);
        let mut connections: Vec<_> = (0..4).map(|_| server.connect()).collect();
        for _ in 0..5 {
            for connection in &mut connections {
                let response = server.get("/count").send_on(connection).unwrap();
                assert_eq!(response.status, 200, "{isolation}");
            }
        }
    }
}

/// Three of four wait when the first is answered: each has its turn, though all connections stay open.
#[test]
fn all_who_wait_have_their_turn() {
    for isolation in ["--isolation=connection", "--isolation=shared"] {
        let server = hostile(&[
            isolation,
            "--max-requests=1",
            "--kept-timeout=1h",
            "--threads=2",
        ]);
        let mut connections: Vec<_> = (0..4).map(|_| server.connect()).collect();
        for connection in &mut connections {
            connection
                .send("GET /slow-head?50 HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
        }
        for connection in &mut connections {
            assert_eq!(connection.response("GET").unwrap().status, 200);
        }
    }
}

/// With one permit, who keeps it while it says nothing more keeps everybody else waiting.
/// Who is idle keeps nobody out, also where nobody may wait.
#[test]
fn an_idle_instance_takes_no_place_without_a_queue() {
    let server = hostile(&[
        "--isolation=connection",
        "--max-requests=1",
        "--max-queue=0",
        "--kept-timeout=1h",
    ]);
    let mut idle = server.connect();
    assert_eq!(server.get("/count").send_on(&mut idle).unwrap().status, 200);
    // Its place is free once it has been answered, which is a moment before.
    tests::eventually(|| server.get("/count").send().status == 200);
}

#[test]
fn a_connection_that_began_its_next_request_gives_its_permit_back() {
    let server = hostile(&[
        "--isolation=connection",
        "--max-requests=1",
        "--kept-timeout=1h",
        "--header-timeout=10m",
    ]);
    for begun in ["G", "\r\n"] {
        let mut slow = server.connect();
        assert_eq!(server.get("/count").send_on(&mut slow).unwrap().status, 200);
        slow.send(begun).unwrap();
        assert_eq!(server.get("/count").send().status, 200);
    }
}

//! Every limit and every timeout, crossed.

use super::*;
use clap::CommandFactory;
use rustix::net::{AddressFamily, SocketType};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Each flag under Limits and Timeouts, and the test that crosses it: here, unless it says where.
const CROSSED: &[&str] = &[
    "max-connections",
    "max-requests",
    "max-queue",
    "max-target-size",
    "max-head-size",
    "max-fields",
    "max-content-size",
    "min-content-rate",
    "min-write-rate",
    "min-busy-rate",
    "max-memory",
    "max-total-growth",
    "max-table-elements",
    "max-call-size",
    "max-handles",
    // process: the log
    "max-log-size",
    // isolation: SPOILT
    "max-kept-memory",
    "header-timeout",
    "idle-timeout",
    // isolation
    "kept-timeout",
    "content-timeout",
    "write-timeout",
    "busy-timeout",
    // truth
    "response-timeout",
    "cpu-timeout",
    // shutdown
    "shutdown-timeout",
];

#[test]
fn every_limit_is_crossed() {
    let command = http_server::cli::Cli::command();
    let limits = command.get_arguments().filter(|flag| {
        let heading = flag.get_help_heading();
        matches!(heading, Some("Limits" | "Timeouts"))
    });
    let limits: BTreeSet<_> = limits.filter_map(clap::Arg::get_long).collect();
    assert_eq!(limits, CROSSED.iter().copied().collect());
}

/// A server of the bundled component.
fn server(flags: &[&str]) -> TestServer {
    alphabet(Setup::new(Host::Ours)).flags(flags).start()
}

fn status(server: &TestServer, request: impl AsRef<[u8]>) -> u16 {
    let mut connection = server.connect();
    // Who refuses need not read it all.
    let _ = connection.send(request);
    connection.response("GET").unwrap().status
}

/// Sends a piece whenever nothing has come for a moment, until the server has had enough.
fn trickle(connection: &mut Connection, piece: &[u8]) -> Option<tests::Response> {
    let mut stream = connection.stream().try_clone().unwrap();
    loop {
        stream
            .set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        match stream.peek(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) | Ok(0) => return None,
            Ok(_) => {
                stream
                    .set_read_timeout(Some(Duration::from_secs(60)))
                    .unwrap();
                return connection.response("PUT").ok();
            }
        }
        let _ = stream.write(piece);
    }
}

#[test]
fn max_connections_more_wait() {
    // Also where an instance is kept for who is idle.
    let server = server(&[
        "--max-connections=1",
        "--isolation=connection",
        "--kept-timeout=1h",
        "--busy-timeout=1h",
    ]);
    let mut first = server.connect();
    first
        .send(
            "PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
        )
        .unwrap();
    assert_eq!(first.head().unwrap().status, 100);
    let mut second = server.begin("/echo/b");
    second.stream().set_nonblocking(true).unwrap();
    assert!(second.stream().peek(&mut [0]).is_err());
    second.stream().set_nonblocking(false).unwrap();
    // The first is served all the same. Then it does nothing, and makes room.
    first.send("x").unwrap();
    assert_eq!(first.response("PUT").unwrap().status, 201);
    first.expect_end().unwrap();
    assert_eq!(second.response("GET").unwrap().text(), "b");
    // So does who only connects, and who leaves.
    let third = server.connect();
    let mut fourth = server.begin("/echo/c");
    assert_eq!(fourth.response("GET").unwrap().text(), "c");
    drop(fourth);
    assert_eq!(server.get("/echo/d").send().text(), "d");
    drop(third);
}

/// Who speaks does not make it, and who is behind is not kept from doing so.
#[test]
fn room_is_made_by_who_is_still_idle() {
    let server = server(&["--max-connections=2", "--header-timeout=1h"]);
    let (mut speaking, mut idle) = (server.connect(), server.connect());
    tests::pass(Duration::from_millis(1500));
    speaking.send("G").unwrap();
    assert_eq!(server.get("/echo/c").send().text(), "c");
    idle.expect_end().unwrap();
    speaking
        .send("ET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(speaking.response("GET").unwrap().text(), "a");
}

#[test]
fn max_requests_and_max_queue_503() {
    let server = hostile(&["--max-requests=1", "--max-queue=1", "--busy-timeout=1h"]);
    // Its permit is held to the end of its content, which there is none of.
    let mut endless = server.begin("/endless");
    assert_eq!(endless.head().unwrap().status, 200);
    // Of three, one waits. The others are told to come again.
    let mut connections: Vec<_> = (0..3).map(|_| server.begin("/count")).collect();
    let has_answer = |connection: &Connection| {
        let stream = connection.stream();
        stream.set_nonblocking(true).unwrap();
        let is_there = stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).unwrap();
        is_there
    };
    tests::eventually(|| connections.iter().filter(|it| has_answer(it)).count() == 2);
    let waiting = connections.iter().position(|it| !has_answer(it)).unwrap();
    let mut waiting = connections.remove(waiting);
    for refused in &mut connections {
        let response = refused.response("GET").unwrap();
        assert_eq!(
            (response.status, response.field("retry-after")),
            (503, Some("1"))
        );
    }
    // When the client has gone, so has its request.
    drop(endless);
    assert_eq!(waiting.response("GET").unwrap().status, 200);
}

/// A client that leaves cancels its work, also while the component has not looked at its content.
#[test]
fn whoever_leaves_in_the_midst_of_content_makes_room() {
    let server = hostile(&[
        "--max-requests=1",
        "--response-timeout=1000s",
        "--busy-timeout=1h",
    ]);
    let mut connection = server.begin("/count");
    connection
        .send("POST /sleep-before?100000 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        .unwrap();
    // With an answer that it has not read, the client does not just end what it sends: it resets.
    tests::eventually(|| connection.stream().peek(&mut [0]).is_ok());
    let next = server.begin("/count");
    drop(connection);
    assert_eq!({ next }.response("GET").unwrap().status, 200);
}

/// It may have changed something by then: then it may clean up first, content or not.
#[test]
fn who_leaves_is_cleaned_up_after() {
    let server = hostile(&[]);
    let connection = begun_with_content(&server, "/make-later?500", 100);
    rustix::net::sockopt::set_socket_linger(connection.stream(), Some(Duration::ZERO)).unwrap();
    drop(connection);
    tests::eventually(|| server.path().join("made").exists());
}

#[test]
fn max_target_size_414() {
    let server = server(&["--max-target-size=100"]);
    for (length, expected) in [(100, 200), (101, 414), (70_000, 414)] {
        let target = format!("/echo/{}", "a".repeat(length - "/echo/".len()));
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(status(&server, request), expected, "{length}");
    }
}

#[test]
fn max_head_size_431() {
    let server = server(&["--max-head-size=1KiB"]);
    for (length, expected) in [(1024, 200), (1025, 431), (100_000, 431)] {
        let start = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
        let value = "a".repeat(length - start.len() - "\r\n\r\n".len());
        assert_eq!(
            status(&server, format!("{start}{value}\r\n\r\n")),
            expected,
            "{length}"
        );
    }
}

#[test]
fn max_head_size_of_a_response() {
    let appended = |flags: &[&str]| -> usize {
        let response = hostile(flags).get("/fields?1000000").send();
        response.text().parse().unwrap()
    };
    assert!(appended(&["--max-head-size=1KiB"]) < appended(&[]));
    assert!(appended(&[]) < 1000);
}

/// What a response repeats of a request is not too much for it, whatever the limits are.
#[test]
fn a_target_that_is_not_too_long_is_repeated() {
    let server = server(&["--max-head-size=1KiB", "--max-target-size=2000"]);
    std::fs::create_dir(server.path().join("sub")).unwrap();
    let put = server.request("PUT", &format!("/files/{}", "!".repeat(250)));
    assert_eq!(put.content("x").send().status, 201);
    let query = "{".repeat(800);
    assert_eq!(
        server.get(&format!("/files/sub?{query}")).send().status,
        308
    );
}

#[test]
fn max_fields_431() {
    let server = server(&["--max-fields=10"]);
    for (count, expected) in [(10, 200), (11, 431), (1000, 431)] {
        let fields = "X: a\r\n".repeat(count - 1);
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        assert_eq!(status(&server, request), expected, "{count}");
    }
}

/// RFC 9112 2.2: at least one is ignored.
#[test]
fn empty_lines_400() {
    let server = server(&[]);
    for (lines, expected) in [(8, 200), (9, 400)] {
        let request = "\r\n".repeat(lines) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(status(&server, request), expected, "{lines}");
    }
}

/// RFC 9112 9.6: who is refused may say what it has to say, but not for ever.
#[test]
fn content_after_a_refusal_ends_the_connection() {
    let server = server(&["--max-content-size=1"]);
    let mut connection = server.connect();
    connection
        .send("PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        .unwrap();
    assert_eq!(connection.response("PUT").unwrap().status, 413);
    let mebibyte = vec![b'x'; 1 << 20];
    let sent = (0..1000).take_while(|_| connection.send(&mebibyte).is_ok());
    assert!((16..100).contains(&sent.count()));
}

#[test]
fn max_content_size_413() {
    let server = server(&["--max-content-size=10"]);
    let put = "PUT /files/new HTTP/1.1\r\nHost: x\r\n";
    for (rest, expected) in [
        ("Content-Length: 10\r\n\r\n0123456789", 201),
        ("Content-Length: 11\r\n\r\n", 413),
        ("Content-Length: 99999999999999999999\r\n\r\n", 413),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n",
            204,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n012345\r\n",
            413,
        ),
        ("Transfer-Encoding: chunked\r\n\r\nb\r\n", 413),
        // Who asks first need not send it.
        ("Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", 413),
    ] {
        assert_eq!(status(&server, format!("{put}{rest}")), expected, "{rest}");
    }
    // Nor may it be said that it will come where nobody reads it.
    for content in [
        "Content-Length: 11\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nb\r\n",
    ] {
        let get = format!("GET / HTTP/1.1\r\nHost: x\r\n{content}");
        assert_eq!(status(&server, get), 413, "{content}");
    }
    assert_eq!(server.names(), ["a.txt", "new"]);
    assert_eq!(server.read("new").unwrap(), b"0123401234");
}

#[test]
fn min_content_rate_408() {
    // A byte now and again is content in time, but not at that rate.
    let server = server(&["--min-content-rate=1MiB", "--content-timeout=300ms"]);
    let mut connection = server.connect();
    connection
        .send("PUT /files/new HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        .unwrap();
    assert_eq!(trickle(&mut connection, b"x").unwrap().status, 408);
    assert_eq!(server.names(), ["a.txt"]);
}

#[test]
fn min_write_rate_breaks_it_off() {
    let server = hostile(&["--min-write-rate=1GiB", "--write-timeout=300ms"]);
    let connection = server.begin("/endless");
    let mut stream = connection.stream().try_clone().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    // A little is taken always, far more often than the timeout asks.
    let (mut buffer, mut taken) = (vec![0; 16 * 1024], 0);
    let end = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break None,
            Err(error) => break Some(error.kind()),
            Ok(read) => taken += read,
        }
        assert!(taken < 100_000_000);
        tests::pass(Duration::from_millis(5));
    };
    assert!(
        matches!(end, None | Some(ErrorKind::ConnectionReset)),
        "{end:?}"
    );
}

/// It takes some bytes all the time, though it is long until the kernel has room for more.
#[test]
fn who_takes_a_response_faster_than_min_write_rate_is_waited_for() {
    let server = Setup::new(Host::Ours)
        .flags(&["--write-timeout=1s"])
        .start();
    for (name, length) in [("fast", 1 << 21), ("before", 80 * 1024), ("large", 1 << 30)] {
        let file = std::fs::File::create(server.path().join(name)).unwrap();
        file.set_len(length).unwrap();
    }
    // What the client's side takes unasked is little.
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    rustix::net::connect(&socket, &server.address).unwrap();
    let stream = TcpStream::from(socket);
    let get = |name| {
        let get = format!("GET /files/{name} HTTP/1.1\r\nHost: x\r\n\r\n");
        (&stream).write_all(get.as_bytes()).unwrap();
    };
    // Then the kernel has room for more than one response, and what waits behind another is not taken
    // slower for it.
    get("fast");
    (&stream).read_exact(&mut vec![0; 1 << 21]).unwrap();
    get("before");
    get("large");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        (&stream).read_exact(&mut [0; 256]).unwrap();
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn header_timeout_408() {
    let server = server(&["--header-timeout=200ms"]);
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nX: ").unwrap();
    // What comes now and again does not make it last longer.
    assert_eq!(trickle(&mut connection, b"x").unwrap().status, 408);
    connection.expect_end().unwrap();
}

/// RFC 9110 9.3.2
#[test]
fn header_timeout_of_head_has_no_content() {
    let server = server(&["--header-timeout=100ms"]);
    let received = server.raw("HEAD / HTTP/1.1\r\nHost: x\r\n");
    assert!(
        received.starts_with("HTTP/1.1 408 ") && received.ends_with("\r\n\r\n"),
        "{received}"
    );
}

#[test]
fn who_says_nothing_is_not_waited_for() {
    let server = server(&["--header-timeout=200ms"]);
    server.connect().expect_end().unwrap();
}

#[test]
fn idle_timeout_ends_the_connection() {
    let server = server(&["--idle-timeout=100ms"]);
    let mut connection = server.connect();
    for _ in 0..2 {
        let response = server.get("/").send_on(&mut connection).unwrap();
        assert_eq!(response.status, 200);
    }
    connection.expect_end().unwrap();
}

#[test]
fn content_timeout_408() {
    let server = server(&["--content-timeout=100ms"]);
    for framing in [
        "Content-Length: 5\r\n\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ] {
        let mut connection = server.connect();
        connection
            .send(format!("PUT /files/new HTTP/1.1\r\nHost: x\r\n{framing}"))
            .unwrap();
        assert_eq!(connection.response("PUT").unwrap().status, 408);
    }
    assert_eq!(server.names(), ["a.txt"]);
}

/// Whose content is echoed has begun to be answered by then, but was sent nothing yet.
#[test]
fn content_that_fails_before_its_first_byte_is_the_client_s_fault() {
    for target in ["/echo", "/files/new"] {
        for (content, timeout, expected) in [
            ("zz\r\n", "20s", 400),
            ("0\r\nX\r\n\r\n", "20s", 400),
            ("ffffffffffff\r\n", "20s", 413),
            ("", "500ms", 408),
        ] {
            let server = server(&[&format!("--content-timeout={timeout}")]);
            let mut connection = server.connect();
            connection
                .send(format!(
                    "PUT {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
                ))
                .unwrap();
            // It is asked for.
            assert_eq!(connection.head().unwrap().status, 100);
            connection.send(content).unwrap();
            let response = connection.response("PUT").unwrap();
            assert_eq!(response.status, expected, "{target} {content:?}");
            assert_eq!(server.names(), ["a.txt"]);
        }
    }
}

/// The client takes nothing until the server has lost patience: then the permit is free again.
#[test]
fn write_timeout_breaks_it_off() {
    let server = hostile(&["--write-timeout=100ms", "--max-requests=1"]);
    let mut connection = server.begin("/endless");
    assert_eq!(connection.head().unwrap().status, 200);
    assert_eq!(server.get("/count").send().status, 200);
    assert!(!connection.receive_to_end().ends_with(b"0\r\n\r\n"));
}

#[test]
fn write_timeout_of_a_file() {
    let server = Setup::new(Host::Ours)
        .flags(&["--write-timeout=100ms"])
        .start();
    let large = std::fs::File::create(server.path().join("large")).unwrap();
    large.set_len(1 << 30).unwrap();
    let mut connection = server.begin("/files/large");
    assert_eq!(connection.head().unwrap().status, 200);
    // It is reset.
    tests::eventually(|| connection.stream().take_error().unwrap().is_some());
    assert!(connection.receive_to_end().len() < 1 << 30);
}

/// What a component has handed on needs it no more, however slowly the client takes it.
#[test]
fn who_takes_a_file_slowly_takes_no_place() {
    for isolation in ["request", "connection", "shared"] {
        let server = Setup::new(Host::Ours)
            .flags(&[
                &format!("--isolation={isolation}"),
                "--max-requests=1",
                "--write-timeout=1h",
                "--kept-timeout=1h",
                "--response-timeout=10s",
            ])
            .start();
        let large = std::fs::File::create(server.path().join("large")).unwrap();
        large.set_len(16 << 30).unwrap();
        // Sixteen parts of half a gigabyte, one after the other, are as many as are sent.
        let parts: Vec<_> = (0_u64..16)
            .map(|part| format!("{}-{}", part << 30, (part << 30) + (1 << 29)))
            .collect();
        for range in ["0-", &parts.join(",")] {
            let mut slow = server.connect();
            let get = "GET /files/large HTTP/1.1\r\nHost: x\r\n";
            slow.send(format!("{get}Range: bytes={range}\r\n\r\n"))
                .unwrap();
            assert_eq!(slow.head().unwrap().status, 206);
            for _ in 0..3 {
                assert_eq!(server.get("/").send().status, 200, "{isolation} {range}");
            }
        }
    }
}

/// An upload that has the only place: its content has begun, and more does not come.
fn begin_to_upload(server: &TestServer) -> Connection {
    let mut upload = server.connect();
    let put = "PUT /files/new HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n";
    upload
        .send(format!("{put}Expect: 100-continue\r\n\r\n"))
        .unwrap();
    assert_eq!(upload.head().unwrap().status, 100);
    upload.send("begun").unwrap();
    upload
}

#[test]
fn busy_timeout_gives_the_place_to_who_waits() {
    let flags = |isolation| {
        [
            isolation,
            "--max-requests=1",
            "--busy-timeout=100ms",
            "--content-timeout=1h",
            "--write-timeout=1h",
            "--response-timeout=10s",
        ]
    };
    for isolation in [
        "--isolation=request",
        "--isolation=connection",
        "--isolation=shared",
    ] {
        let files = server(&flags(isolation));
        let mut upload = begin_to_upload(&files);
        assert_eq!(files.get("/").send().status, 200, "{isolation}");
        assert_eq!(upload.response("PUT").unwrap().status, 408, "{isolation}");
        assert_eq!(files.names(), ["a.txt"]);
        // While nobody waits it may take its time.
        let upload = begin_to_upload(&files);
        tests::pass(Duration::from_millis(300));
        upload.stream().set_nonblocking(true).unwrap();
        assert!(upload.stream().peek(&mut [0]).is_err(), "{isolation}");

        let hostile = hostile(&flags(isolation));
        let mut endless = hostile.begin("/endless");
        assert_eq!(endless.head().unwrap().status, 200);
        tests::pass(Duration::from_millis(300));
        // More than could be on its way when it was cut off.
        let mut more = endless.stream().take(50_000_000);
        let taken = std::io::copy(&mut more, &mut std::io::sink()).unwrap();
        assert_eq!(taken, 50_000_000, "{isolation}");
        assert_eq!(hostile.get("/count").send().status, 200, "{isolation}");
        assert!(!endless.receive_to_end().ends_with(b"0\r\n\r\n"));
    }
}

/// Also by whom the component has answered already.
#[test]
fn busy_timeout_gives_the_place_of_who_was_answered_to_who_waits() {
    let server = hostile(&[
        "--max-requests=1",
        "--busy-timeout=100ms",
        "--content-timeout=1h",
        "--response-timeout=1h",
    ]);
    let mut slow = server.connect();
    slow.send("POST /answer-before-receiving HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        .unwrap();
    assert_eq!(slow.response("POST").unwrap().text(), "whole");
    assert_eq!(server.get("/count").send().status, 200);
    // While nobody waits it may take its time, longer than an answer may.
    let server = hostile(&["--response-timeout=300ms", "--isolation=connection"]);
    let mut slow = server.connect();
    slow.send("POST /answer-before-receiving HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        .unwrap();
    assert_eq!(slow.response("POST").unwrap().text(), "whole");
    tests::pass(Duration::from_millis(600));
    slow.send("123456789").unwrap();
    assert_eq!(server.get("/count").send_on(&mut slow).unwrap().status, 200);
}

/// Nor do slow clients keep others from being accepted, with or without a place for a request.
#[test]
fn busy_timeout_makes_room_for_who_waits() {
    let server = server(&[
        "--max-connections=1",
        "--busy-timeout=100ms",
        "--header-timeout=1h",
        "--content-timeout=1h",
        "--write-timeout=1h",
    ]);
    std::fs::File::create(server.path().join("large"))
        .and_then(|large| large.set_len(1 << 30))
        .unwrap();
    let assert_makes_room = |slow: &Connection, who, has_begun: bool| {
        // While nobody waits it may take its time.
        tests::pass(Duration::from_millis(300));
        if !has_begun {
            slow.stream().set_nonblocking(true).unwrap();
            assert!(slow.stream().peek(&mut [0]).is_err(), "{who}");
            slow.stream().set_nonblocking(false).unwrap();
        } else {
            // More than could be on its way when it was cut off.
            let taken = std::io::copy(&mut slow.stream().take(50_000_000), &mut std::io::sink());
            assert_eq!(taken.unwrap(), 50_000_000, "{who}");
        }
        assert_eq!(server.get("/").send().status, 200, "{who}");
    };
    let mut head = server.connect();
    head.send("GET / HTTP/1.1\r\n").unwrap();
    assert_makes_room(&head, "half a head", false);
    assert_eq!(head.response("GET").unwrap().status, 408);
    let mut upload = begin_to_upload(&server);
    assert_makes_room(&upload, "an upload", false);
    assert_eq!(upload.response("PUT").unwrap().status, 408);
    let mut download = server.begin("/files/large");
    assert_eq!(download.head().unwrap().status, 200);
    assert_makes_room(&download, "a download", true);
    assert!(download.receive_to_end().len() < 1 << 30);
}

#[test]
fn min_busy_rate_gives_the_place_to_who_waits() {
    let server = server(&[
        "--max-requests=1",
        "--busy-timeout=300ms",
        "--min-busy-rate=1GiB",
        "--response-timeout=10s",
    ]);
    let mut upload = begin_to_upload(&server);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get("/").send().status);
        assert_eq!(trickle(&mut upload, b"x").unwrap().status, 408);
        assert_eq!(waiting.join().unwrap(), 200);
    });
}

#[test]
fn min_busy_rate_gives_the_place_of_who_takes_a_response_slowly_to_who_waits() {
    let server = hostile(&[
        "--max-requests=1",
        "--busy-timeout=300ms",
        "--min-busy-rate=10GiB",
        "--response-timeout=1h",
    ]);
    let mut endless = server.begin("/endless");
    assert_eq!(endless.head().unwrap().status, 200);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get("/count").send().status);
        let taken = |_: &u32| matches!(endless.stream().read(&mut [0; 64]), Ok(1..));
        // Much more than is on its way when it is cut off.
        let most = 10_000_000;
        assert!((0..most).take_while(taken).count() < most as usize);
        assert_eq!(waiting.join().unwrap(), 200);
    });
}

/// Nor does who does not send the content that nobody asked for.
#[test]
fn who_sends_the_rest_of_its_content_slowly_takes_no_place() {
    let flags = [
        "--isolation=connection",
        "--max-requests=1",
        "--response-timeout=2s",
    ];
    let server = Setup::new(Host::Ours).flags(&flags).start();
    let mut slow = server.connect();
    slow.send("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        .unwrap();
    assert_eq!(slow.response("GET").unwrap().status, 200);
    assert_eq!(server.get("/").send().status, 200);
}

#[test]
fn max_memory() {
    let server = hostile(&["--max-memory=4MiB"]);
    assert_eq!(server.get("/memory?1000000").send().status, 200);
    assert_eq!(server.get("/memory?5000000").send().status, 500);
}

#[test]
fn max_total_growth_503() {
    let flags = [
        "--isolation=connection",
        "--max-total-growth=16MiB",
        "--max-kept-memory=64MiB",
    ];
    let server = hostile(&flags);
    let mut connection = server.connect();
    for (target, expected) in [
        ("/count", "0"),
        ("/memory?2000000", "2000000"),
        ("/count", "1"),
        // An instance that has grown so much is not kept for later.
        ("/memory?10000000", "10000000"),
        ("/count", "0"),
    ] {
        let response = server.get(target).send_on(&mut connection).unwrap();
        assert_eq!(response.text(), expected, "{target}");
    }
    let mut holding = server.begin("/memory-held?10000000");
    assert_eq!(holding.head().unwrap().status, 200);
    let refused = server.get("/memory?10000000").send();
    assert_eq!(
        (refused.status, refused.field("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(server.get("/count").send().status, 200);
    drop(holding);
    tests::eventually(|| server.get("/memory?10000000").send().status == 200);
}

#[test]
fn max_handles() {
    let server = hostile(&["--max-handles=100"]);
    assert_eq!(server.get("/handles?50").send().text(), "50");
    assert_eq!(server.get("/handles?101").send().status, 500);
}

/// What waits in bodies is not in the component's memory, and so not in its limit.
#[test]
fn bodies_without_end() {
    let server = hostile(&[]);
    assert_eq!(server.get("/bodies?15").send().text(), "15");
    assert_eq!(server.get("/bodies?16").send().status, 500);
}

/// Nor is what was read ahead.
#[test]
fn readers_without_end() {
    let server = hostile(&["--isolation=shared"]);
    for _ in 0..2 {
        assert_eq!(server.get("/readers?100").send().text(), "64");
        assert_eq!(server.get("/lists?100").send().text(), "16");
    }
}

#[test]
fn max_call_size() {
    let server = hostile(&["--max-call-size=100KB"]);
    for (target, expected) in [
        ("/random?100000", 200),
        ("/random?100001", 500),
        ("/write?50000", 200),
        ("/write?200000", 500),
    ] {
        assert_eq!(server.get(target).send().status, expected, "{target}");
    }
    assert_eq!(hostile(&[]).get("/random?67108864").send().status, 500);
}

/// What a component begins with must fit, or it is refused at start, and says which flag is too small.
#[test]
fn max_memory_and_max_table_elements_at_start() {
    for (flag, says) in [
        ("--max-memory=64KiB", "--max-memory"),
        ("--max-table-elements=1", "--max-table-elements"),
    ] {
        let cli = http_server::cli::Cli::read(["http-server", "--port=0", "--no-code-cache", flag]);
        let error = http_server::Server::bind(cli.unwrap().into_config()).err();
        let sentence = error.expect("it starts").to_string();
        assert!(sentence.contains(says), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }
}

/// A component of more tables than most have, two of which grow by 600 elements for each request: it
/// returns without an answer if that is granted, and never if it is refused.
const GROWING_TABLES: &str = r#"
(component
  (import "wasi:http/types@0.2.0" (instance $types
    (export "incoming-request" (type (sub resource)))
    (export "response-outparam" (type (sub resource)))))
  (alias export $types "incoming-request" (type $request))
  (alias export $types "response-outparam" (type $answer))
  (core module $module
    (table $first 1 funcref)
    (table $second 1 funcref)
    (table $third 0 0 funcref)
    (func (export "handle") (param i32 i32)
      (drop (table.grow $first (ref.null func) (i32.const 600)))
      (i32.eq (table.grow $second (ref.null func) (i32.const 600)) (i32.const -1))
      (if (then (loop $forever (br $forever))))))
  (core instance $instance (instantiate $module))
  (func $handle (param "request" (own $request)) (param "response-out" (own $answer))
    (canon lift (core func $instance "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))
"#;

/// Growth past the limit, of all tables together, is refused as WebAssembly has it: `table.grow` says -1.
#[test]
fn max_table_elements_when_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.wasm");
    std::fs::write(&path, wat::parse_str(GROWING_TABLES).unwrap()).unwrap();
    for (flag, expected) in [
        ("--max-table-elements=1202", 500),
        ("--max-table-elements=1201", 504),
    ] {
        let server = Setup::new(Host::Ours)
            .flags(&["--component", path.to_str().unwrap()])
            .flags(&[flag, "--cpu-timeout=50ms"])
            .start();
        assert_eq!(server.get("/").send().status, expected, "{flag}");
    }
}

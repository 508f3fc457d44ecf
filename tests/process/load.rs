//! More than there is room for, and stopping in the midst of it.

use super::*;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit, setrlimit};
use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Takes as many open files as there may be, for connections of this process.
fn raise_file_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// Starts the program after a shell has set a limit.
fn serve_limited(limit: &str, arguments: &[&str]) -> (Process, SocketAddr) {
    let script = format!("{limit}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_http-server");
    let arguments = [&["-c", &script, program, "--port=0"], arguments].concat();
    let mut process = Process::start(Path::new("/bin/sh"), &arguments, &[]);
    let address = address(&mut process);
    (process, address)
}

fn get(address: SocketAddr, target: &str) -> tests::Response {
    Request::new(address, "GET", target).send()
}

#[test]
fn more_connections_than_descriptors() {
    raise_file_limit();
    let (process, address) = serve_limited("ulimit -n 256", &[]);
    let mut connections: Vec<_> = (0..1000)
        .map(|_| Connection::open(address).unwrap())
        .collect();
    for connection in &mut connections {
        connection
            .send("GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
    }
    // Those that are served are served whole; the others wait, rather than be dropped.
    assert_eq!(connections[0].response("GET").unwrap().text(), "a");
    drop(connections);
    assert_eq!(get(address, "/echo/b").text(), "b");
    signal(&process, Signal::TERM);
    let (status, _, stderr) = process.end();
    assert_eq!(status.code(), Some(0));
    assert!(!stderr.contains("ERROR"), "{stderr}");
}

/// Each upload has more open than a file: so there are fewer connections, and no 500.
#[test]
fn more_uploads_than_descriptors() {
    raise_file_limit();
    let folder = tempfile::tempdir().unwrap();
    let directory = format!("--directory={}", folder.path().display());
    let (_process, address) = serve_limited("ulimit -n 256", &[&directory]);
    let mut uploads: Vec<_> = (0..300)
        .map(|index| {
            let mut upload = Connection::open(address).unwrap();
            let head = format!("PUT /files/d/{index} HTTP/1.1\r\nHost: x\r\n");
            let rest = "Connection: close\r\nContent-Length: 10\r\n\r\n01234";
            upload.send(head + rest).unwrap();
            upload
        })
        .collect();
    for upload in &mut uploads {
        upload.send("56789").unwrap();
        assert_eq!(upload.response("PUT").unwrap().status, 201);
    }
}

/// EMFILE, which the server's own count of connections does not let come to pass.
#[test]
fn no_descriptor_at_all() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "a").unwrap();
    let directory = format!("--directory={}", folder.path().display());
    let (mut process, address) = serve(&[&directory]);
    // Its threads have what they need by now.
    let mut open = Connection::open(address).unwrap();
    let mut get_a = || {
        let request = Request::new(address, "GET", "/files/a");
        request.send_on(&mut open).unwrap()
    };
    assert_eq!(get_a().status, 200);
    let id = Pid::from_raw(process.id().cast_signed());
    let before = getrlimit(Resource::Nofile).maximum;
    let none = Rlimit {
        current: Some(3),
        maximum: before,
    };
    let given = prlimit(id, Resource::Nofile, none).unwrap();
    let refused = get_a();
    assert_eq!(
        (refused.status, refused.field("retry-after")),
        (503, Some("1"))
    );
    let mut waiting = Connection::open(address).unwrap();
    waiting
        .send("GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    process.line_with("no connection is accepted for");
    prlimit(id, Resource::Nofile, given).unwrap();
    assert_eq!(waiting.response("GET").unwrap().text(), "a");
    assert_eq!(get_a().text(), "a");
}

/// In whichever phase of starting they are missing.
#[test]
fn too_few_descriptors_to_start() {
    for files in [8, 10, 12, 14, 16, 32] {
        let flags = "--port=0 --no-code-cache --threads=32";
        let limited = format!("ulimit -n {files} && exec \"$0\" {flags}");
        let arguments = ["-c", &limited, env!("CARGO_BIN_EXE_http-server")];
        let (status, _, stderr) = Process::start(Path::new("/bin/sh"), &arguments, &[]).end();
        assert_eq!(status.code(), Some(1), "{stderr}");
        let said = stderr.matches("Too many open files").count();
        assert!(said == 1 && stderr.contains("can't start"), "{stderr}");
    }
}

#[test]
fn no_address_space_for_a_pool() {
    let (process, address) = serve_limited("ulimit -v 4000000", &["--threads=1"]);
    for _ in 0..3 {
        assert_eq!(get(address, "/echo/a").text(), "a");
    }
    signal(&process, Signal::TERM);
    let (_, _, stderr) = process.end();
    assert!(stderr.contains("no pool of instances"), "{stderr}");
}

#[test]
fn many_connections_and_more_requests_than_permits() {
    raise_file_limit();
    let component = format!("--component={}", tests::HOSTILE);
    let (_process, address) = serve(&[&component, "--max-requests=64", "--max-queue=200"]);
    let mut connections: Vec<_> = (0..5000)
        .map(|_| Connection::open(address).unwrap())
        .collect();
    let mut get = |range: std::ops::Range<usize>, target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        for connection in &mut connections[range.clone()] {
            connection.send(&request).unwrap();
        }
        let responses = connections[range]
            .iter_mut()
            .map(|connection| connection.response("GET").unwrap());
        responses.map(|it| it.status).collect::<Vec<_>>()
    };
    // No more at once than may wait.
    for start in (0..5000).step_by(200) {
        assert_eq!(get(start..start + 200, "/count"), [200; 200]);
    }
    let statuses = get(0..1000, "/slow-head?300");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)));
    let served = statuses.iter().filter(|&&status| status == 200).count();
    // Those with a permit, and those that may wait for one.
    assert!((264..1000).contains(&served), "{served}");
    assert_eq!(get(4800..5000, "/count"), [200; 200]);
}

/// A request whose connection was accepted is answered, whole.
#[test]
fn stopping_under_load_fails_no_request() {
    for _ in 0..20 {
        let mut process = start(&["--port=0", "--threads=2"], &[]);
        let address = address(&mut process);
        let answered: [AtomicUsize; 8] = Default::default();
        let answered = &answered;
        std::thread::scope(move |scope| {
            for (client, answered) in answered.iter().enumerate() {
                scope.spawn(move || request_until_it_stops(address, client, answered));
            }
            let is_served = |answered: &AtomicUsize| answered.load(Ordering::Relaxed) > 0;
            tests::eventually(|| answered.iter().all(is_served));
            signal(&process, Signal::TERM);
            assert_eq!(process.end().0.code(), Some(0));
        });
    }
}

/// Also where it waits until it is; and another server may have the port meanwhile.
#[test]
fn stopping_answers_who_waits_for_room() {
    let (process, address) = serve(&["--max-connections=1", "--busy-timeout=1h"]);
    let mut first = Connection::open(address).unwrap();
    first
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    assert_eq!(first.head().unwrap().status, 100);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let mut connection = Connection::open(address).unwrap();
            connection
                .send("GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            connection
        })
        .collect();
    signal(&process, Signal::TERM);
    tests::eventually(|| TcpListener::bind(address).is_ok());
    first.send("x").unwrap();
    assert_eq!(first.response("POST").unwrap().text(), "x");
    for mut connection in waiting {
        assert_eq!(connection.response("GET").unwrap().text(), "a");
    }
    assert_eq!(process.end().0.code(), Some(0));
}

/// design.md: visibly broken off, also where nothing but the end of the connection ends the content.
#[test]
fn content_of_http10_that_kill_9_ends_does_not_look_whole() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0_u64..1_000_000)
        .map(|line| format!("{:016x}\n", line.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    std::fs::write(folder.path().join("a.txt"), text).unwrap();
    let (process, address) = serve(&[&format!("--directory={}", folder.path().display())]);
    let mut connection = Connection::open(address).unwrap();
    connection
        .send("GET /files/a.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        .unwrap();
    let head = connection.head().unwrap();
    assert_eq!((head.status, head.field("content-length")), (200, None));
    signal(&process, Signal::KILL);
    let end = connection.stream().read_to_end(&mut Vec::new());
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

/// Requests, on connections that are used once or again and again, until there is no server to
/// connect to. Counts those that were answered.
fn request_until_it_stops(address: SocketAddr, client: usize, answered: &AtomicUsize) {
    while let Ok(mut connection) = Connection::open(address) {
        loop {
            let request = Request::new(address, "GET", "/echo/abc");
            let request = match client % 2 {
                0 => request,
                _ => request.field("Connection", "close"),
            };
            let response = request.send_on(&mut connection);
            let response = response.unwrap_or_else(|error| panic!("after {answered:?}: {error:#}"));
            assert_eq!((response.status, response.text()), (200, "abc"));
            answered.fetch_add(1, Ordering::Relaxed);
            if response.field("connection") == Some("close") {
                break;
            }
        }
    }
}

/// Opening a FIFO to write waits for somebody who reads, on the thread that serves the connection.
#[test]
fn a_file_operation_that_hangs_stops_nobody_else_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    let status = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(status.unwrap().success());
    let directory = format!("--directory={}", folder.path().display());
    let component = format!("--component={}", tests::HOSTILE);
    let (mut process, address) = serve(&[&directory, &component, "--file-io=inline"]);
    let mut hung = Connection::open(address).unwrap();
    hung.send("GET /open-to-write?/files/fifo HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    // Connections that come until that is noticed may have to wait too.
    let mut others = Vec::new();
    let is_served = || {
        let mut other = Connection::open(address).unwrap();
        other
            .send("GET /count HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let stream = other.stream();
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let is_served = stream.peek(&mut [0]).is_ok();
        others.push(other);
        is_served
    };
    tests::eventually(is_served);
    process.line_with("holds up 1 of 1 threads");
}

//! The program: flags, exit codes, messages, signals, and what only a process of its own can show.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod load;
mod log;

use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use tests::{Connection, Process, Request};

mod full_disk;
mod killed;
mod large_directory;

fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Process {
    Process::start(
        Path::new(env!("CARGO_BIN_EXE_http-server")),
        arguments,
        variables,
    )
}

/// Runs the program to its end: how it ended, and what it said on stdout and on stderr.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let (status, stdout, stderr) = start(arguments, &[]).end();
    (status.code(), stdout, stderr)
}

fn address(process: &mut Process) -> SocketAddr {
    let line = process.line_with("listening on http://");
    // As JSON, it is the message of an object.
    let line: String = serde_json::from_str(&line).map_or(line, |object: serde_json::Value| {
        object["message"].as_str().unwrap().to_owned()
    });
    let address = line
        .strip_prefix("listening on http://")
        .expect("a line of its own");
    address.parse().expect("an address")
}

fn serve(arguments: &[&str]) -> (Process, SocketAddr) {
    let mut process = start(&[&["--port=0", "--threads=1"], arguments].concat(), &[]);
    let address = address(&mut process);
    (process, address)
}

fn signal(process: &Process, signal: Signal) {
    let id = Pid::from_raw(process.id().cast_signed()).expect("a process");
    kill_process(id, signal).expect("it runs");
}

/// One sentence on stderr, and nothing that looks like a program's failure.
fn assert_is_sentence(stderr: &str) {
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("http-server: ")
            && !stderr.contains("panicked")
            && !stderr.contains("RUST_BACKTRACE"),
        "{stderr}"
    );
}

#[test]
fn help_and_version() {
    let (code, stdout, stderr) = run(&["--help"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for flag in [
        "--directory",
        "--listen",
        "--port",
        "--read-only",
        "--component",
        "--env",
        "--threads",
        "--isolation",
        "--shutdown-timeout",
        "--max-memory",
    ] {
        assert!(stdout.contains(flag), "{flag}");
    }
    assert!(stdout.lines().all(|line| line.chars().count() <= 100));
    let (code, stdout, _) = run(&["--version"]);
    assert_eq!(
        (code, stdout.as_str()),
        (
            Some(0),
            concat!("http-server ", env!("CARGO_PKG_VERSION"), "\n")
        )
    );
}

/// What it is for may be a secret.
#[test]
fn help_does_not_show_the_environment_of_the_component() {
    let variables = [
        ("HTTP_SERVER_ENV", "TOKEN=secret"),
        ("HTTP_SERVER_PORT", "4711"),
    ];
    let (_, stdout, _) = start(&["--help"], &variables).end();
    assert!(
        stdout.contains("4711") && !stdout.contains("secret"),
        "{stdout}"
    );
}

#[test]
fn wrong_usage_is_2_and_says_what_is_wrong() {
    for (arguments, says) in [
        (&["--port=65536"][..], "65536"),
        (&["--port=x"], "--port"),
        (&["--listen=nowhere"], "--listen"),
        (&["--listen=127.0.0.1:0", "--port=1"], "--port"),
        (&["--env=NOVALUE"], "NAME=VALUE"),
        (&["--threads=0"], "--threads"),
        (&["--isolation=none"], "--isolation"),
        (&["--threads=100000"], "1024 at most"),
        (&["--max-requests=18446744073709551615"], "1000000 at most"),
        (&["--max-memory=lots"], "a number of bytes"),
        (
            &["--max-content-size=99999999999999999999"],
            "a number of bytes",
        ),
        (&["--max-head-size=1023"], "can't be less than 1024"),
        (
            &["--max-head-size=16EiB"],
            "it can be 1073741824 bytes at most",
        ),
        (&["--max-memory=5GiB"], "it can be 4294967296 bytes at most"),
        (&["--max-call-size=1"], "can't be less than 4096"),
        (&["--listen=localhost:8080"], "such as 127.0.0.1:8080"),
        (&["--max-handles=15"], "15 is not in 16.."),
        (&["--max-fields=0"], "--max-fields"),
        (&["--code-cache=x", "--no-code-cache"], "--code-cache"),
        (&["--idle-timeout=soon"], "--idle-timeout"),
        (&["--nope"], "--nope"),
        (&["argument"], "argument"),
    ] {
        let (code, _, stderr) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains(says),
            "{stderr}"
        );
    }
}

#[test]
fn what_can_t_be_served_is_1_and_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("file"), "").unwrap();
    std::fs::write(path("text.wasm"), "no component").unwrap();
    std::fs::write(path("module.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    std::fs::write(path("empty.wasm"), wat::parse_str("(component)").unwrap()).unwrap();
    let sockets = r#"(component (import "wasi:sockets/instance-network@0.2.0" (instance (export "instance-network" (func (result u32))))))"#;
    std::fs::write(path("sockets.wasm"), wat::parse_str(sockets).unwrap()).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();

    for (flag, value, says) in [
        ("--directory", path("nope"), "No such file or directory"),
        ("--directory", path("file"), "not a directory"),
        ("--listen", taken, "Address already in use"),
        ("--component", path("nope"), "No such file or directory"),
        (
            "--component",
            path("text.wasm"),
            "is no WebAssembly component",
        ),
        (
            "--component",
            path("module.wasm"),
            "is no WebAssembly component",
        ),
        (
            "--component",
            path("empty.wasm"),
            "does not export wasi:http/incoming-handler",
        ),
        (
            "--component",
            path("sockets.wasm"),
            "wasi:sockets/instance-network@0.2.0",
        ),
    ] {
        let (code, stdout, stderr) = run(&[flag, &value, "--no-code-cache"]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{flag} {value}");
        assert_is_sentence(&stderr);
        assert!(
            stderr.contains(says) && (stderr.contains(&value) || flag == "--listen"),
            "{stderr}"
        );
    }
}

#[test]
fn it_says_that_it_listens_once_it_serves() {
    let (process, address) = serve(&[]);
    assert!(address.ip().is_loopback() && address.port() != 0);
    assert_eq!(
        Request::new(address, "GET", "/echo/abc").send().text(),
        "abc"
    );
    // To some clients, localhost is ::1 first.
    let other = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port()));
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert_eq!(Request::new(other, "GET", "/echo/abc").send().text(), "abc");
    }
    signal(&process, Signal::TERM);
    let (status, stdout, stderr) = process.end();
    assert_eq!((status.code(), stdout.as_str()), (Some(0), ""));
    assert_eq!(stderr, format!("listening on http://{address}\n"));
}

#[test]
fn flags_can_be_set_by_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "index").unwrap();
    let directory = folder.path().display().to_string();
    let variables = [
        ("HTTP_SERVER_DIRECTORY", directory.as_str()),
        ("HTTP_SERVER_PORT", "0"),
        ("HTTP_SERVER_READ_ONLY", "1"),
        ("HTTP_SERVER_ENV", "FILES_INDEX=1\nFILES_HIDDEN=1\n"),
    ];
    let mut process = start(&[], &variables);
    let address = address(&mut process);
    assert_eq!(
        Request::new(address, "GET", "/files/").send().text(),
        "index"
    );
    assert_eq!(
        Request::new(address, "PUT", "/files/a")
            .content("a")
            .send()
            .status,
        403
    );
}

#[test]
fn what_is_typed_counts_more_than_the_environment() {
    for (flag, variable, value) in [
        ("--port=0", "HTTP_SERVER_LISTEN", "192.0.2.1:1"),
        ("--listen=127.0.0.1:0", "HTTP_SERVER_PORT", "1"),
        ("--port=0", "HTTP_SERVER_PORT", "1"),
    ] {
        let mut process = start(
            &[flag, "--no-code-cache"],
            &[(variable, value), ("HTTP_SERVER_CODE_CACHE", "/nowhere")],
        );
        let address = address(&mut process);
        assert!(
            address.ip().is_loopback() && address.port() > 1,
            "{address}"
        );
    }
    let cache = tempfile::tempdir().unwrap();
    let flag = format!("--code-cache={}", cache.path().display());
    let variables = [("HTTP_SERVER_NO_CODE_CACHE", "true")];
    address(&mut start(&["--port=0", &flag], &variables));
    assert!(std::fs::read_dir(cache.path()).unwrap().count() > 0);
    let variables = [
        ("HTTP_SERVER_LISTEN", "127.0.0.1:0"),
        ("HTTP_SERVER_PORT", "0"),
    ];
    let (status, _, stderr) = start(&[], &variables).end();
    assert_eq!(status.code(), Some(2));
    assert!(stderr.contains("--listen and --port"), "{stderr}");
}

#[test]
fn both_signals_end_it_with_0() {
    for which in [Signal::INT, Signal::TERM] {
        let (process, address) = serve(&[]);
        let mut idle = idle(address);
        signal(&process, which);
        idle.expect_end().unwrap();
        assert_eq!(process.end().0.code(), Some(0), "{which:?}");
    }
}

/// A connection that has had an answer, and says nothing more.
fn idle(address: SocketAddr) -> Connection {
    let mut connection = Connection::open(address).unwrap();
    let request = Request::new(address, "GET", "/");
    assert_eq!(request.send_on(&mut connection).unwrap().status, 200);
    connection
}

/// Begins a download that will not end, and stops the program.
fn stop_during_download(arguments: &[&str]) -> (Process, Connection) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("large"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let directory = format!("--directory={}", folder.path().display());
    let (process, address) = serve(&[&[directory.as_str()], arguments].concat());
    let mut busy = Connection::open(address).unwrap();
    busy.send("GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(busy.head().unwrap().status, 200);
    let mut idle = idle(address);
    signal(&process, Signal::TERM);
    // It is stopping by now.
    idle.expect_end().unwrap();
    (process, busy)
}

/// Also while it starts, however long that takes: here, a file is never read to its end.
#[test]
fn a_signal_ends_it_before_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    let component = format!("--component={}", fifo.display());
    let process = start(&["--port=0", &component], &[]);
    // Until it catches that, it is the signal that ends it.
    let status = format!("/proc/{}/status", process.id());
    let catches = || {
        let status = std::fs::read_to_string(&status).unwrap();
        let mut lines = status.lines();
        let caught = lines.find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & 1 << (Signal::TERM.as_raw() - 1) != 0
    };
    tests::eventually(catches);
    signal(&process, Signal::TERM);
    assert_eq!(process.end().0.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (process, _busy) = stop_during_download(&[]);
    signal(&process, Signal::TERM);
    let (status, _, _): (ExitStatus, _, _) = process.end();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn what_does_not_finish_in_time_is_cut_off() {
    let (process, _busy) = stop_during_download(&["--shutdown-timeout=100ms"]);
    assert_cut_off(process);
}

/// One connection did not end by itself, but did when it was cut off.
fn assert_cut_off(process: Process) {
    let (status, _, stderr) = process.end();
    assert_eq!(status.code(), Some(0));
    assert!(stderr.contains("1 connections are cut off"), "{stderr}");
    assert!(!stderr.contains("did not end"), "{stderr}");
}

#[test]
fn half_a_head_is_cut_off_too() {
    let (process, address) = serve(&["--shutdown-timeout=100ms"]);
    let mut half = Connection::open(address).unwrap();
    half.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
        .unwrap();
    assert_eq!(half.response("GET").unwrap().status, 200);
    signal(&process, Signal::TERM);
    assert_cut_off(process);
}

/// /dev/full takes nothing that is said.
#[test]
fn that_nobody_can_be_told_is_no_panic() {
    let script = "exec \"$0\" --directory=/nowhere/at/all 2>/dev/full";
    let arguments = ["-c", script, env!("CARGO_BIN_EXE_http-server")];
    let (status, _, _) = Process::start(Path::new("/bin/sh"), &arguments, &[]).end();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn every_address_is_that_of_both_protocols() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("not tested: there is no IPv6 here");
        return;
    }
    let mut process = start(&["--listen=[::]:0"], &[]);
    let port = address(&mut process).port();
    for address in ["127.0.0.1", "[::1]"] {
        let address = format!("{address}:{port}").parse().unwrap();
        assert_eq!(Request::new(address, "GET", "/").send().status, 200);
    }
}

#[test]
fn the_log_can_be_json() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("trap.wasm");
    std::fs::copy(tests::HOSTILE, &component).unwrap();
    let component = format!("--component={}", component.display());
    let (process, address) = serve(&[&component, "--log-format=json"]);
    assert_eq!(
        Request::new(address, "GET", "/trap-before").send().status,
        500
    );
    signal(&process, Signal::TERM);
    let (_, _, stderr) = process.end();
    let lines: Vec<serde_json::Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("not JSON"))
        .collect();
    let line = &lines[1];
    assert_eq!(
        (&line["level"], &line["request"]),
        (&"ERROR".into(), &1.into())
    );
    assert!(
        line["message"]
            .as_str()
            .is_some_and(|message| message.contains("unreachable")),
        "{line}"
    );
}

/// What is in the cache is run, so nobody else may write to it.
#[test]
fn only_a_private_code_cache_is_used() {
    use std::fs::{Permissions, read_dir, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (name, mode, is_used) in [("private", 0o700, true), ("public", 0o777, false)] {
        let cache = folder.path().join(name);
        std::fs::create_dir(&cache).unwrap();
        set_permissions(&cache, Permissions::from_mode(mode)).unwrap();
        let (process, address) = serve(&[&format!("--code-cache={}", cache.display())]);
        assert_eq!(Request::new(address, "GET", "/").send().status, 200);
        signal(&process, Signal::TERM);
        let (_, _, stderr) = process.end();
        assert_eq!(stderr.contains("no code cache in"), !is_used, "{stderr}");
        assert_eq!(read_dir(&cache).unwrap().count() > 0, is_used, "{name}");
    }
}

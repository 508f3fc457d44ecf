//! The log: one line for each failure, what the component prints, and nothing that a terminal obeys.

use super::*;

fn hostile(arguments: &[&str]) -> (Process, SocketAddr) {
    let component = format!("--component={}", tests::HOSTILE);
    serve(&[&[component.as_str()], arguments].concat())
}

/// What was said after the line that the server listens.
fn end(process: Process) -> Vec<String> {
    signal(&process, Signal::TERM);
    let (_, _, stderr) = process.end();
    stderr.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn what_is_refused_is_counted() {
    let (process, address) = hostile(&["--max-requests=1", "--max-queue=0"]);
    let mut first = Connection::open(address).unwrap();
    first
        .send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(first.head().unwrap().status, 200);
    for _ in 0..5 {
        assert_eq!(Request::new(address, "GET", "/count").send().status, 503);
    }
    drop(first);
    let lines = end(process);
    let counts = lines.iter().map(|line| {
        let (_, count) = line
            .split_once("requests were refused, because as many wait as may: ")
            .unwrap_or_else(|| panic!("{line}"));
        count.parse::<u32>().unwrap()
    });
    assert_eq!(counts.sum::<u32>(), 5);
}

#[test]
fn each_failure_is_a_line_with_its_request_and_its_cause() {
    let cases = [
        ("/trap-before", "unreachable"),
        ("/recurse", "call stack"),
        ("/silent", "returned without an answer"),
        ("/exit", "called exit with success"),
        ("/error", "no reason"),
        // Cut short.
        ("/error?100000", "no reason"),
        ("/trap-mid", "unreachable"),
        ("/trap-late", "unreachable"),
        ("/trap-after", "unreachable"),
        ("/drop-body", "gave up its content"),
        ("/return-mid", "gave up its content"),
        ("/too-short", "gave up its content"),
        ("/empty-promise", "promised 5 bytes of content and wrote 0"),
        ("/loop-before", "CPU time"),
        ("/loop-mid", "CPU time"),
        ("/sleep-before?100000", "did not go on in time"),
        ("/sleep-mid?100000", "did not go on in time"),
        ("/after-work?100000", "did not return in time"),
        ("/random?100000000", "random bytes"),
        ("/handles?100000", "handle limit"),
    ];
    let (process, address) = hostile(&["--cpu-timeout=100ms", "--response-timeout=200ms"]);
    for (target, _) in cases {
        // Its end says that all of it is over.
        let mut connection = Connection::open(address).unwrap();
        connection
            .send(format!(
                "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            ))
            .unwrap();
        connection.receive_to_end();
    }
    let lines = end(process);
    for (index, (target, cause)) in cases.iter().enumerate() {
        let request = format!("request={} asked=GET {target}", index + 1);
        let mut of_it = lines.iter().filter(|line| line.ends_with(&request));
        let line = of_it
            .next()
            .unwrap_or_else(|| panic!("{target}: {lines:#?}"));
        assert!(line.contains(" ERROR ") && line.contains(cause), "{line}");
        assert!(line.len() < 2000, "{target}: {}", line.len());
        assert_eq!(of_it.next(), None, "{target}");
    }
    assert_eq!(lines.len(), cases.len(), "{lines:#?}");
}

#[test]
fn head_hides_no_failure() {
    let (process, address) = hostile(&[]);
    assert_eq!(
        Request::new(address, "HEAD", "/trap-mid").send().status,
        200
    );
    let lines = end(process);
    assert!(
        lines.len() == 1 && lines[0].contains("unreachable"),
        "{lines:#?}"
    );
}

#[test]
fn what_is_printed_is_bounded_for_each_request_and_moves_no_cursor() {
    let line = "\x1b[31mprinted\n";
    // Also a limit that is reached exactly, by whole lines.
    for limit in [1024, 100 * line.len()] {
        let flags = [&*format!("--max-log-size={limit}B"), "--isolation=shared"];
        let (process, address) = hostile(&flags);
        for _ in 0..2 {
            let response = Request::new(address, "GET", "/print?100000").send();
            assert_eq!(response.text(), "printed");
        }
        let lines = end(process);
        assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
        for request in ["request=1", "request=2"] {
            let of_it = lines.iter().filter(|line| line.contains(request));
            let (printed, said): (Vec<_>, Vec<_>) =
                of_it.partition(|line| line.contains("stream=\"stderr\""));
            assert!(printed[0].contains("\\u{1b}[31mprinted"), "{}", printed[0]);
            let bytes = printed.len() * line.len();
            assert!((limit / 2..=2 * limit).contains(&bytes), "{bytes}");
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].contains("printed too much"));
        }
    }
}

#[test]
fn each_request_is_a_line_where_that_is_wanted() {
    let (process, address) = serve(&["--log-requests", "--max-content-size=1"]);
    let sent = |request: &str| {
        let mut connection = Connection::open(address).unwrap();
        connection.send(request).unwrap();
        connection.receive_to_end().len()
    };
    let close = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let cases = [
        (
            format!("GET /echo/abc {close}\r\n"),
            "request=1 method=\"GET\" target=/echo/abc status=200",
        ),
        (
            format!("HEAD /nope {close}\r\n"),
            "request=2 method=\"HEAD\" target=/nope status=404",
        ),
        (
            format!("POST /echo {close}Content-Length: 2\r\n\r\n"),
            "method=\"POST\" target=/echo status=413",
        ),
        ("nonsense\r\n\r\n".to_owned(), "status=400"),
    ];
    let expected: Vec<_> = cases
        .iter()
        .map(|(request, line)| format!("{line} sent={} microseconds=", sent(request)))
        .collect();
    let lines = end(process);
    assert_eq!(lines.len(), cases.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains("  INFO answered client=127.0.0.1:"), "{line}");
        assert!(line.contains(&expected), "{line}: {expected}");
    }
}

#[test]
fn what_is_printed_as_json() {
    let (process, address) = hostile(&["--log-format=json"]);
    assert_eq!(Request::new(address, "GET", "/print?1").send().status, 200);
    let lines = end(process);
    let line: serde_json::Value = serde_json::from_str(&lines[0]).expect("not JSON");
    assert_eq!(
        (&line["request"], &line["stream"], &line["message"]),
        (&1.into(), &"stderr".into(), &"\\u{1b}[31mprinted".into())
    );
}

#[test]
fn that_it_listens_or_why_it_ends_is_said_as_json_at_any_level() {
    let flags = ["--log-format=json", "--log-level=off"];
    let (process, address) = serve(&flags);
    let listen = format!("--listen={address}");
    let (code, _, stderr) = run(&[&flags[..], &[&listen]].concat());
    let line: serde_json::Value = serde_json::from_str(&stderr).expect("not JSON, or not one line");
    assert_eq!((code, &line["level"]), (Some(1), &"ERROR".into()));
    assert_eq!(end(process), [""; 0]);
}

#[test]
fn the_level_says_what_is_logged() {
    for (level, expected) in [
        ("off", 0),
        ("error", 1),
        ("warn", 2),
        ("info", 3),
        ("debug", 5),
    ] {
        let (process, address) = hostile(&[&format!("--log-level={level}")]);
        for target in ["/print?1", "/print-on-stdout", "/trap-before"] {
            // One of them fails, as it should.
            let _ = Request::new(address, "GET", target).send();
        }
        let lines = end(process);
        assert_eq!(lines.len(), expected, "{level}: {lines:#?}");
    }
}

/// A component that is not done, since its client takes nothing, has the only place.
#[test]
fn who_waits_for_a_place_in_vain_is_a_warning() {
    let flags = [
        "--max-requests=1",
        "--write-timeout=1h",
        "--response-timeout=200ms",
    ];
    let (process, address) = hostile(&flags);
    let mut busy = Connection::open(address).unwrap();
    busy.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(busy.head().unwrap().status, 200);
    assert_eq!(Request::new(address, "GET", "/count").send().status, 503);
    drop(busy);
    let lines = end(process);
    assert!(
        lines.len() == 1
            && lines[0].contains(" WARN ")
            && lines[0].contains("none of those at once ended in time"),
        "{lines:#?}"
    );
}

/// Whatever happens to an instance, nothing of it stays.
#[test]
fn no_instance_is_left_when_it_stops() {
    for isolation in ["request", "connection"] {
        let isolation = format!("--isolation={isolation}");
        let flags = [
            isolation.as_str(),
            "--log-level=debug",
            "--cpu-timeout=50ms",
        ];
        let (process, address) = hostile(&flags);
        for target in [
            "/count",
            "/trap-before",
            "/trap-mid",
            "/loop-before",
            "/leak",
            "/count",
        ] {
            // Some of them fail, as they should.
            let request = Request::new(address, "GET", target);
            let _ = request.send_on(&mut Connection::open(address).unwrap());
        }
        let lines = end(process);
        let last = lines.last().expect("nothing was said");
        assert!(
            last.ends_with("stopped after 6 requests, with 0 instances left"),
            "{last}"
        );
    }
}

#[test]
fn what_a_client_does_wrong_is_no_failure() {
    let (process, address) = serve(&["--content-timeout=100ms"]);
    let post = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234";
    for stays in [true, false] {
        let mut client = Connection::open(address).unwrap();
        client.send(post).unwrap();
        assert_eq!(client.head().unwrap().status, 200);
        if stays {
            client.receive_to_end();
        }
    }
    assert_eq!(end(process), [""; 0]);
}

/// A pipe holds 64 KiB.
#[test]
fn nobody_waits_for_who_reads_the_log() {
    let (process, address) = hostile(&[]);
    let mut connection = Connection::open(address).unwrap();
    for _ in 0..100 {
        let printed = Request::new(address, "GET", "/print?1000");
        assert_eq!(printed.send_on(&mut connection).unwrap().text(), "printed");
    }
    end(process);
}

//! What a component may do: answer, read the clock, draw random numbers, print, and reach one directory.

use super::*;

#[test]
fn outgoing_requests_are_denied() {
    let response = hostile(&[]).get("/outgoing").send();
    assert_eq!(response.text(), "Some(ErrorCode::HttpRequestDenied)");
}

#[test]
fn the_environment_is_what_the_operator_says_and_there_are_no_arguments() {
    // Cargo sets some for this process.
    assert!(std::env::vars().count() > 0);
    assert_eq!(hostile(&[]).get("/environment").send().text(), "[] []");
    assert_eq!(
        hostile(&["--env=A=1", "--env=B=x=y"])
            .get("/environment")
            .send()
            .text(),
        r#"[("A", "1"), ("B", "x=y")] []"#
    );
}

#[test]
fn only_the_directory_can_be_opened() {
    let server = alphabet(Setup::new(Host::Ours))
        .flags(&["--component", HOSTILE])
        .start();
    let open = |path: &str| {
        let response = server.get(&format!("/open?{path}")).send();
        response.text().to_owned()
    };
    assert_eq!(open("/files/a.txt"), "Ok(26)");
    for path in [
        "/etc/passwd",
        "/",
        "etc/passwd",
        "/proc/self/environ",
        "/dev/null",
        "/files/../etc/passwd",
        "/files/../../../../etc/passwd",
        "/files//etc/passwd",
        "/files2/a.txt",
    ] {
        assert!(open(path).starts_with("Err("), "{path}: {}", open(path));
    }
}

#[test]
fn without_a_directory_nothing_can_be_opened() {
    let server = Setup::new(Host::Ours)
        .unmapped()
        .flags(&["--component", HOSTILE])
        .start();
    for path in ["/files/a.txt", "/", ".", "/etc/passwd"] {
        let response = server.get(&format!("/open?{path}")).send();
        assert!(response.text().starts_with("Err("), "{path}");
    }
}

/// `wasi:http/types`: the fields of a request, and those that a response was made of.
#[test]
fn fields_that_are_not_to_be_changed_are_not() {
    let refused = ["Err(HeaderError::Immutable)"; 4].join(", ");
    let response = hostile(&[]).get("/immutable").send();
    assert_eq!(response.text(), format!("({refused})"));
}

/// RFC 9110 7.6.1: what belongs to the connection is the host's; the host of a request is its authority.
#[test]
fn the_fields_of_the_connection_are_hidden() {
    let server = hostile(&[]);
    let seen = server
        .get("/fields-seen")
        .field("Connection", "keep-alive, X")
        .field("Keep-Alive", "timeout=5")
        .field("X", "1")
        .send();
    assert!(seen.text().contains("x ") && !seen.text().contains("host"));
    assert!(!seen.text().contains("connection") && !seen.text().contains("keep-alive"));
    let authority = server.get("/authority").send();
    assert_eq!(authority.text(), format!("Some(\"{}\")", server.address));
}

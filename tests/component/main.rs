//! The component, over TCP. Each file is a subject.
//!
//! A case in `on_both_hosts!` runs on our host and on the real `wasmtime serve`. One in
//! `on_ours_only!` says why it can't on the other, which is held to it: should the case pass there,
//! the test fails, and the case can move. `cargo test wasmtime_serve_differs` lists them; what
//! else runs on our host only is about its flags, and says so where it stands.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use tests::{Connection, HOSTILE, Host, Setup, TestServer};

/// Defines a case on any host, and runs it on ours.
macro_rules! case {
    ($server:ident, $setup:expr, $body:block) => {
        use super::*;

        fn server(host: Host) -> TestServer {
            let setup: fn(Setup) -> Setup = $setup;
            setup(Setup::new(host)).start()
        }

        fn case($server: &TestServer) $body

        #[test]
        fn ours() {
            case(&server(Host::Ours));
        }
    };
}

/// Defines cases, each with what it sets up.
macro_rules! on_both_hosts {
    ($($(#[$meta:meta])* fn $name:ident($server:ident, $setup:expr) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            case!($server, $setup, $body);

            #[test]
            fn wasmtime_serve() {
                case(&server(Host::WasmtimeServe));
            }
        }
    )*};
}

/// Defines cases that `wasmtime serve` fails, and says why.
macro_rules! on_ours_only {
    ($(#[doc = $reason:literal] fn $name:ident($server:ident, $setup:expr) $body:block)*) => {$(
        mod $name {
            case!($server, $setup, $body);

            #[doc = $reason]
            #[test]
            fn wasmtime_serve_differs() {
                let server = server(Host::WasmtimeServe);
                let case = std::panic::AssertUnwindSafe(|| case(&server));
                assert!(std::panic::catch_unwind(case).is_err(), "it does not");
            }
        }
    )*};
}

mod abi;
mod authority;
mod clients;
mod coding;
mod connection;
mod containment;
mod delete;
mod echo;
mod files;
mod isolation;
mod limits;
mod listing;
mod lookup;
mod precondition;
mod range;
mod regressions;
mod routing;
mod shutdown;
mod truth;
mod upload;
mod user_agent;
mod world;

/// The content that ranges are easy to see in.
const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";

/// Nothing but an empty directory.
fn bare(setup: Setup) -> Setup {
    setup
}

/// A file `a.txt` of the alphabet.
fn alphabet(setup: Setup) -> Setup {
    setup.file("a.txt", ALPHABET)
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(bytes), &mut decoded).expect("not gzip");
    decoded
}

/// A server with the component that misbehaves.
fn hostile(flags: &[&str]) -> TestServer {
    Setup::new(Host::Ours)
        .flags(&["--component", HOSTILE])
        .flags(flags)
        .start()
}

/// A request whose content is to come, of so many bytes, and whose answer has begun: with `partial`.
fn begun_with_content(server: &TestServer, target: &str, length: usize) -> Connection {
    let mut connection = server.connect();
    let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    connection.send(head).unwrap();
    assert_eq!(connection.head().unwrap().status, 200);
    connection.receive_until(b"partial").unwrap();
    connection
}

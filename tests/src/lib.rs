//! Support for the component tests: servers on ports of their own, over directories of their own,
//! and clients that see what is on the wire.

#![allow(
    clippy::expect_used,
    reason = "support for tests: what cannot go on ends the test"
)]

mod client;
mod process;
mod server;

pub use client::{Connection, Request, Response, decode_chunked};
pub use process::Process;
pub use server::{Host, Setup, TestServer, unflattened};

/// Waits until something is so that comes to be by itself.
///
/// # Panics
///
/// When it has not for a minute: then it will not.
pub fn eventually(mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 60, "it has not come to be");
        std::thread::yield_now();
    }
}

/// Lets time pass in which nothing is to happen.
pub fn pass(duration: std::time::Duration) {
    let end = std::time::Instant::now() + duration;
    while let Some(rest) = end.checked_duration_since(std::time::Instant::now()) {
        std::thread::park_timeout(rest);
    }
}

/// The path of the component that misbehaves.
pub const HOSTILE: &str = env!("HOSTILE");

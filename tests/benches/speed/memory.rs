//! How much memory a server uses while it waits.

use crate::load::FIRST;
use crate::process;
use crate::servers::{Bench, Server};
use anyhow::Result;
use rustix::process::{Resource, getrlimit};
use std::time::Duration;
use tests::{Connection, Request};

/// How many connections are idle.
const CONNECTIONS: usize = 5_000;

/// How long an answer may take: a server that keeps an instance for each connection may have no
/// more of them.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much memory a server uses while it waits.
pub(crate) struct Memory {
    pub(crate) server: &'static str,
    /// After one request, in bytes.
    pub(crate) idle: f64,
    /// More for each connection that waits after a request, in bytes.
    pub(crate) per_connection: f64,
    /// How many connections it answered at once, if not as many as were asked for.
    pub(crate) most: Option<usize>,
}

/// Measures, with a process of its own.
pub(crate) fn measure(bench: &Bench, server: &Server) -> Result<Memory> {
    let running = server.start(bench, &bench.cache)?;
    let idle = process::memory(running.id())? as f64;
    let mut connections = Vec::new();
    for _ in 0..count() {
        let mut connection = Connection::open(running.address)?;
        connection.stream().set_read_timeout(Some(PATIENCE))?;
        let request = Request::new(running.address, "GET", FIRST.path);
        if request.send_on(&mut connection).is_err() {
            break;
        }
        connections.push(connection);
    }
    // What it does after an answer, it does soon, and what it does for who is idle, in a second.
    std::thread::sleep(Duration::from_millis(1500));
    let busy = process::memory(running.id())? as f64;
    Ok(Memory {
        server: server.name,
        idle,
        per_connection: (busy - idle) / connections.len() as f64,
        most: Some(connections.len()).filter(|&most| most < count()),
    })
}

/// As many as there may be descriptors for: a server may keep a second one for each connection.
pub(crate) fn count() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / 2;
    CONNECTIONS.min(
        usize::try_from(files)
            .unwrap_or(usize::MAX)
            .saturating_sub(100),
    )
}

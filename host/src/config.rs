//! What a server is to do: validated, and passed explicitly.

use crate::connection::pace::Pace;
use crate::deadline::TICK;
use crate::http1::head::{HeadLimits, LONGEST_TARGET};
use crate::limits::InstanceLimits;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// What a server is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses to listen on: the first must be free, the others are tried. Port 0 is any port
    /// that is free, the same for all.
    pub listen: Vec<SocketAddr>,
    /// The directory to serve, if any.
    pub mapping: Option<Mapping>,
    /// What to run.
    pub component: Component,
    /// The environment variables of the component, and all it has.
    pub environment: Vec<(String, String)>,
    /// How many threads serve connections.
    pub threads: NonZeroUsize,
    /// What requests share.
    pub isolation: Isolation,
    /// How operations on files wait.
    pub file_io: FileIo,
    /// Each request has a line in the log.
    pub log_requests: bool,
    /// Where compiled code is kept between starts, if anywhere.
    pub code_cache: Option<PathBuf>,
    /// What nobody gets more of.
    pub limits: Limits,
    /// What nobody is waited for longer than.
    pub timeouts: Timeouts,
}

/// A directory of the host, mapped into the component.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Its path on the host.
    pub path: PathBuf,
    /// It is mapped without write permission.
    pub read_only: bool,
}

/// A component.
#[derive(Clone, Debug)]
pub enum Component {
    /// The one that is part of the server.
    Bundled,
    /// Another, from a file.
    File(PathBuf),
}

/// What requests share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Nothing: each has an instance of its own.
    Request,
    /// The instance of their connection.
    Connection,
    /// Instances, each for at most so many requests.
    Shared(u32),
}

/// How operations on files wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileIo {
    /// As `inline` for a local file system, as `pool` for one that may wait for a network or another process.
    Auto,
    /// Names are looked up and changed on the thread that serves the connection; content that may have to
    /// wait for a disk is not read or written there.
    Inline,
    /// A pool of threads does everything, so that a file system that hangs holds up nobody else.
    Pool,
}

/// What nobody gets more of.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: NonZeroUsize,
    /// Requests at once, and so instances.
    pub requests: NonZeroUsize,
    /// Requests that wait for their turn; more are answered 503.
    pub queue: usize,
    /// The request target, in bytes: 414. A target is never longer than 65534.
    pub target_size: usize,
    /// The head of a request, in bytes, and the fields a component may set: 431.
    pub head_size: usize,
    /// The field lines of a request: 431.
    pub fields: usize,
    /// The content of a request, in bytes: 413.
    pub content_size: u64,
    /// How fast content must come, in bytes a second: 408.
    pub content_rate: u64,
    /// How fast a response must be taken, in bytes a second.
    pub write_rate: u64,
    /// Both while others wait to be accepted, or for a permit.
    pub busy_rate: u64,
    /// The memory of an instance, in bytes.
    pub memory: usize,
    /// What the memories of all instances may grow by together, in bytes: 503.
    pub total_growth: usize,
    /// The tables of an instance, in elements.
    pub table_elements: usize,
    /// What one call of the component to the host may move, in bytes.
    pub call_size: usize,
    /// The handles that an instance may have at once.
    pub handles: usize,
    /// What a component may print during a request, in bytes.
    pub log_size: usize,
    /// The memory of an instance that serves again, in bytes: one that has grown larger does not.
    pub kept_memory: usize,
}

/// What nobody is waited for longer than.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// For the head of a request, from its first byte: 408.
    pub header: Duration,
    /// For the next request on a connection.
    pub idle: Duration,
    /// For the next request on a connection, by the instance that is kept for it.
    pub kept: Duration,
    /// For the next piece of content: 408.
    pub content: Duration,
    /// For a client to take the next piece of a response.
    pub write: Duration,
    /// For a head, or the next piece of either, while others wait to be accepted, or for a permit.
    pub busy: Duration,
    /// For a component to answer, or to go on: 504.
    pub response: Duration,
    /// For a component to compute without an answer or content.
    pub cpu: Duration,
    /// For requests in flight, when the server stops.
    pub shutdown: Duration,
}

impl Config {
    pub(crate) fn head_limits(&self) -> HeadLimits {
        HeadLimits {
            target: self.limits.target_size.min(LONGEST_TARGET),
            head: self.limits.head_size,
            fields: self.limits.fields,
        }
    }

    pub(crate) fn content_pace(&self) -> Pace {
        Pace {
            timeout: self.timeouts.content,
            rate: self.limits.content_rate,
        }
    }

    pub(crate) fn write_pace(&self) -> Pace {
        Pace {
            timeout: self.timeouts.write,
            rate: self.limits.write_rate,
        }
    }

    /// For a client that keeps others waiting.
    pub(crate) fn busy_pace(&self) -> Pace {
        Pace {
            timeout: self.timeouts.busy,
            rate: self.limits.busy_rate,
        }
    }

    pub(crate) fn instance_limits(&self) -> InstanceLimits {
        let limits = &self.limits;
        let ticks = self.timeouts.cpu.as_millis().div_ceil(TICK.as_millis());
        InstanceLimits {
            memory: limits.memory,
            table_elements: limits.table_elements,
            call_size: limits.call_size,
            handles: limits.handles,
            // Location repeats the target, with up to three bytes for one; and one more for all else.
            field_size: limits
                .head_size
                .saturating_add(limits.target_size.saturating_mul(4)),
            cpu_ticks: u64::try_from(ticks).unwrap_or(u64::MAX),
            log_size: limits.log_size,
        }
    }
}

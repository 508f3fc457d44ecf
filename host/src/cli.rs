//! The flags, as they are typed; [`Cli::into_config`] says what they mean.

use crate::config::{Component, Config, FileIo, Isolation, Limits, Mapping, Timeouts};
use crate::http1::head::LONGEST_TARGET;
use crate::log::{Format, Level};
use bytesize::ByteSize;
use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use humantime::Duration as HumanDuration;
use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Serves files, and echoes, from inside a WebAssembly sandbox.
///
/// Runs a wasi:http component, the bundled one unless told otherwise, and maps a directory into it:
/// all that the component can reach. Every flag can also be set by an environment variable.
#[derive(Debug, Parser)]
#[command(name = "http-server", version, max_term_width = 100)]
pub struct Cli {
    /// The directory to serve below /files/
    #[arg(short, long, value_name = "DIR", env = "HTTP_SERVER_DIRECTORY")]
    directory: Option<PathBuf>,

    /// Map the directory without write permission
    #[arg(long, env = "HTTP_SERVER_READ_ONLY", value_parser = BoolishValueParser::new())]
    read_only: bool,

    /// The address to listen on
    #[arg(short, long, value_name = "ADDR:PORT", env = "HTTP_SERVER_LISTEN", value_parser = address)]
    listen: Option<SocketAddr>,

    /// The port to listen on, of this machine only; 0 is any that is free
    #[arg(
        short,
        long,
        value_name = "PORT",
        env = "HTTP_SERVER_PORT",
        default_value_t = 8080
    )]
    port: u16,

    /// The component to run instead of the bundled one
    #[arg(long, value_name = "FILE", env = "HTTP_SERVER_COMPONENT")]
    component: Option<PathBuf>,

    /// An environment variable for the component, such as FILES_INDEX=1; may be repeated, in the
    /// environment one on each line
    #[arg(short, long, value_name = "NAME=VALUE", env = "HTTP_SERVER_ENV", hide_env_values = true, value_delimiter = '\n', value_parser = variable)]
    env: Vec<Option<(String, String)>>,

    /// How many threads serve connections [default: one for each processor]
    #[arg(long, value_name = "N", env = "HTTP_SERVER_THREADS", value_parser = up_to::<1024>)]
    threads: Option<NonZeroUsize>,

    /// What requests share
    #[arg(long, value_enum, env = "HTTP_SERVER_ISOLATION", default_value_t = IsolationMode::Request)]
    isolation: IsolationMode,

    /// How many requests an instance answers, with --isolation shared
    #[arg(
        long,
        value_name = "N",
        env = "HTTP_SERVER_INSTANCE_REUSE",
        default_value_t = 1000
    )]
    instance_reuse: u32,

    /// How operations on files wait
    #[arg(long, value_enum, env = "HTTP_SERVER_FILE_IO", default_value_t = FileIo::Auto)]
    file_io: FileIo,

    /// Where compiled code is kept between starts [default: http-server in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "HTTP_SERVER_CODE_CACHE")]
    code_cache: Option<PathBuf>,

    /// Compile the component anew at each start
    #[arg(long, env = "HTTP_SERVER_NO_CODE_CACHE", value_parser = BoolishValueParser::new())]
    no_code_cache: bool,

    /// How a line of the log is written
    #[arg(long, value_enum, env = "HTTP_SERVER_LOG_FORMAT", default_value_t = Format::Text)]
    log_format: Format,

    /// Log each request too: by whom, for what, and how it was answered; at --log-level info
    #[arg(long, env = "HTTP_SERVER_LOG_REQUESTS", value_parser = BoolishValueParser::new())]
    log_requests: bool,

    /// What is logged
    #[arg(long, value_enum, env = "HTTP_SERVER_LOG_LEVEL", default_value_t = Level::Info)]
    log_level: Level,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    timeouts: TimeoutArgs,
}

/// What requests share, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum IsolationMode {
    /// Nothing, so none sees anything of another; costs an instance for each
    Request,
    /// The instance of their connection, so no client sees anything of another; costs its memory
    /// for each connection, until --kept-timeout
    Connection,
    /// Instances, at the least cost, but a flaw in the component may show one client's data to
    /// another
    Shared,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Connections at once; more wait, until one ends, or one that is idle or slow is closed
    #[arg(
        long,
        value_name = "N",
        value_parser = up_to::<1_000_000>,
        env = "HTTP_SERVER_MAX_CONNECTIONS",
        default_value = "8192"
    )]
    max_connections: NonZeroUsize,

    /// Requests at once, and so instances
    #[arg(
        long,
        value_name = "N",
        value_parser = up_to::<1_000_000>,
        env = "HTTP_SERVER_MAX_REQUESTS",
        default_value = "1024"
    )]
    max_requests: NonZeroUsize,

    /// Requests that wait for their turn; more are answered 503
    #[arg(
        long,
        value_name = "N",
        env = "HTTP_SERVER_MAX_QUEUE",
        default_value_t = 1024
    )]
    max_queue: usize,

    /// A request's target, in bytes, 65534 at most: 414
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 1..=LONGEST_TARGET as u64),
        env = "HTTP_SERVER_MAX_TARGET_SIZE",
        default_value = "8KiB"
    )]
    max_target_size: ByteSize,

    /// A request's head, in bytes, 1KiB to 1GiB: 431. A response's fields may be as large, and four times
    /// --max-target-size more
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 1024..=1 << 30),
        env = "HTTP_SERVER_MAX_HEAD_SIZE",
        default_value = "32KiB"
    )]
    max_head_size: ByteSize,

    /// A request's field lines: 431
    #[arg(
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..),
        env = "HTTP_SERVER_MAX_FIELDS",
        default_value_t = 100
    )]
    max_fields: usize,

    /// A request's content, in bytes: 413
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 0..=u64::MAX),
        env = "HTTP_SERVER_MAX_CONTENT_SIZE",
        default_value = "16GiB"
    )]
    max_content_size: ByteSize,

    /// How fast a request's content must come on average, in bytes a second; --content-timeout comes on
    /// top: 408; 0 is any rate
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 0..=u64::MAX),
        env = "HTTP_SERVER_MIN_CONTENT_RATE",
        default_value = "500B"
    )]
    min_content_rate: ByteSize,

    /// How fast a response must be taken on average, in bytes a second; --write-timeout comes on top; 0
    /// is any rate
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 0..=u64::MAX),
        env = "HTTP_SERVER_MIN_WRITE_RATE",
        default_value = "500B"
    )]
    min_write_rate: ByteSize,

    /// How fast content must come, or a response be taken, while others wait for --max-connections or
    /// --max-requests, in bytes a second; --busy-timeout comes on top; 0 is any rate
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 0..=u64::MAX),
        env = "HTTP_SERVER_MIN_BUSY_RATE",
        default_value = "8KiB"
    )]
    min_busy_rate: ByteSize,

    /// An instance's memory, in bytes, 4GiB at most
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 1..=1 << 32),
        env = "HTTP_SERVER_MAX_MEMORY",
        default_value = "64MiB"
    )]
    max_memory: ByteSize,

    /// What the memories of all instances may grow by together, in bytes: 503
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 0..=u64::MAX),
        env = "HTTP_SERVER_MAX_TOTAL_GROWTH",
        default_value = "1GiB"
    )]
    max_total_growth: ByteSize,

    /// An instance's tables, in elements
    #[arg(
        long,
        value_name = "N",
        env = "HTTP_SERVER_MAX_TABLE_ELEMENTS",
        default_value_t = 10_000
    )]
    max_table_elements: usize,

    /// What one call of the component to the host may move, in bytes, 4KiB at least
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 4096..=u64::MAX),
        env = "HTTP_SERVER_MAX_CALL_SIZE",
        default_value = "2MiB"
    )]
    max_call_size: ByteSize,

    /// An instance's handles at once, 16 at least
    #[arg(
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(16..),
        env = "HTTP_SERVER_MAX_HANDLES",
        default_value_t = 1024
    )]
    max_handles: usize,

    /// What the component may print during a request, in bytes
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 0..=u64::MAX),
        env = "HTTP_SERVER_MAX_LOG_SIZE",
        default_value = "16KiB"
    )]
    max_log_size: ByteSize,

    /// The memory of an instance that may serve again, in bytes
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = |text: &str| size(text, 0..=u64::MAX),
        env = "HTTP_SERVER_MAX_KEPT_MEMORY",
        default_value = "4MiB"
    )]
    max_kept_memory: ByteSize,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Timeouts")]
struct TimeoutArgs {
    /// For a request's head: 408
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_HEADER_TIMEOUT",
        default_value = "10s"
    )]
    header_timeout: HumanDuration,

    /// For the next request on a connection
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_IDLE_TIMEOUT",
        default_value = "60s"
    )]
    idle_timeout: HumanDuration,

    /// For the next request on a connection, before its instance is given up, with --isolation connection
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_KEPT_TIMEOUT",
        default_value = "1s"
    )]
    kept_timeout: HumanDuration,

    /// For the next piece of a request's content: 408
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_CONTENT_TIMEOUT",
        default_value = "20s"
    )]
    content_timeout: HumanDuration,

    /// For a client to take the next piece of a response
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_WRITE_TIMEOUT",
        default_value = "30s"
    )]
    write_timeout: HumanDuration,

    /// For a head, for the next piece of content, or for a client to take the next piece of a response, while
    /// others wait for --max-connections or --max-requests
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_BUSY_TIMEOUT",
        default_value = "1s"
    )]
    busy_timeout: HumanDuration,

    /// For the component to answer (504), or to go on
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_RESPONSE_TIMEOUT",
        default_value = "60s"
    )]
    response_timeout: HumanDuration,

    /// For the component to compute without an answer or content
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_CPU_TIMEOUT",
        default_value = "10s"
    )]
    cpu_timeout: HumanDuration,

    /// For requests in flight, when the server stops
    #[arg(
        long,
        value_name = "TIME",
        env = "HTTP_SERVER_SHUTDOWN_TIMEOUT",
        default_value = "30s"
    )]
    shutdown_timeout: HumanDuration,
}

impl Cli {
    /// Reads flags, of which the first is the name of the program.
    ///
    /// # Errors
    ///
    /// As clap says: also for `--help` and `--version`.
    pub fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(arguments)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        let typed = |name| match matches.value_source(name) {
            None | Some(ValueSource::DefaultValue) => None,
            source => Some(source == Some(ValueSource::CommandLine)),
        };
        // What is typed counts more than what the environment says. Of two that do not go together, and
        // come from the same place, nobody knows which is meant.
        match (typed("listen"), typed("port")) {
            (Some(false), Some(true)) => cli.listen = None,
            (one, other) if one.is_some() && one == other => {
                return Err(contradiction("--listen", "--port"));
            }
            _ => {}
        }
        match (typed("code_cache"), typed("no_code_cache")) {
            (Some(true), Some(false)) => cli.no_code_cache = false,
            (one, other) if one.is_some() && one == other && cli.no_code_cache => {
                return Err(contradiction("--code-cache", "--no-code-cache"));
            }
            _ => {}
        }
        Ok(cli)
    }

    /// How to log.
    #[must_use]
    pub fn log(&self) -> (Format, Level) {
        (self.log_format, self.log_level)
    }

    /// What the flags mean.
    #[must_use]
    pub fn into_config(self) -> Config {
        let port = self.port;
        let listen = match self.listen {
            Some(address) => vec![address],
            // To some clients, localhost is ::1 first.
            None => vec![
                (Ipv4Addr::LOCALHOST, port).into(),
                (Ipv6Addr::LOCALHOST, port).into(),
            ],
        };
        let default_threads = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Config {
            listen,
            mapping: self.directory.map(|path| Mapping {
                path,
                read_only: self.read_only,
            }),
            component: self.component.map_or(Component::Bundled, Component::File),
            environment: self.env.into_iter().flatten().collect(),
            threads: self.threads.unwrap_or_else(default_threads),
            isolation: match self.isolation {
                IsolationMode::Request => Isolation::Request,
                IsolationMode::Connection => Isolation::Connection,
                IsolationMode::Shared => Isolation::Shared(self.instance_reuse),
            },
            file_io: self.file_io,
            log_requests: self.log_requests,
            code_cache: if self.no_code_cache {
                None
            } else {
                self.code_cache.or_else(default_code_cache)
            },
            limits: self.limits.into_limits(),
            timeouts: self.timeouts.into_timeouts(),
        }
    }
}

impl LimitArgs {
    fn into_limits(self) -> Limits {
        let size = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        Limits {
            connections: self.max_connections,
            requests: self.max_requests,
            queue: self.max_queue,
            target_size: size(self.max_target_size),
            head_size: size(self.max_head_size),
            fields: self.max_fields,
            content_size: self.max_content_size.as_u64(),
            content_rate: self.min_content_rate.as_u64(),
            write_rate: self.min_write_rate.as_u64(),
            busy_rate: self.min_busy_rate.as_u64(),
            memory: size(self.max_memory),
            total_growth: size(self.max_total_growth),
            table_elements: self.max_table_elements,
            call_size: size(self.max_call_size),
            handles: self.max_handles,
            log_size: size(self.max_log_size),
            kept_memory: size(self.max_kept_memory),
        }
    }
}

impl TimeoutArgs {
    fn into_timeouts(self) -> Timeouts {
        // Nobody waits longer than this, and adding it to a time does not overflow.
        let duration = |duration: HumanDuration| {
            Duration::from(duration).min(Duration::from_secs(60 * 60 * 24 * 365))
        };
        Timeouts {
            header: duration(self.header_timeout),
            idle: duration(self.idle_timeout),
            kept: duration(self.kept_timeout),
            content: duration(self.content_timeout),
            write: duration(self.write_timeout),
            busy: duration(self.busy_timeout),
            response: duration(self.response_timeout),
            cpu: duration(self.cpu_timeout),
            shutdown: duration(self.shutdown_timeout),
        }
    }
}

fn contradiction(one: &str, other: &str) -> clap::Error {
    let sentence = format!("{one} and {other} do not go together");
    Cli::command().error(ErrorKind::ArgumentConflict, sentence)
}

fn up_to<const MOST: usize>(text: &str) -> Result<NonZeroUsize, String> {
    let number: NonZeroUsize = text
        .parse()
        .map_err(|_| format!("write a number from 1 to {MOST}"))?;
    if number.get() > MOST {
        return Err(format!("it can be {MOST} at most"));
    }
    Ok(number)
}

fn size(text: &str, range: RangeInclusive<u64>) -> Result<ByteSize, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "write a number of bytes, or one with a unit, such as 10KB or 10KiB")?;
    let (least, most) = (*range.start(), *range.end());
    match size.as_u64() {
        bytes if bytes < least => Err(format!("it can't be less than {least}")),
        bytes if bytes > most => Err(format!("it can be {most} bytes at most")),
        _ => Ok(size),
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let written = "write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    text.parse().map_err(|_| written)
}

/// A line that is empty sets nothing.
fn variable(text: &str) -> Result<Option<(String, String)>, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Some((name.to_owned(), value.to_owned()))),
        None if text.is_empty() => Ok(None),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// A folder of the user's that nobody else can write to: what is in it is run.
fn default_code_cache() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let caches = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
    caches.is_absolute().then(|| caches.join("http-server"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_target_can_be_no_longer_than_can_be_represented() {
        let read = |size| Cli::read(["http-server", "--max-target-size", size]);
        assert!(read("65534").is_ok() && read("64KiB").is_err());
        let mut config = read("8KiB").unwrap().into_config();
        config.limits.target_size = usize::MAX;
        assert_eq!(config.head_limits().target, LONGEST_TARGET);
    }

    #[test]
    fn every_flag_has_help_and_an_environment_variable() {
        for argument in Cli::command()
            .get_arguments()
            .filter(|it| !matches!(it.get_id().as_str(), "help" | "version"))
        {
            let expected = format!("HTTP_SERVER_{}", argument.get_id().as_str().to_uppercase());
            assert_eq!(
                argument.get_env().and_then(|name| name.to_str()),
                Some(expected.as_str())
            );
            assert!(argument.get_help().is_some(), "{expected}");
        }
    }
}

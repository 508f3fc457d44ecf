//! The log: lines of text or JSON on stderr.

use std::io::Write;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How many lines wait for a reader of the log who is slow; more are lost, since nobody else is to wait.
const LINES: usize = 4096;

/// The target of what is logged at any level: that the server listens, or why it ends.
const ALWAYS: &str = "always";

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// An object on each line, for programs.
    Json,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// Nothing but that the server listens, or why it can't.
    Off,
    /// What went wrong in the server or the component.
    Error,
    /// Also what may be wrong, and what the component prints on stderr.
    Warn,
    /// Also what the component prints on stdout, and each request with --log-requests.
    Info,
    /// Also what clients do wrong.
    Debug,
}

/// The log, for what is said at any level. All is written once this is dropped, if somebody reads it.
pub struct Log {
    format: Format,
    writer: NonBlocking,
    _guard: WorkerGuard,
}

impl Log {
    /// Says that the server listens.
    pub fn listening(&mut self, line: &str) {
        match self.format {
            Format::Text => self.write(line),
            Format::Json => tracing::info!(target: ALWAYS, "{line}"),
        }
    }

    /// Says why the server ends.
    pub fn fatal(&mut self, line: &str) {
        match self.format {
            Format::Text => self.write(&format!("http-server: {line}")),
            Format::Json => tracing::error!(target: ALWAYS, "{line}"),
        }
    }

    /// Writes a line as it is. That nobody can read it is no reason not to serve.
    fn write(&mut self, line: &str) {
        let _ = self.writer.write_all(format!("{line}\n").as_bytes());
    }
}

/// Begins to log; does nothing the second time.
pub fn start(format: Format, level: Level) -> Log {
    let level = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .finish(std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_writer(writer.clone())
        .with_max_level(level.max(LevelFilter::INFO))
        .with_target(false)
        .with_ansi(false);
    // A panic is one line too.
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        tracing::error!("{}", text.lines().collect::<Vec<_>>().join(" "));
    }));
    let filter = Targets::new()
        .with_default(level)
        .with_target(ALWAYS, LevelFilter::INFO);
    // An error says that there is a log already.
    let _ = match format {
        Format::Text => builder.finish().with(filter).try_init(),
        Format::Json => {
            let builder = builder.json().flatten_event(true);
            builder.finish().with(filter).try_init()
        }
    };
    Log {
        format,
        writer,
        _guard: guard,
    }
}

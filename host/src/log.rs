//! The log: lines of text or JSON on stderr.

use tracing_subscriber::filter::LevelFilter;

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
    /// Nothing.
    Off,
    /// What went wrong in the server or the component.
    Error,
    /// Also what may be wrong.
    Warn,
    /// Also what the component prints.
    Info,
    /// Also what clients do wrong.
    Debug,
}

/// Begins to log. Does nothing the second time.
pub fn start(format: Format, level: Level) {
    let level = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false);
    // A panic is one line too.
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        tracing::error!("{}", text.lines().collect::<Vec<_>>().join(" "));
    }));
    // An error says that there is a log already.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}

//! The program: flags, a server, signals, an exit code.

use anyhow::Context;
use http_server::Server;
use http_server::cli::Cli;
use http_server::log::{self, Log};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use std::process::ExitCode;
use tokio::signal::unix::{self, SignalKind, signal};

/// A request with an instance of its own allocates a hundred times. Measured; see ARCHITECTURE.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        // 2 for a flag that is wrong, 0 for --help and --version.
        Err(error) => error.exit(),
    };
    let (format, level) = cli.log();
    let mut log = log::start(format, level);
    match run(cli, &mut log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.fatal(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, log: &mut Log) -> anyhow::Result<()> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't start")?;
    // From here on: the first process of a container is not ended by what it has not asked for.
    let mut signals = {
        let _within = runtime.enter();
        // To write to a file that would be larger than the operating system permits ends who has not asked
        // for this signal; for others it is an error. Once asked for, it stays so.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    let (starting, started) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::scope(|scope| {
        // It is this thread that compiles: another would keep 6 MiB.
        scope.spawn(|| {
            runtime.block_on(async {
                tokio::select! {
                    _ = started => {}
                    // Nothing is in flight. What takes long, be it a file to read or code to compile, ends too.
                    () = told_to_stop(&mut signals) => std::process::exit(0),
                }
            });
        });
        let server = Server::bind(cli.into_config());
        drop(starting);
        server
    })?;
    let address = server.local_addr()?;
    runtime.block_on(async {
        let stop = async {
            told_to_stop(&mut signals).await;
            tokio::spawn(async move {
                told_to_stop(&mut signals).await;
                // Asked twice: whatever is in flight, end now.
                std::process::exit(1);
            });
        };
        log.listening(&format!("listening on http://{address}"));
        server.serve(stop).await?;
        Ok(())
    })
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop((interrupt, terminate): &mut (unix::Signal, unix::Signal)) {
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
}

/// Takes as many open files as the operating system allows: every connection is one.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Should this fail, there are fewer connections.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

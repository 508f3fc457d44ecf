//! The real `wasmtime serve`, so that nothing needs to be installed to test on it.

use clap::Parser;
use wasmtime_cli::commands::ServeCommand;

fn main() -> anyhow::Result<()> {
    ServeCommand::parse().execute().map_err(Into::into)
}

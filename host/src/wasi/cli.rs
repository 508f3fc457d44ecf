//! `wasi:cli` and `wasi:random`: the operator's environment, no arguments, no stdin, output to the log.

use super::interface::Interfaces;
use crate::guest_log::{LogStream, Source};
use crate::state::State;
use wasmtime::component::Resource;
use wasmtime::{Result, bail, ensure};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

/// There are no terminals.
enum TerminalInput {}
enum TerminalOutput {}

pub(super) fn add(all: &mut Interfaces) -> Result<()> {
    let mut environment = all.add("wasi:cli/environment")?;
    environment
        .import::<fn(u32) -> u64>("get-environment")
        .function(State::get_environment)?;
    environment
        .import::<fn(u32) -> u64>("get-arguments")
        .function(State::get_arguments)?;
    environment
        .import::<fn(u32) -> u64>("initial-cwd")
        .function(State::initial_cwd)?;
    let mut exit = all.add("wasi:cli/exit")?;
    exit.import::<fn(u32)>("exit").procedure(State::exit)?;
    exit.import::<fn(u32)>("exit-with-code")
        .procedure(State::exit_with_code)?;
    all.add("wasi:cli/stdin")?
        .import::<fn() -> u32>("get-stdin")
        .function(State::get_stdin)?;
    all.add("wasi:cli/stdout")?
        .import::<fn() -> u32>("get-stdout")
        .function(State::get_stdout)?;
    all.add("wasi:cli/stderr")?
        .import::<fn() -> u32>("get-stderr")
        .function(State::get_stderr)?;
    all.add("wasi:cli/terminal-input")?
        .resource("terminal-input", State::drop_terminal::<TerminalInput>)?;
    all.add("wasi:cli/terminal-output")?
        .resource("terminal-output", State::drop_terminal::<TerminalOutput>)?;
    all.add("wasi:cli/terminal-stdin")?
        .import::<fn(u32)>("get-terminal-stdin")
        .function(State::no_terminal::<TerminalInput>)?;
    all.add("wasi:cli/terminal-stdout")?
        .import::<fn(u32)>("get-terminal-stdout")
        .function(State::no_terminal::<TerminalOutput>)?;
    all.add("wasi:cli/terminal-stderr")?
        .import::<fn(u32)>("get-terminal-stderr")
        .function(State::no_terminal::<TerminalOutput>)?;

    let mut random = all.add("wasi:random/random")?;
    random
        .import::<fn(u64, u32) -> u64>("get-random-bytes")
        .function(State::random_bytes)?;
    random
        .import::<fn() -> u64>("get-random-u64")
        .function(State::random_u64)?;
    // Weaker than `random`, so no further authority; Rust's hash maps import the seed unasked.
    let mut insecure = all.add("wasi:random/insecure")?;
    insecure
        .import::<fn(u64, u32) -> u64>("get-insecure-random-bytes")
        .function(State::random_bytes)?;
    insecure
        .import::<fn() -> u64>("get-insecure-random-u64")
        .function(State::random_u64)?;
    all.add("wasi:random/insecure-seed")?
        .import::<fn(u32)>("insecure-seed")
        .function(State::random_seed)
}

impl State {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(self.template.environment.clone())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        Ok(None)
    }

    fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        bail!(
            "the component called exit with {}",
            if status.is_ok() { "success" } else { "failure" }
        )
    }

    fn exit_with_code(&mut self, code: u8) -> Result<()> {
        bail!("the component called exit with code {code}")
    }

    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(stream)?)
    }

    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.log_stream(Source::Stdout)
    }

    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.log_stream(Source::Stderr)
    }

    fn log_stream(&mut self, source: Source) -> Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(LogStream::new(self.log.clone(), source));
        Ok(self.table.push(stream)?)
    }

    fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        let most = self.template.limits.call_size;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        ensure!(
            length <= most,
            "the component asked for {length} random bytes at once, of {most} at most"
        );
        let mut bytes = vec![0; length];
        rand::fill(&mut bytes[..]);
        Ok(bytes)
    }

    fn random_u64(&mut self) -> Result<u64> {
        Ok(rand::random())
    }

    fn random_seed(&mut self) -> Result<(u64, u64)> {
        Ok(rand::random())
    }

    fn drop_terminal<T: 'static>(&mut self, terminal: Resource<T>) -> Result<()> {
        // There are none.
        self.table.delete(terminal)?;
        Ok(())
    }

    fn no_terminal<T: 'static>(&mut self) -> Result<Option<Resource<T>>> {
        Ok(None)
    }
}

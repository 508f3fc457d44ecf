//! `wasi:cli` and `wasi:random`: the operator's environment, no arguments, no stdin, output to the log.

use crate::guest_log::{LogStream, Source};
use crate::state::State;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime::{Result, bail, ensure};
use wasmtime_wasi::p2::bindings::{cli, random};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

type TerminalInput = cli::terminal_input::TerminalInput;
type TerminalOutput = cli::terminal_output::TerminalOutput;

pub(super) fn add_to_linker(
    linker: &mut Linker<State>,
    state: fn(&mut State) -> &mut State,
) -> Result<()> {
    type Own = HasSelf<State>;
    cli::environment::add_to_linker::<_, Own>(linker, state)?;
    cli::exit::add_to_linker::<_, Own>(linker, state)?;
    cli::stdin::add_to_linker::<_, Own>(linker, state)?;
    cli::stdout::add_to_linker::<_, Own>(linker, state)?;
    cli::stderr::add_to_linker::<_, Own>(linker, state)?;
    cli::terminal_input::add_to_linker::<_, Own>(linker, state)?;
    cli::terminal_output::add_to_linker::<_, Own>(linker, state)?;
    cli::terminal_stdin::add_to_linker::<_, Own>(linker, state)?;
    cli::terminal_stdout::add_to_linker::<_, Own>(linker, state)?;
    cli::terminal_stderr::add_to_linker::<_, Own>(linker, state)?;
    random::random::add_to_linker::<_, Own>(linker, state)?;
    // Weaker than `random`, so no further authority; Rust's hash maps import the seed unasked.
    random::insecure::add_to_linker::<_, Own>(linker, state)?;
    random::insecure_seed::add_to_linker::<_, Own>(linker, state)
}

impl cli::environment::Host for State {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(self.template.environment.clone())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        Ok(None)
    }
}

impl cli::exit::Host for State {
    fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        bail!(
            "the component called exit with {}",
            if status.is_ok() { "success" } else { "failure" }
        )
    }

    fn exit_with_code(&mut self, code: u8) -> Result<()> {
        bail!("the component called exit with code {code}")
    }
}

impl cli::stdin::Host for State {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(stream)?)
    }
}

impl State {
    fn log_stream(&mut self, source: Source) -> Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(LogStream::new(self.log.clone(), source));
        Ok(self.table.push(stream)?)
    }

    fn random(&mut self, length: u64) -> Result<Vec<u8>> {
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
}

impl cli::stdout::Host for State {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.log_stream(Source::Stdout)
    }
}

impl cli::stderr::Host for State {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.log_stream(Source::Stderr)
    }
}

impl cli::terminal_input::Host for State {}

impl cli::terminal_input::HostTerminalInput for State {
    fn drop(&mut self, terminal: Resource<TerminalInput>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_output::Host for State {}

impl cli::terminal_output::HostTerminalOutput for State {
    fn drop(&mut self, terminal: Resource<TerminalOutput>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_stdin::Host for State {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<TerminalInput>>> {
        Ok(None)
    }
}

impl cli::terminal_stdout::Host for State {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<TerminalOutput>>> {
        Ok(None)
    }
}

impl cli::terminal_stderr::Host for State {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<TerminalOutput>>> {
        Ok(None)
    }
}

impl random::random::Host for State {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.random(length)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(rand::random())
    }
}

impl random::insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.random(length)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        Ok(rand::random())
    }
}

impl random::insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok(rand::random())
    }
}

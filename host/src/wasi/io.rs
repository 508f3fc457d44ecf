//! `wasi:io`: streams, waiting for them, and why they fail. What streams do is the matter of who makes them.

use super::bindings::wasi::http::types::IoError;
use super::files::{splice, try_to_splice};
use super::interface::{Interface, Interfaces};
use crate::state::State;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::io::error::HostError;
use wasmtime_wasi::p2::bindings::io::poll::{Host as _, HostPollable};
use wasmtime_wasi::p2::bindings::io::streams::{
    Host as _, HostInputStream, HostOutputStream, StreamError,
};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, Pollable, StreamResult, subscribe,
};

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;

pub(super) fn add(all: &mut Interfaces) -> Result<()> {
    let mut error = all.add("wasi:io/error")?;
    error.resource("error", |state: &mut State, error: Resource<IoError>| {
        HostError::drop(&mut state.table, error)
    })?;
    error
        .import::<fn(u32, u32) -> u64>("[method]error.to-debug-string")
        .function(|state: &mut State, error: Resource<IoError>| {
            state.table.to_debug_string(error)
        })?;

    let mut poll = all.add("wasi:io/poll")?;
    poll.resource(
        "pollable",
        |state: &mut State, pollable: Resource<DynPollable>| {
            HostPollable::drop(&mut state.table, pollable)
        },
    )?;
    poll.import::<fn(u32) -> u32>("[method]pollable.ready")
        .waiting_function(|state, (pollable,)| Box::pin(state.table.ready(pollable)))?;
    poll.import::<fn(u32)>("[method]pollable.block")
        .waiting_procedure(|state, (pollable,)| Box::pin(state.table.block(pollable)))?;
    poll.import::<fn(u32, u32, u32) -> u64>("poll")
        .waiting_function(|state, (pollables,)| Box::pin(state.table.poll(pollables)))?;

    let mut streams = all.add("wasi:io/streams")?;
    add_drops(&mut streams)?;

    /// A method of wasmtime's: its name, its core signature, and what it is called with.
    macro_rules! method {
        ($name:literal, $signature:ty, $method:ident($($parameter:ident: $type:ty),*)) => {
            streams.import::<$signature>(concat!("[method]", $name)).function(
                |state: &mut State, $($parameter: $type),*| {
                    let result = state.table.$method($($parameter),*);
                    state.stream_result(result)
                },
            )?;
        };
    }
    /// The same of one that may wait.
    macro_rules! waiting_method {
        ($name:literal, $signature:ty, $method:ident($($parameter:ident: $type:ty),*)) => {
            streams.import::<$signature>(concat!("[method]", $name)).waiting_function(
                |state, ($($parameter,)*): ($($type,)*)| {
                    Box::pin(async move {
                        let result = state.table.$method($($parameter),*).await;
                        state.stream_result(result)
                    })
                },
            )?;
        };
    }
    method!("input-stream.read", fn(u32, u64, u32) -> u64, read(stream: Input, length: u64));
    waiting_method!("input-stream.blocking-read", fn(u32, u64, u32) -> u64,
        blocking_read(stream: Input, length: u64));
    method!("input-stream.skip", fn(u32, u64, u32), skip(stream: Input, length: u64));
    waiting_method!("input-stream.blocking-skip", fn(u32, u64, u32),
        blocking_skip(stream: Input, length: u64));
    method!("output-stream.check-write", fn(u32, u32), check_write(stream: Output));
    method!("output-stream.write", fn(u32, u32, u32, u32), write(stream: Output, bytes: Vec<u8>));
    waiting_method!("output-stream.blocking-write-and-flush", fn(u32, u32, u32, u32),
        blocking_write_and_flush(stream: Output, bytes: Vec<u8>));
    method!("output-stream.flush", fn(u32, u32), flush(stream: Output));
    waiting_method!("output-stream.blocking-flush", fn(u32, u32), blocking_flush(stream: Output));
    method!("output-stream.write-zeroes", fn(u32, u64, u32),
        write_zeroes(stream: Output, length: u64));
    waiting_method!("output-stream.blocking-write-zeroes-and-flush", fn(u32, u64, u32),
        blocking_write_zeroes_and_flush(stream: Output, length: u64));
    method!("output-stream.splice", fn(u32, u32, u64, u32),
        splice(output: Output, input: Input, length: u64));
    streams
        .import::<fn(u32, u32, u64, u32) -> u64>("[method]output-stream.blocking-splice")
        .tried_function(try_to_splice, splice)?;
    streams
        .import::<fn(u32) -> u32>("[method]input-stream.subscribe")
        .function(State::subscribe::<DynInputStream>)?;
    streams
        .import::<fn(u32) -> u32>("[method]output-stream.subscribe")
        .function(State::subscribe::<DynOutputStream>)
}

/// What was kept of a stream goes with it, and what is under way is waited for.
fn add_drops(streams: &mut Interface<'_>) -> Result<()> {
    streams.tried_resource(
        "input-stream",
        |state, (stream,): &(Input,)| {
            if state.is_read_ahead(stream) {
                return Ok(None);
            }
            state.delete_input(stream.rep())?;
            Ok(Some(()))
        },
        |state, (stream,)| {
            Box::pin(async move {
                state.delete_input(stream.rep())?.cancel().await;
                Ok(())
            })
        },
    )?;
    streams.tried_resource(
        "output-stream",
        |state, (stream,): &(Output,)| {
            // Of those that there are, only that of a response has nothing under way.
            let Some(at) = state.bodies.iter().position(|it| it.0 == stream.rep()) else {
                return Ok(None);
            };
            state.bodies.remove(at);
            state.table.delete(Output::new_own(stream.rep()))?;
            Ok(Some(()))
        },
        |state, (stream,)| {
            Box::pin(async move {
                state.table.delete(stream)?.cancel().await;
                Ok(())
            })
        },
    )
}

impl State {
    fn delete_input(&mut self, stream: u32) -> Result<DynInputStream> {
        self.readers.retain(|&(reader, _)| reader != stream);
        Ok(self.table.delete(Input::new_own(stream))?)
    }

    /// Makes what waits for a resource of a component's, which goes on to be the component's.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is called as the WIT says"
    )]
    pub(super) fn subscribe<T: Pollable>(
        &mut self,
        resource: Resource<T>,
    ) -> Result<Resource<DynPollable>> {
        // wasmtime looks at the type only when it waits, and drops with the pollable what it is given
        // to own.
        self.table.get(&resource)?;
        subscribe(&mut self.table, Resource::<T>::new_borrow(resource.rep()))
    }

    /// What comes of an operation on a stream, as a component is told.
    pub(super) fn stream_result<T>(
        &mut self,
        result: StreamResult<T>,
    ) -> Result<Result<T, StreamError>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(error) => Ok(Err(self.table.convert_stream_error(error)?)),
        }
    }
}

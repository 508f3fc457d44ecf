//! `wasi:io`: streams, waiting for them, and why they fail. What streams do is the matter of who makes them.

use super::bindings::wasi::http::types::IoError;
use super::files::{splice, try_to_splice};
use super::interface::Interfaces;
use crate::state::State;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::io::error::HostError;
use wasmtime_wasi::p2::bindings::io::poll::{Host as _, HostPollable};
use wasmtime_wasi::p2::bindings::io::streams::{
    Host as _, HostInputStream, HostOutputStream, StreamError,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamResult};

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

    add_streams(all)
}

fn add_streams(all: &mut Interfaces) -> Result<()> {
    let mut streams = all.add("wasi:io/streams")?;
    streams.tried_resource(
        "input-stream",
        |state, (stream,): &(Input,)| {
            if state.is_read_ahead(stream) {
                return Ok(None);
            }
            state
                .drop_input(Resource::new_own(stream.rep()))
                .map(drop)
                .map(Some)
        },
        |state, (stream,)| {
            Box::pin(async move {
                state.drop_input(stream)?.cancel().await;
                Ok(())
            })
        },
    )?;
    streams.tried_resource(
        "output-stream",
        |state, (stream,): &(Output,)| {
            // Only that of a response has nothing under way.
            let Some(at) = state.bodies.iter().position(|it| it.0 == stream.rep()) else {
                return Ok(None);
            };
            state
                .table
                .delete(Resource::<DynOutputStream>::new_own(stream.rep()))?;
            state.bodies.remove(at);
            Ok(Some(()))
        },
        |state, (stream,)| {
            Box::pin(async move {
                state.table.delete(stream)?.cancel().await;
                Ok(())
            })
        },
    )?;
    streams
        .import::<fn(u32, u64, u32) -> u64>("[method]input-stream.read")
        .function(|state: &mut State, stream: Input, length: u64| {
            let read = state.table.read(stream, length);
            state.stream_result(read)
        })?;
    streams
        .import::<fn(u32, u64, u32) -> u64>("[method]input-stream.blocking-read")
        .waiting_function(|state, (stream, length): (Input, u64)| {
            Box::pin(async move {
                let read = state.table.blocking_read(stream, length).await;
                state.stream_result(read)
            })
        })?;
    streams
        .import::<fn(u32, u64, u32)>("[method]input-stream.skip")
        .function(|state: &mut State, stream: Input, length: u64| {
            let skipped = state.table.skip(stream, length);
            state.stream_result(skipped)
        })?;
    streams
        .import::<fn(u32, u64, u32)>("[method]input-stream.blocking-skip")
        .waiting_function(|state, (stream, length): (Input, u64)| {
            Box::pin(async move {
                let skipped = state.table.blocking_skip(stream, length).await;
                state.stream_result(skipped)
            })
        })?;
    streams
        .import::<fn(u32) -> u32>("[method]input-stream.subscribe")
        .function(|state: &mut State, stream: Input| {
            HostInputStream::subscribe(&mut state.table, stream)
        })?;
    streams
        .import::<fn(u32, u32)>("[method]output-stream.check-write")
        .function(|state: &mut State, stream: Output| {
            let permitted = state.table.check_write(stream);
            state.stream_result(permitted)
        })?;
    streams
        .import::<fn(u32, u32, u32, u32)>("[method]output-stream.write")
        .function(|state: &mut State, stream: Output, bytes: Vec<u8>| {
            let written = state.table.write(stream, bytes);
            state.stream_result(written)
        })?;
    streams
        .import::<fn(u32, u32, u32, u32)>("[method]output-stream.blocking-write-and-flush")
        .waiting_function(|state, (stream, bytes): (Output, Vec<u8>)| {
            Box::pin(async move {
                let written = state.table.blocking_write_and_flush(stream, bytes).await;
                state.stream_result(written)
            })
        })?;
    streams
        .import::<fn(u32, u32)>("[method]output-stream.flush")
        .function(|state: &mut State, stream: Output| {
            let flushed = state.table.flush(stream);
            state.stream_result(flushed)
        })?;
    streams
        .import::<fn(u32, u32)>("[method]output-stream.blocking-flush")
        .waiting_function(|state, (stream,): (Output,)| {
            Box::pin(async move {
                let flushed = state.table.blocking_flush(stream).await;
                state.stream_result(flushed)
            })
        })?;
    streams
        .import::<fn(u32) -> u32>("[method]output-stream.subscribe")
        .function(|state: &mut State, stream: Output| {
            HostOutputStream::subscribe(&mut state.table, stream)
        })?;
    streams
        .import::<fn(u32, u64, u32)>("[method]output-stream.write-zeroes")
        .function(|state: &mut State, stream: Output, length: u64| {
            let written = state.table.write_zeroes(stream, length);
            state.stream_result(written)
        })?;
    streams
        .import::<fn(u32, u64, u32)>("[method]output-stream.blocking-write-zeroes-and-flush")
        .waiting_function(|state, (stream, length): (Output, u64)| {
            Box::pin(async move {
                let table = &mut state.table;
                let written = table.blocking_write_zeroes_and_flush(stream, length).await;
                state.stream_result(written)
            })
        })?;
    streams
        .import::<fn(u32, u32, u64, u32)>("[method]output-stream.splice")
        .function(
            |state: &mut State, output: Output, input: Input, length: u64| {
                let moved = state.table.splice(output, input, length);
                state.stream_result(moved)
            },
        )?;
    streams
        .import::<fn(u32, u32, u64, u32) -> u64>("[method]output-stream.blocking-splice")
        .tried_function(try_to_splice, splice)
}

impl State {
    /// What was kept of an `input-stream` goes with it.
    fn drop_input(&mut self, stream: Input) -> Result<DynInputStream> {
        self.readers.retain(|&(reader, _)| reader != stream.rep());
        Ok(self.table.delete(stream)?)
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

//! What a component is granted, and no more: the world `server` of `wit/`, and `wasi:http/proxy`.
//!
//! `wasi:io`, `wasi:clocks` and most of `wasi:filesystem` are wasmtime's. Ours are `wasi:http`,
//! because the content of requests and responses goes straight between the component and the
//! connection; `wasi:cli` and `wasi:random`, because a component gets no arguments, no stdin, no
//! host environment and no megabytes of randomness; and the few functions of `wasi:filesystem` and
//! `wasi:io` that may block for long or move file content.

#![expect(
    unreachable_pub,
    reason = "what is generated of wasi:http re-exports its resources"
)]

pub(crate) mod bindings;
mod cli;
mod denied;
mod entries;
mod fields;
pub(crate) mod files;
pub(crate) mod incoming;
pub(crate) mod lookup;
pub(crate) mod outgoing;

use crate::state::State;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::clocks::WasiClocks;
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi::p2::bindings as p2;

pub use fields::Fields;

/// Access to the resource table, for the interfaces that need no more.
struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// Grants a component what it may have. Files are looked up `inline`, on the thread that serves the
/// connection, or else in a pool of threads.
///
/// # Errors
///
/// None, unless an interface is linked twice.
pub(crate) fn add_to_linker(linker: &mut Linker<State>, inline: bool) -> wasmtime::Result<()> {
    let table: fn(&mut State) -> &mut ResourceTable = |state| &mut state.table;
    p2::io::error::add_to_linker::<_, Table>(linker, table)?;
    p2::io::poll::add_to_linker::<_, Table>(linker, table)?;
    p2::io::streams::add_to_linker::<_, Table>(linker, table)?;

    p2::clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, State::clocks)?;
    p2::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, State::clocks)?;

    p2::filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    p2::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    linker.allow_shadowing(true);
    files::override_in_linker(linker)?;
    entries::override_in_linker(linker)?;
    lookup::override_in_linker(linker, inline)?;
    linker.allow_shadowing(false);

    let state: fn(&mut State) -> &mut State = |state| state;
    cli::add_to_linker(linker, state)?;
    bindings::wasi::http::types::add_to_linker::<_, HasSelf<State>>(
        linker,
        &bindings::LinkOptions::default().into(),
        state,
    )?;
    bindings::wasi::http::outgoing_handler::add_to_linker::<_, HasSelf<State>>(linker, state)?;
    Ok(())
}

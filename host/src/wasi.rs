//! What a component is granted, and no more: the world `server` of `wit/`, and `wasi:http/proxy`.
//!
//! `interface` links what is listed in `io`, `cli`, `filesystem` and `http`.
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
mod filesystem;
mod http;
pub(crate) mod incoming;
mod interface;
mod io;
pub(crate) mod lookup;
pub(crate) mod outgoing;

use wasmtime::{Engine, Result};

pub use fields::Fields;
pub(crate) use interface::Interfaces;

/// All that a component may import.
///
/// # Errors
///
/// None, unless something is defined twice, or a core signature is not that of its function.
pub(crate) fn interfaces(engine: &Engine) -> Result<Interfaces> {
    let mut all = Interfaces::new(engine)?;
    io::add(&mut all)?;
    cli::add(&mut all)?;
    filesystem::add(&mut all)?;
    http::add(&mut all)?;
    Ok(all)
}

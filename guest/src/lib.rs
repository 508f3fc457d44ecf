//! HTTP request handling as a WebAssembly component: routing, echo, user-agent, files.
//!
//! # The life of a request in the component
//!
//! 1. `wasi` receives the `incoming-request` and wraps it, the preopen, the clock and the settings
//!    as an [`exchange::Exchange`]: what a handler may ask for, fetched only when asked.
//! 2. [`router`] turns method and request target into a [`router::Route`], or a [`rejection::Rejection`].
//! 3. [`handler`] matches the route to its handler, unless a page of another [`site`] asks for a change.
//! 4. The handler decides: [`path`] validates the path, [`representation`] describes what is there,
//!    [`precondition`] and [`mod@field`] evaluate what the client said. An upload is received here.
//! 5. The decision is an [`outcome::Outcome`]; a rejection becomes one in [`rejection`].
//! 6. `wasi` sends the outcome: fields first, then content, which the host splices from file to
//!    connection without copying it through the component.
//!
//! Only `wasi` does I/O. Everything else is pure, never panics whatever the bytes, and is tested
//! natively against [`directory`]'s in-memory double.

pub mod directory;
pub mod exchange;
pub mod field;
pub mod handler;
pub mod media_type;
pub mod outcome;
pub mod path;
pub mod precondition;
pub mod rejection;
pub mod representation;
pub mod router;
pub mod site;

#[cfg(target_os = "wasi")]
mod wasi;

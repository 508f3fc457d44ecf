//! A server that runs a `wasi:http` component, and maps a directory into it.
//!
//! # The life of a request in the host
//!
//! 1. `listener` accepts a connection, once there is `room`, and `server` hands it to the `worker` that has
//!    the fewest.
//! 2. `connection` waits for the head of a request, which `http1` parses, or refuses.
//! 3. The request waits for one of the `permits`, and begins a `request::Call`.
//! 4. `instance` makes an instance of the component, which was `flatten`ed when the server started, with a
//!    `state` of its own, and calls it.
//! 5. The component asks, through the `abi`, for what `wasi` grants. It reads content through
//!    `connection::input`, as it comes, and writes content into a `pipe`.
//! 6. `connection::response` sends what comes out of the pipe; parts of files go from the page cache
//!    to the client.
//! 7. The instance is dropped, or serves again where the operator chose so.
//!
//! The component runs inside the task of its connection: while it waits, so does the task, and no
//! other. `deadline` interrupts it when it computes for long; then it goes on in its turn, as `lane` has it.
//!
//! The host knows no route and no file; the component knows no connection and no limit.

mod abi;
#[doc(hidden)]
pub mod bench;
pub mod cli;
mod code_cache;
pub mod config;
mod connection;
mod deadline;
mod error;
mod flatten;
mod guest_log;
mod http1;
mod instance;
mod lane;
mod limits;
mod listener;
pub mod log;
mod permits;
mod pipe;
mod refused;
mod request;
mod room;
mod server;
mod state;
mod timer;
mod wasi;
mod worker;

pub use error::Error;
pub use instance::COMPONENT;
pub use server::Server;

//! Why a server can't start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server can't start: one variant for each phase of starting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The directory to serve can't be opened.
    #[error("can't serve the directory {}: {cause}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The file of the component can't be read.
    #[error("can't read the component {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// It is no component, or none this server can compile.
    #[error("{name} is no WebAssembly component: {cause}")]
    Compile {
        /// What it is called.
        name: String,
        /// What the compiler says.
        cause: String,
    },
    /// It begins with more than an instance may have.
    #[error("{name} begins with {needed} {what}, and {flag} is {limit}")]
    TooLarge {
        /// What it is called.
        name: String,
        /// How much it begins with.
        needed: u64,
        /// Of what.
        what: &'static str,
        /// The flag that limits it.
        flag: &'static str,
        /// What the flag says.
        limit: usize,
    },
    /// It imports what is not granted.
    #[error("{name} can't run here, because it imports what is not granted: {cause}")]
    Import {
        /// What it is called.
        name: String,
        /// What the linker says.
        cause: String,
    },
    /// It is no handler of HTTP requests.
    #[error("{name} can't answer requests: it does not export wasi:http/incoming-handler@0.2")]
    Export {
        /// What it is called.
        name: String,
    },
    /// The WebAssembly engine can't be set up.
    #[error("can't set up the WebAssembly engine: {0}")]
    Engine(String),
    /// The operating system refuses what a server needs: threads, timers.
    #[error("can't start the server: {0}")]
    Start(io::Error),
}

/// Not as its source, which would be said twice.
impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        Self::Start(cause)
    }
}

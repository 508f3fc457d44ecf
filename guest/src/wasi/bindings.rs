//! What `wit-bindgen` generates for the export of the world `server`; the types of its imports are
//! those of the `wasi` crate.

wit_bindgen::generate!({
    path: "../wit",
    world: "server",
    with: {
        "wasi:cli/environment@0.2.12": ::wasi::cli::environment,
        "wasi:cli/exit@0.2.12": ::wasi::cli::exit,
        "wasi:cli/stdin@0.2.12": ::wasi::cli::stdin,
        "wasi:cli/stdout@0.2.12": ::wasi::cli::stdout,
        "wasi:cli/stderr@0.2.12": ::wasi::cli::stderr,
        "wasi:cli/terminal-input@0.2.12": ::wasi::cli::terminal_input,
        "wasi:cli/terminal-output@0.2.12": ::wasi::cli::terminal_output,
        "wasi:cli/terminal-stdin@0.2.12": ::wasi::cli::terminal_stdin,
        "wasi:cli/terminal-stdout@0.2.12": ::wasi::cli::terminal_stdout,
        "wasi:cli/terminal-stderr@0.2.12": ::wasi::cli::terminal_stderr,
        "wasi:clocks/monotonic-clock@0.2.12": ::wasi::clocks::monotonic_clock,
        "wasi:clocks/wall-clock@0.2.12": ::wasi::clocks::wall_clock,
        "wasi:filesystem/types@0.2.12": ::wasi::filesystem::types,
        "wasi:filesystem/preopens@0.2.12": ::wasi::filesystem::preopens,
        "wasi:http/types@0.2.12": ::wasi::http::types,
        "wasi:io/error@0.2.12": ::wasi::io::error,
        "wasi:io/poll@0.2.12": ::wasi::io::poll,
        "wasi:io/streams@0.2.12": ::wasi::io::streams,
        "wasi:random/random@0.2.12": ::wasi::random::random,
    },
});

use super::Component;

export!(Component);

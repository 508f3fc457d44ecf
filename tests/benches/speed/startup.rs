//! How long a server takes from exec to its first answer.

use crate::servers::{Bench, Server};
use anyhow::Result;

/// How long a server took to answer first, in milliseconds.
pub(crate) struct Startup {
    pub(crate) server: &'static str,
    /// With an empty code cache.
    pub(crate) cold: f64,
    /// With what that start left there.
    pub(crate) warm: f64,
}

/// Measures, in a code cache of its own. The programs and files are in the page cache either way.
pub(crate) fn measure(bench: &Bench, server: &Server) -> Result<Startup> {
    let cache = bench.path("start");
    if cache.exists() {
        std::fs::remove_dir_all(&cache)?;
    }
    let first_answer = || -> Result<f64> {
        let running = server.start(bench, &cache)?;
        Ok(running.first_answer.as_secs_f64() * 1e3)
    };
    Ok(Startup {
        server: server.name,
        cold: first_answer()?,
        warm: first_answer()?,
    })
}

//! What the operating system says of a process, its children included.

use anyhow::{Context, Result};
use std::fs::read_to_string;

/// CPU time used, in seconds.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64> {
    let mut ticks = 0;
    for id in with_children(id)? {
        let stat = read_to_string(format!("/proc/{id}/stat"))?;
        // The name, in parentheses, may have anything in it.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        // utime and stime, as proc_pid_stat(5) counts them.
        for field in fields.split_whitespace().skip(14 - 3).take(2) {
            ticks += field.parse::<u64>()?;
        }
    }
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Memory in use, in bytes.
pub(crate) fn memory(id: u32) -> Result<u64> {
    status(id, "VmRSS:")
}

/// The most memory that was ever in use, in bytes.
pub(crate) fn peak_memory(id: u32) -> Result<u64> {
    status(id, "VmHWM:")
}

fn status(id: u32, name: &str) -> Result<u64> {
    let mut kib = 0;
    for id in with_children(id)? {
        let status = read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|line| line.split_whitespace().next());
        kib += value.context(format!("no {name}"))?.parse::<u64>()?;
    }
    Ok(kib * 1024)
}

/// nginx does its work in a child.
fn with_children(id: u32) -> Result<Vec<u32>> {
    let children = read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    let children = children.split_whitespace().map(str::parse);
    let mut all = children.collect::<Result<Vec<u32>, _>>()?;
    all.push(id);
    Ok(all)
}

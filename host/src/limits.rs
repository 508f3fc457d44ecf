//! What one instance of a component may take, and the count of what it does.

use wasmtime::{ResourceLimiter, Result};

/// The limits of one instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstanceLimits {
    /// All linear memory, in bytes.
    pub(crate) memory: usize,
    /// All tables, in elements.
    pub(crate) table_elements: usize,
    /// What one call to the host may move, in bytes: wasmtime's hostcall fuel.
    pub(crate) call_size: usize,
    /// Resource handles alive at once.
    pub(crate) handles: usize,
    /// The fields of a response, in bytes.
    pub(crate) field_size: usize,
    /// CPU time without an answer or content, in ticks of the epoch.
    pub(crate) cpu_ticks: u64,
    /// What one request may print, in bytes.
    pub(crate) log_size: usize,
}

/// Keeps an instance's memory and tables within its limits.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    limits: InstanceLimits,
    memory: usize,
    table_elements: usize,
}

impl MemoryLimiter {
    pub(crate) fn new(limits: InstanceLimits) -> Self {
        Self {
            limits,
            memory: 0,
            table_elements: 0,
        }
    }

    /// All linear memory of the instance now, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

/// Adds growth from `current` to `desired` to `total`, unless that is more than `limit`.
fn grow(total: &mut usize, current: usize, desired: usize, limit: usize) -> bool {
    let grown = total.saturating_add(desired.saturating_sub(current));
    if grown <= limit {
        *total = grown;
    }
    grown <= limit
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(grow(&mut self.memory, current, desired, self.limits.memory))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(grow(
            &mut self.table_elements,
            current,
            desired,
            self.limits.table_elements,
        ))
    }
}

//! [`State`]: what a store holds, and nothing else.

use crate::abi::Lowering;
use crate::guest_log::GuestLog;
use crate::limits::{Growth, InstanceLimits, MemoryLimiter};
use crate::pipe::Pipe;
use crate::request::Exchange;
use crate::wasi::files::FileCursor;
use crate::wasi::incoming::IncomingRequest;
use crate::wasi::lookup::Seen;
use http::Method;
use rustix::fs::Statx;
use std::fs::File;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime::{Memory, ResourceLimiter, Result};
use wasmtime_wasi::clocks::{WasiClocksCtx, WasiClocksCtxView};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView};

/// What every instance of a component begins with.
pub(crate) struct Template {
    /// The operator's variables for the component.
    pub(crate) environment: Vec<(String, String)>,
    /// The mapped directory: opened once, shared by all.
    pub(crate) filesystem: WasiFilesystemCtx,
    /// What all handles of it have in common.
    pub(crate) mapped: Option<Arc<File>>,
    /// The device that it is on, if that is memory.
    pub(crate) memory_device: Option<u64>,
    pub(crate) limits: InstanceLimits,
    /// Of all instances.
    pub(crate) growth: Growth,
    /// Files are looked up, and little is written, on the thread that serves the connection.
    pub(crate) inline: bool,
    /// So is the first batch of a directory read.
    pub(crate) reads_directories_inline: bool,
}

/// What a store holds.
pub(crate) struct State {
    pub(crate) template: Arc<Template>,
    pub(crate) table: ResourceTable,
    filesystem: WasiFilesystemCtx,
    clocks: WasiClocksCtx,
    pub(crate) memory: MemoryLimiter,
    pub(crate) log: Arc<GuestLog>,
    /// The memory of a flattened component.
    pub(crate) main_memory: Option<Memory>,
    /// A result that a flattened component makes room for.
    pub(crate) lowering: Lowering,
    /// What the instance shares with the connection it answers.
    pub(crate) exchange: Arc<Exchange>,
    /// The method of the request that is answered.
    pub(crate) method: Method,
    /// The request that is answered, until the component drops it.
    pub(crate) request: Option<IncomingRequest>,
    /// What was seen of files first, by their place in the table.
    pub(crate) seen: Vec<(u32, Seen)>,
    /// What was opened last, in which turn of the component, and what it was then: until it may have
    /// become something else.
    pub(crate) just_opened: Option<(u32, u64, Statx)>,
    /// It writes to files, which may be those that are open.
    pub(crate) writes: bool,
    /// The component may still answer.
    pub(crate) has_outparam: bool,
    /// The streams of files that are open, by their place in the table.
    pub(crate) readers: Vec<(u32, Arc<FileCursor>)>,
    /// How many directories are being read.
    pub(crate) lists: usize,
    /// The streams of responses that are open, by their place in the table.
    pub(crate) bodies: Vec<(u32, Arc<Pipe>)>,
    /// How many bodies were made for this request.
    pub(crate) bodies_made: usize,
}

impl State {
    pub(crate) fn new(template: Arc<Template>, exchange: Arc<Exchange>) -> Self {
        let limits = template.limits;
        let mut table = ResourceTable::with_capacity(16);
        table.set_max_capacity(limits.handles);
        Self {
            table,
            filesystem: template.filesystem.clone(),
            clocks: WasiClocksCtx::default(),
            memory: MemoryLimiter::default(),
            log: Arc::new(GuestLog::new(exchange.id, limits.log_size)),
            main_memory: None,
            lowering: Lowering::default(),
            exchange,
            method: Method::GET,
            request: None,
            seen: Vec::new(),
            just_opened: None,
            writes: false,
            has_outparam: false,
            readers: Vec::new(),
            lists: 0,
            bodies: Vec::new(),
            bodies_made: 0,
            template,
        }
    }

    /// Takes the next request.
    pub(crate) fn begin(&mut self, exchange: Arc<Exchange>, request: IncomingRequest) {
        self.log.begin(exchange.id, self.template.limits.log_size);
        self.exchange = exchange;
        self.method = request.method.clone();
        self.request = Some(request);
        (self.just_opened, self.writes) = (None, false);
        self.has_outparam = true;
        self.bodies_made = 0;
        self.lowering.clear();
        self.memory.begin(self.exchange.id);
    }

    /// Whether nothing is left of the last request. One handle of the mapped directory may be: the C
    /// library of most languages keeps it, and every request would be given the same.
    pub(crate) fn is_clean(&mut self) -> bool {
        let mut left = self.table.iter_mut();
        let first = left.next().map(|entry| entry.downcast_ref());
        let is_mapped = |left: Option<&Descriptor>| match (left, &self.template.mapped) {
            (Some(Descriptor::Dir(left)), Some(mapped)) => Arc::ptr_eq(&left.dir, mapped),
            _ => false,
        };
        first.is_none_or(is_mapped)
            && left.next().is_none()
            && self.readers.is_empty()
            && self.bodies.is_empty()
            && self.lists == 0
            && self.request.is_none()
            && !self.has_outparam
    }

    /// Whether its memory may be kept, at no more than `most` bytes.
    pub(crate) fn memory_may_be_kept(&self, most: usize) -> bool {
        self.memory.may_be_kept(most, &self.template.growth)
    }

    pub(crate) fn filesystem(&mut self) -> WasiFilesystemCtxView<'_> {
        self.just_opened = None;
        WasiFilesystemCtxView {
            ctx: &mut self.filesystem,
            table: &mut self.table,
        }
    }

    pub(crate) fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView {
            ctx: &mut self.clocks,
            table: &mut self.table,
        }
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let Template { limits, growth, .. } = &*self.template;
        // What does not happen does not count.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.memory.grow_memory((current, desired), *limits, growth))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self
            .memory
            .grow_table((current, desired), self.template.limits))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.memory.end(&self.template.growth);
    }
}

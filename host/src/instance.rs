//! The engine, the component and the linker, made once; instances of it, made on demand.

use crate::abi;
use crate::code_cache;
use crate::config::{Component as Source, Config, FileIo, Isolation, Mapping};
use crate::deadline::{OutOfTime, Ticker, Ticks};
use crate::error::Error;
use crate::flatten::{self, Flat, flatten};
use crate::lane::lap;
use crate::limits::{Growth, InstanceLimits, OutOfMemory};
use crate::request::Exchange;
use crate::state::{State, Template};
use crate::wasi;
use crate::wasi::bindings::{Proxy, ProxyPre};
use crate::wasi::files::memory_device;
use crate::wasi::incoming::{IncomingRequest, REQUEST};
use crate::wasi::outgoing::OUTPARAM;
use rustix::fs::StatVfsMountFlags;
use std::borrow::Cow;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use wasmtime::component::{Component, Resource, ResourceTable, ResourceTableError};
use wasmtime::{
    Cache, Engine, Extern, FuncType, InstanceAllocationStrategy, InstancePre, Module, ModuleExport,
    PoolingAllocationConfig, ResourcesRequired, Store, TypedFunc, UpdateDeadline, ValType,
};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// The component that is bundled.
pub static COMPONENT: &[u8] = include_bytes!(env!("COMPONENT"));

/// The same, flattened: what is run. Empty, if it can't be.
pub(crate) static FLAT: &[u8] = include_bytes!(env!("FLAT"));

/// The name of the preopen that the directory is mapped as.
const PREOPEN: &str = "/files";

/// What most components need of the pool for each instance: those that `wit-component` makes.
const USUAL_MEMORIES: u32 = 1;
const USUAL_TABLES: u32 = 2;

/// The unit that WebAssembly counts memory in.
const PAGE: u64 = 64 * 1024;

/// What a request of the bundled component touches of its memory: resetting so much by hand is
/// faster than giving it back to the operating system and having it again page by page. Measured;
/// see ARCHITECTURE.md. Only who makes an instance for each request keeps so much; tables, which are
/// a page each, everybody does.
const KEPT_RESIDENT: usize = 256 * 1024;

/// A component, compiled and linked: ready to be instantiated.
pub(crate) struct Program {
    linked: Linked,
    template: Arc<Template>,
    ticker: Ticker,
}

/// What instances are made of.
enum Linked {
    /// The component, flattened.
    Flat {
        pre: InstancePre<State>,
        memory: ModuleExport,
        handle: ModuleExport,
    },
    /// The component as it is.
    Whole(ProxyPre<State>),
}

impl Program {
    /// Compiles and links the component, and opens the directory.
    ///
    /// # Errors
    ///
    /// A component that can't serve here, or a directory that can't be served, is refused.
    pub(crate) fn load(config: &Config) -> Result<Arc<Self>, Error> {
        let limits = config.instance_limits();
        let file_system = file_system(config.mapping.as_ref());
        let inline = is_inline(config, file_system);
        let mut filesystem = map_directory(config.mapping.as_ref(), inline)?;
        let mapped = mapped(&mut filesystem);
        let template = Template {
            environment: config.environment.clone(),
            memory_device: mapped.as_deref().and_then(memory_device),
            mapped,
            filesystem,
            limits,
            growth: Growth::new(config.limits.total_growth),
            inline,
            reads_directories_inline: inline && !file_system.is_some_and(is_layered),
        };
        let linked = Linked::load(config)?;
        let ticker = Ticker::start(linked.engine().clone())?;
        Ok(Arc::new(Self {
            linked,
            template: Arc::new(template),
            ticker,
        }))
    }

    /// How many instances there are, if there is a pool that knows.
    pub(crate) fn instances(&self) -> Option<u64> {
        let pool = self.linked.engine().pooling_allocator_metrics()?;
        Some(match self.linked {
            Linked::Flat { .. } => pool.core_instances(),
            Linked::Whole(_) => pool.component_instances(),
        })
    }

    pub(crate) fn ticks(&self) -> &Arc<Ticks> {
        self.ticker.ticks()
    }

    /// Makes an instance.
    ///
    /// # Errors
    ///
    /// Its start may trap, or the pool may be short of what it needs.
    pub(crate) async fn instantiate(&self, exchange: &Arc<Exchange>) -> wasmtime::Result<Instance> {
        self.instantiate_in(self.store(exchange)).await
    }

    /// Makes a store, with what its instance may reach, and no more.
    pub(crate) fn store(&self, exchange: &Arc<Exchange>) -> Store<State> {
        let limits = self.template.limits;
        let state = State::new(Arc::clone(&self.template), Arc::clone(exchange));
        let mut store = Store::new(self.linked.engine(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.call_size);
        store.set_max_component_handles(limits.handles);
        store.epoch_deadline_callback(move |store| {
            let exchange = &store.data().exchange;
            if exchange.cpu.used() > limits.cpu_ticks {
                return Err(OutOfTime.into());
            }
            // The tick may have been while it waited.
            if exchange.cpu.used_at_once() == 0 {
                return Ok(UpdateDeadline::Continue(1));
            }
            exchange.interrupted();
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(lap())))
        });
        store.set_epoch_deadline(1);
        store
    }

    /// Makes an instance in a store.
    ///
    /// # Errors
    ///
    /// As [`Program::instantiate`].
    pub(crate) async fn instantiate_in(
        &self,
        mut store: Store<State>,
    ) -> wasmtime::Result<Instance> {
        let export = match &self.linked {
            Linked::Flat {
                pre,
                memory,
                handle,
            } => {
                let instance = pre.instantiate_async(&mut store).await?;
                let memory = instance.get_module_export(&mut store, memory);
                let handle = instance.get_module_export(&mut store, handle);
                let (Some(Extern::Memory(memory)), Some(Extern::Func(handle))) = (memory, handle)
                else {
                    return Err(wasmtime::format_err!("it exports something else"));
                };
                store.data_mut().main_memory = Some(memory);
                Export::Flat(handle.typed(&store)?)
            }
            Linked::Whole(pre) => {
                let instance = pre.instantiate_async(&mut store).await;
                Export::Whole(instance.map_err(explain)?)
            }
        };
        Ok(Instance {
            store,
            export,
            served: 0,
        })
    }
}

impl Linked {
    fn engine(&self) -> &Engine {
        match self {
            Self::Flat { pre, .. } => pre.module().engine(),
            Self::Whole(pre) => pre.engine(),
        }
    }

    fn load(config: &Config) -> Result<Self, Error> {
        let (name, whole) = match &config.component {
            Source::Bundled => ("the bundled component".to_owned(), Cow::from(COMPONENT)),
            Source::File(path) => {
                let bytes = std::fs::read(path).map_err(|cause| Error::Read {
                    path: path.clone(),
                    cause,
                })?;
                (path.display().to_string(), bytes.into())
            }
        };
        let flat = match &config.component {
            Source::Bundled => (!FLAT.is_empty()).then(|| FLAT.to_vec()),
            Source::File(_) => flatten(&whole).filter(may_be_linked).map(|it| it.module),
        };
        let cache = config.code_cache.as_deref().and_then(code_cache::open);
        // What is wrong with a component is said of it as it is.
        let flat = flat.and_then(|flat| Self::flat(config, cache.as_ref(), &name, &flat));
        let (linked, needs) = match flat {
            Some(flat) => flat,
            None => Self::whole(config, cache.as_ref(), name, &whole)?,
        };
        let begins_with = needs.and_then(|it| it.max_initial_memory_size);
        if config.isolation != Isolation::Request
            && begins_with
                .is_some_and(|pages| pages.saturating_mul(PAGE) > config.limits.kept_memory as u64)
        {
            tracing::warn!(
                "no instance serves twice: each begins with more than --max-kept-memory"
            );
        }
        Ok(linked)
    }

    /// Compiles and links a flattened component; nothing if that can't be.
    fn flat(
        config: &Config,
        cache: Option<&Cache>,
        name: &str,
        flat: &[u8],
    ) -> Option<(Self, Option<ResourcesRequired>)> {
        let module: Module = compile(config, cache, name, flat).ok()?;
        let interfaces = wasi::interfaces(module.engine()).ok()?;
        let handle = FuncType::new(module.engine(), [ValType::I32, ValType::I32], []);
        if !module.get_export(flatten::HANDLE)?.func()?.matches(&handle) {
            return None;
        }
        let linked = Self::Flat {
            pre: interfaces.core.instantiate_pre(&module).ok()?,
            memory: module.get_export_index(flatten::MEMORY)?,
            handle: module.get_export_index(flatten::HANDLE)?,
        };
        Some((linked, module.needs()))
    }

    /// Compiles and links a component as it is.
    fn whole(
        config: &Config,
        cache: Option<&Cache>,
        name: String,
        whole: &[u8],
    ) -> Result<(Self, Option<ResourcesRequired>), Error> {
        let component: Component = compile(config, cache, &name, whole)?;
        let interfaces = wasi::interfaces(component.engine());
        let interfaces = interfaces.map_err(|error| Error::Engine(sentence(&error)))?;
        let pre = interfaces.component.instantiate_pre(&component);
        let pre = pre.map_err(|error| Error::Import {
            name: name.clone(),
            cause: sentence(&error),
        })?;
        let pre = ProxyPre::new(pre).map_err(|_| Error::Export { name })?;
        Ok((Self::Whole(pre), component.needs()))
    }
}

/// Whether all that a component imports is granted, needed or not: else it is refused as it is.
fn may_be_linked(flat: &Flat) -> bool {
    let interfaces = wasi::interfaces(&Engine::default());
    interfaces.is_ok_and(|all| flat.imports.iter().all(|import| all.have(import)))
}

/// What is compiled.
trait Code: Sized {
    fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self>;

    /// What an instance of it needs; nothing if nobody can say.
    fn needs(&self) -> Option<ResourcesRequired>;
}

impl Code for Component {
    fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
        Self::from_binary(engine, bytes)
    }

    fn needs(&self) -> Option<ResourcesRequired> {
        self.resources_required()
    }
}

impl Code for Module {
    fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
        Self::from_binary(engine, bytes)
    }

    fn needs(&self) -> Option<ResourcesRequired> {
        Some(self.resources_required())
    }
}

/// Compiles code, for a pool with places for its instances.
fn compile<C: Code>(
    config: &Config,
    cache: Option<&Cache>,
    name: &str,
    bytes: &[u8],
) -> Result<C, Error> {
    let limits = config.instance_limits();
    let compile = |memories, tables| {
        let engine = engine(config, cache.cloned(), limits, memories, tables)?;
        C::compile(&engine, bytes).map_err(|error| Error::Compile {
            name: name.to_owned(),
            cause: sentence(&error),
        })
    };
    let usual = compile(USUAL_MEMORIES, USUAL_TABLES);
    let needs = match &usual {
        Ok(code) => code.needs(),
        // What does not fit the usual pool may be a component all the same.
        Err(_) => C::compile(&Engine::default(), bytes)
            .ok()
            .and_then(|code| code.needs()),
    };
    if let Some(needs) = &needs {
        check_size(needs, name, limits)?;
    }
    match needs {
        Some(needs) if needs.num_memories > USUAL_MEMORIES || needs.num_tables > USUAL_TABLES => {
            compile(needs.num_memories, needs.num_tables)
        }
        _ => usual,
    }
}

/// The function of the component that answers a request.
enum Export {
    Flat(TypedFunc<(u32, u32), ()>),
    Whole(Proxy),
}

/// An instance of the component, in a store of its own.
pub(crate) struct Instance {
    store: Store<State>,
    export: Export,
    /// How many requests it has answered.
    pub(crate) served: u32,
}

impl Instance {
    /// Calls the component.
    ///
    /// # Errors
    ///
    /// It traps, or uses up its CPU time; [`OutOfMemory`], where that is because it could not grow.
    pub(crate) async fn handle(
        &mut self,
        exchange: Arc<Exchange>,
        request: IncomingRequest,
    ) -> wasmtime::Result<()> {
        self.served += 1;
        self.store.data_mut().begin(exchange, request);
        self.store.set_epoch_deadline(1);
        let (request, answer) = (Resource::new_own(REQUEST), Resource::new_own(OUTPARAM));
        let store = &mut self.store;
        let result = match &self.export {
            Export::Flat(handle) => {
                let handles = (abi::handle(&request), abi::handle(&answer));
                handle.call_async(store, handles).await
            }
            Export::Whole(proxy) => {
                let handler = proxy.wasi_http_incoming_handler();
                handler.call_handle(store, request, answer).await
            }
        };
        match result {
            Err(error) if !error.is::<OutOfTime>() && self.store.data().memory.is_short() => {
                Err(OutOfMemory.into())
            }
            result => result.map_err(explain),
        }
    }

    /// Whether it may serve again: it left nothing behind, and did not grow past `most_memory` bytes.
    pub(crate) fn is_reusable(&mut self, most_memory: usize) -> bool {
        let state = self.store.data_mut();
        state.is_clean() && state.memory_may_be_kept(most_memory)
    }
}

/// Says which limit a component has come to.
fn explain(error: wasmtime::Error) -> wasmtime::Error {
    match error.downcast_ref() {
        Some(ResourceTableError::Full) => error.context("the handle limit is --max-handles"),
        _ => error,
    }
}

/// An error of wasmtime's on one line, without what it says of where.
pub(crate) fn sentence(error: &wasmtime::Error) -> String {
    let mut causes: Vec<_> = error
        .chain()
        .map(|cause| cause.to_string().replace('\n', " "))
        .collect();
    // The context that wasmtime adds to a trap is the backtrace.
    causes.retain(|cause| !cause.starts_with("error while executing at wasm backtrace"));
    causes.join(": ")
}

/// Whether an instance has what it begins with within its limits.
fn check_size(needs: &ResourcesRequired, name: &str, limits: InstanceLimits) -> Result<(), Error> {
    let memory = needs
        .max_initial_memory_size
        .unwrap_or(0)
        .saturating_mul(PAGE);
    let table = needs.max_initial_table_size.unwrap_or(0);
    for (what, flag, needed, limit) in [
        ("bytes of memory", "--max-memory", memory, limits.memory),
        (
            "table elements",
            "--max-table-elements",
            table,
            limits.table_elements,
        ),
    ] {
        if needed > limit as u64 {
            return Err(Error::TooLarge {
                name: name.to_owned(),
                needed,
                what,
                flag,
                limit,
            });
        }
    }
    Ok(())
}

/// Opens the directory, and names it as the component will see it.
fn map_directory(mapping: Option<&Mapping>, inline: bool) -> Result<WasiFilesystemCtx, Error> {
    let Some(Mapping { path, read_only }) = mapping else {
        return Ok(WasiFilesystemCtx::default());
    };
    let refuse = |cause| Error::Directory {
        path: path.clone(),
        cause,
    };
    if !std::fs::metadata(path).map_err(refuse)?.is_dir() {
        return Err(refuse(std::io::ErrorKind::NotADirectory.into()));
    }
    // Where the file system is, too, what may not be written is said before the content is read.
    let permissions = if *read_only || is_mounted_read_only(path) {
        FsPerms::ReadOnly
    } else {
        FsPerms::ReadWrite
    };
    let mut builder = WasiCtxBuilder::new();
    let mapped =
        builder
            .allow_blocking_current_thread(inline)
            .preopened_dir(path, PREOPEN, permissions);
    mapped.map_err(|error| refuse(std::io::Error::other(sentence(&error))))?;
    Ok(builder.build().filesystem().clone())
}

fn is_mounted_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// The mapped directory, as the component is handed it.
fn mapped(filesystem: &mut WasiFilesystemCtx) -> Option<Arc<File>> {
    let mut table = ResourceTable::new();
    let mut view = WasiFilesystemCtxView {
        ctx: filesystem,
        table: &mut table,
    };
    let (descriptor, _) = preopens::Host::get_directories(&mut view).ok()?.pop()?;
    match table.delete(descriptor) {
        Ok(Descriptor::Dir(directory)) => Some(directory.dir),
        _ => None,
    }
}

/// The kernel's number of the kind of file system that the directory is on, if it says so.
fn file_system(mapping: Option<&Mapping>) -> Option<i64> {
    let found = rustix::fs::statfs(&mapping?.path).ok()?;
    Some(found.f_type)
}

/// Whether files are looked up on the thread that serves the connection.
fn is_inline(config: &Config, file_system: Option<i64>) -> bool {
    match (config.file_io, &config.mapping) {
        (FileIo::Auto, Some(_)) => file_system.is_some_and(|it| !is_remote(it)),
        (FileIo::Auto, None) | (FileIo::Inline, _) => true,
        (FileIo::Pool, _) => false,
    }
}

/// Whether a file system may wait for a network, or for another process.
fn is_remote(file_system: i64) -> bool {
    const NFS: i64 = 0x6969;
    const SMB: i64 = 0x517b;
    const SMB2: i64 = 0xfe53_4d42;
    const CIFS: i64 = 0xff53_4d42;
    const FUSE: i64 = 0x6573_5546;
    const NINE_P: i64 = 0x0102_1997;
    const CEPH: i64 = 0x00c3_6400;
    const AFS: i64 = 0x5346_414f;
    [NFS, SMB, SMB2, CIFS, FUSE, NINE_P, CEPH, AFS].contains(&file_system)
}

/// Whether a file system reads a directory of several layers as a whole, however little of it is asked
/// for: an overlay.
fn is_layered(file_system: i64) -> bool {
    const OVERLAY: i64 = 0x794c_7630;
    file_system == OVERLAY
}

/// An engine whose pool has room for as many instances as there may be requests at once, each with
/// so many memories and tables. Where there is no address space for a pool there is none.
fn engine(
    config: &Config,
    cache: Option<Cache>,
    limits: InstanceLimits,
    memories: u32,
    tables: u32,
) -> Result<Engine, Error> {
    let mut settings = wasmtime::Config::new();
    // Components that are asynchronous inside belong to WASI 0.3; the plain way to run a fiber costs less.
    settings
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None);
    settings.cache(cache);

    let resident = match config.isolation {
        Isolation::Request => KEPT_RESIDENT,
        Isolation::Connection | Isolation::Shared(_) => 0,
    };
    let instances = u32::try_from(config.limits.requests.get()).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_stacks(instances)
        // Core instances have no places of their own: this is a count only.
        .total_core_instances(u32::MAX)
        .total_memories(instances.saturating_mul(memories))
        .total_tables(instances.saturating_mul(tables))
        .max_memories_per_component(memories)
        .max_memories_per_module(memories)
        .max_tables_per_component(tables)
        .max_tables_per_module(tables)
        .max_memory_size(limits.memory)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(resident)
        .table_keep_resident(KEPT_RESIDENT);
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&settings).or_else(|error| {
        tracing::warn!(
            "no pool of instances, so requests are slower: {}",
            sentence(&error)
        );
        // Nor is there room around each memory to do without checks.
        settings
            .allocation_strategy(InstanceAllocationStrategy::OnDemand)
            .memory_reservation(limits.memory as u64)
            .memory_reservation_for_growth(0)
            .memory_guard_size(0);
        Engine::new(&settings).map_err(|error| Error::Engine(sentence(&error)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    /// Whether a component is run flattened, and not as it is.
    fn is_flat(bytes: &[u8]) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wasm");
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        let flags = ["http-server", "--no-code-cache", "--component", path];
        let program = Program::load(&Cli::read(flags).unwrap().into_config()).unwrap();
        matches!(program.linked, Linked::Flat { .. })
    }

    #[test]
    fn components_are_flattened_where_that_makes_no_difference() {
        let hostile = std::fs::read(::tests::HOSTILE).unwrap();
        assert!(is_flat(COMPONENT) && is_flat(&hostile));
        assert!(!is_flat(&::tests::unflattened(COMPONENT.to_vec())));
    }
}

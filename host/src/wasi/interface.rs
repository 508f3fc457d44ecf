//! [`Interface`]: what a component may import, defined once for both ways to run one.
//!
//! Each function is linked as one of a component's, which wasmtime calls; and as one of its main module's,
//! for components that are run flattened (`flatten`): then the canonical ABI is spoken here (`abi`).

use crate::abi::{Core, Lift, Lower, Source, Values, lower};
use crate::flatten::{ROOM, WAIT, drop_name, module_name, waiting_name};
use crate::state::State;
use std::collections::HashSet;
use std::marker::PhantomData;
use std::pin::Pin;
use wasmtime::component::{self, ComponentNamedList, LinkerInstance, Resource, ResourceType};
use wasmtime::{
    Caller, Engine, Linker, Result, StoreContextMut, WasmRet, WasmTy, WasmTyList, bail, ensure,
};

/// The version of WASI. Components are linked that are made for any with the same two numbers in front.
const VERSION: &str = "0.2.12";

/// All that a component may import.
pub(crate) struct Interfaces {
    pub(crate) component: component::Linker<State>,
    pub(crate) core: Linker<State>,
    /// Module and name of each core function.
    names: HashSet<(String, String)>,
}

impl Interfaces {
    pub(super) fn new(engine: &Engine) -> Result<Self> {
        let mut core = Linker::new(engine);
        core.func_wrap(ROOM.0, ROOM.1, room)?;
        Ok(Self {
            component: component::Linker::new(engine),
            core,
            names: HashSet::new(),
        })
    }

    /// Whether there is such a core function, of a module and a name.
    pub(crate) fn have(&self, import: &(String, String)) -> bool {
        self.names.contains(import)
    }

    /// Adds an interface.
    pub(super) fn add(&mut self, name: &str) -> Result<Interface<'_>> {
        Ok(Interface {
            component: self.component.instance(&format!("{name}@{VERSION}"))?,
            core: &mut self.core,
            names: &mut self.names,
            module: module_name(name),
        })
    }
}

/// The component has made room for a part of a result. Returns what it has to make room for next.
fn room(mut caller: Caller<'_, State>, address: u32) -> Result<u64> {
    let (memory, state) = memory(&mut caller)?;
    state.lowering.put(address, memory)
}

/// The memory of the component that calls, and its state.
fn memory<'a>(caller: &'a mut Caller<'_, State>) -> Result<(&'a mut [u8], &'a mut State)> {
    let Some(memory) = caller.data().main_memory else {
        bail!("the component runs before it has a memory");
    };
    Ok(memory.data_and_store_mut(caller))
}

/// An interface, to which functions are added.
pub(super) struct Interface<'a> {
    component: LinkerInstance<'a, State>,
    core: &'a mut Linker<State>,
    names: &'a mut HashSet<(String, String)>,
    module: String,
}

/// A function to add, whose core signature is `S`.
pub(super) struct Import<'a, 'b, S> {
    interface: &'a mut Interface<'b>,
    name: &'a str,
    signature: PhantomData<S>,
}

impl<'b> Interface<'b> {
    /// The function of a name. `S` is its core signature, such as `fn(u32, u64) -> u32`.
    pub(super) fn import<'a, S: Signature>(&'a mut self, name: &'a str) -> Import<'a, 'b, S> {
        Import {
            interface: self,
            name,
            signature: PhantomData,
        }
    }

    /// Adds a resource, and what happens when a component drops one.
    pub(super) fn resource<T: 'static>(
        &mut self,
        name: &str,
        drop: impl Act<(Resource<T>,), ()>,
    ) -> Result<()> {
        let of_component = &mut self.component;
        of_component.resource(name, ResourceType::host::<T>(), move |mut store, rep| {
            drop.act(store.data_mut(), (Resource::new_own(rep),))
        })?;
        self.import::<fn(u32)>(&drop_name(name)).define(drop)
    }

    /// Adds one where that may wait, and mostly need not.
    pub(super) fn tried_resource<T: 'static>(
        &mut self,
        name: &str,
        try_to: impl Try<(Resource<T>,), ()>,
        wait: impl Wait<(Resource<T>,), ()>,
    ) -> Result<()> {
        let of_component = &mut self.component;
        of_component.resource_async(name, ResourceType::host::<T>(), move |mut store, rep| {
            let drop = (Resource::new_own(rep),);
            Box::new(async move { try_and_wait(store.data_mut(), drop, try_to, wait).await })
        })?;
        self.import::<fn(u32) -> u64>(&drop_name(name))
            .define_tried(try_to, wait)
    }
}

/// What a function does that never waits, with the state of the component that calls it.
pub(super) trait Act<P, R>: Copy + Send + Sync + 'static {
    fn act(self, state: &mut State, parameters: P) -> Result<R>;
}

/// What a function does that may wait.
pub(super) trait Wait<P, R>:
    for<'a> Fn(&'a mut State, P) -> Waiting<'a, R> + Copy + Send + Sync + 'static
{
}

impl<P, R, F> Wait<P, R> for F where
    F: for<'a> Fn(&'a mut State, P) -> Waiting<'a, R> + Copy + Send + Sync + 'static
{
}

/// What such a function does first: it returns nothing, where it has to wait.
pub(super) trait Try<P, R>:
    Fn(&mut State, &P) -> Result<Option<R>> + Copy + Send + Sync + 'static
{
}

impl<P, R, F> Try<P, R> for F where
    F: Fn(&mut State, &P) -> Result<Option<R>> + Copy + Send + Sync + 'static
{
}

async fn try_and_wait<P, R>(
    state: &mut State,
    parameters: P,
    try_to: impl Try<P, R>,
    wait: impl Wait<P, R>,
) -> Result<R> {
    match try_to(state, &parameters)? {
        Some(result) => Ok(result),
        None => wait(state, parameters).await,
    }
}

/// What such a function will return.
pub(super) type Waiting<'a, R> = Pin<Box<dyn Future<Output = Result<R>> + Send + 'a>>;

/// What functions are called with, on both ways.
pub(super) trait Parameters:
    ComponentNamedList + component::Lift + Lift + Send + 'static
{
}

impl<T: ComponentNamedList + component::Lift + Lift + Send + 'static> Parameters for T {}

/// What functions return, on both ways.
pub(super) trait Returned: component::Lower + Lower + Send + Sync + 'static {}

impl<T: component::Lower + Lower + Send + Sync + 'static> Returned for T {}

impl<S: Signature> Import<'_, '_, S> {
    /// Adds a function that returns something.
    pub(super) fn function<P: Parameters, R: Returned>(self, act: impl Act<P, R>) -> Result<()> {
        self.function_of(act, act)
    }

    /// Adds a function that a flattened component hands the same over to in another form.
    pub(super) fn function_of<P, Q, R>(
        self,
        act: impl Act<P, R>,
        flat: impl Act<Q, R>,
    ) -> Result<()>
    where
        P: Parameters,
        Q: Lift + 'static,
        R: Returned,
    {
        let of_component = &mut self.interface.component;
        of_component.func_wrap(
            self.name,
            move |mut store: StoreContextMut<'_, State>, parameters: P| {
                Ok((act.act(store.data_mut(), parameters)?,))
            },
        )?;
        self.define(flat)
    }

    /// Adds one that returns nothing.
    pub(super) fn procedure<P: Parameters>(self, act: impl Act<P, ()>) -> Result<()> {
        let of_component = &mut self.interface.component;
        of_component.func_wrap(
            self.name,
            move |mut store: StoreContextMut<'_, State>, parameters: P| {
                act.act(store.data_mut(), parameters)
            },
        )?;
        self.define(act)
    }

    /// Adds a function that returns something, and may wait.
    pub(super) fn waiting_function<P: Parameters, R: Returned>(
        self,
        wait: impl Wait<P, R>,
    ) -> Result<()> {
        let of_component = &mut self.interface.component;
        of_component.func_wrap_async(
            self.name,
            move |mut store: StoreContextMut<'_, State>, parameters: P| {
                Box::new(async move { Ok((wait(store.data_mut(), parameters).await?,)) })
            },
        )?;
        self.define_waiting(wait)
    }

    /// Adds a function that may wait, and mostly need not.
    pub(super) fn tried_function<P: Parameters + Sync, R: Returned>(
        self,
        try_to: impl Try<P, R>,
        wait: impl Wait<P, R>,
    ) -> Result<()> {
        let of_component = &mut self.interface.component;
        of_component.func_wrap_async(
            self.name,
            move |mut store: StoreContextMut<'_, State>, parameters: P| {
                Box::new(async move {
                    let state = store.data_mut();
                    Ok((try_and_wait(state, parameters, try_to, wait).await?,))
                })
            },
        )?;
        self.define_tried(try_to, wait)
    }

    /// Adds one that returns nothing, and may wait.
    pub(super) fn waiting_procedure<P: Parameters>(self, wait: impl Wait<P, ()>) -> Result<()> {
        let of_component = &mut self.interface.component;
        of_component.func_wrap_async(
            self.name,
            move |mut store: StoreContextMut<'_, State>, parameters: P| {
                Box::new(async move { wait(store.data_mut(), parameters).await })
            },
        )?;
        self.define_waiting(wait)
    }

    fn define<P: Lift + 'static, R: Lower + 'static>(mut self, act: impl Act<P, R>) -> Result<()> {
        self.check::<P, R>(R::ALLOCATES)?;
        let Interface { core, module, .. } = self.interface;
        S::define(core, module, self.name, move |caller, values| {
            let (memory, state) = memory(caller)?;
            let (parameters, rest) = lift(values, memory, state)?;
            let result = act.act(state, parameters)?;
            lower_result(result, rest, memory, state)
        })
    }

    fn define_waiting<P, R>(mut self, wait: impl Wait<P, R>) -> Result<()>
    where
        P: Lift + Send + 'static,
        R: Lower + Send + 'static,
    {
        self.check::<P, R>(R::ALLOCATES)?;
        self.link_waiting(self.name, wait)
    }

    fn define_tried<P, R>(mut self, try_to: impl Try<P, R>, wait: impl Wait<P, R>) -> Result<()>
    where
        P: Lift + Send + 'static,
        R: Lower + Send + 'static,
    {
        self.check::<P, R>(true)?;
        let Interface { core, module, .. } = &mut *self.interface;
        S::define(core, module, self.name, move |caller, values| {
            let (memory, state) = memory(caller)?;
            let (parameters, rest) = lift(values, memory, state)?;
            match try_to(state, &parameters)? {
                Some(result) => lower_result(result, rest, memory, state),
                None => Ok(WAIT),
            }
        })?;
        self.link_waiting(&waiting_name(self.name), wait)
    }

    fn link_waiting<P, R>(&mut self, name: &str, wait: impl Wait<P, R>) -> Result<()>
    where
        P: Lift + Send + 'static,
        R: Lower + Send + 'static,
    {
        let Interface { core, module, .. } = &mut *self.interface;
        core.func_wrap_async(
            module,
            name,
            move |mut caller: Caller<'_, State>, parameters: S::Parameters| {
                Box::new(async move {
                    let values = S::values(parameters);
                    let act = async {
                        let (memory, state) = memory(&mut caller)?;
                        let (parameters, rest) = lift(values.as_ref(), memory, state)?;
                        let result = wait(state, parameters).await?;
                        lower_result(result, rest, memory, state)
                    };
                    S::returned(act.await)
                })
            },
        )?;
        Ok(())
    }

    /// Whether the signature is that of such a function: one that `says` what comes next, or not.
    fn check<P: Lift, R: Lower>(&mut self, says: bool) -> Result<()> {
        let (mut parameters, mut returned) = (Vec::new(), Vec::new());
        P::flatten(&mut parameters);
        R::flatten(&mut returned);
        if R::FLAT > 1 {
            parameters.push(Core::I32);
            returned.clear();
        }
        if says {
            returned.push(Core::I64);
        }
        ensure!(
            S::PARAMETERS == parameters && S::RETURNED.as_slice() == returned,
            "{} is called with {parameters:?} and returns {returned:?}",
            self.name
        );
        let Interface { names, module, .. } = &mut *self.interface;
        names.insert((module.clone(), self.name.to_owned()));
        Ok(())
    }
}

/// Takes what a function is called with; what is left is where its result goes.
fn lift<'a, P: Lift>(values: &'a [u64], memory: &[u8], state: &State) -> Result<(P, &'a [u64])> {
    ensure!(
        state.lowering.is_done(),
        "the component calls its host while it makes room for a result"
    );
    let mut values = Values(values);
    let mut source = Source {
        memory,
        most: state.template.limits.call_size,
    };
    Ok((P::lift(&mut values, &mut source)?, values.0))
}

/// Hands a result over. Returns it where it is one value; or else, what the component has to make room for.
fn lower_result<R: Lower>(
    result: R,
    rest: &[u64],
    memory: &mut [u8],
    state: &mut State,
) -> Result<u64> {
    if R::FLAT <= 1 {
        return Ok(lower(result));
    }
    let address = Values(rest).next_u32()?;
    state.lowering.begin(result, address, memory)
}

/// The signature of a core function.
pub(super) trait Signature: 'static {
    const PARAMETERS: &[Core];
    const RETURNED: Option<Core>;
    type Parameters: WasmTyList + Send + 'static;
    type Returned: WasmRet + Send + 'static;

    /// The parameters one by one.
    fn values(parameters: Self::Parameters) -> impl AsRef<[u64]> + Send + Sync;

    fn returned(value: Result<u64>) -> Self::Returned;

    /// Adds a function to a linker.
    fn define(
        linker: &mut Linker<State>,
        module: &str,
        name: &str,
        act: impl Fn(&mut Caller<'_, State>, &[u64]) -> Result<u64> + Send + Sync + 'static,
    ) -> Result<()>;
}

/// A core value.
pub(super) trait Value: WasmTy + Send + 'static {
    const CORE: Core;

    fn into_u64(self) -> u64;
}

impl Value for u32 {
    const CORE: Core = Core::I32;

    fn into_u64(self) -> u64 {
        self.into()
    }
}

impl Value for u64 {
    const CORE: Core = Core::I64;

    fn into_u64(self) -> u64 {
        self
    }
}

macro_rules! signature {
    ($returned:ty, $core:expr, |$value:ident| $convert:expr, $($type:ident)*) => {
        #[allow(non_snake_case, reason = "each parameter is named as its type")]
        #[allow(unused_variables, reason = "there may be none")]
        impl<$($type: Value),*> Signature for fn($($type),*) -> $returned {
            const PARAMETERS: &[Core] = &[$($type::CORE),*];
            const RETURNED: Option<Core> = $core;
            type Parameters = ($($type,)*);
            type Returned = Result<$returned>;

            fn values(($($type,)*): Self::Parameters) -> impl AsRef<[u64]> + Send + Sync {
                [$($type.into_u64()),*]
            }

            fn returned(value: Result<u64>) -> Self::Returned {
                value.map(|$value| $convert)
            }

            fn define(
                linker: &mut Linker<State>,
                module: &str,
                name: &str,
                act: impl Fn(&mut Caller<'_, State>, &[u64]) -> Result<u64> + Send + Sync + 'static,
            ) -> Result<()> {
                linker.func_wrap(module, name, move |mut caller: Caller<'_, State>, $($type: $type),*| {
                    Self::returned(act(&mut caller, &[$($type.into_u64()),*]))
                })?;
                Ok(())
            }
        }
    };
    ($($type:ident)*) => {
        signature!((), None, |value| (), $($type)*);
        // Its upper half is empty.
        signature!(u32, Some(Core::I32), |value| value as u32, $($type)*);
        signature!(u64, Some(Core::I64), |value| value, $($type)*);
    };
}

signature!();
signature!(A);
signature!(A B);
signature!(A B C);
signature!(A B C D);
signature!(A B C D E);
signature!(A B C D E F);
signature!(A B C D E F G);
signature!(A B C D E F G H);
signature!(A B C D E F G H I);
signature!(A B C D E F G H I J K);

macro_rules! act {
    ($($type:ident)*) => {
        impl<T, R, $($type),*> Act<($($type,)*), R> for T
        where
            T: Fn(&mut State, $($type),*) -> Result<R> + Copy + Send + Sync + 'static,
        {
            #[allow(non_snake_case, reason = "each parameter is named as its type")]
            fn act(self, state: &mut State, ($($type,)*): ($($type,)*)) -> Result<R> {
                self(state, $($type),*)
            }
        }
    };
}

act!();
act!(A);
act!(A B);
act!(A B C);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flatten::TRIED;
    use crate::wasi::interfaces;
    use wasmtime::Module;
    use wit_parser::abi::{AbiVariant, WasmType};
    use wit_parser::{Function, InterfaceId, Resolve, Type, TypeDefKind};

    /// The interfaces that a component may import.
    const GRANTED: [&str; 22] = [
        "wasi:cli/environment",
        "wasi:cli/exit",
        "wasi:cli/stderr",
        "wasi:cli/stdin",
        "wasi:cli/stdout",
        "wasi:cli/terminal-input",
        "wasi:cli/terminal-output",
        "wasi:cli/terminal-stderr",
        "wasi:cli/terminal-stdin",
        "wasi:cli/terminal-stdout",
        "wasi:clocks/monotonic-clock",
        "wasi:clocks/wall-clock",
        "wasi:filesystem/preopens",
        "wasi:filesystem/types",
        "wasi:http/outgoing-handler",
        "wasi:http/types",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
        "wasi:random/insecure",
        "wasi:random/insecure-seed",
        "wasi:random/random",
    ];

    /// Whether a value of such a type has parts elsewhere in memory.
    fn allocates(all: &Resolve, of: &Type) -> bool {
        let of = match of {
            Type::String => return true,
            Type::Id(id) => &all.types[*id].kind,
            _ => return false,
        };
        let any = |types: &[Option<Type>]| types.iter().flatten().any(|it| allocates(all, it));
        match of {
            TypeDefKind::List(_) => true,
            TypeDefKind::Type(it) | TypeDefKind::Option(it) => allocates(all, it),
            TypeDefKind::Result(it) => any(&[it.ok, it.err]),
            TypeDefKind::Tuple(it) => it.types.iter().any(|it| allocates(all, it)),
            TypeDefKind::Record(it) => it.fields.iter().any(|it| allocates(all, &it.ty)),
            TypeDefKind::Variant(it) => it.cases.iter().any(|it| any(&[it.ty])),
            _ => false,
        }
    }

    /// The core signature of a function, in the text format.
    fn signature(all: &Resolve, function: &Function, is_tried: bool) -> String {
        let core = |types: &[WasmType]| {
            let names = types.iter().map(|it| match it {
                WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32 ",
                WasmType::I64 | WasmType::PointerOrI64 => "i64 ",
                it => panic!("{it:?}"),
            });
            names.collect::<String>()
        };
        let signature = all.wasm_signature(AbiVariant::GuestImport, function);
        let says_more = is_tried || function.result.iter().any(|it| allocates(all, it));
        let returned = match says_more {
            true => "i64".to_owned(),
            false => core(&signature.results),
        };
        format!("(param {}) (result {returned})", core(&signature.params))
    }

    fn find(all: &Resolve, interface: &str) -> InterfaceId {
        let name = format!("{interface}@{VERSION}");
        let is_it = |id: &InterfaceId| all.id_of(*id).is_some_and(|it| it == name);
        all.interfaces.iter().map(|it| it.0).find(is_it).unwrap()
    }

    #[test]
    fn all_functions_are_granted_with_the_signatures_that_wit_has() {
        let mut all = Resolve::default();
        all.push_dir("../wit").unwrap();
        let engine = Engine::default();
        let granted = interfaces(&engine).unwrap();
        let mut names = granted.names.clone();
        for interface in GRANTED {
            let module = module_name(interface);
            let found = &all.interfaces[find(&all, interface)];
            let is_resource = |id| matches!(all.types[id].kind, TypeDefKind::Resource);
            let resources = found.types.iter().filter(|it| is_resource(*it.1));
            let is_tried = |name: &str| TRIED.contains(&(interface, name));
            let drops = resources.map(|(name, _)| {
                let name = drop_name(name);
                let returned = if is_tried(&name) { "(result i64)" } else { "" };
                (name, format!("(param i32) {returned}"))
            });
            let functions = found.functions.iter().map(|(name, function)| {
                let signature = signature(&all, function, is_tried(name));
                (name.clone(), signature)
            });
            for (name, signature) in functions.chain(drops) {
                let waiting = is_tried(&name).then(|| waiting_name(&name));
                for name in [Some(&name), waiting.as_ref()].into_iter().flatten() {
                    let text = format!(r#"(import "{module}" "{name}" (func {signature}))"#);
                    let importing = wat::parse_str(format!("(module {text})")).unwrap();
                    let importing = Module::new(&engine, importing).unwrap();
                    let linked = granted.core.instantiate_pre(&importing);
                    assert!(linked.is_ok(), "{text}: {:?}", linked.err());
                }
                assert!(names.remove(&(module.clone(), name)));
            }
        }
        // There is nothing more.
        assert!(names.is_empty(), "{names:?}");
    }
}

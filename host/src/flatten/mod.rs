//! A component as one core module, which an instance costs less of, and a call into or out of.
//!
//! Most components are what `wit-component` makes of one core module, the main one: a function of the
//! host that is handed bytes finds them in the main module's memory, and the main module can't be
//! instantiated without that function. So there are two modules more to break this circle: a shim, whose
//! functions call others through a table, for the main module to import; and a fixup, which puts the
//! functions of the host in that table once they can be had.
//!
//! Here the main module is taken out again, and imports the functions of the host as they are, under the
//! names that the component model's `BuildTargets.md` has for it. The host speaks the canonical ABI itself
//! (`abi`). It can't call `realloc` while it is called: wasmtime has no way to. So a function whose result
//! needs that returns what it needs, and there is a function in the module around each such that calls
//! `realloc`, and says where there is room, until there is nothing more to make room for. There is such a
//! function, too, around each that may have to wait.
//!
//! Of the types that the component gives what it imports and exports, only those of core functions are still
//! looked at: whose are others misunderstands its own memory, and nobody else's.
//!
//! The main module's code and data stay the same. What is not wired exactly as described is left to be run
//! as a component; so is what any of this could make a difference to, such as a module that does something
//! as it starts.

mod definitions;
mod main_module;
#[cfg(test)]
mod tests;
mod wiring;

use main_module::MainModule;
use wasmparser::{Chunk, Parser, Payload};
use wiring::Wiring;

/// The functions that may have to wait, and mostly need not: interface and name. To be called so that one
/// could wait costs more, so a flattened component tries another first, which says if that has to be.
pub(crate) const TRIED: [(&str, &str); 8] = [
    ("wasi:io/streams", "input-stream_drop"),
    ("wasi:io/streams", "output-stream_drop"),
    ("wasi:io/streams", "[method]output-stream.blocking-splice"),
    ("wasi:filesystem/types", "[method]descriptor.metadata-hash"),
    ("wasi:filesystem/types", "[method]descriptor.open-at"),
    ("wasi:filesystem/types", "[method]descriptor.read"),
    ("wasi:filesystem/types", "[method]descriptor.stat"),
    ("wasi:filesystem/types", "[method]descriptor.stat-at"),
];

/// What such a function returns that has to wait. All others that say what comes next say which room is
/// wanted, or 0.
pub(crate) const WAIT: u64 = u64::MAX;

/// The name of the function that waits.
pub(crate) fn waiting_name(name: &str) -> String {
    format!("{name}|wait")
}

/// Where a flattened component says that it has made room for a part of a result.
pub(crate) const ROOM: (&str, &str) = ("host", "room");

/// The function that a flattened component exports: `wasi:http/incoming-handler.handle`.
pub(crate) const HANDLE: &str = "handle";

/// Its memory.
pub(crate) const MEMORY: &str = "memory";

/// A component, flattened.
pub(crate) struct Flat {
    pub(crate) module: Vec<u8>,
    /// All functions that the component imports, needed or not, and those that drop its resources: module and
    /// name.
    pub(crate) imports: Vec<(String, String)>,
}

/// What a flattened component imports an interface's functions from.
pub(crate) fn module_name(interface: &str) -> String {
    format!("cm32p2|{interface}@0.2")
}

/// The function that drops a resource.
pub(crate) fn drop_name(resource: &str) -> String {
    format!("{resource}_drop")
}

/// The component flattened; nothing if it is not valid, or not wired as `wit-component` does.
pub(crate) fn flatten(component: &[u8]) -> Option<Flat> {
    // What is left out of the result would otherwise be checked by nobody.
    wasmparser::validate(component).ok()?;
    let wiring = Wiring::of(component, &sections(component)?)?;
    let module = MainModule::read(&wiring)?.encode()?;
    wasmparser::validate(&module).ok()?;
    Some(Flat {
        module,
        imports: wiring.imports,
    })
}

/// The sections of a component, without what is in its modules.
fn sections(component: &[u8]) -> Option<Vec<Payload<'_>>> {
    let mut parser = Parser::new(0);
    let mut rest = component;
    let mut sections = Vec::new();
    while !rest.is_empty() {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).ok()? else {
            return None;
        };
        rest = rest.get(consumed..)?;
        if let Payload::ModuleSection {
            unchecked_range, ..
        }
        | Payload::ComponentSection {
            unchecked_range, ..
        } = &payload
        {
            rest = rest.get(unchecked_range.len()..)?;
        }
        sections.push(payload);
    }
    Some(sections)
}

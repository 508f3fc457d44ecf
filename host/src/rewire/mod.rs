//! Wires a component anew, so that an instance of it costs less to make.
//!
//! A function of the host that is handed bytes finds them in the memory of the component's main module,
//! and the main module can't be instantiated without that function. `wit-component`, and so every
//! toolchain, breaks this circle with two modules more: a shim, whose functions call others through a
//! table, for the main module to import; and a fixup, which puts the functions of the host in that table
//! once they can be had. With fifty imports this is a good part of what an instance costs.
//!
//! Here the memory comes first: it moves to a module of its own, with the data it begins with. So the
//! functions of the host can be had before the main module, which imports them as they are. Some of them
//! call the main module's `realloc`: in its place stands a function of the new module, which calls it
//! through a table that holds nothing else.
//!
//! The main module's code, the functions that it calls and the memory they work on stay the same. What
//! is not wired exactly as described is left as it is; so is what any of this could make a difference to,
//! such as a module that does something as it starts.

mod definitions;
mod main_module;
#[cfg(test)]
mod tests;
mod wiring;

use definitions::Counts;
use main_module::{MEMORY, MEMORY_INSTANCE, MainModule, REALLOC, TABLE};
use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;
use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection,
    ComponentExportKind, ComponentSectionId, ExportKind, InstanceSection, Module, ModuleArg,
    RawSection,
};
use wasmparser::{Chunk, ComponentAlias, ExternalKind, Instance, Parser, Payload};
use wiring::{Lowered, Wiring};

/// The component wired anew; nothing if it is not valid, or not wired as `wit-component` does.
pub(crate) fn rewire(component: &[u8]) -> Option<Vec<u8>> {
    // What is left out of the result would otherwise be checked by nobody.
    wasmparser::validate(component).ok()?;
    let sections = sections(component)?;
    let wiring = Wiring::of(component, &sections)?;
    let main = MainModule::read(component.get(wiring.main.code.clone())?, wiring.realloc)?;
    let mut rewired = Rewired::new(component, &wiring, main)?;
    for section in sections {
        rewired.add(section)?;
    }
    let rewired = rewired.component.finish();
    wasmparser::validate(&rewired).ok()?;
    Some(rewired)
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

/// Encodes what refers to what now has more before it: with the instance of the memory come the memory,
/// `realloc`, and the functions of the host.
struct Shifted {
    before: Counts,
    lowered: u32,
}

impl Reencode for Shifted {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(index + u32::from(index >= self.before.functions))
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(index + u32::from(index >= self.before.memories))
    }
}

impl ReencodeComponent for Shifted {
    fn component_func_index(&mut self, index: u32) -> u32 {
        if index < self.before.component_functions {
            index
        } else {
            index + self.lowered
        }
    }
}

/// A component that is being wired anew, section by section.
struct Rewired<'a> {
    old: &'a [u8],
    wiring: &'a Wiring<'a>,
    main: MainModule<'a>,
    /// The function of the host that each of the shim's stands for, and how it is lowered.
    stands_for: HashMap<&'a str, (u32, &'a [wasmparser::CanonicalOption])>,
    shifted: Shifted,
    /// How many there are so far.
    modules: u32,
    instances: u32,
    component: Component,
}

impl<'a> Rewired<'a> {
    fn new(old: &'a [u8], wiring: &'a Wiring<'a>, main: MainModule<'a>) -> Option<Self> {
        let lowered = wiring.lowered.iter();
        Some(Self {
            old,
            wiring,
            main,
            stands_for: lowered
                .zip(wiring.before.component_functions..)
                .map(|(it, function)| (it.shim, (function, it.options.as_slice())))
                .collect(),
            shifted: Shifted {
                before: wiring.before,
                lowered: u32::try_from(wiring.lowered.len()).ok()?,
            },
            modules: 0,
            instances: 0,
            component: Component::new(),
        })
    }

    fn add(&mut self, section: Payload<'_>) -> Option<()> {
        match section {
            Payload::Version { .. } | Payload::CustomSection(_) | Payload::End(_) => {}
            Payload::ModuleSection {
                unchecked_range, ..
            } => self.add_module(unchecked_range)?,
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.add_instance(instance.ok()?)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.add_alias(alias.ok()?)?;
                }
            }
            // In these nothing refers to what is shifted.
            Payload::ComponentImportSection(_)
            | Payload::CoreTypeSection(_)
            | Payload::ComponentSection { .. } => {
                let (id, range) = section.as_section()?;
                let data = self.old.get(range)?;
                self.component.section(&RawSection { id, data });
            }
            section => {
                let (shifted, component) = (&mut self.shifted, &mut self.component);
                component_utils::parse_component_payload(shifted, component, section, self.old)
                    .ok()?;
            }
        }
        Some(())
    }

    fn add_module(&mut self, range: Range<usize>) -> Option<()> {
        let code = match self.modules {
            it if it == self.wiring.main.module => self.main.encode()?.finish(),
            it if it == self.wiring.shim.module => self.main.memory_module().finish(),
            it if it == self.wiring.fixup.module => Module::new().finish(),
            _ => self.old.get(range)?.to_vec(),
        };
        self.component.section(&RawSection {
            id: ComponentSectionId::CoreModule.into(),
            data: &code,
        });
        self.modules += 1;
        Some(())
    }

    fn add_instance(&mut self, instance: Instance<'_>) -> Option<()> {
        let mut instances = InstanceSection::new();
        let wiring = self.wiring;
        match instance {
            // The functions are where they belong already: there is nothing to do, under this index.
            _ if self.instances == wiring.fixup.instance => {
                instances.export_items::<_, &str>([]);
            }
            Instance::Instantiate { module_index, args }
                if self.instances == wiring.main.instance =>
            {
                let mut args: Vec<_> = args
                    .iter()
                    .map(|arg| (arg.name, ModuleArg::Instance(arg.index)))
                    .collect();
                args.push((MEMORY_INSTANCE, ModuleArg::Instance(wiring.shim.instance)));
                instances.instantiate(module_index, args);
            }
            instance => {
                component_utils::parse_instance(&mut self.shifted, &mut instances, instance)
                    .ok()?;
            }
        }
        self.component.section(&instances);
        if self.instances == wiring.shim.instance {
            self.component.section(&with_memory_instance(wiring));
        }
        self.instances += 1;
        Some(())
    }

    fn add_alias(&mut self, alias: ComponentAlias<'_>) -> Option<()> {
        let alias = match alias {
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } if instance_index == self.wiring.shim.instance => {
                if kind == ExternalKind::Func {
                    return self.lower(name);
                }
                // The table, which nobody needs any more: another keeps its index.
                Alias::CoreInstanceExport {
                    instance: instance_index,
                    kind: kind.into(),
                    name: TABLE,
                }
            }
            alias => component_utils::component_alias(&mut self.shifted, alias).ok()?,
        };
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(alias);
        self.component.section(&aliases);
        Some(())
    }

    /// Lowers the function of the host that one of the shim's stands for, with the memory and the
    /// `realloc` that there are before the main module.
    fn lower(&mut self, name: &str) -> Option<()> {
        let &(function, options) = self.stands_for.get(name)?;
        let before = self.wiring.before;
        let options = options.iter().map(|option| match *option {
            wasmparser::CanonicalOption::Memory(_) => CanonicalOption::Memory(before.memories),
            wasmparser::CanonicalOption::Realloc(_) => CanonicalOption::Realloc(before.functions),
            option => option.into(),
        });
        let mut lowered = CanonicalFunctionSection::new();
        lowered.lower(function, options);
        self.component.section(&lowered);
        Some(())
    }
}

/// What there is as soon as there is the instance of the memory: the memory and `realloc`, and the
/// functions of the host to lower.
fn with_memory_instance(wiring: &Wiring<'_>) -> ComponentAliasSection {
    let mut aliases = ComponentAliasSection::new();
    for (kind, name) in [(ExportKind::Memory, MEMORY), (ExportKind::Func, REALLOC)] {
        aliases.alias(Alias::CoreInstanceExport {
            instance: wiring.shim.instance,
            kind,
            name,
        });
    }
    for Lowered { export, .. } in &wiring.lowered {
        aliases.alias(Alias::InstanceExport {
            instance: export.0,
            kind: ComponentExportKind::Func,
            name: export.1,
        });
    }
    aliases
}

//! How `wit-component` wires a component, recognised.

use super::definitions::{CoreFunction, Definitions, InstanceType};
use super::main_module::constant;
use super::{TRIED, drop_name, module_name};
use std::collections::HashMap;
use wasmparser::{
    CanonicalOption, ComponentExternalKind, ElementItems, ElementKind, Export, ExternalKind,
    FunctionBody, Instance, Operator, Parser, Payload, TypeRef,
};

/// What a component has to export: the interface, and its function.
const EXPORTED: (&str, &str) = ("wasi:http/incoming-handler", "handle");

/// What the main module imports.
#[derive(Clone)]
pub(super) struct Import {
    /// The same, of a flattened component: module and name.
    pub(super) name: (String, String),
    /// The component makes room for a part of its result.
    pub(super) allocates: bool,
    /// It is tried without waiting first.
    pub(super) is_tried: bool,
}

impl Import {
    fn new(interface: &str, function: String, allocates: bool) -> Option<Self> {
        let name = named(interface, function)?;
        let is_it = |(interface, function): &(&str, &str)| {
            name.0 == module_name(interface) && name.1 == *function
        };
        Some(Self {
            is_tried: TRIED.iter().any(is_it),
            name,
            allocates,
        })
    }

    /// It says what comes next, and there is a function around it.
    pub(super) fn says_more(&self) -> bool {
        self.allocates || self.is_tried
    }
}

/// How `wit-component` wires a component.
pub(super) struct Wiring<'a> {
    /// The code of the main module.
    pub(super) main: &'a [u8],
    /// What it imports, by module and name.
    pub(super) given: HashMap<(&'a str, &'a str), Import>,
    /// The names of its memory, its `realloc`, and the function that is exported.
    pub(super) memory: &'a str,
    pub(super) realloc: &'a str,
    pub(super) handle: &'a str,
    /// All functions that the component imports, and those that drop its resources.
    pub(super) imports: Vec<(String, String)>,
}

impl<'a> Wiring<'a> {
    /// The wiring of a component; nothing if it is any other.
    pub(super) fn of(component: &'a [u8], sections: &[Payload<'a>]) -> Option<Self> {
        let all = Definitions::of(component, sections)?;
        let shim = Shim::of(component, &all)?;
        let others = (0..)
            .zip(&all.instances)
            .filter_map(|(index, it)| match it {
                Instance::Instantiate { .. } => Some(index),
                Instance::FromExports(_) => None,
            });
        let others: Vec<u32> = others
            .filter(|index| ![shim.instance, shim.fixup].contains(index))
            .collect();
        let &[main] = others.as_slice() else {
            return None;
        };
        let (code, args) = all.instantiated(main)?;

        let mut ends = Ends::default();
        let mut given = HashMap::new();
        for arg in args {
            for export in exports(&all, arg.index)? {
                if export.kind != ExternalKind::Func {
                    return None;
                }
                let import = shim.import(&all, export.index, &mut ends)?;
                given.insert((arg.name, export.name), import);
            }
        }

        let [(exported, ComponentExternalKind::Instance, handler)] = *all.exports.as_slice() else {
            return None;
        };
        let [(lifted, options)] = all.lifted.as_slice() else {
            return None;
        };
        let CoreFunction::Export(of, handle) = *all.functions.get(*lifted as usize)? else {
            return None;
        };
        let (memory, realloc) = (ends.memory?, ends.realloc?);
        let is_wired = named(exported, String::new())?.0 == module_name(EXPORTED.0)
            && all.has_lifted(handler, EXPORTED.1)
            && options.iter().all(|it| *it == CanonicalOption::UTF8)
            && [of, memory.0, realloc.0] == [main; 3];
        if !is_wired {
            return None;
        }
        let mut imports = Vec::new();
        for (
            interface,
            InstanceType {
                functions,
                resources,
            },
        ) in all.imports()?
        {
            for function in functions {
                imports.push(named(interface, (*function).to_owned())?);
            }
            for resource in resources {
                imports.push(named(interface, drop_name(resource))?);
            }
        }
        Some(Self {
            main: component.get(code)?,
            given,
            memory: memory.1,
            realloc: realloc.1,
            handle,
            imports,
        })
    }
}

/// The exports that a core instance is made of.
fn exports<'b, 'a>(all: &'b Definitions<'a>, instance: u32) -> Option<&'b [Export<'a>]> {
    match all.instances.get(instance as usize)? {
        Instance::FromExports(exports) => Some(exports),
        Instance::Instantiate { .. } => None,
    }
}

/// How a flattened component names a function of an interface; nothing if that is of another version.
fn named(interface: &str, function: String) -> Option<(String, String)> {
    let (interface, version) = interface.split_once('@')?;
    let patch = version.strip_prefix("0.2.")?;
    let is_number = !patch.is_empty() && patch.bytes().all(|it| it.is_ascii_digit());
    is_number.then(|| (module_name(interface), function))
}

/// The shim, and the fixup that says what its functions stand for.
struct Shim<'a> {
    instance: u32,
    fixup: u32,
    /// The core function that each of its own stands for.
    functions: HashMap<&'a str, u32>,
}

impl<'a> Shim<'a> {
    fn of(component: &'a [u8], all: &Definitions<'a>) -> Option<Self> {
        let (fixup, code, given) = (0..).zip(&all.instances).find_map(|(index, _)| {
            let (code, args) = all.instantiated(index)?;
            let [arg] = args else { return None };
            let given = exports(all, arg.index)?;
            arg.name.is_empty().then_some((index, code, given))
        })?;
        let (filled, table) = filled(component.get(code)?)?;
        let export = |kind, name| given.iter().find(|it| it.kind == kind && it.name == name);
        let table = export(ExternalKind::Table, table)?.index;
        let &(instance, table) = all.tables.get(table as usize)?;
        let (code, args) = all.instantiated(instance)?;
        if !args.is_empty() {
            return None;
        }
        let mut functions = HashMap::new();
        for (name, slot) in slots(component.get(code)?, table)? {
            let export = export(ExternalKind::Func, *filled.get(slot as usize)?)?;
            functions.insert(name, export.index);
        }
        Some(Self {
            instance,
            fixup,
            functions,
        })
    }

    /// What the main module imports as such a core function.
    fn import(&self, all: &Definitions<'a>, function: u32, ends: &mut Ends<'a>) -> Option<Import> {
        match all.functions.get(function as usize)? {
            CoreFunction::Export(instance, name) if *instance == self.instance => {
                let function = *self.functions.get(name)?;
                // Nothing stands for what stands for something.
                match all.functions.get(function as usize)? {
                    CoreFunction::Lowered(..) => self.import(all, function, ends),
                    _ => None,
                }
            }
            CoreFunction::Lowered(function, options) => {
                for option in options {
                    ends.see(all, *option)?;
                }
                let (interface, name) = all.imported_function(*function)?;
                let allocates = |it: &CanonicalOption| matches!(it, CanonicalOption::Realloc(_));
                Import::new(interface, name.to_owned(), options.iter().any(allocates))
            }
            CoreFunction::Drop(resource) => {
                let (interface, name) = all.imported_resource(*resource)?;
                Import::new(interface, drop_name(name), false)
            }
            _ => None,
        }
    }
}

/// The one memory and the one `realloc` that functions are lowered with: core instance and name.
#[derive(Default)]
struct Ends<'a> {
    memory: Option<(u32, &'a str)>,
    realloc: Option<(u32, &'a str)>,
}

impl<'a> Ends<'a> {
    /// Notes what an option names; nothing if that is a second one, or something else.
    fn see(&mut self, all: &Definitions<'a>, option: CanonicalOption) -> Option<()> {
        let (end, found) = match option {
            CanonicalOption::UTF8 => return Some(()),
            CanonicalOption::Memory(index) => {
                (&mut self.memory, *all.memories.get(index as usize)?)
            }
            CanonicalOption::Realloc(index) => match all.functions.get(index as usize)? {
                CoreFunction::Export(instance, name) => (&mut self.realloc, (*instance, *name)),
                _ => return None,
            },
            _ => return None,
        };
        (*end.get_or_insert(found) == found).then_some(())
    }
}

/// The functions of a shim, by name: which slot of its one table each calls.
fn slots<'a>(shim: &'a [u8], table: &str) -> Option<Vec<(&'a str, u32)>> {
    let mut types = Vec::new();
    let mut functions = Vec::new();
    let mut exports = Vec::new();
    let mut slots = Vec::new();
    for payload in Parser::new(0).parse_all(shim) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                for signature in section.into_iter_err_on_gc_types() {
                    types.push(signature.ok()?.params().len());
                }
            }
            Payload::FunctionSection(section) => {
                functions = section.into_iter().collect::<Result<_, _>>().ok()?;
            }
            Payload::TableSection(section) if section.count() == 1 => {}
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(export.ok()?);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let signature = *functions.get(slots.len())?;
                let parameters = u32::try_from(*types.get(signature as usize)?).ok()?;
                slots.push(slot(&body, parameters, signature)?);
            }
            Payload::Version { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            _ => return None,
        }
    }
    let mut named = Vec::new();
    for export in exports {
        match export.kind {
            ExternalKind::Func => named.push((export.name, *slots.get(export.index as usize)?)),
            ExternalKind::Table if export.name == table => {}
            _ => return None,
        }
    }
    Some(named)
}

/// The slot that a function calls with what it is called with, if that is all it does.
fn slot(body: &FunctionBody<'_>, parameters: u32, signature: u32) -> Option<u32> {
    if body.get_locals_reader().ok()?.get_count() != 0 {
        return None;
    }
    let mut operators = body.get_operators_reader().ok()?;
    for parameter in 0..parameters {
        match operators.read().ok()? {
            Operator::LocalGet { local_index } if local_index == parameter => {}
            _ => return None,
        }
    }
    let Operator::I32Const { value } = operators.read().ok()? else {
        return None;
    };
    match (operators.read().ok()?, operators.read().ok()?) {
        (
            Operator::CallIndirect {
                type_index,
                table_index: 0,
            },
            Operator::End,
        ) if type_index == signature && operators.eof() => u32::try_from(value).ok(),
        _ => None,
    }
}

/// What a fixup puts in each slot of the table, and the table: the names of its imports.
fn filled(fixup: &[u8]) -> Option<(Vec<&str>, &str)> {
    let mut functions = Vec::new();
    let (mut table, mut filled) = (None, None);
    for payload in Parser::new(0).parse_all(fixup) {
        match payload.ok()? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    match import.ty {
                        TypeRef::Func(_) => functions.push(import.name),
                        TypeRef::Table(_) if table.is_none() => table = Some(import.name),
                        _ => return None,
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.ok()?;
                    let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(items)) =
                        (element.kind, element.items)
                    else {
                        return None;
                    };
                    if constant(&offset_expr)? != 0 || filled.is_some() {
                        return None;
                    }
                    let names: Option<Vec<_>> = items
                        .into_iter()
                        .map(|index| functions.get(index.ok()? as usize).copied())
                        .collect();
                    filled = Some(names?);
                }
            }
            Payload::Version { .. }
            | Payload::TypeSection(_)
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            _ => return None,
        }
    }
    Some((filled?, table?))
}

//! How `wit-component` wires a component, recognised.

use super::definitions::{CoreFunction, Counts, Definitions, Placed};
use super::main_module::constant;
use wasmparser::{
    CanonicalOption, ElementItems, ElementKind, ExternalKind, FunctionBody, Instance, Operator,
    Parser, Payload, TypeRef,
};

/// A function of the host that one of the shim's stands for.
pub(super) struct Lowered<'a> {
    /// The name of the shim's.
    pub(super) shim: &'a str,
    /// The component's instance that has it, and its name there.
    pub(super) export: (u32, &'a str),
    pub(super) options: Vec<CanonicalOption>,
}

/// How `wit-component` wires a component.
pub(super) struct Wiring<'a> {
    pub(super) main: Placed,
    pub(super) shim: Placed,
    pub(super) fixup: Placed,
    /// The name of the main module's `realloc`.
    pub(super) realloc: &'a str,
    pub(super) lowered: Vec<Lowered<'a>>,
    /// What there is before the shim.
    pub(super) before: Counts,
}

impl<'a> Wiring<'a> {
    /// The wiring of a component; nothing if it is any other.
    pub(super) fn of(component: &'a [u8], sections: &[Payload<'a>]) -> Option<Self> {
        let all = Definitions::of(component, sections)?;
        let (fixup, given, exports) = (0..all.instances.len()).find_map(|instance| {
            let (placed, args) = all.instantiated(u32::try_from(instance).ok()?)?;
            let [arg] = args else { return None };
            match &all.instances.get(arg.index as usize)?.0 {
                Instance::FromExports(exports) if arg.name.is_empty() => {
                    Some((placed, arg.index, exports))
                }
                _ => None,
            }
        })?;
        let (filled, table) = filled(component.get(fixup.code.clone())?)?;
        let export = |kind, name| exports.iter().find(|it| it.kind == kind && it.name == name);
        let table = export(ExternalKind::Table, table)?.index;
        let &(shim, table_name) = all.tables.get(table as usize)?;
        let (shim, shim_args) = all.instantiated(shim)?;
        let before = all.instances.get(shim.instance as usize)?.1;

        let mut ends = Ends::default();
        let mut lowered = Vec::new();
        for (name, slot) in slots(component.get(shim.code.clone())?, table_name)? {
            let export = export(ExternalKind::Func, *filled.get(slot as usize)?)?;
            let CoreFunction::Lowered(function, options) =
                all.functions.get(export.index as usize)?
            else {
                return None;
            };
            let export = (*all.component_functions.get(*function as usize)?)?;
            if export.0 >= before.component_instances {
                return None;
            }
            for option in options {
                ends.see(&all, *option)?;
            }
            lowered.push(Lowered {
                shim: name,
                export,
                options: options.to_vec(),
            });
        }

        let ((memory_of, _), (realloc_of, realloc)) = (ends.memory?, ends.realloc?);
        let (main, _) = all.instantiated(memory_of)?;
        // Nobody else may have the modules that change, or the table that goes.
        let of_shim = all.tables.iter().filter(|it| it.0 == shim.instance);
        let is_wired = [&main, &shim, &fixup]
            .iter()
            .all(|it| all.instances_of(it.module) == 1)
            && of_shim.count() == 1
            && all.times_exported(table) == 1
            && all.tables.iter().all(|it| it.0 != given)
            && all.times_given(given) == 1
            && all.times_given(shim.instance) == 0
            && shim_args.is_empty()
            && realloc_of == main.instance
            && main.instance > shim.instance;
        is_wired.then_some(Self {
            main,
            shim,
            fixup,
            realloc,
            lowered,
            before,
        })
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
            CanonicalOption::UTF8 | CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => {
                return Some(());
            }
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

//! What a component defines, by its indices.

use std::ops::Range;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind,
    ComponentOuterAliasKind, ExternalKind, Instance, InstantiationArg, Payload,
};

/// How many of each there are at some point of a component.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) functions: u32,
    pub(super) memories: u32,
    pub(super) component_functions: u32,
    pub(super) component_instances: u32,
}

/// A core function of a component.
pub(super) enum CoreFunction<'a> {
    /// An export of a core instance.
    Export(u32, &'a str),
    /// A function of the component's, lowered.
    Lowered(u32, Box<[CanonicalOption]>),
    Other,
}

/// What a component defines, by its indices.
#[derive(Default)]
pub(super) struct Definitions<'a> {
    modules: Vec<Range<usize>>,
    /// The core instances, each with what there was before it.
    pub(super) instances: Vec<(Instance<'a>, Counts)>,
    pub(super) functions: Vec<CoreFunction<'a>>,
    /// Core instance and name.
    pub(super) tables: Vec<(u32, &'a str)>,
    pub(super) memories: Vec<(u32, &'a str)>,
    /// Instance and name of those that are an instance's.
    pub(super) component_functions: Vec<Option<(u32, &'a str)>>,
    component_instances: u32,
}

impl<'a> Definitions<'a> {
    /// The definitions of a component; nothing if some can't be told from outside.
    pub(super) fn of(component: &'a [u8], sections: &[Payload<'a>]) -> Option<Self> {
        let mut all = Self::default();
        for section in sections {
            all.add(component, section)?;
        }
        Some(all)
    }

    fn add(&mut self, component: &'a [u8], section: &Payload<'a>) -> Option<()> {
        match section {
            Payload::ComponentSection {
                parser,
                unchecked_range,
            } => {
                let nested = component.get(unchecked_range.clone())?;
                for payload in parser.clone().parse_all(nested) {
                    if let Payload::ComponentAliasSection(section) = payload.ok()? {
                        for alias in section {
                            is_no_module(&alias.ok()?)?;
                        }
                    }
                }
            }
            Payload::ModuleSection {
                unchecked_range, ..
            } => self.modules.push(unchecked_range.clone()),
            Payload::InstanceSection(section) => {
                let before = self.counts()?;
                for instance in section.clone() {
                    self.instances.push((instance.ok()?, before));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.add_alias(&alias.ok()?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    match function.ok()? {
                        CanonicalFunction::Lift { .. } => self.component_functions.push(None),
                        CanonicalFunction::Lower {
                            func_index,
                            options,
                        } => self
                            .functions
                            .push(CoreFunction::Lowered(func_index, options)),
                        _ => self.functions.push(CoreFunction::Other),
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                self.component_instances += section.count();
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.add_component_item(import.ok()?.ty.kind(), None)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    self.add_component_item(export.ok()?.kind, None)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn counts(&self) -> Option<Counts> {
        Some(Counts {
            functions: u32::try_from(self.functions.len()).ok()?,
            memories: u32::try_from(self.memories.len()).ok()?,
            component_functions: u32::try_from(self.component_functions.len()).ok()?,
            component_instances: self.component_instances,
        })
    }

    fn add_alias(&mut self, alias: &ComponentAlias<'a>) -> Option<()> {
        is_no_module(alias)?;
        match *alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => return self.add_component_item(kind, Some((instance_index, name))),
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => match kind {
                ExternalKind::Func => self
                    .functions
                    .push(CoreFunction::Export(instance_index, name)),
                ExternalKind::Table => self.tables.push((instance_index, name)),
                ExternalKind::Memory => self.memories.push((instance_index, name)),
                ExternalKind::Global | ExternalKind::Tag => {}
                ExternalKind::FuncExact => return None,
            },
            ComponentAlias::Outer { .. } => {}
        }
        Some(())
    }

    fn add_component_item(
        &mut self,
        kind: ComponentExternalKind,
        exported: Option<(u32, &'a str)>,
    ) -> Option<()> {
        match kind {
            ComponentExternalKind::Func => self.component_functions.push(exported),
            ComponentExternalKind::Instance => self.component_instances += 1,
            ComponentExternalKind::Module => return None,
            _ => {}
        }
        Some(())
    }

    /// The module that a core instance is of, and what that was given.
    pub(super) fn instantiated(&self, instance: u32) -> Option<(Placed, &[InstantiationArg<'a>])> {
        match &self.instances.get(instance as usize)?.0 {
            Instance::Instantiate { module_index, args } => {
                let placed = Placed {
                    module: *module_index,
                    instance,
                    code: self.modules.get(*module_index as usize)?.clone(),
                };
                Some((placed, args))
            }
            Instance::FromExports(_) => None,
        }
    }

    /// How many instances there are of a module.
    pub(super) fn instances_of(&self, module: u32) -> usize {
        let is_one = |it: &&(Instance<'_>, Counts)| matches!(&it.0, Instance::Instantiate { module_index, .. } if *module_index == module);
        self.instances.iter().filter(is_one).count()
    }

    /// How often an instance is given to a module.
    pub(super) fn times_given(&self, instance: u32) -> usize {
        let args = self.instances.iter().flat_map(|it| match &it.0 {
            Instance::Instantiate { args, .. } => args,
            Instance::FromExports(_) => &[][..],
        });
        args.filter(|arg| arg.index == instance).count()
    }

    /// How many instances are made with a table.
    pub(super) fn times_exported(&self, table: u32) -> usize {
        let exports = self.instances.iter().flat_map(|it| match &it.0 {
            Instance::Instantiate { .. } => &[][..],
            Instance::FromExports(exports) => exports,
        });
        exports
            .filter(|it| it.kind == ExternalKind::Table && it.index == table)
            .count()
    }
}

/// Whether an alias is none of a module's: with one, an index would not say where the code is, and a
/// component inside could have another's.
fn is_no_module(alias: &ComponentAlias<'_>) -> Option<()> {
    let kind = match alias {
        ComponentAlias::Outer { kind, .. } => *kind,
        _ => return Some(()),
    };
    (kind != ComponentOuterAliasKind::CoreModule).then_some(())
}

/// A module, the one instance of it, and the bytes of its code.
pub(super) struct Placed {
    pub(super) module: u32,
    pub(super) instance: u32,
    pub(super) code: Range<usize>,
}

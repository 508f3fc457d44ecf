//! What a component defines, by its indices.

use std::ops::Range;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternName, ComponentExternalKind,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, ExternalKind, Instance,
    InstanceTypeDeclaration, InstantiationArg, Payload, TypeBounds,
};

/// A core function of a component.
pub(super) enum CoreFunction<'a> {
    /// An export of a core instance.
    Export(u32, &'a str),
    /// A function of the component's, lowered.
    Lowered(u32, Box<[CanonicalOption]>),
    /// What drops a resource of such a type.
    Drop(u32),
    Other,
}

/// A type of a component.
enum Type<'a> {
    /// That of an instance.
    Instance(InstanceType<'a>),
    /// An export of an instance.
    Export(u32, &'a str),
    Other,
}

/// What an instance has.
#[derive(Default)]
pub(super) struct InstanceType<'a> {
    pub(super) functions: Vec<&'a str>,
    pub(super) resources: Vec<&'a str>,
}

/// What a component defines, by its indices.
#[derive(Default)]
pub(super) struct Definitions<'a> {
    modules: Vec<Range<usize>>,
    pub(super) instances: Vec<Instance<'a>>,
    pub(super) functions: Vec<CoreFunction<'a>>,
    /// Core instance and name.
    pub(super) tables: Vec<(u32, &'a str)>,
    pub(super) memories: Vec<(u32, &'a str)>,
    types: Vec<Type<'a>>,
    /// Instance and name of those that are an instance's.
    component_functions: Vec<Option<(u32, &'a str)>>,
    /// The names of those that are imported, and the indices of their types.
    component_instances: Vec<Option<(&'a str, u32)>>,
    /// The core functions that are lifted, and how.
    pub(super) lifted: Vec<(u32, Box<[CanonicalOption]>)>,
    pub(super) exports: Vec<(&'a str, ComponentExternalKind)>,
    /// The functions that components inside export.
    pub(super) inner_exports: Vec<&'a str>,
}

impl<'a> Definitions<'a> {
    /// The definitions of a component; nothing if there are such as `wit-component` does not make.
    pub(super) fn of(component: &'a [u8], sections: &[Payload<'a>]) -> Option<Self> {
        let mut all = Self::default();
        for section in sections {
            all.add(component, section)?;
        }
        Some(all)
    }

    fn add(&mut self, component: &'a [u8], section: &Payload<'a>) -> Option<()> {
        match section {
            // What is exported is wrapped in a component that has types only.
            Payload::ComponentSection {
                parser,
                unchecked_range,
            } => {
                let nested = component.get(unchecked_range.clone())?;
                for payload in parser.clone().parse_all(nested) {
                    match payload.ok()? {
                        Payload::ComponentExportSection(section) => {
                            for export in section {
                                let export = export.ok()?;
                                match export.kind {
                                    ComponentExternalKind::Func => {
                                        self.inner_exports.push(plain(&export.name)?);
                                    }
                                    ComponentExternalKind::Type => {}
                                    _ => return None,
                                }
                            }
                        }
                        Payload::Version { .. }
                        | Payload::ComponentTypeSection(_)
                        | Payload::ComponentImportSection(_)
                        | Payload::CustomSection(_)
                        | Payload::End(_) => {}
                        _ => return None,
                    }
                }
            }
            Payload::ModuleSection {
                unchecked_range, ..
            } => self.modules.push(unchecked_range.clone()),
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.instances.push(instance.ok()?);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.add_alias(&alias.ok()?)?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                for found in section.clone() {
                    self.types.push(match found.ok()? {
                        ComponentType::Instance(declarations) => {
                            Type::Instance(InstanceType::of(&declarations)?)
                        }
                        _ => Type::Other,
                    });
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    self.add_canonical(function.ok()?);
                }
            }
            Payload::ComponentInstanceSection(section) => {
                let count = section.count() as usize;
                self.component_instances
                    .extend(std::iter::repeat_n(None, count));
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import.ok()?;
                    // A world may import functions and types of its own: none that there are here.
                    let ComponentTypeRef::Instance(of) = import.ty else {
                        return None;
                    };
                    let imported = (plain(&import.name)?, of);
                    self.component_instances.push(Some(imported));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    self.exports.push((plain(&export.name)?, export.kind));
                    self.add_component_item(export.kind, None)?;
                }
            }
            Payload::Version { .. }
            | Payload::CoreTypeSection(_)
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            _ => return None,
        }
        Some(())
    }

    fn add_alias(&mut self, alias: &ComponentAlias<'a>) -> Option<()> {
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
            ComponentAlias::Outer { kind, .. } => match kind {
                ComponentOuterAliasKind::Type => self.types.push(Type::Other),
                ComponentOuterAliasKind::CoreType => {}
                _ => return None,
            },
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
            ComponentExternalKind::Instance => self.component_instances.push(None),
            ComponentExternalKind::Type => self.types.push(match exported {
                Some((instance, name)) => Type::Export(instance, name),
                None => Type::Other,
            }),
            _ => return None,
        }
        Some(())
    }

    fn add_canonical(&mut self, function: CanonicalFunction) {
        match function {
            CanonicalFunction::Lift {
                core_func_index,
                options,
                ..
            } => {
                self.component_functions.push(None);
                self.lifted.push((core_func_index, options));
            }
            CanonicalFunction::Lower {
                func_index,
                options,
            } => self
                .functions
                .push(CoreFunction::Lowered(func_index, options)),
            CanonicalFunction::ResourceDrop { resource } => {
                self.functions.push(CoreFunction::Drop(resource));
            }
            _ => self.functions.push(CoreFunction::Other),
        }
    }

    /// The interface that is imported, and its function, by the index of that.
    pub(super) fn imported_function(&self, function: u32) -> Option<(&'a str, &'a str)> {
        let (instance, name) = (*self.component_functions.get(function as usize)?)?;
        Some((self.imported_interface(instance)?, name))
    }

    /// The interface that is imported, and its resource, by the index of that.
    pub(super) fn imported_resource(&self, resource: u32) -> Option<(&'a str, &'a str)> {
        match self.types.get(resource as usize)? {
            Type::Export(instance, name) => Some((self.imported_interface(*instance)?, name)),
            _ => None,
        }
    }

    fn imported_interface(&self, instance: u32) -> Option<&'a str> {
        let imported = *self.component_instances.get(instance as usize)?;
        Some(imported?.0)
    }

    /// The interfaces that are imported, and what they have.
    pub(super) fn imports(&self) -> Option<Vec<(&'a str, &InstanceType<'a>)>> {
        let imported = self.component_instances.iter().flatten();
        let imported = imported.map(|(name, of)| match self.types.get(*of as usize)? {
            Type::Instance(of) => Some((*name, of)),
            _ => None,
        });
        imported.collect()
    }

    /// The code that a core instance is of, and what that was given.
    pub(super) fn instantiated(
        &self,
        instance: u32,
    ) -> Option<(Range<usize>, &[InstantiationArg<'a>])> {
        match self.instances.get(instance as usize)? {
            Instance::Instantiate { module_index, args } => {
                Some((self.modules.get(*module_index as usize)?.clone(), args))
            }
            Instance::FromExports(_) => None,
        }
    }
}

/// A name that says nothing else.
fn plain<'a>(name: &ComponentExternName<'a>) -> Option<&'a str> {
    let is_plain = name.implements.is_none() && name.version_suffix.is_none();
    is_plain.then_some(name.name)
}

impl<'a> InstanceType<'a> {
    fn of(declarations: &[InstanceTypeDeclaration<'a>]) -> Option<Self> {
        let mut of = Self::default();
        for declaration in declarations {
            let InstanceTypeDeclaration::Export { name, ty } = declaration else {
                continue;
            };
            match ty {
                ComponentTypeRef::Func(_) => of.functions.push(plain(name)?),
                ComponentTypeRef::Type(TypeBounds::SubResource) => {
                    of.resources.push(plain(name)?);
                }
                // Another name of what is there already.
                ComponentTypeRef::Type(TypeBounds::Eq(_)) => {}
                _ => return None,
            }
        }
        Some(of)
    }
}

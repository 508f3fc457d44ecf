//! What a component defines, by its indices.

use std::ops::Range;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternName, ComponentExternalKind,
    ComponentInstance, ComponentInstantiationArg, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, ExternalKind, Instance, InstanceTypeDeclaration, InstantiationArg, Parser,
    Payload, TypeBounds,
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
    component_functions: Vec<ComponentFunction<'a>>,
    component_instances: Vec<ComponentInstanceOf<'a>>,
    components: Vec<Wrapper<'a>>,
    /// The core functions that are lifted, and how.
    pub(super) lifted: Vec<(u32, Box<[CanonicalOption]>)>,
    pub(super) exports: Vec<(&'a str, ComponentExternalKind, u32)>,
}

/// A function of a component.
#[derive(Clone, Copy)]
enum ComponentFunction<'a> {
    /// An export of an instance.
    Export(u32, &'a str),
    /// A core function, lifted.
    Lifted,
    Other,
}

/// An instance that a component has.
enum ComponentInstanceOf<'a> {
    /// It is imported: its name, and the index of its type.
    Import(&'a str, u32),
    /// It is of a component inside, which was given this.
    Wrapper(u32, Box<[ComponentInstantiationArg<'a>]>),
    Other,
}

/// A component inside another, which has types only, and gives functions names.
#[derive(Default)]
struct Wrapper<'a> {
    /// The names of the functions that it imports, by their indices.
    functions: Vec<&'a str>,
    /// The names of the functions that it exports, and the indices.
    exports: Vec<(&'a str, u32)>,
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
                self.components.push(Wrapper::of(parser, nested)?);
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
                for instance in section.clone() {
                    self.component_instances.push(match instance.ok()? {
                        ComponentInstance::Instantiate {
                            component_index,
                            args,
                        } => ComponentInstanceOf::Wrapper(component_index, args),
                        ComponentInstance::FromExports(_) => ComponentInstanceOf::Other,
                    });
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import.ok()?;
                    // A world may import functions and types of its own: none that there are here.
                    let ComponentTypeRef::Instance(of) = import.ty else {
                        return None;
                    };
                    let imported = ComponentInstanceOf::Import(plain(&import.name)?, of);
                    self.component_instances.push(imported);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    let name = plain(&export.name)?;
                    self.exports.push((name, export.kind, export.index));
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
            ComponentExternalKind::Func => self.component_functions.push(match exported {
                Some((instance, name)) => ComponentFunction::Export(instance, name),
                None => ComponentFunction::Other,
            }),
            ComponentExternalKind::Instance => {
                self.component_instances.push(ComponentInstanceOf::Other);
            }
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
                self.component_functions.push(ComponentFunction::Lifted);
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
        match *self.component_functions.get(function as usize)? {
            ComponentFunction::Export(instance, name) => {
                Some((self.imported_interface(instance)?, name))
            }
            _ => None,
        }
    }

    /// The interface that is imported, and its resource, by the index of that.
    pub(super) fn imported_resource(&self, resource: u32) -> Option<(&'a str, &'a str)> {
        match self.types.get(resource as usize)? {
            Type::Export(instance, name) => Some((self.imported_interface(*instance)?, name)),
            _ => None,
        }
    }

    fn imported_interface(&self, instance: u32) -> Option<&'a str> {
        match self.component_instances.get(instance as usize)? {
            ComponentInstanceOf::Import(name, _) => Some(name),
            _ => None,
        }
    }

    /// Whether an instance has one function, of this name, which is one that is lifted.
    pub(super) fn has_lifted(&self, instance: u32, name: &str) -> bool {
        let lifted = || {
            let of = self.component_instances.get(instance as usize)?;
            let ComponentInstanceOf::Wrapper(component, args) = of else {
                return None;
            };
            let wrapper = self.components.get(*component as usize)?;
            let &[(exported, function)] = wrapper.exports.as_slice() else {
                return None;
            };
            let given = *wrapper.functions.get(function as usize)?;
            let given = args.iter().find(|arg| arg.name == given)?;
            let function = self.component_functions.get(given.index as usize)?;
            let is_lifted = matches!(function, ComponentFunction::Lifted);
            Some(exported == name && given.kind == ComponentExternalKind::Func && is_lifted)
        };
        lifted() == Some(true)
    }

    /// The interfaces that are imported, and what they have.
    pub(super) fn imports(&self) -> Option<Vec<(&'a str, &InstanceType<'a>)>> {
        let imported = self.component_instances.iter().filter_map(|it| match it {
            ComponentInstanceOf::Import(name, of) => Some((*name, *of)),
            _ => None,
        });
        let imported = imported.map(|(name, of)| match self.types.get(of as usize)? {
            Type::Instance(of) => Some((name, of)),
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

impl<'a> Wrapper<'a> {
    fn of(parser: &Parser, component: &'a [u8]) -> Option<Self> {
        let mut wrapper = Self::default();
        for payload in parser.clone().parse_all(component) {
            match payload.ok()? {
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        let import = import.ok()?;
                        match import.ty {
                            ComponentTypeRef::Func(_) => {
                                wrapper.functions.push(plain(&import.name)?);
                            }
                            ComponentTypeRef::Type(_) => {}
                            _ => return None,
                        }
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let export = export.ok()?;
                        match export.kind {
                            ComponentExternalKind::Func => {
                                let name = plain(&export.name)?;
                                wrapper.exports.push((name, export.index));
                            }
                            ComponentExternalKind::Type => {}
                            _ => return None,
                        }
                    }
                }
                Payload::Version { .. }
                | Payload::ComponentTypeSection(_)
                | Payload::CustomSection(_)
                | Payload::End(_) => {}
                _ => return None,
            }
        }
        Some(wrapper)
    }
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

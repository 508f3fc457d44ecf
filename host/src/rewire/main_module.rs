//! The main module, and its memory taken out of it.

use std::convert::Infallible;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, ImportSection, MemorySection, MemoryType, Module,
    RefType, TableSection, TableType, TypeSection, ValType,
};
use wasmparser::{DataKind, ExternalKind, Operator, Parser, Payload, TypeRef};

/// What the main module imports the memory and the table from.
pub(super) const MEMORY_INSTANCE: &str = "memory and realloc";

/// The names of what the module of the memory exports.
pub(super) const MEMORY: &str = "memory";
pub(super) const TABLE: &str = "table";
pub(super) const REALLOC: &str = "realloc";

/// The main module, read as far as its memory goes.
pub(super) struct MainModule<'a> {
    code: &'a [u8],
    memory: MemoryType,
    data: DataSection,
    realloc: u32,
}

impl<'a> MainModule<'a> {
    /// Reads it; nothing if it needs its memory to be its own.
    pub(super) fn read(code: &'a [u8], realloc_name: &str) -> Option<Self> {
        let (mut memory, mut realloc, mut has_elements) = (None, None, false);
        let mut data = DataSection::new();
        for payload in Parser::new(0).parse_all(code) {
            match payload.ok()? {
                Payload::TypeSection(section) => {
                    // Of others, two that look the same may differ: `realloc` is called by its type.
                    for plain in section.into_iter_err_on_gc_types() {
                        plain.ok()?;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if let TypeRef::Table(_) | TypeRef::Memory(_) = import.ok()?.ty {
                            return None;
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for found in section {
                        let found = found.ok()?;
                        if found.memory64 || found.shared || memory.is_some() {
                            return None;
                        }
                        memory = Some(found.into());
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.ok()?;
                        if export.name == realloc_name && export.kind == ExternalKind::Func {
                            realloc = Some(export.index);
                        }
                    }
                }
                Payload::ElementSection(_) => has_elements = true,
                // Functions of the host fail there, and would not here.
                Payload::StartSection { .. } => return None,
                Payload::DataSection(section) => {
                    for part in section {
                        let part = part.ok()?;
                        let DataKind::Active { offset_expr, .. } = part.kind else {
                            return None;
                        };
                        let offset = ConstExpr::i32_const(constant(&offset_expr)?);
                        data.active(0, &offset, part.data.iter().copied());
                    }
                }
                _ => {}
            }
        }
        has_elements.then_some(Self {
            code,
            memory: memory?,
            data,
            realloc: realloc?,
        })
    }

    /// The same module, with its memory imported.
    pub(super) fn encode(&self) -> Option<Module> {
        let mut module = Module::new();
        utils::parse_core_module(&mut Imported(self), &mut module, Parser::new(0), self.code)
            .ok()?;
        Some(module)
    }

    /// The module that has its memory instead.
    pub(super) fn memory_module(&self) -> Module {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut tables = TableSection::new();
        tables.table(ONE_FUNCTION);
        let mut memories = MemorySection::new();
        memories.memory(self.memory);
        let mut exports = ExportSection::new();
        exports
            .export(MEMORY, ExportKind::Memory, 0)
            .export(TABLE, ExportKind::Table, 0)
            .export(REALLOC, ExportKind::Func, 0);
        let mut realloc = Function::new([]);
        let mut instructions = realloc.instructions();
        for parameter in 0..4 {
            instructions.local_get(parameter);
        }
        instructions.i32_const(0).call_indirect(0, 0).end();
        let mut code = CodeSection::new();
        code.function(&realloc);
        let mut module = Module::new();
        module
            .section(&types)
            .section(&functions)
            .section(&tables)
            .section(&memories)
            .section(&exports)
            .section(&code)
            .section(&self.data);
        module
    }
}

/// The type of a table for the main module's `realloc`.
const ONE_FUNCTION: TableType = TableType {
    element_type: RefType::FUNCREF,
    table64: false,
    minimum: 1,
    maximum: Some(1),
    shared: false,
};

/// Encodes the main module with what it has of another: its memory, and a table before its own.
struct Imported<'a, 'b>(&'a MainModule<'b>);

impl Reencode for Imported<'_, '_> {
    type Error = Infallible;

    fn table_index(&mut self, table: u32) -> Result<u32, reencode::Error> {
        Ok(table + 1)
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        imports
            .import(MEMORY_INSTANCE, MEMORY, EntityType::Memory(self.0.memory))
            .import(MEMORY_INSTANCE, TABLE, EntityType::Table(ONE_FUNCTION));
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        _: &mut MemorySection,
        _: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        Ok(())
    }

    fn parse_data_section(
        &mut self,
        _: &mut DataSection,
        _: wasmparser::DataSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        section: wasmparser::ElementSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_element_section(self, elements, section)?;
        let realloc = Elements::Functions(vec![self.0.realloc].into());
        elements.active(Some(0), &ConstExpr::i32_const(0), realloc);
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _: &mut Module,
        _: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        Ok(())
    }
}

/// The number that an expression consists of.
pub(super) fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<i32> {
    let mut operators = expression.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value),
        _ => None,
    }
}

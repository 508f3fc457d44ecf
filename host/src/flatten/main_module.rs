//! The main module, and what a flattened component has besides.

use super::wiring::{Import, Wiring};
use super::{HANDLE, MEMORY, ROOM, WAIT, waiting_name};
use std::convert::Infallible;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, InstructionSink, Module, TypeSection, ValType,
};
use wasmparser::{ExternalKind, FuncType, Operator, Parser, Payload, TypeRef};

/// The main module, read as far as it changes.
pub(super) struct MainModule<'a> {
    code: &'a [u8],
    types: Vec<FuncType>,
    /// What it imports, and the index of the type.
    imports: Vec<(Import, u32)>,
    realloc: u32,
    handle: u32,
    /// Where each function that it imports is found: there, or in the one around it.
    moved: Vec<u32>,
}

impl<'a> MainModule<'a> {
    /// Reads it; nothing if it has something that makes a difference.
    pub(super) fn read(wiring: &Wiring<'a>) -> Option<Self> {
        let mut types = Vec::new();
        let mut imports = Vec::new();
        let (mut own, mut memories) = (0, 0);
        let (mut memory, mut realloc, mut handle) = (None, None, None);
        for payload in Parser::new(0).parse_all(wiring.main) {
            match payload.ok()? {
                Payload::TypeSection(section) => {
                    for plain in section.into_iter_err_on_gc_types() {
                        types.push(plain.ok()?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.ok()?;
                        let TypeRef::Func(of) = import.ty else {
                            return None;
                        };
                        let given = wiring.given.get(&(import.module, import.name))?;
                        imports.push((given.clone(), of));
                    }
                }
                Payload::FunctionSection(section) => own = section.count(),
                Payload::MemorySection(section) => {
                    for found in section {
                        let found = found.ok()?;
                        if found.memory64 || found.shared {
                            return None;
                        }
                        memories += 1;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.ok()?;
                        let end = match export.kind {
                            ExternalKind::Memory if export.name == wiring.memory => &mut memory,
                            ExternalKind::Func if export.name == wiring.realloc => &mut realloc,
                            ExternalKind::Func if export.name == wiring.handle => &mut handle,
                            _ => continue,
                        };
                        *end = Some(export.index);
                    }
                }
                // Functions of the host fail there, and would not here.
                Payload::StartSection { .. } => return None,
                _ => {}
            }
        }
        // Without imports there would be no place for more.
        if memories != 1 || memory != Some(0) || imports.is_empty() {
            return None;
        }
        let mut main = Self {
            code: wiring.main,
            types,
            imports,
            realloc: realloc?,
            handle: handle?,
            moved: Vec::new(),
        };
        main.moved = (0..main.imported()).collect();
        let around = main.imported_then() + own..;
        let inner: Vec<u32> = main.inner().map(|(index, _)| index).collect();
        for (index, around) in inner.into_iter().zip(around) {
            main.moved[index as usize] = around;
        }
        Some(main)
    }

    /// The module of the flattened component.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut module = Module::new();
        let mut flattened = Flattened(self);
        utils::parse_core_module(&mut flattened, &mut module, Parser::new(0), self.code).ok()?;
        Some(module.finish())
    }

    /// The functions that have another around them, each with its index.
    fn inner(&self) -> impl Iterator<Item = (u32, &(Import, u32))> {
        (0..).zip(&self.imports).filter(|it| it.1.0.says_more())
    }

    /// Those that are tried first: the names and types of those that wait in their place.
    fn waiting(&self) -> impl Iterator<Item = &(Import, u32)> {
        self.imports.iter().filter(|it| it.0.is_tried)
    }

    fn imported(&self) -> u32 {
        self.imports.len() as u32
    }

    /// How many functions a flattened component imports: `room` and those that wait are behind the others.
    fn imported_then(&self) -> u32 {
        self.imported() + 1 + self.waiting().count() as u32
    }

    /// The index that a function has in the flattened component, or the one around it.
    fn moved(&self, function: u32) -> u32 {
        let own = || function - self.imported() + self.imported_then();
        let imported = self.moved.get(function as usize);
        imported.copied().unwrap_or_else(own)
    }

    fn parameters(&self, of: u32) -> &[wasmparser::ValType] {
        self.types[of as usize].params()
    }
}

/// Encodes the main module as that of a flattened component.
struct Flattened<'a, 'b>(&'a MainModule<'b>);

impl Reencode for Flattened<'_, '_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.0.moved(function))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        // Behind the module's own: that of `room`, and of each function that says what comes next.
        types.ty().function([ValType::I32], [ValType::I64]);
        for (_, (_, of)) in self.0.inner() {
            let parameters = self.0.parameters(*of).iter();
            let parameters: Result<Vec<ValType>, _> =
                parameters.map(|it| self.val_type(*it)).collect();
            types.ty().function(parameters?, [ValType::I64]);
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        _: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        let room = self.0.types.len() as u32;
        let mut says_more = room;
        let mut waiting = Vec::new();
        for (import, of) in &self.0.imports {
            let mut of = *of;
            if import.says_more() {
                says_more += 1;
                of = says_more;
            }
            let (module, name) = &import.name;
            imports.import(module, name, EntityType::Function(of));
            if import.is_tried {
                waiting.push((module, waiting_name(name), of));
            }
        }
        imports.import(ROOM.0, ROOM.1, EntityType::Function(room));
        for (module, name, of) in waiting {
            imports.import(module, &name, EntityType::Function(of));
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_function_section(self, functions, section)?;
        for (_, (_, of)) in self.0.inner() {
            functions.function(*of);
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        _: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        exports.export(MEMORY, ExportKind::Memory, 0).export(
            HANDLE,
            ExportKind::Func,
            self.0.moved(self.0.handle),
        );
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_code_section(self, code, section)?;
        let mut waiting = self.0.imported() + 1..;
        for (function, (import, of)) in self.0.inner() {
            let around = Around {
                parameters: self.0.parameters(*of).len() as u32,
                function,
                waiting: import.is_tried.then(|| waiting.next()).flatten(),
                room: import.allocates.then_some(Room {
                    realloc: self.0.moved(self.0.realloc),
                    room: self.0.imported(),
                }),
            };
            code.function(&around.encode());
        }
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

/// A function that calls another of the host with what it is called with, and does what that says.
struct Around {
    parameters: u32,
    function: u32,
    /// What is called if that would have to wait.
    waiting: Option<u32>,
    /// What makes room for its result.
    room: Option<Room>,
}

/// The functions that make room, and say where it is.
struct Room {
    realloc: u32,
    room: u32,
}

impl Around {
    fn encode(&self) -> Function {
        // What comes next: the parameters are before it.
        let next = self.parameters;
        let mut body = Function::new([(1, ValType::I64)]);
        let mut code = body.instructions();
        let call = |code: &mut InstructionSink<'_>, function| {
            for parameter in 0..self.parameters {
                code.local_get(parameter);
            }
            code.call(function).local_set(next);
        };
        call(&mut code, self.function);
        if let Some(waiting) = self.waiting {
            code.local_get(next).i64_const(WAIT.cast_signed()).i64_eq();
            code.if_(BlockType::Empty);
            call(&mut code, waiting);
            code.end();
        }
        if let Some(Room { realloc, room }) = self.room {
            code.loop_(BlockType::Empty);
            code.local_get(next).i64_eqz().if_(BlockType::Empty);
            code.return_().end();
            // What it was before: nothing, of no size. Alignment and size are the halves of what comes next.
            code.i32_const(0).i32_const(0);
            code.local_get(next)
                .i64_const(32)
                .i64_shr_u()
                .i32_wrap_i64();
            code.local_get(next).i32_wrap_i64();
            code.call(realloc).call(room).local_set(next);
            code.br(0).end();
        }
        code.end();
        body
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

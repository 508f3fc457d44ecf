use super::rewire;
use proptest::prelude::*;
use std::sync::LazyLock;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

/// Wired as `wit-component` does, but for what only makes it harder: the shim and the fixup count in
/// different orders, and the main module has a table that it calls through.
const WIRED: &str = r#"
(component
  (import "host" (instance $host
    (export "length" (func (param "text" string) (result u32)))
    (export "greeting" (func (param "name" string) (result string)))))
  (core module $main
    (import "host" "length" (func $length (param i32 i32) (result i32)))
    (import "host" "greeting" (func $greeting (param i32 i32 i32)))
    (type $number (func (result i32)))
    (table 3 3 funcref)
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      global.get $free
      (global.set $free (i32.add (global.get $free) (local.get 3))))
    (func $seven (result i32) i32.const 7)
    (func (export "run") (result i32)
      (call $greeting (i32.const 16) (i32.const 5) (i32.const 32))
      (call $length (i32.load (i32.const 32)) (i32.load (i32.const 36)))
      (i32.mul (i32.const 1000))
      (call_indirect (type $number) (i32.const 2))
      i32.add)
    (elem (i32.const 2) func $seven)
    (data (i32.const 16) "world"))
  (core module $shim
    (type $length (func (param i32 i32) (result i32)))
    (type $greeting (func (param i32 i32 i32)))
    (table (export "$imports") 2 2 funcref)
    (func (export "0") (type $length) local.get 0 local.get 1 i32.const 1 call_indirect (type $length))
    (func (export "1") (type $greeting)
      local.get 0 local.get 1 local.get 2 i32.const 0 call_indirect (type $greeting)))
  (core module $fixup
    (import "" "a" (func $a (param i32 i32) (result i32)))
    (import "" "b" (func $b (param i32 i32 i32)))
    (import "" "$imports" (table 2 2 funcref))
    (elem (i32.const 0) func $b $a))
  (core instance $shim (instantiate $shim))
  (alias core export $shim "0" (core func $shim_length))
  (alias core export $shim "1" (core func $shim_greeting))
  (core instance $functions
    (export "length" (func $shim_length))
    (export "greeting" (func $shim_greeting)))
  (core instance $main (instantiate $main (with "host" (instance $functions))))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "cabi_realloc" (core func $realloc))
  (alias core export $shim "$imports" (core table $imports))
  (alias export $host "length" (func $length))
  (core func $lowered_length (canon lower (func $length) (memory $memory) string-encoding=utf8))
  (alias export $host "greeting" (func $greeting))
  (core func $lowered_greeting
    (canon lower (func $greeting) (memory $memory) (realloc $realloc) string-encoding=utf8))
  (core instance $real
    (export "$imports" (table $imports))
    (export "a" (func $lowered_length))
    (export "b" (func $lowered_greeting)))
  (core instance $fixup (instantiate $fixup (with "" (instance $real))))
  (alias core export $main "run" (core func $run))
  (func $lifted (result u32) (canon lift (core func $run)))
  (export "run" (func $lifted)))
"#;

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);

/// What `run` returns.
fn run(component: &[u8]) -> u32 {
    let component = Component::from_binary(&ENGINE, component).unwrap();
    let mut linker = Linker::new(&ENGINE);
    let mut host = linker.instance("host").unwrap();
    host.func_wrap("length", |_, (text,): (String,)| Ok((text.len() as u32,)))
        .unwrap();
    host.func_wrap("greeting", |_, (name,): (String,)| {
        Ok((format!("hello, {name}"),))
    })
    .unwrap();
    let mut store = Store::new(&ENGINE, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(), (u32,)>(&mut store, "run")
        .unwrap();
    run.call(&mut store, ()).unwrap().0
}

fn is_valid(component: &[u8]) -> bool {
    wasmparser::validate(component).is_ok()
}

#[test]
fn a_component_does_the_same_as_before() {
    let component = wat::parse_str(WIRED).unwrap();
    let rewired = rewire(&component).unwrap();
    assert_eq!(run(&component), 12_007);
    assert_eq!(run(&rewired), 12_007);
}

#[test]
fn what_is_rewired_is_not_rewired_again() {
    let component = wat::parse_str(WIRED).unwrap();
    assert_eq!(rewire(&rewire(&component).unwrap()), None);
}

#[test]
fn the_bundled_component_keeps_its_interfaces_and_needs_as_much() {
    let describe = |bytes: &[u8]| {
        let component = Component::from_binary(&ENGINE, bytes).unwrap();
        let kind = component.component_type();
        let imports: Vec<_> = kind.imports(&ENGINE).map(|it| it.0.to_owned()).collect();
        let exports: Vec<_> = kind.exports(&ENGINE).map(|it| it.0.to_owned()).collect();
        let needs = component.resources_required().unwrap();
        let memory = (needs.num_memories, needs.max_initial_memory_size);
        (imports, exports, memory)
    };
    let rewired = rewire(crate::COMPONENT).unwrap();
    assert_eq!(describe(&rewired), describe(crate::COMPONENT));
}

#[test]
fn what_is_wired_in_another_way_stays_as_it_is() {
    for (why, old, new) in [
        (
            "the shim passes on something else",
            "local.get 0 local.get 1 i32.const 1",
            "local.get 1 local.get 0 i32.const 1",
        ),
        (
            "the shim does more",
            r#"(func (export "0") (type $length) local"#,
            r#"(func (export "0") (type $length) nop local"#,
        ),
        (
            "the fixup begins elsewhere",
            "(elem (i32.const 0) func $b $a)",
            "(elem (i32.const 1) func $b)",
        ),
        (
            "the fixup does more",
            "(elem (i32.const 0) func $b $a)",
            "(elem (i32.const 0) func $b $a) (func $more) (start $more)",
        ),
        (
            "the main module has another's table",
            "(table 3 3 funcref)",
            r#"(import "host" "table" (table 3 3 funcref))"#,
        ),
        (
            "the code names the data",
            r#"(data (i32.const 16) "world")"#,
            r#"(data (i32.const 16) "world") (func data.drop 0)"#,
        ),
        (
            "nothing is written to the main module's table",
            "(elem (i32.const 2) func $seven)",
            "",
        ),
    ] {
        let text = WIRED.replace(old, new);
        assert_ne!(text, WIRED, "{why}");
        assert_eq!(rewire(&wat::parse_str(text).unwrap()), None, "{why}");
    }
    assert_eq!(rewire(b""), None);
    assert_eq!(rewire(b"\0asm\x01\0\0\0"), None);
}

proptest! {
    #[test]
    fn whatever_the_bytes_a_valid_component_stays_valid(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut component = wat::parse_str(WIRED).unwrap();
        for (at, byte) in changes {
            let at = at.index(component.len());
            component[at] = byte;
        }
        if !whole {
            component.truncate(end.index(component.len()));
        }
        if let Some(rewired) = rewire(&component) {
            prop_assert!(is_valid(&rewired) || !is_valid(&component));
        }
    }
}

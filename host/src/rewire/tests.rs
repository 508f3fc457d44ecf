use super::rewire;
use proptest::prelude::*;
use std::sync::LazyLock;
use wasmtime::component::{Component, ComponentNamedList, Lift, Linker, Lower};
use wasmtime::{Config, Engine, Store};

/// Wired as `wit-component` does, but for what only makes it harder: the shim and the fixup count in
/// different orders, the main module has a table that it calls through, and there is a module with a
/// memory and functions before all of them, and a resource whose destructor is one of these.
const WIRED: &str = r#"
(component
  (import "host" (instance $host
    (export "length" (func (param "text" string) (result u32)))
    (export "greeting" (func (param "name" string) (result string)))))
  (core module $first
    (memory (export "memory") 1)
    (table (export "table") 2 2 funcref)
    (global $dropped (mut i32) (i32.const 0))
    (func (export "drop") (param i32) (global.set $dropped (local.get 0)))
    (func (export "dropped") (result i32) global.get $dropped))
  (core module $main
    (import "host" "length" (func $length (param i32 i32) (result i32)))
    (import "host" "greeting" (func $greeting (param i32 i32 i32)))
    (import "first" "length" (func $length_in_first (param i32 i32) (result i32)))
    (import "thing" "new" (func $new (param i32) (result i32)))
    (import "thing" "drop" (func $drop (param i32)))
    (type $number (func (result i32)))
    (table 3 3 funcref)
    (memory (export "memory") 1 2)
    (global $free (mut i32) (i32.const 1024))
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      global.get $free
      (global.set $free (i32.add (global.get $free) (local.get 3))))
    (func $seven (result i32) i32.const 7)
    (func (export "run") (result i32)
      (call $drop (call $new (i32.const 9)))
      (call $greeting (i32.const 16) (i32.const 5) (i32.const 32))
      (call $length (i32.load (i32.const 32)) (i32.load (i32.const 36)))
      (i32.mul (i32.const 1000))
      (call_indirect (type $number) (i32.const 2))
      i32.add
      (call $length_in_first (i32.const 0) (i32.const 3))
      (i32.mul (i32.const 100000))
      i32.add)
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 64) (local.get 0))
      (i32.store (i32.const 68) (local.get 1))
      i32.const 64)
    (func (export "echoed") (param i32) (global.set $free (i32.const 1024)))
    (elem (i32.const 2) func $seven)
    (elem declare func $seven)
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
  (core instance $first (instantiate $first))
  (alias core export $first "memory" (core memory $first_memory))
  (alias core export $first "table" (core table $first_table))
  (alias export $host "length" (func $length))
  (core func $length_in_first (canon lower (func $length) (memory $first_memory)))
  (core instance $shim (instantiate $shim))
  (alias core export $first "drop" (core func $drop))
  (type $thing (resource (rep i32) (dtor (core func $drop))))
  (core func $new (canon resource.new $thing))
  (core func $drop_thing (canon resource.drop $thing))
  (core instance $thing (export "new" (func $new)) (export "drop" (func $drop_thing)))
  (alias core export $shim "0" (core func $shim_length))
  (alias core export $shim "1" (core func $shim_greeting))
  (core instance $functions
    (export "length" (func $shim_length))
    (export "greeting" (func $shim_greeting)))
  (core instance $of_first
    (export "length" (func $length_in_first))
    (export "table" (table $first_table)))
  (core instance $main (instantiate $main
    (with "host" (instance $functions))
    (with "first" (instance $of_first))
    (with "thing" (instance $thing))))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "cabi_realloc" (core func $realloc))
  (alias core export $shim "$imports" (core table $imports))
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
  (func (export "run") (result u32) (canon lift (core func $run)))
  (alias core export $main "echo" (core func $echo))
  (alias core export $main "echoed" (core func $echoed))
  (func (export "echo") (param "text" string) (result string)
    (canon lift (core func $echo) (memory $memory) (realloc $realloc) (post-return $echoed)))
  (alias core export $first "dropped" (core func $dropped))
  (func (export "dropped") (result u32) (canon lift (core func $dropped))))
"#;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    // What was changed at random may loop.
    Engine::new(Config::new().consume_fuel(true)).unwrap()
});

fn wired() -> Vec<u8> {
    wat::parse_str(WIRED).unwrap()
}

/// What the functions of a component return one after the other; nothing if any of it fails.
fn run(component: &[u8]) -> Option<(u32, String, u32)> {
    let component = Component::from_binary(&ENGINE, component).ok()?;
    let mut linker = Linker::new(&ENGINE);
    let mut host = linker.instance("host").unwrap();
    host.func_wrap("length", |_, (text,): (String,)| Ok((text.len() as u32,)))
        .unwrap();
    host.func_wrap("greeting", |_, (name,): (String,)| {
        Ok((format!("hello, {name}"),))
    })
    .unwrap();
    let mut store = Store::new(&ENGINE, ());
    store.set_fuel(100_000).unwrap();
    let instance = linker.instantiate(&mut store, &component).ok()?;
    let mut call = Call { store, instance };
    let (number,) = call.of("run", ())?;
    let (text,) = call.of("echo", ("content",))?;
    let (dropped,) = call.of("dropped", ())?;
    Some((number, text, dropped))
}

struct Call {
    store: Store<()>,
    instance: wasmtime::component::Instance,
}

impl Call {
    fn of<P, R>(&mut self, name: &str, parameters: P) -> Option<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name);
        function.ok()?.call(&mut self.store, parameters).ok()
    }
}

#[test]
fn a_component_does_the_same_as_before() {
    let expected = Some((312_007, "content".to_owned(), 9));
    assert_eq!(run(&wired()), expected);
    assert_eq!(run(&rewire(&wired()).unwrap()), expected);
}

#[test]
fn what_is_rewired_is_not_rewired_again() {
    assert_eq!(rewire(&rewire(&wired()).unwrap()), None);
}

#[test]
fn the_bundled_component_keeps_its_interfaces_and_needs_no_more() {
    let describe = |bytes: &[u8]| {
        let component = Component::from_binary(&ENGINE, bytes).unwrap();
        let kind = component.component_type();
        let imports: Vec<_> = kind.imports(&ENGINE).map(|it| it.0.to_owned()).collect();
        let exports: Vec<_> = kind.exports(&ENGINE).map(|it| it.0.to_owned()).collect();
        let needs = component.resources_required().unwrap();
        let needs = (
            needs.num_memories,
            needs.max_initial_memory_size,
            needs.num_tables,
        );
        (imports, exports, needs)
    };
    let rewired = rewire(crate::COMPONENT).unwrap();
    assert_eq!(rewired, crate::instance::REWIRED);
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
            "(elem (i32.const 1) func $b $a)",
        ),
        (
            "the fixup does more",
            "(elem (i32.const 0) func $b $a)",
            "(elem (i32.const 0) func $b $a) (func $more) (start $more)",
        ),
        (
            "the fixup fills another table",
            r#"(export "$imports" (table $imports))"#,
            r#"(export "other" (table $imports)) (export "$imports" (table $first_table))"#,
        ),
        (
            "the fixup serves twice",
            r#"(core instance $fixup (instantiate $fixup (with "" (instance $real))))"#,
            r#"(core instance (instantiate $fixup (with "" (instance $real))))
               (core instance (instantiate $fixup (with "" (instance $real))))"#,
        ),
        (
            "the shim serves twice",
            "(core instance $shim (instantiate $shim))",
            "(core instance $shim (instantiate $shim)) (core instance (instantiate $shim))",
        ),
        (
            "somebody else has the shim's table",
            "(core instance $real",
            r#"(core instance (export "table" (table $imports))) (core instance $real"#,
        ),
        (
            "somebody else has what the fixup has",
            r#"(core instance $fixup (instantiate $fixup (with "" (instance $real))))"#,
            r#"(core instance $fixup (instantiate $fixup (with "" (instance $real))))
               (core module $other)
               (core instance (instantiate $other (with "" (instance $real))))"#,
        ),
        (
            "the fixup's table is known by another index too",
            r#"(core instance $fixup (instantiate $fixup (with "" (instance $real))))"#,
            r#"(core instance $fixup (instantiate $fixup (with "" (instance $real))))
               (alias core export $real "$imports" (core table $again))"#,
        ),
        (
            "a module is known by another index too",
            "(core instance $first (instantiate $first))",
            "(alias outer 0 $shim (core module)) (core instance $first (instantiate $first))",
        ),
        (
            "a component inside has a module of this one",
            "(core instance $first (instantiate $first))",
            "(component (alias outer 1 $shim (core module))) (core instance $first (instantiate $first))",
        ),
        (
            "the main module has another's table",
            "(type $number (func (result i32)))",
            r#"(type $number (func (result i32))) (import "first" "table" (table 1 funcref))"#,
        ),
        (
            "the main module does something as it starts",
            "(elem declare func $seven)",
            "(func $begin) (start $begin)",
        ),
        (
            "a type of the main module's has subtypes",
            "(type $number (func (result i32)))",
            "(type $number (func (result i32))) (type (sub (func (param i64))))",
        ),
        (
            "the code names the data",
            r#"(data (i32.const 16) "world")"#,
            r#"(data (i32.const 16) "world") (func data.drop 0)"#,
        ),
        (
            "the data begins at a number that is computed",
            r#"(data (i32.const 16) "world")"#,
            r#"(data (i32.add (i32.const 8) (i32.const 8)) "world")"#,
        ),
        (
            "the main module has no elements to add to",
            "(elem (i32.const 2) func $seven)\n    (elem declare func $seven)",
            "",
        ),
        (
            "what is left out is not valid",
            r#"(data (i32.const 16) "world")"#,
            r#"(data (memory 7) (i32.const 16) "world")"#,
        ),
        (
            "an argument has the name of the one to add",
            r#"(with "first" (instance $of_first))"#,
            r#"(with "first" (instance $of_first)) (with "memory and realloc" (instance $of_first))"#,
        ),
    ] {
        let text = WIRED.replace(old, new);
        assert_ne!(text, WIRED, "{why}");
        let component = wat::parse_str(text).unwrap_or_else(|error| panic!("{why}: {error}"));
        let is_valid = wasmparser::validate(&component).is_ok();
        assert_eq!(is_valid, why != "what is left out is not valid", "{why}");
        assert_eq!(rewire(&component), None, "{why}");
    }
    assert_eq!(rewire(b""), None);
    assert_eq!(rewire(b"\0asm\x01\0\0\0"), None);
    let endless = [&b"\0asm\x0d\0\x01\0"[..], b"\x05\x05\xff\xff\xff\xff\x0f"].concat();
    assert_eq!(rewire(&endless), None);
}

proptest! {
    #[test]
    fn whatever_is_changed_a_component_does_the_same_as_before(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        end in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut component = wired();
        for (at, byte) in changes {
            let at = at.index(component.len());
            component[at] = byte;
        }
        if let Some(end) = end {
            component.truncate(end.index(component.len()));
        }
        if let Some(rewired) = rewire(&component) {
            prop_assert_eq!(run(&rewired), run(&component));
        }
    }
}

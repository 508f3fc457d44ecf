use super::{Flat, HANDLE, MEMORY, ROOM, WAIT, flatten, waiting_name};
use crate::abi::{Lift, Lowering, Source, Values};
use proptest::prelude::*;
use std::sync::LazyLock;
use wasmtime::component::{self, Component, Resource, ResourceType};
use wasmtime::{Caller, Config, Engine, Linker, Memory, Module, ResourcesRequired, Store};

/// Wired as `wit-component` does, but for what only makes it harder: the shim and the fixup count in
/// different orders, and the main module has a table of its own, which has a function of the host in it.
const WIRED: &str = r#"
(component
  (import "test:host/text@0.2.7" (instance $host
    (export "thing" (type (sub resource)))
    (export "length" (func (param "text" string) (result u32)))
    (export "half" (func (param "number" u32) (result u32)))
    (export "greetings" (func (param "name" string) (result (list string))))))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type (sub resource)))))
  (alias export $host "thing" (type $thing))
  (alias export $streams "output-stream" (type $stream))
  (core module $main
    (import "host" "length" (func $length (param i32 i32) (result i32)))
    (import "host" "half" (func $half (param i32) (result i32)))
    (import "host" "greetings" (func $greetings (param i32 i32 i32)))
    (import "host" "drop it" (func $drop (param i32)))
    (import "host" "drop stream" (func $drop_stream (param i32)))
    (type $number (func (param i32) (result i32)))
    (type $greet (func (param i32 i32 i32)))
    (table 4 4 funcref)
    (memory (export "mem") 1 2)
    (global $free (mut i32) (i32.const 1024))
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      ;; At an address of such an alignment, and no better.
      (global.set $free (i32.or (i32.mul (i32.div_u (i32.add (global.get $free) (i32.const 63)) (i32.const 64)) (i32.const 64)) (local.get 2)))
      global.get $free
      (global.set $free (i32.add (global.get $free) (local.get 3))))
    (func $length_of (param i32) (result i32)
      (call $length (i32.load (local.get 0)) (i32.load (i32.add (local.get 0) (i32.const 4)))))
    (func (export "run") (param $a i32) (param $b i32) (param $c i32) (param $d i32) (result i32)
      (local $list i32)
      (call $drop (local.get $a))
      (call $drop_stream (local.get $b))
      (call $drop_stream (local.get $c))
      (call_indirect (type $greet) (i32.const 16) (i32.const 5) (i32.const 32) (i32.const 3))
      (local.set $list (i32.load (i32.const 32)))
      ;; How many there are, how long each is, and half of the last number.
      (i32.mul (i32.const 1000000) (i32.load (i32.const 36)))
      (i32.mul (i32.const 10000) (call_indirect (type $number) (local.get $list) (i32.const 2)))
      i32.add
      (i32.mul (i32.const 100) (call $length_of (i32.add (local.get $list) (i32.const 8))))
      i32.add
      (call $half (local.get $d))
      i32.add)
    (elem (i32.const 2) func $length_of $greetings)
    (data (i32.const 16) "world"))
  (core module $shim
    (type $length (func (param i32 i32) (result i32)))
    (type $greetings (func (param i32 i32 i32)))
    (table (export "$imports") 2 2 funcref)
    (func (export "0") (type $length) local.get 0 local.get 1 i32.const 1 call_indirect (type $length))
    (func (export "1") (type $greetings)
      local.get 0 local.get 1 local.get 2 i32.const 0 call_indirect (type $greetings)))
  (core module $fixup
    (import "" "a" (func $a (param i32 i32) (result i32)))
    (import "" "b" (func $b (param i32 i32 i32)))
    (import "" "$imports" (table 2 2 funcref))
    (elem (i32.const 0) func $b $a))
  (core instance $shim (instantiate $shim))
  (alias core export $shim "0" (core func $shim_length))
  (alias core export $shim "1" (core func $shim_greetings))
  (alias export $host "half" (func $half))
  (core func $lowered_half (canon lower (func $half)))
  (core func $drop_thing (canon resource.drop $thing))
  (core func $drop_stream (canon resource.drop $stream))
  (core instance $functions
    (export "length" (func $shim_length))
    (export "half" (func $lowered_half))
    (export "drop it" (func $drop_thing))
    (export "drop stream" (func $drop_stream))
    (export "greetings" (func $shim_greetings)))
  (core instance $main (instantiate $main (with "host" (instance $functions))))
  (alias core export $main "mem" (core memory $memory))
  (alias core export $main "cabi_realloc" (core func $realloc))
  (alias core export $shim "$imports" (core table $imports))
  (alias export $host "length" (func $length))
  (core func $lowered_length (canon lower (func $length) (memory $memory) string-encoding=utf8))
  (alias export $host "greetings" (func $greetings))
  (core func $lowered_greetings
    (canon lower (func $greetings) (memory $memory) (realloc $realloc) string-encoding=utf8))
  (core instance $real
    (export "$imports" (table $imports))
    (export "a" (func $lowered_length))
    (export "b" (func $lowered_greetings)))
  (core instance $fixup (instantiate $fixup (with "" (instance $real))))
  (alias core export $main "run" (core func $run))
  (func $run
    (param "a" (own $thing)) (param "b" (own $stream)) (param "c" (own $stream)) (param "d" u32) (result u32)
    (canon lift (core func $run)))
  (component $wrapper
    (import "thing" (type $thing (sub resource)))
    (import "stream" (type $stream (sub resource)))
    (import "run" (func $run
      (param "a" (own $thing)) (param "b" (own $stream)) (param "c" (own $stream)) (param "d" u32) (result u32)))
    (export "handle" (func $run)))
  (instance $handler (instantiate $wrapper
    (with "run" (func $run)) (with "thing" (type $thing)) (with "stream" (type $stream))))
  (export "wasi:http/incoming-handler@0.2.9" (instance $handler)))
"#;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    // What was changed at random may loop.
    Engine::new(Config::new().consume_fuel(true)).unwrap()
});

struct Thing;

struct Stream;

/// What the host has seen.
#[derive(Default)]
struct Host {
    dropped: Vec<u32>,
    memory: Option<Memory>,
    lowering: Lowering,
}

fn greetings(name: &str) -> Vec<String> {
    vec![format!("hello, {name}"), "hi".to_owned(), String::new()]
}

const THING: u32 = 8;

/// Two streams, of which the second has to be waited for.
const STREAMS: [u32; 2] = [9, 10];

fn wired() -> Vec<u8> {
    wat::parse_str(WIRED).unwrap()
}

fn store() -> Store<Host> {
    let mut store = Store::new(&ENGINE, Host::default());
    store.set_fuel(100_000).unwrap();
    store
}

/// What a component returns, and what it has dropped; nothing if it fails.
fn run(component: &[u8]) -> Option<(u32, Vec<u32>)> {
    let component = Component::from_binary(&ENGINE, component).ok()?;
    let mut linker = component::Linker::<Host>::new(&ENGINE);
    let mut host = linker.instance("test:host/text@0.2.7").unwrap();
    let thing = ResourceType::host::<Thing>();
    host.resource("thing", thing, |mut store, rep| {
        store.data_mut().dropped.push(rep);
        Ok(())
    })
    .unwrap();
    host.func_wrap("length", |_, (text,): (String,)| Ok((text.len() as u32,)))
        .unwrap();
    host.func_wrap("half", |_, (number,): (u32,)| Ok((number / 2,)))
        .unwrap();
    host.func_wrap("greetings", |_, (name,): (String,)| Ok((greetings(&name),)))
        .unwrap();
    let mut streams = linker.instance("wasi:io/streams@0.2.0").unwrap();
    let stream = ResourceType::host::<Stream>();
    streams
        .resource("output-stream", stream, |mut store, rep| {
            store.data_mut().dropped.push(rep);
            Ok(())
        })
        .unwrap();
    let mut store = store();
    let instance = linker.instantiate(&mut store, &component).ok()?;
    let handler = component.get_export_index(None, "wasi:http/incoming-handler@0.2.9")?;
    let handle = component.get_export_index(Some(&handler), "handle")?;
    let handle = instance
        .get_typed_func::<(Resource<Thing>, Resource<Stream>, Resource<Stream>, u32), (u32,)>(
            &mut store, handle,
        )
        .ok()?;
    let thing = Resource::new_own(THING);
    let [first, second] = STREAMS.map(Resource::new_own);
    let parameters = (thing, first, second, 42);
    let (returned,) = handle.call(&mut store, parameters).ok()?;
    Some((returned, store.into_data().dropped))
}

/// The same, of one that is flattened.
fn run_flat(flat: &Flat) -> Option<(u32, Vec<u32>)> {
    let module = Module::from_binary(&ENGINE, &flat.module).ok()?;
    let mut linker = Linker::<Host>::new(&ENGINE);
    let host = "cm32p2|test:host/text@0.2";
    let memory = |caller: &mut Caller<'_, Host>| caller.data().memory.unwrap();
    let text = move |caller: &mut Caller<'_, Host>, at: u32, length: u32| {
        let memory = memory(caller).data(caller);
        let source = &mut Source {
            memory,
            most: 1 << 16,
        };
        String::lift(&mut Values(&[at.into(), length.into()]), source)
    };
    let length = move |mut caller: Caller<'_, Host>, at, length| {
        Ok(text(&mut caller, at, length)?.len() as u32)
    };
    let greetings = move |mut caller: Caller<'_, Host>, at, length, to| {
        let greetings = greetings(&text(&mut caller, at, length)?);
        let (memory, host) = memory(&mut caller).data_and_store_mut(&mut caller);
        host.lowering.begin(greetings, to, memory)
    };
    let room = move |mut caller: Caller<'_, Host>, address: u32| {
        let (memory, host) = memory(&mut caller).data_and_store_mut(&mut caller);
        host.lowering.put(address, memory)
    };
    linker.func_wrap(host, "length", length).unwrap();
    linker
        .func_wrap(host, "half", |number: u32| number / 2)
        .unwrap();
    linker.func_wrap(host, "greetings", greetings).unwrap();
    linker.func_wrap(ROOM.0, ROOM.1, room).unwrap();
    linker
        .func_wrap(
            host,
            "thing_drop",
            |mut caller: Caller<'_, Host>, rep: u32| {
                caller.data_mut().dropped.push(rep);
            },
        )
        .unwrap();
    let (streams, drop) = ("cm32p2|wasi:io/streams@0.2", "output-stream_drop");
    linker
        .func_wrap(streams, drop, |mut caller: Caller<'_, Host>, rep: u32| {
            if rep == STREAMS[1] {
                return WAIT;
            }
            caller.data_mut().dropped.push(rep);
            0
        })
        .unwrap();
    linker
        .func_wrap(
            streams,
            &waiting_name(drop),
            |mut caller: Caller<'_, Host>, rep: u32| {
                assert_eq!(rep, STREAMS[1]);
                caller.data_mut().dropped.push(rep);
                0u64
            },
        )
        .unwrap();
    let mut store = store();
    let instance = linker.instantiate(&mut store, &module).ok()?;
    store.data_mut().memory = instance.get_memory(&mut store, MEMORY);
    let handle = instance.get_typed_func::<(u32, u32, u32, u32), u32>(&mut store, HANDLE);
    let parameters = (THING, STREAMS[0], STREAMS[1], 42);
    let returned = handle.ok()?.call(&mut store, parameters).ok()?;
    Some((returned, store.into_data().dropped))
}

#[test]
fn a_component_does_the_same_as_before() {
    let expected = Some((3_120_221, vec![THING, STREAMS[0], STREAMS[1]]));
    assert_eq!(run(&wired()), expected);
    let flat = flatten(&wired()).unwrap();
    assert_eq!(run_flat(&flat), expected);
    let imports = flat
        .imports
        .iter()
        .map(|(module, name)| format!("{module} {name}"));
    let text = "cm32p2|test:host/text@0.2";
    let expected =
        ["length", "half", "greetings", "thing_drop"].map(|name| format!("{text} {name}"));
    let drop_stream = "cm32p2|wasi:io/streams@0.2 output-stream_drop".to_owned();
    assert!(imports.eq(expected.into_iter().chain([drop_stream])));
}

#[test]
fn the_bundled_component_is_run_flattened() {
    let flat = flatten(crate::COMPONENT).unwrap();
    assert_eq!(flat.module, crate::instance::FLAT);
    let (whole, flat) = (
        Component::from_binary(&ENGINE, crate::COMPONENT).unwrap(),
        Module::from_binary(&ENGINE, &flat.module).unwrap(),
    );
    let (whole, flat) = (
        whole.resources_required().unwrap(),
        flat.resources_required(),
    );
    let size = |of: &ResourcesRequired| (of.num_memories, of.max_initial_memory_size);
    assert_eq!(size(&flat), size(&whole));
    assert!(flat.num_tables <= 1);
}

#[test]
fn what_is_wired_in_another_way_stays_as_it_is() {
    let before_main = "(core instance $main (instantiate $main";
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
            "there is another module",
            before_main,
            "(core module $more) (core instance (instantiate $more)) (core instance $main (instantiate $main",
        ),
        (
            "there is a component with a module inside",
            before_main,
            "(component (core module)) (core instance $main (instantiate $main",
        ),
        (
            "a module is known by another index too",
            "(core instance $shim (instantiate $shim))",
            "(alias outer 0 $shim (core module)) (core instance $shim (instantiate $shim))",
        ),
        (
            "the main module is handed a table",
            r#"(core instance $functions
    (export "length""#,
            r#"(alias core export $shim "$imports" (core table $more)) (core instance $functions
    (export "table" (table $more)) (export "length""#,
        ),
        (
            "the main module imports what is no function of the host's",
            r#"(export "half" (func $lowered_half))"#,
            r#"(export "half" (func $new))"#,
        ),
        (
            "the main module does something as it starts",
            r#"(data (i32.const 16) "world")"#,
            r#"(data (i32.const 16) "world") (func $begin) (start $begin)"#,
        ),
        (
            "a type of the main module's has subtypes",
            "(type $number (func (param i32) (result i32)))",
            "(type $number (func (param i32) (result i32))) (type (sub (func (param i64))))",
        ),
        (
            "text is not UTF-8",
            "(canon lower (func $length) (memory $memory) string-encoding=utf8)",
            "(canon lower (func $length) (memory $memory) string-encoding=utf16)",
        ),
        (
            "something is handed back",
            "(canon lift (core func $run))",
            "(canon lift (core func $run) (post-return $drop_thing))",
        ),
        (
            "another version is imported",
            "test:host/text@0.2.7",
            "test:host/text@0.3.0",
        ),
        (
            "it may change yet",
            "test:host/text@0.2.7",
            "test:host/text@0.2.7-rc.1",
        ),
        (
            "another version is exported",
            "wasi:http/incoming-handler@0.2.9",
            "wasi:http/incoming-handler@0.3.0",
        ),
        (
            "more is exported",
            r#"(export "wasi:http/incoming-handler@0.2.9" (instance $handler))"#,
            r#"(export "wasi:http/incoming-handler@0.2.9" (instance $handler))
               (export "more" (instance $handler))"#,
        ),
        (
            "an earlier draft is exported",
            "wasi:http/incoming-handler@0.2.9",
            "wasi:http/incoming-handler@0.2.0-rc-2023-11-10",
        ),
        (
            "another function is exported",
            r#"(export "handle" (func $run))"#,
            r#"(export "other" (func $run))"#,
        ),
        (
            "the function is exported by itself",
            r#"(export "wasi:http/incoming-handler@0.2.9" (instance $handler))"#,
            r#"(export "wasi:http/incoming-handler@0.2.9" (func $run))"#,
        ),
        (
            "another instance is exported",
            r#"(export "wasi:http/incoming-handler@0.2.9" (instance $handler))"#,
            r#"(export "wasi:http/incoming-handler@0.2.9" (instance $host))"#,
        ),
        (
            "another function is exported as the same",
            r#"(with "run" (func $run))"#,
            r#"(with "run" (func $run)) (with "half" (func $half))"#,
        ),
        (
            "the fixup fills more",
            "(elem (i32.const 0) func $b $a)",
            "(elem (i32.const 0) func $b $a) (elem (i32.const 1) func $a)",
        ),
        (
            "two functions make room",
            "(canon lower (func $length) (memory $memory) string-encoding=utf8)",
            "(canon lower (func $length) (memory $memory) (realloc $again) string-encoding=utf8)",
        ),
        (
            "something of a world is imported",
            "(component\n",
            r#"(component (import "more" (func))"#,
        ),
        (
            "what is left out is not valid",
            r#"(with "" (instance $real))"#,
            r#"(with "other" (instance $real))"#,
        ),
    ] {
        let text = WIRED.replace(old, new);
        assert!(text != WIRED, "{why}");
        let text = match why {
            "another function is exported as the same" => text.replace(
                r#"(export "handle" (func $run))"#,
                r#"(import "half" (func $half (param "number" u32) (result u32))) (export "handle" (func $half))"#,
            ),
            "two functions make room" => text
                .replace(
                    r#"(func $length_of"#,
                    r#"(export "again" (func $realloc)) (func $length_of"#,
                )
                .replace(
                    r#"(alias core export $main "cabi_realloc""#,
                    r#"(alias core export $main "again" (core func $again))
                       (alias core export $main "cabi_realloc""#,
                ),
            "the main module imports what is no function of the host's" => text.replace(
                "(core instance $functions",
                "(type $own (resource (rep i32))) (core func $new (canon resource.new $own)) (core instance $functions",
            ),
            _ => text,
        };
        let component = wat::parse_str(text).unwrap_or_else(|error| panic!("{why}: {error}"));
        let invalid = wasmparser::validate(&component).err();
        let is_valid = why != "what is left out is not valid";
        assert_eq!(invalid.is_none(), is_valid, "{why}: {invalid:?}");
        assert!(flatten(&component).is_none(), "{why}");
    }
    assert!(flatten(b"").is_none());
    assert!(flatten(b"\0asm\x01\0\0\0").is_none());
    let endless = [&b"\0asm\x0d\0\x01\0"[..], b"\x05\x05\xff\xff\xff\xff\x0f"].concat();
    assert!(flatten(&endless).is_none());
}

/// What makes room: where it makes some in the same place twice, it matters which is written first.
const REALLOC: &[u8] = b"\x23\0\x41\x3f\x6a\x41\xc0\0\x6e\x41\xc0\0\x6c\x20\x02\x72\x24\0\
    \x23\0\x23\0\x20\x03\x6a\x24\0";

proptest! {
    #[test]
    fn whatever_is_changed_a_component_does_the_same_as_before(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        end in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut component = wired();
        let begin = component.windows(REALLOC.len()).position(|it| it == REALLOC).unwrap();
        for (at, byte) in changes {
            let at = at.index(component.len());
            if !(begin..begin + REALLOC.len()).contains(&at) {
                component[at] = byte;
            }
        }
        if let Some(end) = end {
            component.truncate(end.index(component.len()));
        }
        // What fails may fail later: only the types of core functions are looked at.
        if let (Some(flat), Some(expected)) = (flatten(&component), run(&component)) {
            prop_assert_eq!(run_flat(&flat), Some(expected));
        }
    }
}

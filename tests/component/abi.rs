//! The canonical ABI, as a component may speak it that nobody compiled: each case is a few instructions
//! before the component answers 200.

use super::*;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const MODULE: &str = r#"
(module
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]fields" (func $drop_fields (param i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.has" (func $has (param i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[static]fields.from-list" (func $from_list (param i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-request" (func $drop_request (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.method" (func $method (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.set-status-code"
    (func $set_status (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]outgoing-body" (func $drop_body (param i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]response-outparam" (func $drop_outparam (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check_write (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop_stream (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop_pollable (param i32)))
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    REALLOC
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    global.get $free
    (global.set $free (i32.add (global.get $free) (local.get 3))))
  (func $check (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
  ;; A response whose body is at 104, and the stream of that at 204.
  (func $with_stream (result i32)
    (local $response i32)
    (local.set $response (call $response (call $fields)))
    (call $body (local.get $response) (i32.const 100))
    (call $write (i32.load (i32.const 104)) (i32.const 200))
    local.get $response)
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $a i32)
    (local.set $a (call $fields))
    BODY
    (call $set (local.get $outparam) (i32.const 0) (call $response (call $fields))
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  ;; A name and a value, and where they are; a name that is not UTF-8.
  (data (i32.const 16) "x-a" "1")
  (data (i32.const 32) "\10\00\00\00\03\00\00\00\13\00\00\00\01\00\00\00")
  (data (i32.const 64) "\ff"))
"#;

/// A component of the module with this in it.
fn component(body: &str, realloc: &str) -> Vec<u8> {
    let text = MODULE.replace("BODY", body).replace("REALLOC", realloc);
    let mut module = wat::parse_str(text).unwrap();
    let mut wit = Resolve::default();
    let (package, _) = wit.push_dir("../wit").unwrap();
    let world = wit.select_world(&[package], Some("server")).unwrap();
    embed_component_metadata(&mut module, &wit, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.validate(true).encode().unwrap()
}

/// What such a component answers to `GET /a?b`.
fn status(body: &str, realloc: &str) -> u16 {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.wasm");
    std::fs::write(&path, component(body, realloc)).unwrap();
    let setup = || {
        let component = path.to_str().unwrap();
        Setup::new(Host::Ours).flags(&["--component", component, "--env=NAME=value"])
    };
    let status = |server: TestServer| {
        let status = server.get("/a?b").send().status;
        // Whatever it did, it did to itself.
        assert_eq!(server.get("/a?b").send().status, status, "{body}");
        status
    };
    let flattened = status(setup().start());
    // wasmtime's own runtime says the same of it.
    assert_eq!(status(setup().unflattened().start()), flattened, "{body}");
    flattened
}

/// Each is what a compiler could have made of a program.
#[test]
fn what_the_canonical_abi_permits_succeeds() {
    for body in [
        "",
        "(call $drop_fields (local.get $a))",
        // The method is the first case, and the path is the next that there is room for.
        "(call $method (local.get $request) (i32.const 100))
         (call $check (i32.eqz (i32.load8_u (i32.const 100))))
         (call $path (local.get $request) (i32.const 100))
         (call $check (i32.load8_u (i32.const 100)))
         (call $check (i32.eq (i32.load (i32.const 104)) (i32.const 4096)))
         (call $check (i32.eq (i32.load (i32.const 108)) (i32.const 4)))
         (call $check (i32.eq (i32.load (i32.const 4096)) (i32.const 0x623f612f)))",
        "(call $from_list (i32.const 32) (i32.const 1) (i32.const 100))
         (call $check (i32.eqz (i32.load8_u (i32.const 100))))
         (call $check (call $has (i32.load (i32.const 104)) (i32.const 16) (i32.const 3)))
         (call $check (i32.eqz (call $has (i32.load (i32.const 104)) (i32.const 16) (i32.const 2))))",
        // Nothing is at the end of the memory, and may be.
        "(call $check (i32.eqz (call $has (local.get $a) (i32.const 65536) (i32.const 0))))",
        // What waits for a stream goes, and the stream stays.
        "(drop (call $with_stream))
         (call $drop_pollable (call $subscribe (i32.load (i32.const 204))))
         (call $block (call $subscribe (i32.load (i32.const 204))))
         (call $check_write (i32.load (i32.const 204)) (i32.const 304))
         (call $check (i32.eqz (i32.load8_u (i32.const 304))))",
        // One name, one value: the list of them, and each, in turn.
        "(call $environment (i32.const 100))
         (call $check (i32.eq (i32.load (i32.const 100)) (i32.const 4096)))
         (call $check (i32.eq (i32.load (i32.const 104)) (i32.const 1)))
         (call $check (i32.eq (i32.load (i32.const 4096)) (i32.const 4112)))
         (call $check (i32.eq (i32.load (i32.const 4104)) (i32.const 4120)))
         (call $check (i32.eq (i32.load (i32.const 4120)) (i32.const 0x756c6176)))",
    ] {
        assert_eq!(status(body, ""), 200, "{body}");
    }
}

/// None is, and all are traps: `CanonicalABI.md` says of each where.
#[test]
fn what_it_does_not_permit_is_500() {
    for (body, realloc) in [
        // Handles that are no more, or of something else, or never were.
        (
            "(call $drop_fields (local.get $a)) (call $drop_fields (local.get $a))",
            "",
        ),
        ("(call $drop_request (local.get $a))", ""),
        ("(call $drop_fields (local.get $request))", ""),
        ("(call $drop_outparam (local.get $request))", ""),
        (
            "(call $drop_request (local.get $request)) (call $drop_request (local.get $request))",
            "",
        ),
        (
            "(call $drop_request (local.get $request)) (call $method (local.get $request) (i32.const 100))",
            "",
        ),
        (
            "(call $drop_outparam (local.get $outparam)) (call $drop_outparam (local.get $outparam))",
            "",
        ),
        ("(call $drop_fields (i32.const 0))", ""),
        ("(call $drop_fields (i32.const -1))", ""),
        ("(call $drop_fields (i32.const 77))", ""),
        ("(call $block (call $subscribe (local.get $a)))", ""),
        (
            "(call $drop_pollable (call $subscribe (local.get $outparam)))",
            "",
        ),
        // A parent goes before its child.
        (
            "(drop (call $with_stream)) (call $drop_body (i32.load (i32.const 104)))",
            "",
        ),
        (
            "(drop (call $with_stream)) (drop (call $subscribe (i32.load (i32.const 204))))
             (call $drop_stream (i32.load (i32.const 204)))",
            "",
        ),
        // What is not within the memory, not aligned, or not UTF-8.
        (
            "(drop (call $has (local.get $a) (i32.const 65535) (i32.const 2)))",
            "",
        ),
        (
            "(drop (call $has (local.get $a) (i32.const -1) (i32.const -1)))",
            "",
        ),
        (
            "(drop (call $has (local.get $a) (i32.const 64) (i32.const 1)))",
            "",
        ),
        (
            "(call $from_list (i32.const 33) (i32.const 1) (i32.const 100))",
            "",
        ),
        (
            "(call $from_list (i32.const 32) (i32.const 0x7fffffff) (i32.const 100))",
            "",
        ),
        (
            "(call $from_list (i32.const 32) (i32.const 1) (i32.const 101))",
            "",
        ),
        (
            "(call $from_list (i32.const 32) (i32.const 1) (i32.const 65532))",
            "",
        ),
        ("(call $path (local.get $request) (i32.const 102))", ""),
        // Room that is not there, and a call while it is made.
        (
            "(call $path (local.get $request) (i32.const 100))",
            "(return (i32.const 65534))",
        ),
        (
            "(call $path (local.get $request) (i32.const 100))",
            "(return (i32.const -1))",
        ),
        (
            "(call $environment (i32.const 100))",
            "(return (i32.const 4098))",
        ),
        (
            "(call $path (local.get $request) (i32.const 100))",
            "(drop (call $fields))",
        ),
        (
            "(call $path (local.get $request) (i32.const 100))",
            "unreachable",
        ),
    ] {
        assert_eq!(status(body, realloc), 500, "{body} {realloc}");
    }
}

/// RFC 9110 15.6.1 is for what the component fails to do; what it does twice is one of these.
#[test]
fn an_answer_is_one() {
    let again = "(call $set (local.get $outparam) (i32.const 0) (call $response (call $fields))
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    // The first counts, and is whole; the component that goes on is not used again.
    assert_eq!(status(again, ""), 200);
}

/// In whatever way a component waits, it writes what it says.
#[test]
fn who_waits_before_each_write_is_sent_whole() {
    let response = hostile(&[]).get("/wait-to-write?1000").send();
    assert_eq!(response.content, [b'x'; 1000]);
}

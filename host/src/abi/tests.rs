use super::types::Named;
use super::*;
use crate::wasi::bindings::wasi::http::types as http;
use proptest::prelude::*;
use std::collections::HashMap;
use std::fmt::Debug;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types as filesystem;
use wasmtime_wasi::p2::bindings::io::streams::StreamError;
use wit_parser::{InterfaceId, Resolve, SizeAlign, TypeDefKind};

const MEMORY: usize = 4096;

/// What is handed to a component, which makes room at the next address there is, and handed back.
fn back_and_forth<T: Lift + Lower>(value: T) -> T {
    let mut memory = vec![0xaa; MEMORY];
    let address = 8;
    let mut free = address + T::SIZE;
    let mut lowering = Lowering::default();
    let mut wanted = lowering.begin(value, address as u32, &mut memory).unwrap();
    while wanted != 0 {
        let (align, size) = ((wanted >> 32) as usize, wanted as u32 as usize);
        free = free.next_multiple_of(align);
        wanted = lowering.put(free as u32, &mut memory).unwrap();
        free += size;
    }
    assert!(lowering.is_done());
    let memory = &memory;
    T::load(
        address,
        &mut Source {
            memory,
            most: MEMORY,
        },
    )
    .unwrap()
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}"
}

proptest! {
    #[test]
    fn what_is_lowered_is_what_is_lifted(
        fields in prop::collection::vec((text(), any::<Vec<u8>>().prop_map(|it| it[..it.len().min(20)].to_vec())), 0..10),
        values in any::<(u8, u16, u32, u64, bool)>(),
        options in (prop::option::of(text()), any::<Option<u64>>(), any::<Result<u32, ()>>()),
        lists in (prop::collection::vec(text(), 0..10), prop::collection::vec(any::<u64>(), 0..10)),
    ) {
        prop_assert_eq!(back_and_forth(fields.clone()), fields);
        prop_assert_eq!(back_and_forth(values), values);
        prop_assert_eq!(back_and_forth(options.clone()), options);
        prop_assert_eq!(back_and_forth(lists.clone()), lists);
    }

    #[test]
    fn whatever_a_component_hands_over_nothing_panics(
        memory in prop::collection::vec(any::<u8>(), 0..200),
        values in prop::collection::vec(prop_oneof![any::<u64>(), 0..300u64], 0..10),
        at in prop_oneof![any::<usize>(), 0..300usize],
        most in 0..1000usize,
    ) {
        fn take<T: Lift>(memory: &[u8], values: &[u64], at: usize, most: usize) {
            let _ = T::lift(&mut Values(values), &mut Source { memory, most });
            let _ = T::load(at, &mut Source { memory, most });
        }
        take::<Vec<(String, Vec<u8>)>>(&memory, &values, at, most);
        take::<(u32, String, Option<http::Scheme>)>(&memory, &values, at, most);
        take::<Result<u32, http::ErrorCode>>(&memory, &values, at, most);
        take::<(filesystem::NewTimestamp, filesystem::OpenFlags, u64)>(&memory, &values, at, most);
        take::<Vec<Vec<Option<bool>>>>(&memory, &values, at, most);
    }

    #[test]
    fn a_result_is_written_where_there_is_room_and_nowhere_else(
        address in 0..100u32,
        rooms in prop::collection::vec(prop_oneof![0..120u32, any::<u32>()], 0..4),
        text in "[a-z]{0,8}",
    ) {
        let mut memory = vec![0xaa; 100];
        let mut expected = memory.clone();
        let mut lowering = Lowering::default();
        let Ok(wanted) = lowering.begin((7u32, text.clone()), address, &mut memory) else {
            prop_assert!(address % 4 != 0 || address > 88);
            prop_assert_eq!(memory, expected);
            return Ok(());
        };
        prop_assert_eq!(wanted, 1 << 32 | text.len() as u64);
        let at = address as usize;
        for room in rooms {
            // Where the text begins is written last; how long it is, before.
            let fits = room as usize + text.len() <= 100;
            match lowering.put(room, &mut memory) {
                Ok(more) => {
                    prop_assert!(fits && more == 0 && lowering.is_done());
                    prop_assert!(lowering.put(room, &mut memory).is_err());
                    expected[at..at + 4].copy_from_slice(&7u32.to_le_bytes());
                    expected[at + 8..at + 12].copy_from_slice(&(text.len() as u32).to_le_bytes());
                    expected[room as usize..][..text.len()].copy_from_slice(text.as_bytes());
                    expected[at + 4..at + 8].copy_from_slice(&room.to_le_bytes());
                    prop_assert_eq!(memory, expected);
                    break;
                }
                Err(_) => prop_assert!(!fits && !lowering.is_done()),
            }
        }
    }
}

#[test]
fn what_is_not_as_it_should_be_is_refused() {
    fn load<T: Lift + Debug>(bytes: &[u8]) -> Result<T> {
        let memory = &[bytes, &[b'x'; 8]].concat();
        T::load(0, &mut Source { memory, most: 8 })
    }
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|it| it.to_le_bytes())
            .collect::<Vec<_>>()
    };
    // It lies within the memory, and no more is handed over than may be.
    assert_eq!(load::<String>(&words(&[8, 8])).unwrap(), "xxxxxxxx");
    load::<String>(&words(&[9, 8])).unwrap_err();
    load::<String>(&words(&[u32::MAX, 2])).unwrap_err();
    load::<String>(&words(&[0, 16])).unwrap_err();
    assert!(load::<Vec<u64>>(&words(&[8, 1])).is_ok());
    load::<Vec<u64>>(&words(&[8, 2])).unwrap_err();
    load::<Vec<u64>>(&words(&[8, u32::MAX])).unwrap_err();
    // It is aligned.
    load::<Vec<u64>>(&words(&[4, 1])).unwrap_err();
    // Text is UTF-8.
    load::<String>(&[8, 0, 0, 0, 9, 0, 0, 0, 0xff]).unwrap_err();
    load::<String>(&[8, 0, 0, 0, 1, 0, 0, 0, 0xff]).unwrap_err();
    // There is such a case, and such a handle.
    assert!(load::<http::Method>(&[8]).is_ok());
    load::<http::Method>(&[10]).unwrap_err();
    load::<Option<u8>>(&[2]).unwrap_err();
    load::<Result<u8, u8>>(&[2]).unwrap_err();
    load::<wasmtime::component::Resource<u8>>(&words(&[0])).unwrap_err();
    // Whatever is not 0 is true, and flags that nobody knows mean nothing.
    assert!(load::<bool>(&[2]).unwrap());
    let flags = load::<filesystem::OpenFlags>(&[0xf1]).unwrap();
    assert_eq!(flags, filesystem::OpenFlags::CREATE);
}

/// Size, alignment, and the names of what there is in it.
type Described = (usize, usize, Vec<String>);

fn describe<T: Layout + Named>() -> Described {
    let names = T::NAMES.iter().map(|name| plain(name));
    (T::SIZE, T::ALIGN, names.collect())
}

/// A name without what differs between WIT and Rust.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.collect::<String>().to_lowercase()
}

/// The same, of the types of an interface.
fn described(interface: &str) -> HashMap<String, Described> {
    let mut all = Resolve::default();
    all.push_dir("../wit").unwrap();
    let mut sizes = SizeAlign::default();
    sizes.fill(&all);
    let is_it = |id: &InterfaceId| all.id_of(*id).is_some_and(|it| it.starts_with(interface));
    let (interface, _) = all.interfaces.iter().find(|(id, _)| is_it(id)).unwrap();
    let types = all.interfaces[interface]
        .types
        .iter()
        .filter_map(|(name, id)| {
            let names: Vec<&str> = match &all.types[*id].kind {
                TypeDefKind::Record(it) => it.fields.iter().map(|it| &*it.name).collect(),
                TypeDefKind::Variant(it) => it.cases.iter().map(|it| &*it.name).collect(),
                TypeDefKind::Enum(it) => it.cases.iter().map(|it| &*it.name).collect(),
                TypeDefKind::Flags(it) => it.flags.iter().map(|it| &*it.name).collect(),
                _ => return None,
            };
            let of = wit_parser::Type::Id(*id);
            let size = sizes.size(&of).size_wasm32();
            let names = names.into_iter().map(plain).collect();
            Some((name.clone(), (size, sizes.align(&of).align_wasm32(), names)))
        });
    types.collect()
}

#[test]
fn types_are_laid_out_as_wit_has_them() {
    let all = [
        (
            "wasi:http/types",
            vec![
                ("DNS-error-payload", describe::<http::DnsErrorPayload>()),
                (
                    "TLS-alert-received-payload",
                    describe::<http::TlsAlertReceivedPayload>(),
                ),
                ("error-code", describe::<http::ErrorCode>()),
                ("field-size-payload", describe::<http::FieldSizePayload>()),
                ("header-error", describe::<http::HeaderError>()),
                ("method", describe::<http::Method>()),
                ("scheme", describe::<http::Scheme>()),
            ],
        ),
        (
            "wasi:filesystem/types",
            vec![
                ("advice", describe::<filesystem::Advice>()),
                (
                    "descriptor-flags",
                    describe::<filesystem::DescriptorFlags>(),
                ),
                ("descriptor-stat", describe::<filesystem::DescriptorStat>()),
                ("descriptor-type", describe::<filesystem::DescriptorType>()),
                ("directory-entry", describe::<filesystem::DirectoryEntry>()),
                ("error-code", describe::<filesystem::ErrorCode>()),
                (
                    "metadata-hash-value",
                    describe::<filesystem::MetadataHashValue>(),
                ),
                ("new-timestamp", describe::<filesystem::NewTimestamp>()),
                ("open-flags", describe::<filesystem::OpenFlags>()),
                ("path-flags", describe::<filesystem::PathFlags>()),
            ],
        ),
        (
            "wasi:clocks/wall-clock",
            vec![("datetime", describe::<Datetime>())],
        ),
        (
            "wasi:io/streams",
            vec![("stream-error", describe::<StreamError>())],
        ),
    ];
    for (interface, ours) in all {
        let mut theirs = described(interface);
        for (name, described) in ours {
            assert_eq!(theirs.remove(name), Some(described), "{interface}.{name}");
        }
        assert_eq!(theirs, HashMap::new(), "{interface}");
    }
}

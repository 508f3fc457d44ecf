//! The component imports what its world lists, and no more.

use std::collections::BTreeSet;
use wit_parser::{Resolve, WorldItem, WorldKey};

/// The interfaces of a world's imports and exports.
fn interfaces<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> BTreeSet<String> {
    items.map(|(key, _)| resolve.name_world_key(key)).collect()
}

#[test]
fn the_component_imports_nothing_outside_its_world() {
    let mut resolve = Resolve::default();
    // Cargo runs tests in the folder of their package.
    let (package, _) = resolve.push_dir("../wit").unwrap();
    let world = &resolve.worlds[resolve.select_world(&[package], Some("server")).unwrap()];
    let listed = interfaces(&resolve, world.imports.iter());

    let decoded = wit_component::decode(http_server::COMPONENT).unwrap();
    let wit_component::DecodedWasm::Component(resolve, id) = decoded else {
        panic!("no component")
    };
    let world = &resolve.worlds[id];
    let imported = interfaces(&resolve, world.imports.iter());
    assert_eq!(
        imported.difference(&listed).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(
        interfaces(&resolve, world.exports.iter()),
        BTreeSet::from(["wasi:http/incoming-handler@0.2.12".to_owned()])
    );
}

//! `wasi:filesystem` and `wasi:clocks`: their functions, by name.
//!
//! Those that are asked for each file that is served, and those that may wait for a disk on a thread that
//! serves others, are ours (`lookup`, `files`, `entries`); all others are wasmtime's.

use super::interface::Interfaces;
use super::lookup::{self, result};
use super::{entries, files};
use crate::state::State;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host as _;
use wasmtime_wasi::p2::bindings::clocks::wall_clock;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, HostDescriptor, NewTimestamp, PathFlags,
};

pub(super) fn add(all: &mut Interfaces) -> Result<()> {
    let mut wall_clock = all.add("wasi:clocks/wall-clock")?;
    wall_clock
        .import::<fn(u32)>("now")
        .function(|state: &mut State| wall_clock::Host::now(&mut state.clocks()))?;
    wall_clock
        .import::<fn(u32)>("resolution")
        .function(|state: &mut State| wall_clock::Host::resolution(&mut state.clocks()))?;
    let mut monotonic_clock = all.add("wasi:clocks/monotonic-clock")?;
    monotonic_clock
        .import::<fn() -> u64>("now")
        .function(|state: &mut State| state.clocks().now())?;
    monotonic_clock
        .import::<fn() -> u64>("resolution")
        .function(|state: &mut State| state.clocks().resolution())?;
    monotonic_clock
        .import::<fn(u64) -> u32>("subscribe-instant")
        .function(|state: &mut State, when: u64| state.clocks().subscribe_instant(when))?;
    monotonic_clock
        .import::<fn(u64) -> u32>("subscribe-duration")
        .function(|state: &mut State, time: u64| state.clocks().subscribe_duration(time))?;

    all.add("wasi:filesystem/preopens")?
        .import::<fn(u32) -> u64>("get-directories")
        .function(|state: &mut State| preopens::Host::get_directories(&mut state.filesystem()))?;

    let mut types = all.add("wasi:filesystem/types")?;
    types.resource("descriptor", State::drop_descriptor)?;
    types.resource("directory-entry-stream", State::drop_entries)?;
    types
        .import::<fn(u32, u32)>("filesystem-error-code")
        .function(State::filesystem_error_code)?;
    types
        .import::<fn(u32, u64, u32)>("[method]descriptor.read-via-stream")
        .function(State::read_via_stream)?;
    types
        .import::<fn(u32, u64, u32)>("[method]descriptor.write-via-stream")
        .function(State::write_via_stream)?;
    types
        .import::<fn(u32, u32)>("[method]descriptor.append-via-stream")
        .function(State::append_via_stream)?;
    types
        .import::<fn(u32, u64, u64, u32) -> u64>("[method]descriptor.read")
        .tried_function(files::try_to_read, files::read)?;
    types
        .import::<fn(u32, u32, u32, u64, u32)>("[method]descriptor.write")
        .waiting_function(files::write)?;
    types
        .import::<fn(u32, u32)>("[method]descriptor.sync")
        .waiting_function(files::sync)?;
    types
        .import::<fn(u32, u32)>("[method]descriptor.sync-data")
        .waiting_function(files::sync_data)?;
    types
        .import::<fn(u32, u32)>("[method]descriptor.read-directory")
        .waiting_function(entries::read_directory)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]directory-entry-stream.read-directory-entry")
        .waiting_function(entries::read_directory_entry)?;
    types
        .import::<fn(u32, u32, u32, u32, u32, u32, u32) -> u64>("[method]descriptor.open-at")
        .tried_function(lookup::try_to_open_at, lookup::open_at)?;
    types
        .import::<fn(u32, u32, u32, u32, u32) -> u64>("[method]descriptor.stat-at")
        .tried_function(lookup::try_to_stat_at, lookup::stat_at)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]descriptor.stat")
        .tried_function(lookup::try_to_stat, lookup::stat)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]descriptor.metadata-hash")
        .tried_function(lookup::try_to_hash, lookup::hash)?;

    /// One of wasmtime's: its name, its core signature, and what it is called with.
    macro_rules! wasmtimes {
        ($name:literal, $signature:ty, $method:ident, $($parameter:ident: $type:ty),*) => {
            types.import::<$signature>(concat!("[method]descriptor.", $name)).waiting_function(
                |state, (descriptor, $($parameter,)*): (Resource<Descriptor>, $($type,)*)| {
                    Box::pin(async move {
                        result(state.filesystem().$method(descriptor, $($parameter),*).await)
                    })
                },
            )?;
        };
    }
    wasmtimes!("advise", fn(u32, u64, u64, u32, u32), advise, offset: u64, length: u64, advice: Advice);
    wasmtimes!("get-flags", fn(u32, u32), get_flags,);
    wasmtimes!("get-type", fn(u32, u32), get_type,);
    wasmtimes!("set-size", fn(u32, u64, u32), set_size, size: u64);
    wasmtimes!("set-times", fn(u32, u32, u64, u32, u32, u64, u32, u32), set_times,
        access: NewTimestamp, modification: NewTimestamp);
    wasmtimes!("set-times-at", fn(u32, u32, u32, u32, u32, u64, u32, u32, u64, u32, u32),
        set_times_at, flags: PathFlags, path: String, access: NewTimestamp, modification: NewTimestamp);
    wasmtimes!("create-directory-at", fn(u32, u32, u32, u32), create_directory_at, path: String);
    wasmtimes!("link-at", fn(u32, u32, u32, u32, u32, u32, u32, u32), link_at,
        flags: PathFlags, old: String, directory: Resource<Descriptor>, new: String);
    wasmtimes!("readlink-at", fn(u32, u32, u32, u32) -> u64, readlink_at, path: String);
    wasmtimes!("remove-directory-at", fn(u32, u32, u32, u32), remove_directory_at, path: String);
    wasmtimes!("rename-at", fn(u32, u32, u32, u32, u32, u32, u32), rename_at,
        old: String, directory: Resource<Descriptor>, new: String);
    wasmtimes!("symlink-at", fn(u32, u32, u32, u32, u32, u32), symlink_at, old: String, new: String);
    wasmtimes!("unlink-file-at", fn(u32, u32, u32, u32), unlink_file_at, path: String);
    wasmtimes!("metadata-hash-at", fn(u32, u32, u32, u32, u32), metadata_hash_at,
        flags: PathFlags, path: String);
    types
        .import::<fn(u32, u32) -> u32>("[method]descriptor.is-same-object")
        .waiting_function(
            |state, (one, other): (Resource<Descriptor>, Resource<Descriptor>)| {
                Box::pin(async move { state.filesystem().is_same_object(one, other).await })
            },
        )
}

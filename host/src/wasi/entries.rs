//! Reading directories: a batch of entries at a time. However many there are, they take no more memory.
//! The first batch is read where names are looked up; all others by the pool of threads, and so hold up
//! no thread that serves connections.

use crate::state::State;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{DirectoryEntry, ErrorCode};
use wasmtime_wasi::runtime::spawn_blocking;

/// How many entries are read at once.
const BATCH: usize = 512;

/// How many directories are read at once: each has a batch, which no other limit counts.
const MOST_LISTS: usize = 16;

/// `directory-entry-stream`
struct Entries {
    batch: VecDeque<Entry>,
    /// What is left to read.
    rest: Option<rustix::fs::Dir>,
}

type Entry = Result<DirectoryEntry, ErrorCode>;

/// Puts the functions of this module in the place of wasmtime's.
pub(super) fn override_in_linker(linker: &mut Linker<State>) -> Result<()> {
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.resource(
        "directory-entry-stream",
        ResourceType::host::<Entries>(),
        |mut store, rep| {
            let state = store.data_mut();
            state.table.delete(Resource::<Entries>::new_own(rep))?;
            state.lists -= 1;
            Ok(())
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, State>, (descriptor,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let state = store.data_mut();
                let Descriptor::Dir(directory) = state.table.get(&descriptor)?.clone() else {
                    return Ok((Err(ErrorCode::NotDirectory),));
                };
                if state.lists >= MOST_LISTS {
                    return Ok((Err(ErrorCode::InsufficientMemory),));
                }
                let first = move || rustix::fs::Dir::new(readable(&directory)?).map(read_batch);
                let first = if state.template.reads_directories_inline {
                    first()
                } else {
                    spawn_blocking(first).await
                };
                match first {
                    Ok(entries) => {
                        let list = state.table.push(entries)?;
                        state.lists += 1;
                        Ok((Ok(list),))
                    }
                    Err(error) => Ok((Err(io::Error::from(error).into()),)),
                }
            })
        },
    )?;
    types.func_wrap_async(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: StoreContextMut<'_, State>, (stream,): (Resource<Entries>,)| {
            Box::new(async move {
                let entries = store.data_mut().table.get_mut(&stream)?;
                if entries.batch.is_empty()
                    && let Some(rest) = entries.rest.take()
                {
                    *entries = spawn_blocking(move || read_batch(rest)).await;
                }
                Ok((entries.batch.pop_front().transpose(),))
            })
        },
    )
}

/// A directory is mapped by a descriptor that can be looked up from only; this one can be read.
pub(super) fn readable(directory: &Dir) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(&directory.dir, ".", flags, Mode::empty())?.into())
}

fn read_batch(mut rest: rustix::fs::Dir) -> Entries {
    let mut batch = VecDeque::new();
    while batch.len() < BATCH {
        match rest.read() {
            Some(Ok(entry)) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            Some(Ok(entry)) => batch.push_back(describe(&rest, &entry)),
            Some(Err(error)) => {
                batch.push_back(Err(io::Error::from(error).into()));
                return Entries { batch, rest: None };
            }
            None => return Entries { batch, rest: None },
        }
    }
    Entries {
        batch,
        rest: Some(rest),
    }
}

fn describe(directory: &rustix::fs::Dir, entry: &rustix::fs::DirEntry) -> Entry {
    let kind = match entry.file_type() {
        // Some file systems do not say it along with the name.
        FileType::Unknown => {
            let named = rustix::fs::statat(
                directory.fd().map_err(io::Error::from)?,
                entry.file_name(),
                AtFlags::SYMLINK_NOFOLLOW,
            );
            FileType::from_raw_mode(named.map_err(io::Error::from)?.st_mode)
        }
        kind => kind,
    };
    let name = entry.file_name().to_owned().into_string();
    Ok(DirectoryEntry {
        type_: super::lookup::descriptor_type(kind),
        name: name.map_err(|_| ErrorCode::IllegalByteSequence)?,
    })
}

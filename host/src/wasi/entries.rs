//! Reading directories: a batch of entries at a time. However many there are, they take no more memory.
//! The first batch is read where names are looked up; all others by the pool of threads, and so hold up
//! no thread that serves connections.

use super::interface::Waiting;
use crate::state::State;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{DirectoryEntry, ErrorCode};
use wasmtime_wasi::runtime::spawn_blocking;

/// How many entries are read at once.
const BATCH: usize = 512;

/// How many directories are read at once: each has a batch, which no other limit counts.
const MOST_LISTS: usize = 16;

/// `directory-entry-stream`
pub(super) struct Entries {
    batch: VecDeque<Entry>,
    /// What is left to read.
    rest: Option<rustix::fs::Dir>,
}

type Entry = Result<DirectoryEntry, ErrorCode>;

/// `descriptor.read-directory`
pub(super) fn read_directory(
    state: &mut State,
    (descriptor,): (Resource<Descriptor>,),
) -> Waiting<'_, Result<Resource<Entries>, ErrorCode>> {
    Box::pin(async move {
        let Descriptor::Dir(directory) = state.table.get(&descriptor)?.clone() else {
            return Ok(Err(ErrorCode::NotDirectory));
        };
        if state.lists >= MOST_LISTS {
            return Ok(Err(ErrorCode::InsufficientMemory));
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
                Ok(Ok(list))
            }
            Err(error) => Ok(Err(io::Error::from(error).into())),
        }
    })
}

/// `directory-entry-stream.read-directory-entry`
pub(super) fn read_directory_entry(
    state: &mut State,
    (stream,): (Resource<Entries>,),
) -> Waiting<'_, Result<Option<DirectoryEntry>, ErrorCode>> {
    Box::pin(async move {
        let entries = state.table.get_mut(&stream)?;
        if entries.batch.is_empty()
            && let Some(rest) = entries.rest.take()
        {
            *entries = spawn_blocking(move || read_batch(rest)).await;
        }
        Ok(entries.batch.pop_front().transpose())
    })
}

impl State {
    /// A component drops a `directory-entry-stream`.
    pub(super) fn drop_entries(&mut self, stream: Resource<Entries>) -> Result<()> {
        self.table.delete(stream)?;
        self.lists -= 1;
        Ok(())
    }
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

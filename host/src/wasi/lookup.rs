//! The functions of `wasi:filesystem` that look files up, with fewer system calls than wasmtime's.
//!
//! What is asked for each file that is served or stored is answered here: what a name stands for,
//! opening it to be read, making it, what it is then. All else, and what to say of a name that can't be
//! had, but for one that is not there, is wasmtime's; so is everything but opening where operations on files
//! wait in a pool of threads.

use super::files::unknown_code;
use super::interface::Waiting;
use crate::state::State;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::Errno;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File as OpenFile, OpenMode};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, HostDescriptor, MetadataHashValue,
    OpenFlags, PathFlags,
};
use wasmtime_wasi::runtime::spawn_blocking;

/// How often a lookup is tried that something is renamed under.
const TRIES: usize = 4;

/// What was seen of a file first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Device and inode: they stay.
    identity: (u64, u64),
    /// What it is likely to have at least: it may have become shorter since.
    pub(crate) length: u64,
}

impl Seen {
    /// The device that it is on.
    pub(crate) fn device(self) -> u64 {
        self.identity.0
    }
}

/// What `descriptor.open-at` is called with, and returns.
type Open = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);
type Opened = Result<Resource<Descriptor>, ErrorCode>;

/// `descriptor.open-at`, where it need not wait.
pub(super) fn try_to_open_at(
    state: &mut State,
    (descriptor, path_flags, path, open_flags, flags): &Open,
) -> Result<Option<Opened>> {
    if state.template.inline
        && let Some((how, mode)) = how_to_open(*path_flags, *open_flags, *flags)
        && let Some((directory, permissions)) = state.openable(descriptor, mode)?
    {
        return state.opened(open(&directory, path, how), permissions, mode);
    }
    Ok(None)
}

/// `descriptor.open-at`, where it has to.
pub(super) fn open_at(
    state: &mut State,
    (descriptor, path_flags, path, open_flags, flags): Open,
) -> Waiting<'_, Opened> {
    Box::pin(async move {
        if !state.template.inline
            && let Some((how, mode)) = how_to_open(path_flags, open_flags, flags)
            && let Some((directory, permissions)) = state.openable(&descriptor, mode)?
        {
            let name = path.clone();
            let opened = spawn_blocking(move || open(&directory, &name, how)).await;
            if let Some(opened) = state.opened(opened, permissions, mode)? {
                return Ok(opened);
            }
        }
        let mut filesystem = state.filesystem();
        let opened = filesystem.open_at(descriptor, path_flags, path, open_flags, flags);
        result(opened.await)
    })
}

/// What `descriptor.stat-at` is called with.
type StatAt = (Resource<Descriptor>, PathFlags, String);
type Stat = Result<DescriptorStat, ErrorCode>;

/// `descriptor.stat-at`, where it need not wait.
pub(super) fn try_to_stat_at(
    state: &mut State,
    (descriptor, path_flags, path): &StatAt,
) -> Result<Option<Stat>> {
    if !state.template.inline {
        return Ok(None);
    }
    state.stat_name(descriptor, *path_flags, path)
}

/// `descriptor.stat-at`, where it has to.
pub(super) fn stat_at(
    state: &mut State,
    (descriptor, path_flags, path): StatAt,
) -> Waiting<'_, Stat> {
    Box::pin(async move {
        result(
            state
                .filesystem()
                .stat_at(descriptor, path_flags, path)
                .await,
        )
    })
}

/// `descriptor.stat`, where it need not wait.
pub(super) fn try_to_stat(
    state: &mut State,
    (descriptor,): &(Resource<Descriptor>,),
) -> Result<Option<Stat>> {
    if !state.template.inline {
        return Ok(None);
    }
    let stat = state.stat(descriptor)?;
    Ok(Some(stat.map(describe).map_err(ErrorCode::from)))
}

/// `descriptor.stat`, where it has to.
pub(super) fn stat(state: &mut State, (descriptor,): (Resource<Descriptor>,)) -> Waiting<'_, Stat> {
    Box::pin(async move { result(state.filesystem().stat(descriptor).await) })
}

/// `descriptor.metadata-hash`, where it need not wait.
pub(super) fn try_to_hash(
    state: &mut State,
    (descriptor,): &(Resource<Descriptor>,),
) -> Result<Option<Result<MetadataHashValue, ErrorCode>>> {
    if !state.template.inline {
        return Ok(None);
    }
    let identity = match state.seen(descriptor) {
        Some(seen) => Ok(seen.identity),
        None => state.stat(descriptor)?.map(|stat| identity(&stat)),
    };
    Ok(Some(identity.map(metadata_hash).map_err(ErrorCode::from)))
}

/// `descriptor.metadata-hash`, where it has to.
pub(super) fn hash(
    state: &mut State,
    (descriptor,): (Resource<Descriptor>,),
) -> Waiting<'_, Result<MetadataHashValue, ErrorCode>> {
    Box::pin(async move { result(state.filesystem().metadata_hash(descriptor).await) })
}

impl State {
    /// A component drops a descriptor.
    pub(super) fn drop_descriptor(&mut self, descriptor: Resource<Descriptor>) -> Result<()> {
        self.seen.retain(|&(seen, _)| seen != descriptor.rep());
        self.just_opened = None;
        self.table.delete(descriptor)?;
        Ok(())
    }

    /// What was seen of a file first.
    pub(crate) fn seen(&self, descriptor: &Resource<Descriptor>) -> Option<Seen> {
        let seen = self.seen.iter().find(|(rep, _)| *rep == descriptor.rep());
        seen.map(|&(_, seen)| seen)
    }

    /// What an open file is. What opening it has shown is not asked for again, unless the component
    /// has waited since, or may have changed it.
    fn stat(&mut self, descriptor: &Resource<Descriptor>) -> Result<std::io::Result<Statx>> {
        if let Some((opened, turn, stat)) = self.just_opened.take()
            && opened == descriptor.rep()
            && turn == self.exchange.turn()
            && !self.writes
        {
            return Ok(Ok(stat));
        }
        let stat = status(file(self.table.get(descriptor)?)).map_err(std::io::Error::from);
        if let Ok(stat) = &stat {
            self.see(descriptor, stat, 0);
        }
        Ok(stat)
    }

    /// Remembers what is seen of a file first; it is likely to have `length` at least.
    fn see(&mut self, descriptor: &Resource<Descriptor>, stat: &Statx, length: u64) {
        if self.seen(descriptor).is_none() {
            let identity = identity(stat);
            self.seen
                .push((descriptor.rep(), Seen { identity, length }));
        }
    }

    /// A directory to open something in, and what is permitted there; nothing if that is for wasmtime to
    /// do.
    fn openable(
        &self,
        directory: &Resource<Descriptor>,
        mode: OpenMode,
    ) -> Result<Option<(Arc<File>, FsPerms)>> {
        let Descriptor::Dir(directory) = self.table.get(directory)? else {
            return Ok(None);
        };
        let permissions = directory.perms;
        let is_permitted = !(mode.contains(OpenMode::WRITE) && permissions.write_not_permitted());
        Ok(is_permitted.then(|| (Arc::clone(&directory.dir), permissions)))
    }

    /// Takes what was opened; nothing if what failed is for wasmtime to say.
    fn opened(
        &mut self,
        opened: rustix::io::Result<Found>,
        permissions: FsPerms,
        mode: OpenMode,
    ) -> Result<Option<Opened>> {
        let inline = self.template.inline;
        let (opened, stat) = match opened {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(Some(Err(ErrorCode::NoEntry))),
            Err(error) => return Ok(unknown_code(error).map(Err)),
        };
        let Some(stat) = stat else {
            // Its directory is another than it was.
            self.just_opened = None;
            let opened = OpenFile::new(opened, permissions, mode, inline);
            return Ok(Some(Ok(self.table.push(Descriptor::File(opened))?)));
        };
        let opened = match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::Directory => Descriptor::Dir(Dir::new(opened, permissions, mode, inline)),
            _ => Descriptor::File(OpenFile::new(opened, permissions, mode, inline)),
        };
        let opened = self.table.push(opened)?;
        self.see(&opened, &stat, stat.stx_size);
        self.just_opened = Some((opened.rep(), self.exchange.turn(), stat));
        Ok(Some(Ok(opened)))
    }

    /// What a name stands for, if it is in this very directory and need not be followed.
    fn stat_name(
        &self,
        directory: &Resource<Descriptor>,
        path_flags: PathFlags,
        name: &str,
    ) -> Result<Option<Result<DescriptorStat, ErrorCode>>> {
        let Descriptor::Dir(directory) = self.table.get(directory)? else {
            return Ok(None);
        };
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return Ok(None);
        }
        let stat = rustix::fs::statx(
            &directory.dir,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
            StatxFlags::BASIC_STATS,
        );
        Ok(match stat {
            Ok(stat) => {
                let stat = describe(stat);
                let leads_elsewhere = stat.type_ == DescriptorType::SymbolicLink
                    && path_flags.contains(PathFlags::SYMLINK_FOLLOW);
                (!leads_elsewhere).then_some(Ok(stat))
            }
            Err(Errno::NOENT) => Some(Err(ErrorCode::NoEntry)),
            Err(_) => None,
        })
    }
}

/// How to open what is read, or is made to be written; nothing for all else.
fn how_to_open(
    path_flags: PathFlags,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
) -> Option<(OFlags, OpenMode)> {
    let mut how = OFlags::CLOEXEC;
    how.set(
        OFlags::NOFOLLOW,
        !path_flags.contains(PathFlags::SYMLINK_FOLLOW),
    );
    if flags == DescriptorFlags::READ && OpenFlags::DIRECTORY.contains(open_flags) {
        // Without NONBLOCK, a FIFO would hold the thread until somebody writes to it.
        how |= OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        how.set(OFlags::DIRECTORY, open_flags.contains(OpenFlags::DIRECTORY));
        Some((how, OpenMode::READ))
    } else if flags == DescriptorFlags::READ | DescriptorFlags::WRITE
        && open_flags == OpenFlags::CREATE | OpenFlags::EXCLUSIVE
    {
        how |= OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        Some((how, OpenMode::READ | OpenMode::WRITE))
    } else {
        None
    }
}

/// What wasmtime says, as a component is told.
pub(super) fn result<T>(result: FsResult<T>) -> Result<Result<T, ErrorCode>> {
    result.map(Ok).or_else(|error| error.downcast().map(Err))
}

/// A file or directory that was opened, and what it is; a file, if it was made just now.
type Found = (File, Option<Statx>);

fn open(directory: &File, path: &str, how: OFlags) -> rustix::io::Result<Found> {
    let opened = open_beneath(directory, path, how)?;
    let stat = match how.contains(OFlags::EXCL) {
        true => None,
        false => Some(status(&opened)?),
    };
    Ok((opened, stat))
}

/// Opens what the kernel finds without leaving the directory.
fn open_beneath(directory: &File, path: &str, flags: OFlags) -> rustix::io::Result<File> {
    let mode = if flags.contains(OFlags::CREATE) {
        Mode::from_raw_mode(0o666)
    } else {
        Mode::empty()
    };
    let mut tries = 0;
    loop {
        tries += 1;
        match rustix::fs::openat2(
            directory,
            path,
            flags,
            mode,
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        ) {
            Err(Errno::AGAIN) if tries < TRIES => {}
            opened => return Ok(opened?.into()),
        }
    }
}

fn file(descriptor: &Descriptor) -> &File {
    match descriptor {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(directory) => &directory.dir,
    }
}

fn status(file: &File) -> rustix::io::Result<Statx> {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
}

fn describe(stat: Statx) -> DescriptorStat {
    let time = |stamp: rustix::fs::StatxTimestamp| {
        Some(Datetime {
            seconds: stamp.tv_sec.try_into().ok()?,
            nanoseconds: stamp.tv_nsec,
        })
    };
    DescriptorStat {
        type_: descriptor_type(FileType::from_raw_mode(stat.stx_mode.into())),
        link_count: stat.stx_nlink.into(),
        size: stat.stx_size,
        data_access_timestamp: time(stat.stx_atime),
        data_modification_timestamp: time(stat.stx_mtime),
        status_change_timestamp: time(stat.stx_ctime),
    }
}

pub(super) fn descriptor_type(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}

fn identity(stat: &Statx) -> (u64, u64) {
    let device = rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor);
    (device, stat.stx_ino)
}

/// The hash that `metadata-hash-at` gives, which is wasmtime's.
fn metadata_hash(identity: (u64, u64)) -> MetadataHashValue {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    let lower = hasher.finish();
    MetadataHashValue {
        lower,
        upper: lower ^ std::f64::consts::PI.to_bits(),
    }
}

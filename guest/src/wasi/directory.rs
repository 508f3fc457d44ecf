//! [`Directory`] on a preopened descriptor.

use crate::directory::{Directory, Entry, Error, File, Kind, Metadata, time};
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
    filesystem_error_code,
};
use wasi::io::streams::{InputStream, OutputStream};

/// The name of the preopen that is served.
const PREOPEN: &str = "/files";

/// The preopen named `/files`; failing that the only one, unless that is `/`: some hosts preopen
/// the machine's root there.
pub(super) fn preopen() -> Option<WasiDirectory> {
    let mut preopens = get_directories();
    let index = match preopens.iter().position(|(_, name)| name == PREOPEN) {
        Some(index) => index,
        None if preopens.len() == 1 && preopens[0].1 != "/" => 0,
        None => return None,
    };
    Some(WasiDirectory(preopens.swap_remove(index).0))
}

/// A directory of the host.
pub(super) struct WasiDirectory(Descriptor);

/// An open file of the host.
pub(super) struct WasiFile(Descriptor);

impl WasiFile {
    /// The content from `offset` on.
    pub(super) fn input(&self, offset: u64) -> Result<InputStream, Error> {
        Ok(self.0.read_via_stream(offset)?)
    }

    /// Takes content from the beginning.
    pub(super) fn output(&self) -> Result<OutputStream, Error> {
        Ok(self.0.write_via_stream(0)?)
    }
}

/// The failure of a file, if `error` is one, and not a client's.
pub(super) fn stream_error(error: &wasi::io::error::Error) -> Option<Error> {
    filesystem_error_code(error).map(Error::from)
}

impl WasiDirectory {
    /// Does something with the directory itself. What some hosts hand out as a preopen is only good to look
    /// up names in; `.` is one.
    fn itself<T>(&self, act: impl Fn(&Descriptor) -> Result<T, ErrorCode>) -> Result<T, ErrorCode> {
        match act(&self.0) {
            Err(ErrorCode::Invalid | ErrorCode::BadDescriptor) => {
                let (path, open) = (PathFlags::empty(), OpenFlags::DIRECTORY);
                act(&self.0.open_at(path, ".", open, DescriptorFlags::READ)?)
            }
            result => result,
        }
    }
}

impl Directory for WasiDirectory {
    type File = WasiFile;

    fn is_read_only(&self) -> bool {
        // Some hosts do not know what they have handed out, and say no flag at all.
        self.0.get_flags().is_ok_and(|flags| {
            flags.contains(DescriptorFlags::READ)
                && !flags.contains(DescriptorFlags::MUTATE_DIRECTORY)
        })
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Error> {
        match path {
            "" => Ok(self.itself(Descriptor::stat)?.into()),
            path => Ok(self.0.stat_at(PathFlags::SYMLINK_FOLLOW, path)?.into()),
        }
    }

    fn link_metadata(&self, path: &str) -> Result<Metadata, Error> {
        match path {
            "" => self.metadata(path),
            path => Ok(self.0.stat_at(PathFlags::empty(), path)?.into()),
        }
    }

    fn open(&self, path: &str) -> Result<WasiFile, Error> {
        let file = self.0.open_at(
            PathFlags::SYMLINK_FOLLOW,
            path,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )?;
        Ok(WasiFile(file))
    }

    fn open_directory(&self, path: &str) -> Result<Self, Error> {
        // Without the flag to change it, what is made in it can't be renamed on some hosts; with it,
        // a read-only mapping can't be listed. So the flag follows the mapping.
        let flags =
            DescriptorFlags::READ | (self.0.get_flags()? & DescriptorFlags::MUTATE_DIRECTORY);
        Ok(Self(self.0.open_at(
            PathFlags::SYMLINK_FOLLOW,
            path,
            OpenFlags::DIRECTORY,
            flags,
        )?))
    }

    fn each_entry(&self, mut act: impl FnMut(Entry)) -> Result<(), Error> {
        let stream = self.itself(Descriptor::read_directory)?;
        loop {
            match stream.read_directory_entry() {
                Ok(Some(entry)) => act(Entry {
                    name: entry.name,
                    kind: entry.type_.into(),
                }),
                Ok(None) => return Ok(()),
                // A name that is not UTF-8, or an entry that vanished: no client could ask for it.
                Err(ErrorCode::IllegalByteSequence | ErrorCode::NoEntry) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn create_directory(&self, path: &str) -> Result<(), Error> {
        Ok(self.0.create_directory_at(path)?)
    }

    fn create(&self, name: &str) -> Result<WasiFile, Error> {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        let file = self.0.open_at(
            PathFlags::empty(),
            name,
            OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
            flags,
        )?;
        Ok(WasiFile(file))
    }

    fn link(&self, from: &str, to: &str) -> Result<(), Error> {
        Ok(self.0.link_at(PathFlags::empty(), from, &self.0, to)?)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        Ok(self.0.rename_at(from, &self.0, to)?)
    }

    fn remove_file(&self, path: &str) -> Result<(), Error> {
        Ok(self.0.unlink_file_at(path)?)
    }

    fn remove_directory(&self, path: &str) -> Result<(), Error> {
        Ok(self.0.remove_directory_at(path)?)
    }

    fn sync(&self) -> Result<(), Error> {
        match self.itself(Descriptor::sync) {
            // Some file systems sync no directories, and say so.
            Err(ErrorCode::Invalid | ErrorCode::BadDescriptor | ErrorCode::Unsupported) => Ok(()),
            synced => Ok(synced?),
        }
    }
}

impl File for WasiFile {
    fn metadata(&self) -> Result<Metadata, Error> {
        Ok(self.0.stat()?.into())
    }

    fn identity(&self) -> Result<u64, Error> {
        // The halves are not independent: wasmtime makes the upper one of the lower.
        Ok(self.0.metadata_hash()?.lower)
    }

    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
        Ok(self.0.read(length, offset)?.0)
    }

    fn sync(&self) -> Result<(), Error> {
        Ok(self.0.sync()?)
    }
}

impl From<DescriptorStat> for Metadata {
    fn from(stat: DescriptorStat) -> Self {
        let modified = stat
            .data_modification_timestamp
            .and_then(|stamp| time(stamp.seconds, stamp.nanoseconds));
        Self {
            kind: stat.type_.into(),
            length: stat.size,
            modified,
        }
    }
}

impl From<DescriptorType> for Kind {
    fn from(type_: DescriptorType) -> Self {
        match type_ {
            DescriptorType::RegularFile => Self::File,
            DescriptorType::Directory => Self::Directory,
            DescriptorType::SymbolicLink => Self::Link,
            _ => Self::Other,
        }
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NoEntry => Self::NotFound,
            ErrorCode::NotDirectory => Self::NotDirectory,
            ErrorCode::IsDirectory => Self::IsDirectory,
            ErrorCode::Exist => Self::Exists,
            ErrorCode::NotEmpty => Self::NotEmpty,
            ErrorCode::NameTooLong => Self::NameTooLong,
            ErrorCode::Loop => Self::Loop,
            // What something is mounted on is busy.
            ErrorCode::NotPermitted
            | ErrorCode::ReadOnly
            | ErrorCode::CrossDevice
            | ErrorCode::Busy => Self::NotPermitted,
            ErrorCode::Access => Self::Access,
            ErrorCode::FileTooLarge => Self::TooLarge,
            ErrorCode::InsufficientSpace | ErrorCode::Quota => Self::NoSpace,
            ErrorCode::InsufficientMemory => Self::Exhausted,
            code => Self::Other(code.message().to_owned()),
        }
    }
}

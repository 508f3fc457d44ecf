//! The seam between what the handlers decide and the directory they decide about.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(test)]
pub(crate) mod memory;

/// A directory that the component can reach, and everything below it.
///
/// Paths are relative, separated by `/`, and made of normal segments; the empty path is the
/// directory itself. Symbolic links are followed unless a method says otherwise; those that lead
/// out of the mapped directory fail with [`Error::NotPermitted`].
pub trait Directory: Sized + 'static {
    /// An open regular file.
    type File: File;

    /// What is at `path`, without opening it: opening a FIFO blocks.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn metadata(&self, path: &str) -> Result<Metadata, Error>;

    /// Whether it is mapped in so that nothing can be changed.
    fn is_read_only(&self) -> bool;

    /// What is at `path`; of a symbolic link, the link itself.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn link_metadata(&self, path: &str) -> Result<Metadata, Error>;

    /// Opens a regular file to read.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn open(&self, path: &str) -> Result<Self::File, Error>;

    /// Opens a directory.
    ///
    /// # Errors
    ///
    /// [`Error::NotDirectory`] if `path` is none; else as the file system says.
    fn open_directory(&self, path: &str) -> Result<Self, Error>;

    /// Hands each entry of this directory to `act`, in no order. Names that are not UTF-8 are left out.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn each_entry(&self, act: impl FnMut(Entry)) -> Result<(), Error>;

    /// Makes a directory.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if something of this name is there; else as the file system says.
    fn create_directory(&self, path: &str) -> Result<(), Error>;

    /// Makes a file to write.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if something of this name is there; else as the file system says.
    fn create(&self, name: &str) -> Result<Self::File, Error>;

    /// Gives the file `from` a second name, `to`.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if something of this name is there; else as the file system says.
    fn link(&self, from: &str, to: &str) -> Result<(), Error>;

    /// Moves the file `from` to the name `to`, whatever file is there now.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn rename(&self, from: &str, to: &str) -> Result<(), Error>;

    /// Removes a file or a symbolic link.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn remove_file(&self, path: &str) -> Result<(), Error>;

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`] if there is something in it; else as the file system says.
    fn remove_directory(&self, path: &str) -> Result<(), Error>;

    /// Waits until the names in this directory are on stable storage.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn sync(&self) -> Result<(), Error>;
}

/// An open regular file.
pub trait File: 'static {
    /// What the file is now.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn metadata(&self) -> Result<Metadata, Error>;

    /// A number that no other file of the directory has: a hash of device and inode.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn identity(&self) -> Result<u64, Error>;

    /// Reads up to `length` bytes from `offset`; nothing at the end of the file.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, Error>;

    /// Waits until the content is on stable storage.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn sync(&self) -> Result<(), Error>;
}

/// What a file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The length of its content in bytes.
    pub length: u64,
    /// When its content last changed, where that is known; see [`time`].
    pub modified: Option<SystemTime>,
}

/// A point in time, of seconds and nanoseconds since 1970; nothing after the year 9999, which
/// neither of the formats of dates in an answer has room for.
#[must_use]
pub fn time(seconds: u64, nanoseconds: u32) -> Option<SystemTime> {
    const LAST_SECOND_OF_9999: u64 = 253_402_300_799;
    (seconds <= LAST_SECOND_OF_9999)
        .then(|| UNIX_EPOCH + Duration::new(seconds, nanoseconds % 1_000_000_000))
}

/// What there can be in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device: never opened.
    Other,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is; a symbolic link is a [`Kind::Link`].
    pub kind: Kind,
}

/// Why the file system refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing of this name.
    NotFound,
    /// Something else than a directory stands in a directory's place.
    NotDirectory,
    /// A directory stands in a file's place.
    IsDirectory,
    /// The name is taken.
    Exists,
    /// The directory is not empty.
    NotEmpty,
    /// The name is longer than the file system takes.
    NameTooLong,
    /// Symbolic links that lead in a circle.
    Loop,
    /// The path leads out of the mapped directory, or the mapping is read-only.
    NotPermitted,
    /// The operating system does not let the server do this.
    Access,
    /// The file is larger than the file system takes.
    TooLarge,
    /// No space is left, or the quota is used up.
    NoSpace,
    /// The operating system is short of memory, or of files that may be open.
    Exhausted,
    /// Any other failure, in the file system's words.
    Other(String),
}

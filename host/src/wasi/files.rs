//! The functions of `wasi:filesystem` and `wasi:io` that the host does its own way:
//!
//! * Reading does not wait for a disk on a thread that serves other connections: what is not in
//!   the page cache is read by a pool of threads.
//! * Neither does writing more than a little, or `sync`.
//! * A splice from a file to a response moves no bytes at all: the connection sends them from the
//!   page cache.

use super::bindings::wasi::http::types::IoError;
use super::entries::readable;
use super::interface::Waiting;
use crate::pipe::{Chunk, FileChunk, Pipe, Place};
use crate::state::State;
use bytes::{Bytes, BytesMut};
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::io::streams::{self, HostOutputStream};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn_blocking};

/// How much a read moves at most.
const READ: usize = 64 * 1024;

/// How many files are read at once: each may have been read ahead, which no other limit counts.
const MOST_READERS: usize = 64;

/// How much is read ahead of who only waits until there is something.
const READ_AHEAD: usize = 16 * 1024;

/// How much a write takes at most.
const WRITE: usize = 256 * 1024;

/// So much of a file is written to the page cache without asking a thread to wait for it: Linux
/// makes those wait who dirty many pages.
const WRITTEN_INLINE: u64 = 64 * 1024;

/// Where a stream of a file stands; shared with [`State`], which so knows what a splice is from.
#[derive(Debug)]
pub(crate) struct FileCursor {
    file: Arc<File>,
    place: Place,
    position: AtomicU64,
    /// The length that the file is likely to have at least, if anything is known of it.
    length: Option<u64>,
    /// Content was read ahead of the position, or is being read.
    is_ahead: AtomicBool,
}

impl FileCursor {
    /// Whether so much was there when the file was opened: that is not looked for again. Should it be gone,
    /// the connection will notice.
    fn is_known_to_have(&self, length: u64) -> bool {
        let end = self.position.load(Ordering::Relaxed).saturating_add(length);
        self.length.is_some_and(|seen| end <= seen)
    }
}

/// The content of a file as an `input-stream`.
struct FileReader {
    cursor: Arc<FileCursor>,
    ahead: Ahead,
}

enum Ahead {
    Nothing,
    Reading(AbortOnDropJoinHandle<io::Result<Bytes>>),
    Read(Bytes),
    Failed(io::Error),
}

impl FileReader {
    fn set_ahead(&mut self, ahead: Ahead) {
        self.cursor
            .is_ahead
            .store(!matches!(ahead, Ahead::Nothing), Ordering::Relaxed);
        self.ahead = ahead;
    }

    /// Reads, or begins to, unless that has been done.
    fn begin(&mut self, size: usize) {
        if !matches!(self.ahead, Ahead::Nothing) {
            return;
        }
        let offset = self.cursor.position.load(Ordering::Relaxed);
        let size = size.clamp(1, READ);
        let cursor = &self.cursor;
        let ahead = match read_cached(&cursor.file, cursor.place, offset, size) {
            Some(Ok(bytes)) => Ahead::Read(bytes),
            Some(Err(error)) => Ahead::Failed(error),
            None => {
                let file = Arc::clone(&cursor.file);
                Ahead::Reading(spawn_blocking(move || read_blocking(&file, offset, size)))
            }
        };
        self.set_ahead(ahead);
    }

    /// Waits for what was begun.
    async fn wait(&mut self) {
        if let Ahead::Reading(task) = &mut self.ahead {
            let ahead = task.await.map_or_else(Ahead::Failed, Ahead::Read);
            self.set_ahead(ahead);
        }
    }

    /// Takes what was read. Nothing read is the end of the file.
    fn take(&mut self, size: usize) -> StreamResult<Bytes> {
        match &mut self.ahead {
            Ahead::Nothing | Ahead::Reading(_) => Ok(Bytes::new()),
            Ahead::Read(bytes) if bytes.is_empty() => Err(StreamError::Closed),
            Ahead::Read(bytes) => {
                let taken = bytes.split_to(size.min(bytes.len()));
                self.cursor
                    .position
                    .fetch_add(taken.len() as u64, Ordering::Relaxed);
                if bytes.is_empty() {
                    self.set_ahead(Ahead::Nothing);
                }
                Ok(taken)
            }
            Ahead::Failed(_) => match std::mem::replace(&mut self.ahead, Ahead::Read(Bytes::new()))
            {
                Ahead::Failed(error) => Err(StreamError::LastOperationFailed(error.into())),
                _ => Err(StreamError::Closed),
            },
        }
    }
}

#[async_trait]
impl InputStream for FileReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.begin(size);
        self.take(size)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.begin(size);
        self.wait().await;
        self.take(size)
    }

    async fn cancel(&mut self) {
        self.wait().await;
    }
}

#[async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {
        self.begin(READ_AHEAD);
        self.wait().await;
    }
}

/// Reads what is in memory, as all of some files is, or in the page cache; nothing if that would have
/// to wait.
pub(crate) fn read_cached(
    file: &File,
    place: Place,
    offset: u64,
    size: usize,
) -> Option<io::Result<Bytes>> {
    match place {
        Place::Memory => return Some(read_blocking(file, offset, size)),
        Place::Disk => {}
        Place::Elsewhere => return None,
    }
    let mut buffer = BytesMut::zeroed(size);
    match rustix::io::preadv2(
        file,
        &mut [IoSliceMut::new(&mut buffer)],
        offset,
        ReadWriteFlags::NOWAIT,
    ) {
        Ok(length) => {
            buffer.truncate(length);
            Some(Ok(buffer.freeze()))
        }
        // On another tmpfs than that of the mapped directory.
        Err(Errno::OPNOTSUPP) if is_in_memory(file) => Some(read_blocking(file, offset, size)),
        // Not there, or the file system can't tell.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => None,
        Err(error) => Some(Err(error.into())),
    }
}

/// The device that a file is on, if that is memory. While the file is open, no other has its number.
pub(crate) fn memory_device(file: &File) -> Option<u64> {
    let device = file.metadata().ok()?.dev();
    is_in_memory(file).then_some(device)
}

fn is_in_memory(file: &File) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type == TMPFS)
}

/// Reads as much as there is of `size`, waiting for a disk.
pub(crate) fn read_blocking(file: &File, offset: u64, size: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(size);
    let mut length = 0;
    while length < size {
        match file.read_at(&mut buffer[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(length);
    Ok(buffer.freeze())
}

/// The content of a file as an `output-stream`.
struct FileWriter {
    file: Arc<File>,
    /// Where to write next; nothing to append.
    position: Option<u64>,
    /// A little may be written on the thread that serves the connection.
    inline: bool,
    state: Writing,
}

enum Writing {
    Ready,
    Busy(AbortOnDropJoinHandle<io::Result<()>>),
    Failed(io::Error),
    Closed,
}

impl FileWriter {
    fn begin(&mut self, bytes: Bytes) {
        let end = self.position.map(|position| position + bytes.len() as u64);
        let file = Arc::clone(&self.file);
        let position = std::mem::replace(&mut self.position, end);
        self.state = if self.inline && end.is_some_and(|end| end <= WRITTEN_INLINE) {
            write_all(&file, position, &bytes).map_or_else(Writing::Failed, |()| Writing::Ready)
        } else {
            Writing::Busy(spawn_blocking(move || write_all(&file, position, &bytes)))
        };
    }

    async fn wait(&mut self) {
        if let Writing::Busy(task) = &mut self.state {
            self.state = task.await.map_or_else(Writing::Failed, |()| Writing::Ready);
        }
    }

    /// Whether the last write is done; a failure is said once.
    fn check(&mut self) -> StreamResult<bool> {
        match &self.state {
            Writing::Ready => Ok(true),
            Writing::Busy(_) => Ok(false),
            Writing::Failed(_) | Writing::Closed => {
                match std::mem::replace(&mut self.state, Writing::Closed) {
                    Writing::Failed(error) => Err(StreamError::LastOperationFailed(error.into())),
                    _ => Err(StreamError::Closed),
                }
            }
        }
    }
}

fn write_all(file: &File, position: Option<u64>, mut bytes: &[u8]) -> io::Result<()> {
    if let Some(position) = position {
        return file.write_all_at(bytes, position);
    }
    while !bytes.is_empty() {
        match rustix::io::pwritev2(file, &[io::IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[async_trait]
impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !self.check()? || bytes.len() > WRITE {
            return Err(StreamError::trap(
                "more was written than check-write permits",
            ));
        }
        self.begin(bytes);
        Ok(())
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.wait().await;
        self.check()?;
        self.begin(bytes);
        self.wait().await;
        self.check().map(drop)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.check()? { WRITE } else { 0 })
    }

    /// What is dropped is written before anything else is: else it could come after what follows, and more
    /// be under way than any limit says.
    async fn cancel(&mut self) {
        self.wait().await;
    }
}

#[async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {
        self.wait().await;
    }
}

/// What `descriptor.read` is called with, and returns.
type Read = (Resource<Descriptor>, u64, u64);
type WasRead = Result<(Vec<u8>, bool), ErrorCode>;

/// `descriptor.read`, where it need not wait for a disk.
pub(super) fn try_to_read(
    state: &mut State,
    (descriptor, length, offset): &Read,
) -> Result<Option<WasRead>> {
    let (file, place) = match state.readable(descriptor, *offset)? {
        Ok(readable) => readable,
        Err(code) => return Ok(Some(Err(code))),
    };
    Ok(read_cached(&file, place, *offset, read_size(*length)).map(was_read))
}

/// `descriptor.read`, where it has to.
pub(super) fn read(state: &mut State, (descriptor, length, offset): Read) -> Waiting<'_, WasRead> {
    Box::pin(async move {
        let (file, _) = match state.readable(&descriptor, offset)? {
            Ok(readable) => readable,
            Err(code) => return Ok(Err(code)),
        };
        let size = read_size(length);
        Ok(was_read(
            spawn_blocking(move || read_blocking(&file, offset, size)).await,
        ))
    })
}

fn read_size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(READ).min(READ)
}

/// What was read, and whether that is the end of the file.
fn was_read(read: io::Result<Bytes>) -> WasRead {
    let bytes = read.map_err(|error| code(&error))?;
    let is_end = bytes.is_empty();
    Ok((bytes.into(), is_end))
}

/// `descriptor.write`
pub(super) fn write(
    state: &mut State,
    (descriptor, bytes, offset): (Resource<Descriptor>, Vec<u8>, u64),
) -> Waiting<'_, Result<u64, ErrorCode>> {
    Box::pin(async move {
        let written = bytes.len() as u64;
        let mut writer = match state.writer(&descriptor, Some(offset))? {
            Ok(_) if !is_position(offset) => return Ok(Err(ErrorCode::Invalid)),
            Ok(writer) => writer,
            Err(code) => return Ok(Err(code)),
        };
        writer.begin(bytes.into());
        writer.wait().await;
        Ok(match writer.state {
            Writing::Failed(error) => Err(code(&error)),
            _ => Ok(written),
        })
    })
}

/// `descriptor.sync`
pub(super) fn sync(
    state: &mut State,
    (descriptor,): (Resource<Descriptor>,),
) -> Waiting<'_, Result<(), ErrorCode>> {
    Box::pin(state.sync_with(descriptor, File::sync_all))
}

/// `descriptor.sync-data`
pub(super) fn sync_data(
    state: &mut State,
    (descriptor,): (Resource<Descriptor>,),
) -> Waiting<'_, Result<(), ErrorCode>> {
    Box::pin(state.sync_with(descriptor, File::sync_data))
}

/// What `output-stream.blocking-splice` is called with, and returns.
type Splice = (Resource<DynOutputStream>, Resource<DynInputStream>, u64);
type Spliced = Result<u64, streams::StreamError>;

/// `output-stream.blocking-splice`, where there is room for a part of a file that is known to be there.
pub(super) fn try_to_splice(
    state: &mut State,
    (output, input, length): &Splice,
) -> Result<Option<Spliced>> {
    let Some((cursor, body)) = state.file_to_body(output, input) else {
        return Ok(None);
    };
    if *length == 0 || !cursor.is_known_to_have(*length) || matches!(body.room(), Ok(0)) {
        return Ok(None);
    }
    let result = hand_on(&cursor, &body, *length);
    state.stream_result(result).map(Some)
}

/// `output-stream.blocking-splice`
pub(super) fn splice(state: &mut State, (output, input, length): Splice) -> Waiting<'_, Spliced> {
    Box::pin(async move {
        let result = match state.file_to_body(&output, &input) {
            Some((cursor, body)) => {
                std::future::poll_fn(|context| body.poll_room(context)).await;
                splice_file(&cursor, &body, length, state.template.inline).await
            }
            None => state.table.blocking_splice(output, input, length).await,
        };
        state.stream_result(result)
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what a component may import is called in one way"
)]
impl State {
    /// `descriptor.read-via-stream`
    pub(super) fn read_via_stream(
        &mut self,
        descriptor: Resource<Descriptor>,
        offset: u64,
    ) -> Result<Result<Resource<DynInputStream>, ErrorCode>> {
        let (file, place) = match self.readable(&descriptor, offset)? {
            Ok(readable) => readable,
            Err(ErrorCode::BadDescriptor) => return Ok(Err(ErrorCode::IsDirectory)),
            Err(code) => return Ok(Err(code)),
        };
        if self.readers.len() >= MOST_READERS {
            return Ok(Err(ErrorCode::InsufficientMemory));
        }
        let cursor = Arc::new(FileCursor {
            file,
            place,
            position: offset.into(),
            length: self.seen(&descriptor).map(|seen| seen.length),
            is_ahead: false.into(),
        });
        let reader: DynInputStream = Box::new(FileReader {
            cursor: Arc::clone(&cursor),
            ahead: Ahead::Nothing,
        });
        let stream = self.table.push(reader)?;
        self.readers.push((stream.rep(), cursor));
        Ok(Ok(stream))
    }

    /// `descriptor.write-via-stream`
    pub(super) fn write_via_stream(
        &mut self,
        descriptor: Resource<Descriptor>,
        offset: u64,
    ) -> Result<Result<Resource<DynOutputStream>, ErrorCode>> {
        if !is_position(offset) {
            return Ok(Err(ErrorCode::Invalid));
        }
        self.output_stream(&descriptor, Some(offset))
    }

    /// `descriptor.append-via-stream`
    pub(super) fn append_via_stream(
        &mut self,
        descriptor: Resource<Descriptor>,
    ) -> Result<Result<Resource<DynOutputStream>, ErrorCode>> {
        self.output_stream(&descriptor, None)
    }

    /// `filesystem-error-code`
    pub(super) fn filesystem_error_code(
        &mut self,
        error: Resource<IoError>,
    ) -> Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?.downcast_ref::<io::Error>();
        Ok(error.map(code))
    }

    async fn sync_with(
        &mut self,
        descriptor: Resource<Descriptor>,
        sync: fn(&File) -> io::Result<()>,
    ) -> Result<Result<(), ErrorCode>> {
        let descriptor = self.table.get(&descriptor)?.clone();
        let synced = spawn_blocking(move || match descriptor {
            Descriptor::File(file) => sync(&file.file),
            Descriptor::Dir(directory) => sync(&readable(&directory)?),
        });
        Ok(synced.await.map_err(|error| code(&error)))
    }
}

/// The code of a failure, also of those that wasmtime does not know.
fn code(error: &io::Error) -> ErrorCode {
    let unknown = Errno::from_io_error(error).and_then(unknown_code);
    unknown.unwrap_or_else(|| ErrorCode::from(error))
}

/// The code of a failure that wasmtime does not know. There is none for too many open files: the kernel has
/// no room for another.
pub(super) fn unknown_code(error: Errno) -> Option<ErrorCode> {
    match error {
        Errno::MFILE | Errno::NFILE => Some(ErrorCode::InsufficientMemory),
        Errno::DQUOT => Some(ErrorCode::Quota),
        Errno::ROFS => Some(ErrorCode::ReadOnly),
        _ => None,
    }
}

impl State {
    /// Whether something is read ahead of an `input-stream`, or was.
    pub(super) fn is_read_ahead(&self, input: &Resource<DynInputStream>) -> bool {
        let mut readers = self.readers.iter();
        let reader = readers.find(|(rep, _)| *rep == input.rep());
        reader.is_some_and(|(_, cursor)| cursor.is_ahead.load(Ordering::Relaxed))
    }

    /// Whether a splice is from a file to a response, with nothing read ahead.
    fn file_to_body(
        &self,
        output: &Resource<DynOutputStream>,
        input: &Resource<DynInputStream>,
    ) -> Option<(Arc<FileCursor>, Arc<Pipe>)> {
        let (_, cursor) = self.readers.iter().find(|(rep, _)| *rep == input.rep())?;
        let (_, body) = self.bodies.iter().find(|(rep, _)| *rep == output.rep())?;
        (!cursor.is_ahead.load(Ordering::Relaxed)).then(|| (Arc::clone(cursor), Arc::clone(body)))
    }
}

/// Hands a part of the file to the connection, as much of `length` as there is.
async fn splice_file(
    cursor: &FileCursor,
    body: &Pipe,
    length: u64,
    inline: bool,
) -> StreamResult<u64> {
    if length == 0 {
        return Ok(0);
    }
    if cursor.is_known_to_have(length) {
        return hand_on(cursor, body, length);
    }
    let file = Arc::clone(&cursor.file);
    let metadata = if inline {
        file.metadata()
    } else {
        spawn_blocking(move || file.metadata()).await
    };
    let metadata = metadata.map_err(|error| StreamError::LastOperationFailed(error.into()))?;
    let offset = cursor.position.load(Ordering::Relaxed);
    match metadata.len().saturating_sub(offset).min(length) {
        0 => Err(StreamError::Closed),
        length => hand_on(cursor, body, length),
    }
}

/// Hands a part of the file to the connection, which is not empty.
fn hand_on(cursor: &FileCursor, body: &Pipe, length: u64) -> StreamResult<u64> {
    let offset = cursor.position.load(Ordering::Relaxed);
    body.push(Chunk::File(FileChunk {
        file: Arc::clone(&cursor.file),
        place: cursor.place,
        offset,
        length,
    }))?;
    cursor.position.store(offset + length, Ordering::Relaxed);
    Ok(length)
}

/// Whether the kernel knows so large a position.
fn is_position(offset: u64) -> bool {
    i64::try_from(offset).is_ok()
}

impl State {
    /// A file to read, from such a position on, and where it is.
    fn readable(
        &mut self,
        descriptor: &Resource<Descriptor>,
        offset: u64,
    ) -> Result<Result<(Arc<File>, Place), ErrorCode>> {
        self.just_opened = None;
        let file = match self.table.get(descriptor)? {
            Descriptor::File(_) if !is_position(offset) => return Ok(Err(ErrorCode::Invalid)),
            Descriptor::File(file) => Arc::clone(&file.file),
            Descriptor::Dir(_) => return Ok(Err(ErrorCode::BadDescriptor)),
        };
        let (template, seen) = (&self.template, self.seen(descriptor));
        let device = seen.map(|seen| seen.device());
        let place = match template.inline {
            false => Place::Elsewhere,
            true if device.is_some() && device == template.memory_device => Place::Memory,
            true => Place::Disk,
        };
        Ok(Ok((file, place)))
    }

    /// What writes to a file: at such a position, or at its end.
    fn writer(
        &mut self,
        descriptor: &Resource<Descriptor>,
        position: Option<u64>,
    ) -> Result<Result<FileWriter, ErrorCode>> {
        self.writes = true;
        Ok(match self.table.get(descriptor)? {
            Descriptor::File(file) if file.perms.write_not_permitted() => {
                Err(ErrorCode::NotPermitted)
            }
            Descriptor::File(file) => Ok(FileWriter {
                file: Arc::clone(&file.file),
                position,
                inline: self.template.inline,
                state: Writing::Ready,
            }),
            Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor),
        })
    }

    /// The same as an `output-stream`.
    fn output_stream(
        &mut self,
        descriptor: &Resource<Descriptor>,
        position: Option<u64>,
    ) -> Result<Result<Resource<DynOutputStream>, ErrorCode>> {
        Ok(match self.writer(descriptor, position)? {
            Ok(writer) => Ok(self.table.push(Box::new(writer) as DynOutputStream)?),
            Err(code) => Err(code),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_a_code_that_says_what_is_missing() {
        let cases = [
            (Errno::MFILE, ErrorCode::InsufficientMemory),
            (Errno::NFILE, ErrorCode::InsufficientMemory),
            (Errno::DQUOT, ErrorCode::Quota),
            (Errno::ROFS, ErrorCode::ReadOnly),
            (Errno::NOSPC, ErrorCode::InsufficientSpace),
            (Errno::NOENT, ErrorCode::NoEntry),
        ];
        for (error, expected) in cases {
            assert_eq!(code(&error.into()), expected, "{error}");
        }
    }

    #[test]
    fn only_tmpfs_is_memory() {
        let device = |path: &str| memory_device(&File::open(path).unwrap());
        assert_eq!(device("/proc"), None);
        let expected = std::fs::metadata("/dev/shm").unwrap().dev();
        assert_eq!(device("/dev/shm"), Some(expected));
    }
}

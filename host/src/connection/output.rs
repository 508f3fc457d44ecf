//! [`Output`]: what a client is sent.

use crate::http1::response::ResponseFraming;
use crate::pipe::{FileChunk, Place};
use crate::wasi::files::{read_blocking, read_cached};
use bytes::{Buf, Bytes};
use rustix::io::retry_on_intr;
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// How many pieces are written at once: a head, the content behind it, and the same of the next chunk.
const PIECES: usize = 4;

/// How much of a file is sent before other connections have their turn.
const TURN: usize = 1024 * 1024;

/// The kernel is asked for a byte in so many, whether a file is in the page cache: it reads as much ahead.
const PROBED: usize = 128 * 1024;

/// The interim response that tells a client to send its content (RFC 9110 15.2.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What a client is sent. Dropped in the middle of a response, it breaks it off.
pub(crate) struct Output {
    stream: Arc<TcpStream>,
    /// What is left to send of an interim response.
    interim: &'static [u8],
    /// No response is under way.
    is_whole: bool,
    /// The client sees a reset, however the process ends.
    is_reset_at_end: bool,
    /// How many bytes were written.
    sent: u64,
}

impl Output {
    pub(crate) fn new(stream: Arc<TcpStream>) -> Self {
        Self {
            stream,
            interim: &[],
            is_whole: true,
            is_reset_at_end: false,
            sent: 0,
        }
    }

    /// How many bytes were written since the connection began, most of which the client has.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// A response begins.
    pub(crate) fn begin(&mut self, framing: ResponseFraming) {
        self.is_whole = false;
        if framing == ResponseFraming::Close {
            // However the server ends, the client must not take that for the end of the content.
            let _ = self.stream.set_zero_linger();
            self.is_reset_at_end = true;
        }
    }

    /// All of the response was sent.
    pub(crate) fn complete(&mut self) {
        self.is_whole = true;
        if std::mem::take(&mut self.is_reset_at_end) {
            // Should this fail, the connection is gone already.
            let _ = SockRef::from(&*self.stream).set_linger(None);
        }
    }

    /// Waits until `write` has written something.
    fn poll_writing(
        &mut self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.sent += *written.as_ref().unwrap_or(&0) as u64;
                    return Poll::Ready(written);
                }
            }
        }
    }

    /// Tells the client to send its content, as soon as that can be written.
    pub(crate) fn tell_to_continue(&mut self) {
        self.interim = CONTINUE;
    }

    /// Writes what is left of an interim response.
    pub(crate) fn poll_interim(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            let interim = self.interim;
            let written = ready!(self.poll_writing(context, |stream| stream.try_write(interim)))?;
            self.interim = &self.interim[written..];
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is at the front of `pieces`. Returns how much it was.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        pieces: &mut VecDeque<Bytes>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(context))?;
        let written = match pieces.len() {
            // What most responses are; the kernel does that with less ado.
            1 => self.poll_writing(context, |stream| stream.try_write(&pieces[0])),
            length => {
                let mut slices = [IoSlice::new(&[]); PIECES];
                for (slice, piece) in slices.iter_mut().zip(&*pieces) {
                    *slice = IoSlice::new(piece);
                }
                let slices = &slices[..length.min(PIECES)];
                self.poll_writing(context, |stream| stream.try_write_vectored(slices))
            }
        };
        let written = ready!(written)?;
        let mut remaining = written;
        while let Some(piece) = pieces.front_mut() {
            let length = piece.len().min(remaining);
            piece.advance(length);
            remaining -= length;
            if !piece.is_empty() {
                break;
            }
            pieces.pop_front();
        }
        if written == 0 {
            Poll::Ready(Err(io::ErrorKind::WriteZero.into()))
        } else {
            Poll::Ready(Ok(written))
        }
    }

    /// Sends what is at the front of a part of a file, from the page cache. Nothing sent means that
    /// the file has become shorter.
    pub(crate) fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        chunk: &FileChunk,
    ) -> Poll<io::Result<usize>> {
        let most = usize::try_from(chunk.length)
            .unwrap_or(usize::MAX)
            .min(TURN);
        self.poll_writing(context, |stream| {
            let mut offset = chunk.offset;
            stream.try_io(Interest::WRITABLE, || {
                let sent = retry_on_intr(|| {
                    rustix::fs::sendfile(stream, &chunk.file, Some(&mut offset), most)
                });
                Ok(sent?)
            })
        })
    }

    /// How many of the bytes written the client has not acknowledged. Should the kernel not say, none.
    #[expect(unsafe_code, reason = "neither socket2 nor rustix has this request")]
    pub(crate) fn unacknowledged(&self) -> u64 {
        let mut left: libc::c_int = 0;
        // SAFETY: the descriptor is open, and the kernel writes a number of this size.
        let result = unsafe { libc::ioctl(self.stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut left) };
        if result == 0 {
            u64::try_from(left).unwrap_or(0)
        } else {
            0
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) -> io::Result<()> {
        SockRef::from(&*self.stream).shutdown(Shutdown::Write)
    }

    /// Makes the end of the connection an error for the client, who can't tell otherwise that
    /// something is missing.
    pub(crate) fn break_off(&mut self) {
        self.is_whole = false;
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.is_whole {
            // Should this fail, the connection is gone already.
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// Reads a part of a file that is small enough to be in memory.
pub(crate) async fn read(chunk: &FileChunk) -> io::Result<Bytes> {
    let (file, offset) = (&chunk.file, chunk.offset);
    let size = usize::try_from(chunk.length).unwrap_or(usize::MAX);
    let bytes = match read_cached(file, chunk.place, offset, size) {
        Some(Ok(bytes)) if bytes.len() == size => return Ok(bytes),
        Some(Err(error)) => return Err(error),
        // Not all of it is in the page cache; or there is no more of it.
        _ => {
            let file = Arc::clone(file);
            tokio::task::spawn_blocking(move || read_blocking(&file, offset, size)).await??
        }
    };
    if bytes.len() == size {
        Ok(bytes)
    } else {
        Err(shrunk())
    }
}

/// The error of a file that is not as long as it was.
pub(crate) fn shrunk() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter")
}

/// Makes sure that what is sent next of a file on a disk is in the page cache, so that sending it does not
/// wait for the disk on a thread that serves other connections.
pub(crate) async fn warm(chunk: &FileChunk) -> io::Result<()> {
    if chunk.place == Place::Memory {
        return Ok(());
    }
    let (offset, length) = (chunk.offset, chunk.length.min(TURN as u64));
    let mut probes = (offset..offset + length)
        .step_by(PROBED)
        .chain([offset + length - 1]);
    // A file that can't be read is not a matter of where it is.
    if probes.all(|probe| read_cached(&chunk.file, chunk.place, probe, 1).is_some()) {
        return Ok(());
    }
    let file = Arc::clone(&chunk.file);
    let read = move || {
        let mut read = 0;
        while read < length {
            let piece = read_blocking(&file, offset + read, 64 * 1024)?;
            if piece.is_empty() {
                break;
            }
            read += piece.len() as u64;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(read).await?
}

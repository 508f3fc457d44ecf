//! [`Output`]: what a client is sent.

use crate::pipe::FileChunk;
use crate::wasi::files::{read_blocking, read_cached};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncWrite, Interest};
use tokio::net::tcp::OwnedWriteHalf;

/// How many pieces are written at once: a head, the size of a chunk, its data, and its end.
const PIECES: usize = 4;

/// How much of a file is sent before other connections have their turn.
const TURN: usize = 1024 * 1024;

/// The interim response that tells a client to send its content (RFC 9110 15.2.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What a client is sent.
pub(crate) struct Output {
    writer: OwnedWriteHalf,
    /// What is left to send of an interim response.
    interim: &'static [u8],
}

impl Output {
    pub(crate) fn new(writer: OwnedWriteHalf) -> Self {
        Self {
            writer,
            interim: &[],
        }
    }

    /// Tells the client to send its content, as soon as that can be written.
    pub(crate) fn tell_to_continue(&mut self) {
        self.interim = CONTINUE;
    }

    /// Writes what is left of an interim response.
    pub(crate) fn poll_interim(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            let written = ready!(Pin::new(&mut self.writer).poll_write(context, self.interim))?;
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
        let writer = Pin::new(&mut self.writer);
        let written = match pieces.len() {
            // What most responses are; the kernel does that with less ado.
            1 => writer.poll_write(context, &pieces[0]),
            length => {
                let mut slices = [IoSlice::new(&[]); PIECES];
                for (slice, piece) in slices.iter_mut().zip(&*pieces) {
                    *slice = IoSlice::new(piece);
                }
                writer.poll_write_vectored(context, &slices[..length.min(PIECES)])
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
        let socket = self.writer.as_ref();
        let most = usize::try_from(chunk.length)
            .unwrap_or(usize::MAX)
            .min(TURN);
        loop {
            ready!(socket.poll_write_ready(context))?;
            let mut offset = chunk.offset;
            let sent = socket.try_io(Interest::WRITABLE, || {
                Ok(rustix::fs::sendfile(
                    socket,
                    &chunk.file,
                    Some(&mut offset),
                    most,
                )?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        tokio::io::AsyncWriteExt::shutdown(&mut self.writer).await
    }

    /// Makes the end of the connection an error for the client, who can't tell otherwise that
    /// something is missing.
    pub(crate) fn break_off(&self) {
        // Should this fail, the connection is gone already.
        let _ = self.writer.as_ref().set_zero_linger();
    }
}

/// Reads a part of a file that is small enough to be sent with what is before it.
pub(crate) async fn read(chunk: &FileChunk) -> io::Result<Bytes> {
    let (file, offset) = (&chunk.file, chunk.offset);
    let size = usize::try_from(chunk.length).unwrap_or(usize::MAX);
    match read_cached(file, offset, size) {
        Some(read) => read,
        None => {
            let file = Arc::clone(file);
            tokio::task::spawn_blocking(move || read_blocking(&file, offset, size)).await?
        }
    }
}

/// Makes sure that what is sent next is in the page cache, so that sending it does not wait for a
/// disk on a thread that serves other connections.
pub(crate) async fn warm(chunk: &FileChunk) -> io::Result<()> {
    let length = chunk.length.min(TURN as u64);
    if let Some(read) = read_cached(&chunk.file, chunk.offset + length - 1, 1) {
        return read.map(drop);
    }
    let (file, offset) = (Arc::clone(&chunk.file), chunk.offset);
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

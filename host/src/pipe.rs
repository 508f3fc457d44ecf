//! [`Pipe`]: a response's content on its way from the component to the connection.

use crate::http1::field_lines::FieldLines;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How many bytes may wait in a pipe: what a component may be ahead of its client, and so what a
/// slow client costs in memory.
const CAPACITY: usize = 256 * 1024;

/// What a chunk costs besides its bytes, so that many small ones are not free.
const CHUNK_COST: usize = 64;

/// What a part of a file costs: no memory, but an open file. Sixteen of them, each with its head, fit, so that
/// a component need not wait for its client to send as many ranges as it may.
const FILE_COST: usize = 8 * 1024;

/// A piece of content.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Bytes in memory; not empty.
    Bytes(Bytes),
    /// A part of a file, to be read when it is sent.
    File(FileChunk),
}

/// Where the content of a file is, and so who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On tmpfs: no more on a disk than the server's own memory.
    Memory,
    /// On a disk, which a pool of threads waits for, or in the page cache.
    Disk,
    /// Where even to ask for it may take for ever, so that the pool does that too.
    Elsewhere,
}

/// A part of a file.
#[derive(Debug)]
pub(crate) struct FileChunk {
    pub(crate) file: Arc<File>,
    pub(crate) place: Place,
    pub(crate) offset: u64,
    /// In bytes; not 0.
    pub(crate) length: u64,
}

impl FileChunk {
    /// Takes the first bytes of it, `most` of them.
    pub(crate) fn split_to(&mut self, most: u64) -> Self {
        let length = self.length.min(most);
        let first = Self {
            file: Arc::clone(&self.file),
            length,
            ..*self
        };
        self.offset += length;
        self.length -= length;
        first
    }
}

impl Chunk {
    /// The length in bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(chunk) => chunk.length,
        }
    }

    fn cost(&self) -> usize {
        CHUNK_COST
            + match self {
                Self::Bytes(bytes) => bytes.len(),
                Self::File(_) => FILE_COST,
            }
    }
}

/// What comes out of a pipe.
#[derive(Debug)]
pub(crate) enum Flow {
    /// Content.
    Chunk(Chunk),
    /// Nothing yet.
    Empty,
    /// The content is complete; its trailers.
    Finished(FieldLines),
    /// The component gave it up.
    Aborted,
}

/// One response's content. The component writes at one end; the connection reads at the other.
#[derive(Debug)]
pub(crate) struct Pipe(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The length that the response's fields promise.
    promised: Option<u64>,
    chunks: VecDeque<Chunk>,
    /// What the chunks that wait cost.
    waiting: usize,
    written: u64,
    end: Option<End>,
    /// The connection is not interested any more.
    closed: bool,
    writer: Option<Waker>,
}

#[derive(Debug)]
enum End {
    Finished(FieldLines),
    Aborted,
}

/// The connection is not interested any more.
#[derive(Debug)]
pub(crate) struct Closed;

/// Why a chunk is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The connection is not interested any more.
    Closed,
    /// With it, the content would be so long, which is more than was promised.
    TooLong(u64),
}

impl Pipe {
    /// A pipe for content of which a length was promised, or none.
    pub(crate) fn new(promised: Option<u64>) -> Self {
        Self(Mutex::new(State {
            promised,
            ..State::default()
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes the component may write now.
    pub(crate) fn room(&self) -> Result<usize, Closed> {
        let state = self.lock();
        if state.closed {
            Err(Closed)
        } else {
            Ok(CAPACITY.saturating_sub(state.waiting))
        }
    }

    /// Waits until the component may write.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.closed || state.waiting < CAPACITY {
            return Poll::Ready(());
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Writes a chunk, unless it is more than was promised.
    pub(crate) fn push(&self, chunk: Chunk) -> Result<(), NotTaken> {
        let mut state = self.lock();
        let Some(written) = state.written.checked_add(chunk.length()) else {
            return Err(NotTaken::TooLong(u64::MAX));
        };
        if state.promised.is_some_and(|promised| written > promised) {
            return Err(NotTaken::TooLong(written));
        }
        if state.closed {
            return Err(NotTaken::Closed);
        }
        state.written = written;
        state.waiting += chunk.cost();
        state.chunks.push_back(chunk);
        Ok(())
    }

    /// Says that the content is complete.
    ///
    /// # Errors
    ///
    /// It is not as long as was promised: so much was written. Then it is given up.
    pub(crate) fn finish(&self, trailers: FieldLines) -> Result<(), u64> {
        let mut state = self.lock();
        let written = state.written;
        if state.promised.is_some_and(|promised| promised != written) {
            state.end.get_or_insert(End::Aborted);
            return Err(written);
        }
        state.end.get_or_insert(End::Finished(trailers));
        Ok(())
    }

    /// Says that the content will never be complete, unless it is already.
    pub(crate) fn abort(&self) {
        self.lock().end.get_or_insert(End::Aborted);
    }

    /// Takes what comes next.
    pub(crate) fn pop(&self) -> Flow {
        let mut state = self.lock();
        if let Some(chunk) = state.chunks.pop_front() {
            state.waiting -= chunk.cost();
            if let Some(writer) = state.writer.take() {
                writer.wake();
            }
            return Flow::Chunk(chunk);
        }
        match &mut state.end {
            None => Flow::Empty,
            Some(End::Finished(trailers)) => Flow::Finished(std::mem::take(trailers)),
            Some(End::Aborted) => Flow::Aborted,
        }
    }

    /// Drops what waits, and all that is still to come.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.chunks.clear();
        state.waiting = 0;
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Chunk {
        Chunk::Bytes(Bytes::from(vec![0; length]))
    }

    #[test]
    fn what_goes_in_comes_out_in_order_and_then_the_end() {
        let pipe = Pipe::new(None);
        assert!(matches!(pipe.pop(), Flow::Empty));
        pipe.push(bytes(1)).unwrap();
        pipe.push(bytes(2)).unwrap();
        pipe.finish(FieldLines::new()).unwrap();
        // Giving up what is complete changes nothing.
        pipe.abort();
        for length in [1, 2] {
            assert!(matches!(pipe.pop(), Flow::Chunk(chunk) if chunk.length() == length));
        }
        assert!(matches!(pipe.pop(), Flow::Finished(_)));
    }

    #[test]
    fn a_promised_length_is_kept_or_the_content_given_up() {
        for (lengths, pushed, finished) in [
            (&[5][..], Ok(()), Ok(())),
            (&[2, 3], Ok(()), Ok(())),
            (&[2, 4], Err(NotTaken::TooLong(6)), Err(2)),
            (&[4], Ok(()), Err(4)),
            (&[], Ok(()), Err(0)),
        ] {
            let pipe = Pipe::new(Some(5));
            let last = lengths.iter().map(|&length| pipe.push(bytes(length)));
            assert_eq!(last.last().unwrap_or(Ok(())), pushed, "{lengths:?}");
            assert_eq!(pipe.finish(FieldLines::new()), finished, "{lengths:?}");
            while matches!(pipe.pop(), Flow::Chunk(_)) {}
            let is_finished = matches!(pipe.pop(), Flow::Finished(_));
            assert_eq!(is_finished, finished.is_ok(), "{lengths:?}");
        }
    }

    #[test]
    fn more_than_a_number_has_room_for_is_not_taken() {
        let pipe = Pipe::new(None);
        let file = Arc::new(File::open("/dev/null").unwrap());
        let chunk = |length| {
            Chunk::File(FileChunk {
                file: Arc::clone(&file),
                place: Place::Memory,
                offset: 0,
                length,
            })
        };
        pipe.push(chunk(u64::MAX - 1)).unwrap();
        assert_eq!(pipe.push(chunk(2)), Err(NotTaken::TooLong(u64::MAX)));
        pipe.push(chunk(1)).unwrap();
    }

    #[test]
    fn a_writer_waits_for_room() {
        let pipe = Pipe::new(None);
        let mut context = Context::from_waker(Waker::noop());
        pipe.push(bytes(CAPACITY)).unwrap();
        assert_eq!(pipe.room().unwrap(), 0);
        assert!(pipe.poll_room(&mut context).is_pending());
        pipe.pop();
        assert!(pipe.poll_room(&mut context).is_ready());
        assert_eq!(pipe.room().unwrap(), CAPACITY);
    }

    #[test]
    fn a_closed_pipe_takes_nothing() {
        let pipe = Pipe::new(None);
        pipe.push(bytes(1)).unwrap();
        pipe.close();
        assert!(pipe.push(bytes(1)).is_err() && pipe.room().is_err());
        assert!(matches!(pipe.pop(), Flow::Empty));
        pipe.abort();
        assert!(matches!(pipe.pop(), Flow::Aborted));
    }
}

//! [`Input`]: what a client sends, and the content of its request as the component reads it.

use crate::http1::chunked::{Decoded, Decoder};
use crate::http1::field_lines::FieldLines;
use crate::http1::framing::Framing;
use crate::http1::head::{Head, HeadLimits, find_end};
use crate::http1::refusal::Refusal;
use bytes::{Buf, Bytes, BytesMut};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The room for a head, and for what is read of it at once.
const HEAD_ROOM: usize = 4 * 1024;

/// The room for content: as much as a file takes at once, since each write is a wait for another thread.
const CONTENT_ROOM: usize = 256 * 1024;

/// How much may be read while a request is answered: of the next requests, or of content that the
/// component has not asked for.
const AHEAD: usize = 64 * 1024;

/// Empty lines before a request that are ignored (RFC 9112 2.2): old clients send one after content.
const MOST_EMPTY_LINES: u32 = 8;

/// The input of a connection. The component reads content through it while the connection waits.
#[derive(Clone)]
pub(crate) struct SharedInput(Arc<Mutex<Input>>);

impl SharedInput {
    pub(crate) fn new(input: Input) -> Self {
        Self(Arc::new(Mutex::new(input)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Input> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client sends.
pub(crate) struct Input {
    stream: Arc<TcpStream>,
    /// What was received and not used yet.
    buffer: BytesMut,
    /// How much of the buffer was searched for the end of a head.
    scanned: usize,
    empty_lines: u32,
    /// The client has sent all it will.
    ended: bool,
    content: Content,
}

/// The content of the current request.
struct Content {
    coding: Coding,
    /// Content that was decoded and not handed on yet.
    piece: Bytes,
    /// How much was decoded.
    received: u64,
    interim: Interim,
    failure: Option<Refusal>,
    /// The request may change something, content or not (RFC 9110 9.2.1).
    may_change: bool,
    /// Since when the component waits for content.
    waiting: Option<Instant>,
    /// How long it has waited before.
    waited: Duration,
}

enum Coding {
    /// So many bytes are to come.
    Length(u64),
    Chunked(Decoder),
    /// It has come, with these trailers.
    Done(FieldLines),
}

/// Whether the client waits for `100 Continue` (RFC 9110 10.1.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interim {
    /// It does not.
    Unexpected,
    /// It does, and nobody has asked for the content.
    Expected,
    /// It does, and the component asks for the content.
    Wanted,
    /// It does, and is answered instead: nothing may stand inside a response.
    Answered,
}

impl Content {
    fn new(coding: Coding, is_expected: bool, may_change: bool) -> Self {
        Self {
            interim: if is_expected {
                Interim::Expected
            } else {
                Interim::Unexpected
            },
            coding,
            piece: Bytes::new(),
            received: 0,
            failure: None,
            may_change,
            waiting: None,
            waited: Duration::ZERO,
        }
    }

    /// Whether the component has begun to receive it.
    fn is_asked_for(&self) -> bool {
        self.received > 0 || self.waiting.is_some()
    }

    /// Takes a piece from `buffer`. Returns whether there is one, or the end.
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<bool, Refusal> {
        match &mut self.coding {
            Coding::Done(_) => return Ok(true),
            Coding::Length(remaining) => {
                let length = buffer
                    .len()
                    .min(usize::try_from(*remaining).unwrap_or(usize::MAX));
                self.piece = buffer.split_to(length).freeze();
                *remaining -= length as u64;
                if *remaining == 0 {
                    self.coding = Coding::Done(FieldLines::new());
                }
            }
            Coding::Chunked(decoder) => match decoder.decode(buffer)? {
                Decoded::Data(data) => self.piece = data,
                Decoded::End(trailers) => {
                    self.coding = Coding::Done(trailers);
                    return Ok(true);
                }
                Decoded::Incomplete => {}
            },
        }
        self.received += self.piece.len() as u64;
        Ok(!self.piece.is_empty())
    }
}

/// A client that is gone: there is nobody to answer.
#[derive(Debug)]
pub(crate) struct Gone;

/// Why there is no request to answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The client is gone.
    Gone,
    /// What it sent is refused.
    Refuse { refusal: Refusal, is_head: bool },
}

impl Input {
    pub(crate) fn new(stream: Arc<TcpStream>) -> Self {
        let content = Content::new(Coding::Done(FieldLines::new()), false, false);
        Self {
            stream,
            buffer: BytesMut::new(),
            scanned: 0,
            empty_lines: 0,
            ended: false,
            content,
        }
    }

    /// Receives into the buffer. Nothing received is the end.
    fn poll_receive(&mut self, context: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        loop {
            // An idle connection has no buffer: make it when there is something to receive.
            ready!(self.stream.poll_read_ready(context))?;
            self.buffer.reserve(room);
            let received = self.stream.try_read_buf(&mut self.buffer);
            match &received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Ok(0) => self.ended = true,
                // All there was: what comes next is an event of its own, and so has its turn.
                Ok(_) if self.buffer.len() < self.buffer.capacity() => {
                    let is_used_up = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                    let _ = self.stream.try_io(Interest::READABLE, is_used_up);
                }
                _ => {}
            }
            return Poll::Ready(received);
        }
    }

    /// Whether nothing of the next request has come yet.
    pub(crate) fn is_idle(&self) -> bool {
        // Old clients send an empty line after content (RFC 9112 2.2).
        matches!(self.buffer[..], [] | [b'\r'])
    }

    /// Waits for the head of the next request. Nothing is the end of the connection.
    pub(crate) fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        limits: HeadLimits,
    ) -> Poll<Result<Option<Head>, Unanswered>> {
        loop {
            let skipped = self.skip_empty_lines();
            let is_head = self.is_head();
            match skipped.and_then(|()| self.take_head(limits)) {
                Ok(None) => {}
                head => {
                    return Poll::Ready(
                        head.map_err(|refusal| Unanswered::Refuse { refusal, is_head }),
                    );
                }
            }
            if self.buffer.is_empty() {
                self.buffer = BytesMut::new();
            }
            match ready!(self.poll_receive(context, HEAD_ROOM)) {
                Ok(0) if self.is_idle() => return Poll::Ready(Ok(None)),
                Ok(0) => {
                    return Poll::Ready(Err(Unanswered::Refuse {
                        refusal: Refusal::RequestLine,
                        is_head,
                    }));
                }
                Ok(_) => {}
                Err(_) => return Poll::Ready(Err(Unanswered::Gone)),
            }
        }
    }

    /// Whether what has come of a request is for HEAD: whatever is wrong with it, it gets no content.
    pub(crate) fn is_head(&self) -> bool {
        self.buffer.starts_with(b"HEAD ")
    }

    fn skip_empty_lines(&mut self) -> Result<(), Refusal> {
        while self.scanned == 0 && self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
            self.empty_lines += 1;
            if self.empty_lines > MOST_EMPTY_LINES {
                return Err(Refusal::RequestLine);
            }
        }
        Ok(())
    }

    /// Takes a head from the buffer, if it is all there.
    fn take_head(&mut self, limits: HeadLimits) -> Result<Option<Head>, Refusal> {
        if self.buffer.is_empty() || self.buffer[..] == b"\r"[..] {
            return Ok(None);
        }
        match find_end(&self.buffer, self.scanned, limits)? {
            Some(length) => {
                let head = self.buffer.split_to(length).freeze();
                (self.scanned, self.empty_lines) = (0, 0);
                Head::parse(&head, limits).map(Some)
            }
            None => {
                self.scanned = self.buffer.len();
                Ok(None)
            }
        }
    }

    /// Begins with the content of a request, of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// It is too large, or what came with the head is malformed, which a component that reads none
    /// would not see.
    pub(crate) fn begin_content(
        &mut self,
        head: &Head,
        limit: u64,
        limits: HeadLimits,
    ) -> Result<(), Refusal> {
        let coding = match head.framing {
            Framing::Length(0) => Coding::Done(FieldLines::new()),
            Framing::Length(length) if length > limit => return Err(Refusal::ContentTooLarge),
            Framing::Length(length) => Coding::Length(length),
            Framing::Chunked => {
                let decoder = || Decoder::new(limit, limits.head, limits.fields);
                decoder().check(&self.buffer)?;
                Coding::Chunked(decoder())
            }
        };
        let is_expected = head.expects_continue && head.framing != Framing::Length(0);
        self.content = Content::new(coding, is_expected, !head.method.is_safe());
        Ok(())
    }

    /// Forgets the content: nobody will ask for what came of it. Both what was decoded and the trailers
    /// are parts of the buffer that they came in, which an idle connection is not to hold.
    pub(crate) fn end_content(&mut self) {
        self.content.piece = Bytes::new();
        self.content.coding = Coding::Done(FieldLines::new());
    }

    /// How much of the content has come.
    pub(crate) fn received(&self) -> u64 {
        self.content.received
    }

    /// Whether the component may have to clean up after a client that went away: it changes
    /// something, or has to do with content.
    pub(crate) fn may_leave_something(&self) -> bool {
        self.content.may_change || self.content.is_asked_for()
    }

    /// Why the content failed, if it did: always the client's fault.
    pub(crate) fn failure(&self) -> Option<Refusal> {
        self.content.failure
    }

    /// Makes the content fail, unless all of it has come.
    pub(crate) fn fail(&mut self, refusal: Refusal) {
        if !self.is_complete() {
            self.content.failure.get_or_insert(refusal);
        }
        self.end_wait();
    }

    /// The component waits for the client no longer.
    pub(crate) fn end_wait(&mut self) {
        if let Some(since) = self.content.waiting.take() {
            self.content.waited += since.elapsed();
        }
    }

    /// Whether all of the content has come.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.content.coding, Coding::Done(_))
    }

    /// Whether so little is left of the content that it is better to read it than to close the
    /// connection; never if the client waits to be told to send it.
    pub(crate) fn is_nearly_complete(&self) -> bool {
        let is_small = match self.content.coding {
            Coding::Done(_) => true,
            Coding::Length(remaining) => remaining <= AHEAD as u64,
            Coding::Chunked(_) => (1..AHEAD).contains(&self.buffer.len()),
        };
        let will_come = !matches!(self.content.interim, Interim::Expected | Interim::Answered);
        is_small && self.content.failure.is_none() && will_come
    }

    /// Whether the client is to be told to go on: said once.
    pub(crate) fn take_continue(&mut self) -> bool {
        let is_wanted = self.content.interim == Interim::Wanted;
        if is_wanted {
            self.content.interim = Interim::Unexpected;
        }
        is_wanted
    }

    /// The answer begins: the client is not told to go on any more.
    pub(crate) fn answer_begins(&mut self) {
        if self.content.interim != Interim::Unexpected {
            self.content.interim = Interim::Answered;
        }
    }

    /// Since when the component waits for the client, and how long it has waited before.
    pub(crate) fn waiting(&self) -> (Option<Instant>, Duration) {
        (self.content.waiting, self.content.waited)
    }

    /// Waits for content: a piece of at most `size` bytes, or the end.
    pub(crate) fn poll_content(
        &mut self,
        context: &mut Context<'_>,
        size: usize,
    ) -> Poll<Result<Option<Bytes>, Refusal>> {
        ready!(self.poll_readable(context));
        let content = &mut self.content;
        Poll::Ready(match content.failure {
            _ if !content.piece.is_empty() => {
                Ok(Some(content.piece.split_to(size.min(content.piece.len()))))
            }
            Some(refusal) => Err(refusal),
            None => Ok(None),
        })
    }

    /// Waits until there is content, or will be no more.
    pub(crate) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.content.piece.is_empty() && self.content.failure.is_none() {
            match self.content.decode(&mut self.buffer) {
                Ok(true) => {
                    // A client that waits for nothing need not be told to go on.
                    self.content.interim = Interim::Unexpected;
                    break;
                }
                Ok(false) => {}
                Err(refusal) => {
                    self.fail(refusal);
                    break;
                }
            }
            if self.content.interim == Interim::Expected {
                self.content.interim = Interim::Wanted;
            }
            let room = match self.content.coding {
                Coding::Length(remaining) => {
                    CONTENT_ROOM.min(usize::try_from(remaining).unwrap_or(usize::MAX))
                }
                _ => CONTENT_ROOM,
            };
            match self.poll_receive(context, room) {
                Poll::Ready(Ok(0) | Err(_)) => self.fail(Refusal::ContentCutShort),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    self.content.waiting.get_or_insert_with(Instant::now);
                    return Poll::Pending;
                }
            }
        }
        self.end_wait();
        Poll::Ready(())
    }

    /// Waits for the end of the content, and throws away what comes before: its trailers.
    pub(crate) fn poll_trailers(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<FieldLines, Refusal>> {
        loop {
            if let Some(_data) = ready!(self.poll_content(context, usize::MAX))? {
                continue;
            }
            return Poll::Ready(Ok(match &mut self.content.coding {
                Coding::Done(trailers) => std::mem::take(trailers),
                _ => FieldLines::new(),
            }));
        }
    }

    /// Watches for a client that goes away while it is answered. What it sends meanwhile is kept, be it
    /// content or the next request. That it will send nothing more does not mean that it is gone, but
    /// content that it has not sent by then will not come.
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<Gone> {
        // A component that receives content learns of it by itself.
        let is_watched = !self.is_complete() && self.content.is_asked_for();
        while !is_watched && !self.ended && self.buffer.len() < AHEAD {
            if ready!(self.poll_receive(context, HEAD_ROOM)).is_err() {
                return Poll::Ready(Gone);
            }
        }
        if self.ended
            && let Coding::Length(remaining) = self.content.coding
            && remaining > self.buffer.len() as u64
        {
            self.fail(Refusal::ContentCutShort);
        }
        Poll::Pending
    }

    /// Whether the client has broken the connection off, as the kernel says now.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.poll_now(PollFlags::empty())
            .intersects(PollFlags::ERR | PollFlags::HUP)
    }

    /// Whether something has come that was not received yet, as the kernel says now. Where the whole process
    /// was stopped meanwhile, a timer may ring before that is known.
    pub(crate) fn has_more(&self) -> bool {
        self.poll_now(PollFlags::IN).contains(PollFlags::IN)
    }

    fn poll_now(&self, flags: PollFlags) -> PollFlags {
        let mut polled = [PollFd::new(&*self.stream, flags)];
        let now = Some(&Timespec::default());
        poll(&mut polled, now).map_or(PollFlags::empty(), |_| polled[0].revents())
    }

    /// Receives until the client has nothing more to say, and throws it away.
    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>, most: &mut usize) -> Poll<()> {
        loop {
            // There may be room for much more in it: for content, which is not received any more.
            self.buffer = BytesMut::with_capacity(HEAD_ROOM);
            match ready!(self.poll_receive(context, HEAD_ROOM)) {
                Ok(received) if received > 0 && received < *most => *most -= received,
                _ => return Poll::Ready(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    /// A client, and the input of its connection: chunked content.
    async fn chunked() -> (TcpStream, Input) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (client, (server, _)) = (client.unwrap(), listener.accept().await.unwrap());
        let mut input = Input::new(Arc::new(server));
        let coding = Coding::Chunked(Decoder::new(1 << 20, 1000, 10));
        input.content = Content::new(coding, false, false);
        (client, input)
    }

    #[tokio::test]
    async fn who_is_silent_or_says_that_that_was_all_has_not_broken_off() {
        let (mut client, input) = chunked().await;
        assert!(!input.is_broken_off());
        client.write_all(b"x").await.unwrap();
        client.shutdown().await.unwrap();
        input.stream.readable().await.unwrap();
        assert!(!input.is_broken_off());
        client.set_zero_linger().unwrap();
        drop(client);
        input.stream.ready(Interest::ERROR).await.unwrap();
        assert!(input.is_broken_off());
    }

    /// It is a part of the buffer that it came in, and as large in memory as that.
    #[tokio::test]
    async fn content_that_is_over_is_not_held() {
        let (_client, mut input) = chunked().await;
        input.buffer = b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"[..].into();
        while !input.is_complete() {
            input.content.decode(&mut input.buffer).unwrap();
        }
        input.end_content();
        assert!(input.content.piece.is_empty());
        assert!(matches!(&input.content.coding, Coding::Done(trailers) if trailers.is_empty()));
    }

    /// Whoever was refused, and sends on, costs no more than who has not sent anything.
    #[tokio::test]
    async fn what_is_thrown_away_has_little_room() {
        let (mut client, mut input) = chunked().await;
        input.buffer.reserve(CONTENT_ROOM);
        client.write_all(b"x").await.unwrap();
        poll_fn(|context| {
            let mut most = 2;
            assert!(input.poll_end(context, &mut most).is_pending());
            if most == 2 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        assert!(input.buffer.capacity() <= HEAD_ROOM);
    }

    /// What was read ahead says that there is more, not that little is left.
    #[tokio::test]
    async fn much_chunked_content_is_not_nearly_complete() {
        let (mut client, mut input) = chunked().await;
        client.write_all(b"1\r\nx").await.unwrap();
        let read_ahead = async |input: &mut Input, size| {
            poll_fn(|context| {
                assert!(input.poll_gone(context).is_pending());
                if input.buffer.len() < size {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
            .await;
        };
        read_ahead(&mut input, 4).await;
        assert!(input.is_nearly_complete());
        let much = [b'x'; 2 * AHEAD];
        let (written, ()) = tokio::join!(client.write_all(&much), read_ahead(&mut input, AHEAD));
        written.unwrap();
        assert!(!input.is_nearly_complete());
    }
}

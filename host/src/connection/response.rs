//! Sending an answer: its head as late as honesty allows, its content as it comes.

use super::exchange::{Asked, Halt};
use super::output::{read, shrunk, warm};
use super::sending::{Progress, Stop};
use super::{Connection, Next};
use crate::http1::field_lines::FieldLines;
use crate::http1::response::{
    Persistence, ResponseFraming, is_without_content, write_chunk_size, write_head,
    write_last_chunk,
};
use crate::lane::lap;
use crate::pipe::{Chunk, FileChunk, Place};
use crate::request::{Call, Event, Failure};
use crate::wasi::outgoing::Answer;
use bytes::Bytes;
use http::{Method, header};
use std::collections::VecDeque;

/// Content up to this leaves in one write with its head, when it is there in time.
const GATHERED: u64 = 64 * 1024;

/// So much of a file is read at once where it can't be sent from the page cache.
const READ: u64 = 256 * 1024;

/// Content up to this is copied behind what stands before it, rather than be a piece of its own.
const COPIED: usize = 16 * 1024;

/// What is known of a response's content before its head is sent.
#[derive(Default)]
struct Gathered {
    chunks: Vec<Chunk>,
    length: u64,
    /// The trailers, if the content is complete.
    end: Option<FieldLines>,
}

/// A response that is under way.
struct Response {
    framing: ResponseFraming,
    takes_trailers: bool,
    /// What was sent of the content.
    sent: u64,
    progress: Progress,
}

impl Connection {
    /// Sends an answer.
    ///
    /// # Errors
    ///
    /// When it can't be sent, and nothing of it was: then there may be another.
    pub(super) async fn respond(
        &mut self,
        call: &mut Call,
        answer: Answer,
        asked: &Asked,
    ) -> Result<Next, Halt> {
        let Answer { status, fields, .. } = answer;
        let has_content = !is_without_content(&asked.method, status);
        let gathered = self.gather(call, has_content, asked).await?;

        let declared = fields
            .first(&header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let known = gathered.end.is_some().then_some(gathered.length);
        if let (true, Some(promised), Some(written)) = (has_content, declared, known)
            && promised != written
        {
            return Err(Halt::Failed(Failure::Length { promised, written }));
        }
        // Of what GET would have, nothing that was written says nothing; nor does what comes with a status
        // that has no content.
        let length = declared.or(known.filter(|&written| {
            has_content || (written > 0 && !is_without_content(&Method::GET, status))
        }));
        let framing = ResponseFraming::new(&asked.method, status, length, asked.is_http10);
        self.input.lock().answer_begins();
        let persistence = self.persistence(call, asked, framing);

        if let Some(access) = &mut self.access {
            access.status = Some(status);
        }
        let mut head = Vec::with_capacity(512);
        write_head(&mut head, status, &fields, framing, persistence);
        let mut response = Response {
            framing,
            takes_trailers: asked.takes_trailers,
            sent: 0,
            progress: Progress::default(),
        };
        self.output.begin(framing);
        let sent = self
            .send_response(call, head, gathered, &mut response)
            .await;
        if sent.is_ok() {
            self.output.complete();
        }
        match sent {
            Ok(()) if persistence == Persistence::Close => Ok(Next::Close),
            Ok(()) => Ok(Next::Persist),
            Err(Broken::Stop(stop)) => {
                if matches!(stop, Stop::TooSlow) {
                    tracing::debug!(
                        request = call.exchange.id,
                        %asked,
                        "the client took the response too slowly"
                    );
                }
                self.clean_up(call, asked).await;
                Ok(Next::BreakOff)
            }
            Err(Broken::Failure(failure)) => {
                let id = call.exchange.id;
                match self.input.lock().failure() {
                    // What the client did wrong counts, not what the component made of it.
                    Some(refusal) => {
                        let (_, sentence) = refusal.answer();
                        tracing::debug!(request = id, "the response was broken off: {sentence}");
                    }
                    None => {
                        tracing::error!(request = id, %asked, "the response was broken off: {failure}");
                    }
                }
                Ok(Next::BreakOff)
            }
            Err(Broken::File(error)) => {
                tracing::error!(
                    request = call.exchange.id,
                    %asked,
                    "the response was broken off: a file can't be read: {error}"
                );
                Ok(Next::BreakOff)
            }
        }
    }

    /// Takes the content that is there by now; waits for the first of it, or for the end.
    async fn gather(
        &mut self,
        call: &mut Call,
        has_content: bool,
        asked: &Asked,
    ) -> Result<Gathered, Halt> {
        let mut gathered = Gathered::default();
        while gathered.length < GATHERED {
            let event = match call.next() {
                Some(event) => event,
                None if has_content && gathered.chunks.is_empty() => {
                    self.wait_for_event(call).await?
                }
                None => break,
            };
            match event {
                Event::Chunk(chunk) => {
                    gathered.length += chunk.length();
                    gathered.chunks.push(chunk);
                }
                Event::Finished(trailers) => {
                    gathered.end = Some(trailers);
                    break;
                }
                // Nobody misses content that is not sent.
                Event::Broken(failure) if !has_content => {
                    if matches!(failure, Failure::Trap(_)) {
                        tracing::error!(request = call.exchange.id, %asked, "{failure}");
                    }
                    break;
                }
                Event::Broken(failure) => return Err(Halt::Failed(failure)),
            }
        }
        Ok(gathered)
    }

    /// Whether the connection can be used again after this response.
    fn persistence(&self, call: &Call, asked: &Asked, framing: ResponseFraming) -> Persistence {
        // A component that has not returned may still read the rest of the content.
        let input_is_used_up = self.input.lock().is_nearly_complete() || !call.has_returned();
        let persists = asked.persists && framing != ResponseFraming::Close && input_is_used_up;
        match (
            persists && !self.worker.draining.is_cancelled(),
            asked.is_http10,
        ) {
            (false, _) => Persistence::Close,
            (true, false) => Persistence::Persist,
            (true, true) => Persistence::PersistHttp10,
        }
    }

    async fn send_response(
        &mut self,
        call: &mut Call,
        head: Vec<u8>,
        gathered: Gathered,
        response: &mut Response,
    ) -> Result<(), Broken> {
        self.take_back(call);
        let Gathered {
            chunks, mut end, ..
        } = gathered;
        let mut pieces = Pieces(VecDeque::with_capacity(4), head);
        if matches!(response.framing, ResponseFraming::Absent(_)) {
            return Ok(self
                .send(&mut pieces.take(), &mut response.progress)
                .await?);
        }
        for chunk in chunks {
            self.send_chunk(&mut pieces, chunk, response).await?;
        }
        let trailers = loop {
            if let Some(trailers) = end.take() {
                break trailers;
            }
            let event = match call.next() {
                Some(event) => event,
                None => {
                    self.send(&mut pieces.take(), &mut response.progress)
                        .await?;
                    self.wait_for_event(call).await.map_err(Broken::from)?
                }
            };
            self.take_back(call);
            match event {
                Event::Chunk(chunk) => self.send_chunk(&mut pieces, chunk, response).await?,
                Event::Finished(trailers) => end = Some(trailers),
                Event::Broken(failure) => {
                    self.send(&mut pieces.take(), &mut response.progress)
                        .await?;
                    return Err(Broken::Failure(failure));
                }
            }
        };
        if response.framing == ResponseFraming::Chunked {
            let trailers = if response.takes_trailers {
                trailers
            } else {
                FieldLines::new()
            };
            write_last_chunk(&mut pieces.1, &trailers);
        }
        self.send(&mut pieces.take(), &mut response.progress)
            .await?;
        match response.framing {
            ResponseFraming::Length(promised) if promised != response.sent => {
                Err(Broken::Failure(Failure::Length {
                    promised,
                    written: response.sent,
                }))
            }
            _ => Ok(()),
        }
    }

    /// Sends a chunk, or puts it behind what is to be sent.
    async fn send_chunk(
        &mut self,
        pieces: &mut Pieces,
        chunk: Chunk,
        response: &mut Response,
    ) -> Result<(), Broken> {
        let length = chunk.length();
        response.sent += length;
        if let ResponseFraming::Length(promised) = response.framing
            && response.sent > promised
        {
            return Err(Broken::Failure(Failure::Length {
                promised,
                written: response.sent,
            }));
        }
        let is_chunked = response.framing == ResponseFraming::Chunked;
        if is_chunked {
            write_chunk_size(&mut pieces.1, length);
        }
        match chunk {
            Chunk::Bytes(bytes) => pieces.push(bytes),
            Chunk::File(chunk) if length <= GATHERED => {
                pieces.push(read(&chunk).await.map_err(Broken::File)?);
            }
            Chunk::File(chunk) => {
                self.send(&mut pieces.take(), &mut response.progress)
                    .await?;
                // From here on others have their turn, or a disk theirs.
                self.let_go_if_idle();
                match chunk.place {
                    Place::Elsewhere => {
                        self.send_file_read(chunk, &mut response.progress).await?;
                    }
                    Place::Memory | Place::Disk => {
                        self.send_file(chunk, &mut response.progress).await?;
                    }
                }
            }
        }
        if is_chunked {
            pieces.1.extend_from_slice(b"\r\n");
        }
        if pieces.length() as u64 > GATHERED {
            self.send(&mut pieces.take(), &mut response.progress)
                .await?;
        }
        Ok(())
    }

    /// Sends a part of a file by reading it.
    async fn send_file_read(
        &mut self,
        mut chunk: FileChunk,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        while chunk.length > 0 {
            let bytes = read(&chunk.split_to(READ)).await.map_err(Broken::File)?;
            self.send(&mut VecDeque::from([bytes]), progress).await?;
        }
        Ok(())
    }

    /// Sends a part of a file from the page cache, without copying it.
    async fn send_file(
        &mut self,
        mut chunk: FileChunk,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        while chunk.length > 0 {
            warm(&chunk).await.map_err(Broken::File)?;
            let mut failure = None;
            let sent = self
                .wait_for_client(progress, |output, context| {
                    let sent = output.poll_send_file(context, &chunk);
                    sent.map(|sent| match sent {
                        Err(error) if !is_of_connection(&error) => {
                            failure = Some(error);
                            Ok(0)
                        }
                        sent => sent,
                    })
                })
                .await?;
            if sent == 0 {
                return Err(Broken::File(failure.unwrap_or_else(shrunk)));
            }
            chunk.offset += sent as u64;
            chunk.length -= sent as u64;
            // A fast client would never let this thread go.
            if chunk.length > 0 {
                lap().await;
            }
        }
        Ok(())
    }
}

/// Whether the client is to blame, and not the file.
fn is_of_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::BrokenPipe
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::NotConnected
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}

/// What is to be sent next: pieces, and what is written behind them.
struct Pieces(VecDeque<Bytes>, Vec<u8>);

impl Pieces {
    fn push(&mut self, bytes: Bytes) {
        if bytes.len() <= COPIED {
            self.1.extend_from_slice(&bytes);
        } else {
            self.flush();
            self.0.push_back(bytes);
        }
    }

    /// Makes a piece of what is written behind them.
    fn flush(&mut self) {
        if !self.1.is_empty() {
            self.0.push_back(std::mem::take(&mut self.1).into());
        }
    }

    fn length(&self) -> usize {
        self.0.iter().map(Bytes::len).sum::<usize>() + self.1.len()
    }

    fn take(&mut self) -> VecDeque<Bytes> {
        self.flush();
        std::mem::take(&mut self.0)
    }
}

/// Why a response is broken off.
enum Broken {
    Stop(Stop),
    Failure(Failure),
    File(std::io::Error),
}

impl From<Stop> for Broken {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Halt> for Broken {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Gone => Self::Stop(Stop::Gone),
            Halt::Failed(failure) => Self::Failure(failure),
            // What the client did wrong is said in its place.
            Halt::Refuse(_) => Self::Failure(Failure::Unfinished),
        }
    }
}

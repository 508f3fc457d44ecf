//! One request through one instance: the call of the component, driven by the connection it is for.

use crate::connection::input::SharedInput;
use crate::deadline::{CpuMeter, OutOfTime, Ticks};
use crate::http1::field_lines::FieldLines;
use crate::http1::head::Head;
use crate::http1::refusal::Refusal;
use crate::instance::{Instance, Program, sentence};
use crate::lane::{Lane, Ticket};
use crate::limits::OutOfMemory;
use crate::pipe::{Chunk, Flow, Pipe};
use crate::wasi::bindings::wasi::http::types::ErrorCode;
use crate::wasi::incoming::IncomingRequest;
use crate::wasi::outgoing::Answer;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// What an instance and a connection share while a request is answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The number of the request, for the log.
    pub(crate) id: u64,
    pub(crate) cpu: CpuMeter,
    /// How often the component was let run.
    turns: AtomicU64,
    /// It was interrupted, having computed for a tick.
    is_interrupted: AtomicBool,
    answer: Mutex<Option<Result<Answer, ErrorCode>>>,
}

impl Exchange {
    pub(crate) fn new(id: u64, ticks: Arc<Ticks>) -> Self {
        Self {
            id,
            cpu: CpuMeter::new(ticks),
            turns: AtomicU64::new(0),
            is_interrupted: AtomicBool::new(false),
            answer: Mutex::new(None),
        }
    }

    /// The number of the component's turn: in one turn it waits for nothing.
    pub(crate) fn turn(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// The component is interrupted, having computed for a tick.
    pub(crate) fn interrupted(&self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
    }

    /// Whether it was, since this was asked last.
    fn take_interruption(&self) -> bool {
        let is_interrupted = self.is_interrupted.load(Ordering::Relaxed);
        if is_interrupted {
            self.is_interrupted.store(false, Ordering::Relaxed);
        }
        is_interrupted
    }

    /// The component answers.
    pub(crate) fn answer(&self, answer: Result<Answer, ErrorCode>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take_answer(&self) -> Option<Result<Answer, ErrorCode>> {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Why there is no answer, or no whole one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It trapped, ran out of its time, or could not be instantiated.
    #[error("the component failed: {}", sentence(.0))]
    Trap(wasmtime::Error),
    /// It returned without an answer.
    #[error("the component returned without an answer")]
    Silent,
    /// It answered with an error code.
    #[error("the component answered with the error {}", shortened(.0))]
    Code(ErrorCode),
    /// It promised content that it did not write.
    #[error("the component promised {promised} bytes of content and wrote {written}")]
    Length {
        /// What Content-Length says.
        promised: u64,
        /// What there is.
        written: u64,
    },
    /// It did not go on in time.
    #[error("the component did not go on in time")]
    TooSlow,
    /// It gave up its content, or returned before it was complete.
    #[error("the component gave up its content before it was complete")]
    Unfinished,
}

/// What a component says of a failure, and as it says it: not as much as it likes.
fn shortened(code: &ErrorCode) -> String {
    const MOST: usize = 1024;
    let mut text = format!("{code:?}");
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
}

impl Failure {
    /// What the client is told, if there is still something to tell it.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Trap(error) if error.is::<OutOfTime>() => Refusal::ComponentTooSlow,
            Self::TooSlow => Refusal::ComponentTooSlow,
            Self::Trap(error) if error.is::<OutOfMemory>() => Refusal::Overloaded,
            _ => Refusal::ComponentFailed,
        }
    }
}

/// What comes next of a response's content.
#[derive(Debug)]
pub(crate) enum Event {
    Chunk(Chunk),
    Finished(FieldLines),
    Broken(Failure),
}

type Guest = Pin<Box<dyn Future<Output = (Option<Box<Instance>>, wasmtime::Result<()>)> + Send>>;

/// The call of a component. Dropped, it ends wherever it is.
pub(crate) struct Call {
    pub(crate) exchange: Arc<Exchange>,
    input: SharedInput,
    guest: Option<Guest>,
    /// How much of the request's content it has received.
    received: u64,
    /// The instance, once it has returned and until somebody takes it: it may serve again.
    returned: Option<Box<Instance>>,
    failure: Option<wasmtime::Error>,
    pipe: Option<Arc<Pipe>>,
    lane: Arc<Lane>,
    /// Its place in turn there, if it was interrupted when it ran last.
    ticket: Option<Ticket>,
}

impl Call {
    /// Begins: with an instance that is there, or a fresh one.
    pub(crate) fn begin(
        program: &Arc<Program>,
        kept: Option<Box<Instance>>,
        id: u64,
        head: Head,
        local: SocketAddr,
        input: &SharedInput,
        lane: &Arc<Lane>,
    ) -> Self {
        let exchange = Arc::new(Exchange::new(id, Arc::clone(program.ticks())));
        let request = IncomingRequest {
            method: head.method,
            target: head.target,
            local,
            fields: Arc::new(head.fields),
            content: Some(input.clone()),
        };
        let instance = kept.ok_or_else(|| Arc::clone(program));
        let theirs = Arc::clone(&exchange);
        let calling = program.ticks().call();
        let guest = async move {
            let _calling = calling;
            let instance = match instance {
                Ok(kept) => Ok(kept),
                Err(program) => program.instantiate(&theirs).await.map(Box::new),
            };
            match instance {
                Ok(mut instance) => {
                    let result = instance.handle(theirs, request).await;
                    (Some(instance), result)
                }
                Err(error) => (None, Err(error)),
            }
        };
        Self {
            exchange,
            input: input.clone(),
            guest: Some(Box::pin(guest)),
            received: 0,
            returned: None,
            failure: None,
            pipe: None,
            lane: Arc::clone(lane),
            ticket: None,
        }
    }

    /// Lets the component run until it waits or returns.
    fn poll_guest(&mut self, context: &mut Context<'_>) {
        let Some(guest) = &mut self.guest else { return };
        if let Some(ticket) = &mut self.ticket
            && self.lane.poll_turn(context, ticket).is_pending()
        {
            return;
        }
        self.exchange.turns.fetch_add(1, Ordering::Relaxed);
        self.exchange.cpu.resume();
        let polled = guest.as_mut().poll(context);
        self.exchange.cpu.suspend();
        let ticket = self.ticket.take();
        self.ticket = self
            .exchange
            .take_interruption()
            .then(|| ticket.unwrap_or_default());
        if let Poll::Ready((instance, result)) = polled {
            self.guest = None;
            match result {
                Ok(()) => self.returned = instance,
                Err(error) => self.failure = Some(error),
            }
            return;
        }
        let received = self.input.lock().received();
        if received > self.received {
            self.received = received;
            self.exchange.cpu.reset();
        }
    }

    /// Waits for the answer.
    pub(crate) fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Answer, Failure>> {
        self.poll_guest(context);
        match self.exchange.take_answer() {
            Some(Ok(answer)) => {
                self.pipe.clone_from(&answer.pipe);
                Poll::Ready(Ok(answer))
            }
            Some(Err(code)) => Poll::Ready(Err(Failure::Code(code))),
            None if self.guest.is_some() => Poll::Pending,
            None => Poll::Ready(Err(self
                .failure
                .take()
                .map_or(Failure::Silent, Failure::Trap))),
        }
    }

    /// What there is of the content now, without letting the component run.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let Some(pipe) = &self.pipe else {
            return Some(Event::Finished(FieldLines::new()));
        };
        match pipe.pop() {
            Flow::Chunk(chunk) => {
                self.exchange.cpu.reset();
                Some(Event::Chunk(chunk))
            }
            Flow::Finished(trailers) => Some(Event::Finished(trailers)),
            Flow::Empty if self.guest.is_some() => None,
            // Nobody is left to write more.
            Flow::Empty | Flow::Aborted => Some(Event::Broken(
                self.failure
                    .take()
                    .map_or(Failure::Unfinished, Failure::Trap),
            )),
        }
    }

    /// Waits for more content.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Some(event) = self.next() {
            return Poll::Ready(event);
        }
        self.poll_guest(context);
        self.next().map_or(Poll::Pending, Poll::Ready)
    }

    /// Waits until the component has returned. What it still writes is thrown away.
    pub(crate) fn poll_return(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(pipe) = &self.pipe {
            pipe.close();
        }
        self.poll_guest(context);
        if self.guest.is_some() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Whether the component has returned.
    pub(crate) fn has_returned(&self) -> bool {
        self.guest.is_none()
    }

    /// Takes the instance of a component that has returned, if that may serve again. What it has written
    /// needs it no more.
    pub(crate) fn take_instance(&mut self) -> Option<Box<Instance>> {
        self.returned.take()
    }

    /// Ends the call. Returns how it failed after the answer, if it did.
    pub(crate) fn end(self) -> Option<wasmtime::Error> {
        self.failure
    }
}

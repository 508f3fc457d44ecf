//! One request of a connection: admitted, handed to the component, and cleaned up after.

use super::{CLEANUP, Connection, Next};
use crate::config::Isolation;
use crate::http1::framing::takes_trailers;
use crate::http1::head::Head;
use crate::http1::refusal::Refusal;
use crate::instance::sentence;
use crate::lane::lap;
use crate::permits::{Full, Lease};
use crate::request::{Call, Event, Failure};
use crate::wasi::outgoing::Answer;
use http::{Method, Uri};
use std::fmt::{self, Display, Formatter};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// What the rest of an exchange needs to know of its request.
pub(super) struct Asked {
    pub(super) method: Method,
    target: Uri,
    pub(super) is_http10: bool,
    pub(super) persists: bool,
    pub(super) takes_trailers: bool,
}

/// The request, for the log.
impl Display for Asked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// Why there is nothing to send.
pub(super) enum Halt {
    /// There is nobody to answer.
    Gone,
    /// The client is to blame, or there is no time or room for it.
    Refuse(Refusal),
    /// The component failed.
    Failed(Failure),
}

/// How long the component has been waited for: time that it waited for its client is not counted.
#[derive(Default)]
pub(super) struct Patience {
    /// Since when, and how long it had waited for its client before.
    begun: Option<(Instant, Duration)>,
    /// When its client was seen to have failed.
    failed: Option<Instant>,
}

impl Connection {
    /// Answers a request.
    pub(super) async fn exchange(&mut self, head: Head) -> Next {
        let config = &self.worker.shared.config;
        let asked = Asked {
            method: head.method.clone(),
            target: head.target.clone(),
            is_http10: head.is_http10,
            persists: head.persists,
            takes_trailers: takes_trailers(&head.fields),
        };
        let (limit, limits) = (config.limits.content_size, config.head_limits());
        let begun = self.input.lock().begin_content(&head, limit, limits);
        if let Err(refusal) = begun {
            return self.refuse(refusal, asked.method == Method::HEAD).await;
        }
        // Each component that computes costs the others a tick: none is called for a client that has gone.
        if self.worker.lane.is_busy() && self.input.lock().is_broken_off() {
            return Next::BreakOff;
        }
        let instance = match self.admit().await {
            Ok(mut lease) => {
                let instance = lease.instance.take();
                self.lease = Some(lease);
                instance
            }
            Err(Halt::Refuse(refusal)) => {
                return self.refuse(refusal, asked.method == Method::HEAD).await;
            }
            Err(_) => return Next::BreakOff,
        };
        let shared = &self.worker.shared;
        let id = shared.next_request();
        if let Some(access) = &mut self.access {
            access.number = Some(id);
        }
        let lane = &self.worker.lane;
        let (program, local) = (&shared.program, self.local);
        let mut call = Call::begin(program, instance, id, head, local, &self.input, lane);
        let next = match self.wait_for_answer(&mut call).await {
            Ok(answer) => self.respond(&mut call, answer, &asked).await,
            Err(halt) => Err(halt),
        };
        let next = match next {
            Ok(next) => {
                // A client that is to see that something is missing does not wait for the rest.
                if !matches!(next, Next::BreakOff)
                    && let Err(Halt::Failed(_)) = self.settle(&mut call).await
                {
                    tracing::error!(request = id, %asked, "the component did not return in time");
                }
                Ok(next)
            }
            Err(halt) => Err(self.give_up(&mut call, halt, &asked).await),
        };
        lap().await;
        self.take_back(&mut call);
        if let Some(failure) = call.end() {
            let sentence = sentence(&failure);
            tracing::error!(request = id, %asked, "the component failed: {sentence}");
        }
        self.let_go();
        match next {
            Ok(Next::Persist) if !self.drain_content().await => Next::Close,
            Ok(next) => next,
            Err(Some(refusal)) => self.refuse(refusal, asked.method == Method::HEAD).await,
            Err(None) => Next::BreakOff,
        }
    }

    /// Ends an exchange that has no answer yet. Returns what is to be said instead, if there is somebody
    /// to say it to.
    async fn give_up(&mut self, call: &mut Call, halt: Halt, asked: &Asked) -> Option<Refusal> {
        let id = call.exchange.id;
        // What the client did wrong counts, not what the component made of it.
        let halt = match (self.input.lock().failure(), halt) {
            (Some(refusal), Halt::Failed(_)) => Halt::Refuse(refusal),
            (_, halt) => halt,
        };
        match halt {
            Halt::Failed(failure) => {
                let refusal = failure.refusal();
                if refusal == Refusal::Overloaded {
                    self.worker.shared.refused.log(failure);
                } else {
                    tracing::error!(request = id, %asked, "{failure}");
                }
                Some(refusal)
            }
            Halt::Refuse(refusal) => {
                self.clean_up(call, asked).await;
                Some(refusal)
            }
            Halt::Gone => {
                self.clean_up(call, asked).await;
                None
            }
        }
    }

    /// Waits for a permit, and the instance that comes with it.
    async fn admit(&mut self) -> Result<Lease, Halt> {
        if let Some(lease) = self.lease.take() {
            return Ok(lease);
        }
        let shared = Arc::clone(&self.worker.shared);
        let idle = shared.permits.take_idle(self.worker.index);
        if let Some(lease) = idle.or_else(|| shared.permits.try_acquire()) {
            return Ok(lease);
        }
        let deadline = Instant::now() + shared.config.timeouts.response;
        let refuse = |why| {
            shared.refused.log(why);
            Halt::Refuse(Refusal::Overloaded)
        };
        let mut acquire = std::pin::pin!(Arc::clone(&shared.permits).acquire());
        poll_fn(|context| {
            // First: the permit may be that of one that was just cut off.
            let is_gone = self.input.lock().poll_gone(context).is_ready();
            if is_gone || self.ending.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(Halt::Gone));
            }
            if let Poll::Ready(lease) = acquire.as_mut().poll(context) {
                return Poll::Ready(lease.map_err(|Full| refuse("as many wait as may")));
            }
            self.timer
                .poll_until(context, deadline)
                .map(|()| Err(refuse("none of those at once ended in time")))
        })
        .await
    }

    /// Takes the instance back from a component that has returned, or else its permit is of no use.
    pub(super) fn take_back(&mut self, call: &mut Call) {
        if !call.has_returned() || self.has_instance() {
            return;
        }
        let instance = call.take_instance();
        match &mut self.lease {
            Some(lease) if instance.is_some() => lease.instance = instance,
            _ => self.lease = None,
        }
    }

    /// Whether there is an instance that does nothing.
    pub(super) fn has_instance(&self) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.instance.is_some())
    }

    /// Lets go of an instance that does nothing, as [`Connection::let_go`] does.
    pub(super) fn let_go_if_idle(&mut self) {
        if self.has_instance() {
            self.let_go();
        }
    }

    /// Lets go of the permit, and of the instance, unless that is kept for what it may serve again.
    pub(super) fn let_go(&mut self) {
        let (config, permits) = (&self.worker.shared.config, &self.worker.shared.permits);
        let Some(mut lease) = self.lease.take() else {
            return;
        };
        let Some(instance) = &mut lease.instance else {
            return;
        };
        match config.isolation {
            Isolation::Request => {}
            _ if !instance.is_reusable(config.limits.kept_memory) => {}
            // Who waits has its turn before the next request of this connection. Where nobody may, nobody
            // would be told to make room.
            Isolation::Connection if permits.are_wanted() || config.limits.queue == 0 => {}
            Isolation::Connection => self.lease = Some(lease),
            Isolation::Shared(most) if instance.served >= most => {}
            Isolation::Shared(_) => permits.put_idle(self.worker.index, lease),
        }
    }

    async fn wait_for_answer(&mut self, call: &mut Call) -> Result<Answer, Halt> {
        let mut patience = Patience::default();
        poll_fn(|context| {
            if let Poll::Ready(answer) = call.poll_answer(context) {
                // What the client did wrong counts, not what the component made of it.
                return Poll::Ready(match self.input.lock().failure() {
                    Some(refusal) => Err(Halt::Refuse(refusal)),
                    None => answer.map_err(Halt::Failed),
                });
            }
            self.poll_watch(context, &mut patience).map(Err)
        })
        .await
    }

    /// Waits for more content of the response.
    pub(super) async fn wait_for_event(&mut self, call: &mut Call) -> Result<Event, Halt> {
        let mut patience = Patience::default();
        poll_fn(|context| match call.poll_next(context) {
            Poll::Ready(event) => Poll::Ready(Ok(event)),
            Poll::Pending => self.poll_watch(context, &mut patience).map(Err),
        })
        .await
    }

    /// What a connection does while the component runs: tells the client to go on, sees whether it
    /// is still there, and loses patience with it, or with the component.
    fn poll_watch(&mut self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Halt> {
        let mut input = self.input.lock();
        if input.take_continue() {
            self.output.tell_to_continue();
        }
        let is_broken = matches!(self.output.poll_interim(context), Poll::Ready(Err(_)));
        if is_broken || input.poll_gone(context).is_ready() {
            return Poll::Ready(Halt::Gone);
        }
        drop(input);
        self.poll_patience(context, patience)
    }

    /// Loses patience with the client, where the component waits for that, or with the component; or there
    /// is no time to finish.
    fn poll_patience(&mut self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Halt> {
        if self.ending.as_mut().poll(context).is_ready() {
            return Poll::Ready(Halt::Gone);
        }
        let shared = &self.worker.shared;
        let config = &shared.config;
        let mut input = self.input.lock();
        let (waiting, waited) = input.waiting();
        let (started, waited_before) = *patience
            .begun
            .get_or_insert_with(|| (Instant::now(), waited));
        let (failure, received) = (input.failure(), input.received());
        loop {
            let now = Instant::now();
            let deadline = match waiting {
                _ if failure.is_some() => *patience.failed.get_or_insert(now) + CLEANUP,
                Some(since) => {
                    let busy = shared.busy_pace(true);
                    since + config.content_pace().patience_if(busy, received, waited)
                }
                None => started + config.timeouts.response + (waited - waited_before),
            };
            if now >= deadline {
                break;
            }
            let until = match waiting {
                Some(_) => deadline.min(now + config.busy_pace().look()),
                None => deadline,
            };
            ready!(self.timer.poll_until(context, until));
        }
        if let Some(refusal) = failure {
            return Poll::Ready(Halt::Refuse(refusal));
        }
        if waiting.is_none() {
            return Poll::Ready(Halt::Failed(Failure::TooSlow));
        }
        // The component learns of it when it is polled again.
        if !input.has_more() {
            input.fail(Refusal::ContentTooSlow);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Lets the component know that its client is gone. One that changes something or receives content
    /// may clean up; any other has nothing left to do.
    pub(super) async fn clean_up(&mut self, call: &mut Call, asked: &Asked) {
        let may_leave_something = {
            let mut input = self.input.lock();
            let may_leave_something = input.may_leave_something();
            input.fail(Refusal::ContentCutShort);
            may_leave_something
        };
        if may_leave_something {
            let deadline = Instant::now() + CLEANUP;
            poll_fn(|context| match call.poll_return(context) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => self.timer.poll_until(context, deadline),
            })
            .await;
            if !call.has_returned() {
                let id = call.exchange.id;
                tracing::warn!(request = id, %asked, "the component did not clean up in time");
            }
        }
    }

    /// Lets a component that has answered come to its end.
    ///
    /// Whether its client is still there makes no difference: that has what it asked for.
    async fn settle(&mut self, call: &mut Call) -> Result<(), Halt> {
        if call.has_returned() {
            return Ok(());
        }
        let mut patience = Patience::default();
        poll_fn(|context| match call.poll_return(context) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.poll_patience(context, &mut patience).map(Err),
        })
        .await
    }

    /// Reads what is left of the request's content, if it is little. Returns whether the next
    /// request can be read.
    async fn drain_content(&mut self) -> bool {
        {
            let mut input = self.input.lock();
            if input.is_complete() {
                input.end_content();
                return true;
            }
            if !input.is_nearly_complete() {
                return false;
            }
        }
        let begun = Instant::now();
        poll_fn(|context| {
            if let Poll::Ready(end) = self.input.lock().poll_trailers(context) {
                return Poll::Ready(end.is_ok());
            }
            // An instance does not wait for that.
            self.lease = None;
            self.poll_over(context, (begun, CLEANUP)).map(|()| false)
        })
        .await
    }
}

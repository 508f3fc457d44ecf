//! One client connection: a request, its answer, the next request.

mod access;
mod exchange;
pub(crate) mod input;
mod output;
pub(crate) mod pace;
mod response;
mod sending;

use crate::http1::head::Head;
use crate::http1::refusal::Refusal;
use crate::http1::response::write_refusal;
use crate::permits::Lease;
use crate::server::Shared;
use crate::timer::Timer;
use crate::worker::Worker;
use access::Access;
use bytes::Bytes;
use input::{Input, SharedInput, Unanswered};
use output::Output;
use sending::Progress;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// How long a client gets to read a refusal before the connection is closed under what it still
/// sends: closed at once, it would see an error instead (RFC 9112 9.6).
const LINGER: Duration = Duration::from_secs(3);

/// How much of what it still sends is read meanwhile.
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// How long a connection may be idle, however many more wait to be accepted.
const AT_LEAST_IDLE: Duration = Duration::from_secs(1);

/// How long a client that has just sent a request, or is about to, is waited for when the server stops.
const LAST_REQUEST: Duration = Duration::from_millis(250);

/// How long a component may clean up after a client that went away.
const CLEANUP: Duration = Duration::from_secs(5);

/// A client connection.
pub(crate) struct Connection {
    worker: Arc<Worker>,
    local: SocketAddr,
    input: SharedInput,
    output: Output,
    timer: Timer,
    /// The permit of the request that is answered. Once the component has returned its instance is here
    /// too; between requests, if the connection has one of its own.
    lease: Option<Lease>,
    /// If requests are logged.
    access: Option<Box<Access>>,
    /// The server stops: no further request.
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The time to finish is over.
    ending: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What comes after a request.
enum Next {
    /// The next one.
    Persist,
    /// Nothing.
    Close,
    /// Nothing, and the client is to see that something is missing.
    BreakOff,
}

/// What comes of waiting for a request.
enum Turn {
    Head(Box<Head>),
    Refuse(Refusal, bool),
    End,
}

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: TcpStream, worker: Arc<Worker>) {
    // A small response leaves at once. Should this fail, the connection is gone, and will say so.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let is_logged = worker.shared.config.log_requests;
    let client = is_logged.then(|| stream.peer_addr().ok()).flatten();
    let stream = Arc::new(stream);
    let opened = Instant::now();
    let connection = Connection {
        local: SocketAddr::new(local.ip().to_canonical(), local.port()),
        input: SharedInput::new(Input::new(Arc::clone(&stream))),
        output: Output::new(stream),
        timer: Timer::new(opened + worker.shared.config.timeouts.header),
        lease: None,
        access: client.map(|client| Box::new(Access::new(client))),
        draining: Box::pin(worker.draining.clone().cancelled_owned()),
        ending: Box::pin(worker.ending.clone().cancelled_owned()),
        worker,
    };
    connection.run(opened).await;
}

impl Connection {
    async fn run(mut self, opened: Instant) {
        // A client that connects and says nothing gets no longer than one that begins to speak.
        let mut patience = (opened, self.worker.shared.config.timeouts.header);
        loop {
            let turn = self.next_head(patience.0, patience.1).await;
            if let Some(access) = &mut self.access {
                access.begin(match &turn {
                    Turn::Head(head) => Some(head),
                    Turn::Refuse(..) | Turn::End => None,
                });
            }
            let next = match turn {
                // On the heap while it lasts: between requests a connection is 3 KiB smaller for it.
                Turn::Head(head) => Box::pin(self.exchange(*head)).await,
                Turn::Refuse(refusal, is_head) => self.refuse(refusal, is_head).await,
                Turn::End => return,
            };
            if let Some(access) = &mut self.access {
                access.end(self.output.sent(), matches!(next, Next::BreakOff));
            }
            match next {
                Next::Persist => {
                    patience = (Instant::now(), self.worker.shared.config.timeouts.idle)
                }
                Next::Close => {
                    self.lease = None;
                    return self.close().await;
                }
                Next::BreakOff => return self.output.break_off(),
            }
        }
    }

    /// Waits for the head of the next request; for its first byte so long after `since`.
    async fn next_head(&mut self, since: Instant, patience: Duration) -> Turn {
        let shared = &self.worker.shared;
        let limits = shared.config.head_limits();
        let (mut begun, mut deadline) = (None, since + patience);
        let kept_until = since + shared.config.timeouts.kept;
        let mut is_draining = false;
        let mut wanted = std::pin::pin!(shared.permits.wanted());
        let mut room_wanted: Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = None;
        poll_fn(|context| {
            let mut input = self.input.lock();
            match input.poll_head(context, limits) {
                Poll::Ready(Ok(Some(head))) => return Poll::Ready(Turn::Head(Box::new(head))),
                Poll::Ready(Err(Unanswered::Refuse { refusal, is_head })) => {
                    return Poll::Ready(Turn::Refuse(refusal, is_head));
                }
                Poll::Ready(Ok(None) | Err(Unanswered::Gone)) => return Poll::Ready(Turn::End),
                Poll::Pending => {}
            }
            if self.lease.is_some() && wanted.as_mut().poll(context).is_ready() {
                self.lease = None;
            }
            if input.is_idle() {
                if !is_draining && self.draining.as_mut().poll(context).is_ready() {
                    is_draining = true;
                    let most = shared.config.timeouts.shutdown / 2;
                    deadline = deadline.min(Instant::now() + LAST_REQUEST.min(most));
                }
                loop {
                    let mut until = deadline;
                    if self.lease.is_some() {
                        until = until.min(kept_until);
                    }
                    if let Some(wanted) = &mut room_wanted {
                        if wanted.as_mut().poll(context).is_ready() {
                            return Poll::Ready(Turn::End);
                        }
                    } else {
                        until = until.min(since + AT_LEAST_IDLE);
                    }
                    ready!(self.timer.poll_until(context, until));
                    let now = Instant::now();
                    if now >= deadline {
                        return Poll::Ready(Turn::End);
                    }
                    if self.lease.is_some() && now >= kept_until {
                        self.lease = None;
                        // Who has nothing to give must not be told in the place of one who has.
                        wanted.set(shared.permits.wanted());
                    }
                    if room_wanted.is_none() && now >= since + AT_LEAST_IDLE {
                        // On the heap, for those that are idle for so long.
                        room_wanted = Some(Box::pin(shared.room.wanted()));
                    }
                }
            }
            // Who has begun to speak does not make room, and must not be told in the place of one who does.
            room_wanted = None;
            if self.ending.as_mut().poll(context).is_ready() {
                return Poll::Ready(Turn::End);
            }
            let begun = *begun.get_or_insert_with(Instant::now);
            let timeout = (begun, shared.config.timeouts.header);
            ready!(poll_timeout(context, shared, &mut self.timer, timeout));
            if input.has_more() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Turn::Refuse(Refusal::HeadTooSlow, input.is_head()))
        })
        .await
    }

    /// Refuses a request, and ends the connection: nobody knows where the next request would begin.
    async fn refuse(&mut self, refusal: Refusal, is_head: bool) -> Next {
        tracing::debug!("a request is refused: {refusal:?}");
        if let Some(access) = &mut self.access {
            access.status = Some(refusal.answer().0);
        }
        let mut output = Vec::with_capacity(512);
        write_refusal(&mut output, refusal, is_head);
        let mut pieces = VecDeque::from([Bytes::from(output)]);
        match self.send(&mut pieces, &mut Progress::default()).await {
            Ok(()) => Next::Close,
            Err(_) => Next::BreakOff,
        }
    }

    /// Ends the connection, so that the client can read what it was sent.
    async fn close(&mut self) {
        if self.output.finish().is_err() {
            return;
        }
        let begun = Instant::now();
        let mut most = LINGER_BYTES;
        poll_fn(|context| {
            let polled = self.input.lock().poll_end(context, &mut most);
            if polled.is_ready() {
                return Poll::Ready(());
            }
            self.poll_over(context, (begun, LINGER))
        })
        .await;
    }

    /// Waits for the end of a timeout, or of the time to finish.
    fn poll_over(&mut self, context: &mut Context<'_>, timeout: (Instant, Duration)) -> Poll<()> {
        if self.ending.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        poll_timeout(context, &self.worker.shared, &mut self.timer, timeout)
    }
}

/// Waits until a client has had so long since then; or less, while others wait to be accepted.
fn poll_timeout(
    context: &mut Context<'_>,
    shared: &Shared,
    timer: &mut Timer,
    (since, timeout): (Instant, Duration),
) -> Poll<()> {
    loop {
        let now = Instant::now();
        let busy = shared.busy_pace(false);
        let deadline = since + busy.map_or(timeout, |busy| timeout.min(busy.timeout));
        if now >= deadline {
            return Poll::Ready(());
        }
        let next_look = now + shared.config.busy_pace().rare_look();
        ready!(timer.poll_until(context, deadline.min(next_look)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of thousands of connections nearly all wait: what a request needs must not be theirs meanwhile.
    #[test]
    fn a_connection_that_waits_is_small() {
        fn size_of_result<A, B, R>(_: impl FnOnce(A, B) -> R) -> usize {
            size_of::<R>()
        }
        assert!(size_of_result(serve) <= 848, "{}", size_of_result(serve));
    }
}

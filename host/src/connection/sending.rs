//! Sending, and waiting for who takes it.

use super::Connection;
use super::output::Output;
use crate::lane::lap;
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// Why a response is not sent.
#[derive(Debug)]
pub(super) enum Stop {
    /// There is nobody to send it to.
    Gone,
    /// It is taken too slowly.
    TooSlow,
}

/// How far a response has come.
#[derive(Default)]
pub(super) struct Progress {
    /// The bytes sent.
    pub(super) moved: u64,
    /// How many bytes of earlier responses were not yet taken when the client first had to be waited for.
    behind: Option<u64>,
    /// How long the client was waited for.
    waited: Duration,
}

impl Connection {
    /// Sends all of `pieces`.
    pub(super) async fn send(
        &mut self,
        pieces: &mut VecDeque<Bytes>,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        if progress.moved == 0 {
            lap().await;
        }
        while !pieces.is_empty() {
            self.wait_for_client(progress, |output, context| {
                output.poll_write(context, pieces)
            })
            .await?;
        }
        Ok(())
    }

    /// Waits for `write` to move bytes, as long as the client may take. Returns how many.
    pub(super) async fn wait_for_client(
        &mut self,
        progress: &mut Progress,
        mut write: impl FnMut(&mut Output, &mut Context<'_>) -> Poll<std::io::Result<usize>>,
    ) -> Result<usize, Stop> {
        let written = poll_fn(|context| Poll::Ready(write(&mut self.output, context))).await;
        let result = match written {
            Poll::Ready(written) => written.map_err(|_| Stop::Gone),
            Poll::Pending => {
                let since = Instant::now();
                // On the heap while it lasts: refusals are sent this way too, so that each idle connection
                // would have the room for it.
                let result = Box::pin(self.outwait_client(since, progress, write)).await;
                progress.waited += since.elapsed();
                result
            }
        };
        progress.moved += *result.as_ref().unwrap_or(&0) as u64;
        result
    }

    /// Waits for a client that takes nothing now.
    ///
    /// An instance that does nothing meanwhile is let go: slow clients are not to take the places of all
    /// others. Where it is of this connection alone, as if that were idle.
    async fn outwait_client(
        &mut self,
        since: Instant,
        progress: &mut Progress,
        mut write: impl FnMut(&mut Output, &mut Context<'_>) -> Poll<std::io::Result<usize>>,
    ) -> Result<usize, Stop> {
        self.let_go_if_idle();
        let shared = Arc::clone(&self.worker.shared);
        let (pace, busy_pace) = (shared.config.write_pace(), shared.config.busy_pace());
        // The component is not done, and others may want its place.
        let has_place = self.lease.is_some() && !self.has_instance();
        let look = pace.look().min(if has_place {
            busy_pace.look()
        } else {
            busy_pace.rare_look()
        });
        let kept_until = since + shared.config.timeouts.kept;
        let mut wanted = std::pin::pin!(shared.permits.wanted());
        // There is room to write only once a good part of what waits is taken: that can be long after
        // something is. So what is left of it is looked at now and again.
        let (mut last_taken, mut left) = (since, self.output.unacknowledged());
        let behind = left.saturating_sub(progress.moved);
        let written = progress.moved + *progress.behind.get_or_insert(behind);
        let (mut next_look, mut is_last_look) = (since + look, false);
        poll_fn(|context| {
            if let Poll::Ready(written) = write(&mut self.output, context) {
                return Poll::Ready(written.map_err(|_| Stop::Gone));
            }
            if self.ending.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(Stop::Gone));
            }
            loop {
                let now = Instant::now();
                // Once more before it is given up.
                if now >= next_look || is_last_look {
                    next_look = now + look;
                    let left_now = self.output.unacknowledged();
                    if left_now < left {
                        (last_taken, left) = (now, left_now);
                    }
                }
                let taken = written.saturating_sub(left);
                let waited = progress.waited + (last_taken - since);
                let busy = shared.busy_pace(has_place);
                let deadline = last_taken + pace.patience_if(busy, taken, waited);
                if now >= deadline {
                    if is_last_look {
                        return Poll::Ready(Err(Stop::TooSlow));
                    }
                    is_last_look = true;
                    continue;
                }
                is_last_look = false;
                let mut until = deadline.min(next_look);
                if self.has_instance() {
                    if now >= kept_until || wanted.as_mut().poll(context).is_ready() {
                        self.lease = None;
                        // Who has nothing to give must not be told in the place of one who has.
                        wanted.set(shared.permits.wanted());
                    } else {
                        until = until.min(kept_until);
                    }
                }
                ready!(self.timer.poll_until(context, until));
            }
        })
        .await
    }
}

//! How the requests of one thread take turns: each in steps, and those who compute for long one at a time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;

/// What the components of one thread share that have computed for a tick, and are not done: the right to
/// compute on.
///
/// One of them does before the thread sees to its sockets again, however many there are: else every other
/// request would wait for all of them, and that several times.
#[derive(Debug)]
pub(crate) struct Lane {
    state: Mutex<State>,
    /// Somebody has computed on.
    taken: Notify,
}

#[derive(Debug)]
struct State {
    is_free: bool,
    /// It is for the one that was told last, if that asks.
    is_offered: bool,
    waiting: VecDeque<Waker>,
    /// How many ever waited, and how many of them were told.
    joined: u64,
    told: u64,
}

/// The place in turn of one that waits, or has waited.
#[derive(Debug, Default)]
pub(crate) struct Ticket(u64);

impl Lane {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                is_free: true,
                is_offered: false,
                waiting: VecDeque::new(),
                joined: 0,
                told: 0,
            }),
            taken: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it may compute on. Who does not ask again keeps nobody else waiting.
    pub(crate) fn poll_turn(&self, context: &mut Context<'_>, ticket: &mut Ticket) -> Poll<()> {
        let mut state = self.lock();
        if state.is_free && (!state.is_offered || ticket.0 == state.told) {
            state.is_free = false;
            self.taken.notify_one();
            return Poll::Ready(());
        }
        if ticket.0 <= state.told {
            state.joined += 1;
            ticket.0 = state.joined;
            state.waiting.push_back(context.waker().clone());
        }
        Poll::Pending
    }

    /// Whether somebody waits.
    pub(crate) fn is_busy(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Tells those who wait, one each time that the thread has seen to its sockets. Never ends.
    pub(crate) async fn run(&self) {
        loop {
            self.taken.notified().await;
            loop {
                // Only tokio's own yield lets the thread see to its sockets before it goes on.
                tokio::task::yield_now().await;
                if !self.tell_next() {
                    break;
                }
            }
        }
    }

    /// Lets the next compute. Returns whether there is one.
    fn tell_next(&self) -> bool {
        let mut state = self.lock();
        state.is_free = true;
        let next = state.waiting.pop_front();
        state.is_offered = next.is_some();
        let Some(next) = next else { return false };
        state.told += 1;
        next.wake();
        true
    }
}

/// Lets the other connections of this thread have their turn.
///
/// Where many are busy, each step of a request is so taken by all of them in a row: its code and data
/// are still in the caches, and clients wake up once for many responses (ARCHITECTURE.md).
/// `tokio::task::yield_now` also looks for new events first, and so mixes up the steps.
pub(crate) async fn lap() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_computes_on_at_a_time_and_who_does_not_ask_is_passed_over() {
        let lane = Lane::new();
        let mut context = Context::from_waker(Waker::noop());
        let mut tickets = [(); 3].map(|()| Ticket::default());
        let mut ask = |index: usize| lane.poll_turn(&mut context, &mut tickets[index]).is_ready();
        assert!(ask(0));
        // Asking twice is waiting once.
        assert!(!ask(0) && !ask(1) && !ask(2) && !ask(1));
        assert_eq!(lane.lock().waiting.len(), 3);
        assert!(lane.tell_next() && ask(0));
        assert!(!ask(0) && !ask(1));
        // The second is told and does not ask; the third has its turn all the same.
        assert!(lane.tell_next() && lane.tell_next() && ask(2));
        // It waits again, behind the first.
        assert!(!ask(1));
        // Nobody overtakes who was told.
        assert!(lane.tell_next() && !ask(2) && ask(0));
        assert!(lane.tell_next() && ask(1));
        assert!(lane.tell_next() && ask(2));
        assert!(!lane.tell_next() && ask(0));
    }
}

//! [`Timer`]: one timer for all the deadlines of a connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// Waits until a deadline, which is another each time it is asked.
///
/// Deadlines move with every request, and setting a timer costs more than the rest of waiting for
/// one. So this one is set anew only if a deadline is sooner than what it is set to, or it rings
/// too early.
pub(crate) struct Timer(Pin<Box<Sleep>>);

impl Timer {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self(Box::pin(sleep_until(deadline)))
    }

    pub(crate) fn poll_until(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline < self.0.deadline() {
            self.0.as_mut().reset(deadline);
        }
        loop {
            ready!(self.0.as_mut().poll(context));
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn sooner_and_later_deadlines() {
        let start = Instant::now();
        let mut timer = Timer::new(start + Duration::from_secs(10));
        for seconds in [3, 20, 21, 50] {
            let deadline = start + Duration::from_secs(seconds);
            poll_fn(|context| timer.poll_until(context, deadline)).await;
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
    }
}

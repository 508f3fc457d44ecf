//! How many requests are answered at once: each has a permit, and so may have an instance.

use crate::config::Config;
use crate::instance::Instance;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The permit of a request, with the instance that is kept for it, if any. Without requests, it is
/// the permit of the instance.
pub(crate) struct Lease {
    pub(crate) instance: Option<Box<Instance>>,
    _permit: OwnedSemaphorePermit,
}

/// An idle instance gives its permit back, and an idle connection makes room, in less than this.
pub(crate) const LONG: Duration = Duration::from_millis(100);

/// All permits.
pub(crate) struct Permits {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    /// When the first of those that wait now began to. Locked while one begins: the two belong together.
    wanted_since: Mutex<Instant>,
    /// Somebody waits for a permit: who keeps one for an instance that does nothing may give it back.
    wanted: Notify,
    /// Instances that have served and may again, for any connection: a list for each thread, so that
    /// none waits for another.
    idle: Box<[Mutex<Vec<Lease>>]>,
}

/// There are as many waiting as may.
#[derive(Debug)]
pub(crate) struct Full;

impl Permits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(config.limits.requests.get())),
            waiting: AtomicUsize::new(0),
            most_waiting: config.limits.queue,
            wanted_since: Mutex::new(Instant::now()),
            wanted: Notify::new(),
            idle: (0..config.threads.get())
                .map(|_| Mutex::default())
                .collect(),
        }
    }

    fn idle(&self, thread: usize) -> MutexGuard<'_, Vec<Lease>> {
        let list = &self.idle[thread % self.idle.len()];
        list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an instance that may serve again, from the list of this thread.
    pub(crate) fn take_idle(&self, thread: usize) -> Option<Lease> {
        self.idle(thread).pop()
    }

    /// Keeps an instance that may serve again, or lets who waits have its permit.
    pub(crate) fn put_idle(&self, thread: usize, lease: Lease) {
        self.idle(thread).push(lease);
        // Who began to wait before it was there did not find it; who does now, will.
        if self.are_wanted() {
            drop(self.take_idle(thread));
        }
    }

    /// Takes a permit, if one is free.
    pub(crate) fn try_acquire(&self) -> Option<Lease> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Lease {
            instance: None,
            _permit: permit,
        })
    }

    /// Waits for a permit, in turn.
    ///
    /// # Errors
    ///
    /// When as many wait as may.
    pub(crate) async fn acquire(self: Arc<Self>) -> Result<Lease, Full> {
        let (waiting, waited_before) = self.begin_to_wait();
        if let Some(lease) = (0..self.idle.len()).find_map(|thread| self.take_idle(thread)) {
            return Ok(lease);
        }
        if waited_before >= self.most_waiting {
            return Err(Full);
        }
        self.wanted.notify_one();
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Full)?;
        drop(waiting);
        Ok(Lease {
            instance: None,
            _permit: permit,
        })
    }

    /// Counts one more that waits. Returns how many did before, too.
    fn begin_to_wait(&self) -> (Waiting<'_>, usize) {
        let mut since = self.wanted_since();
        let (waiting, waited_before) = Waiting::begin(&self.waiting);
        if waited_before == 0 {
            *since = Instant::now();
        }
        (waiting, waited_before)
    }

    fn wanted_since(&self) -> MutexGuard<'_, Instant> {
        self.wanted_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody waits for a permit.
    pub(crate) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether somebody always did, for longer than it takes those that do nothing to give theirs back.
    pub(crate) fn are_wanted_for_long(&self, now: Instant) -> bool {
        let since = self.wanted_since();
        self.are_wanted() && now >= *since + LONG
    }

    /// Waits until somebody wants a permit. Each of those who do wakes one of those who wait here.
    pub(crate) async fn wanted(&self) {
        loop {
            let mut notified = std::pin::pin!(self.wanted.notified());
            // Who begins to want one from here on is noticed, and who already does, below.
            notified.as_mut().enable();
            if self.are_wanted() {
                return;
            }
            notified.await;
        }
    }
}

/// One that waits, until it is dropped.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    /// Counts one more. Returns how many there were before, too.
    pub(crate) fn begin(count: &'a AtomicUsize) -> (Self, usize) {
        let before = count.fetch_add(1, Ordering::SeqCst);
        (Self(count), before)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use std::task::{Context, Poll, Waker};

    fn permits(flags: &[&str]) -> Arc<Permits> {
        let cli = Cli::read([&["http-server"], flags].concat()).unwrap();
        Arc::new(Permits::new(&cli.into_config()))
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_leaves_while_waiting_makes_room() {
        let permits = permits(&["--max-requests=1", "--max-queue=1"]);
        let lease = permits.try_acquire().unwrap();
        {
            let mut waiting = std::pin::pin!(Arc::clone(&permits).acquire());
            assert!(poll(waiting.as_mut()).is_pending() && permits.are_wanted());
            let now = Instant::now();
            assert!(!permits.are_wanted_for_long(now));
            assert!(permits.are_wanted_for_long(now + LONG));
            let refused = std::pin::pin!(Arc::clone(&permits).acquire());
            assert!(matches!(poll(refused), Poll::Ready(Err(Full))));
        }
        assert!(!permits.are_wanted() && !permits.are_wanted_for_long(Instant::now() + LONG));
        let mut waiting = std::pin::pin!(Arc::clone(&permits).acquire());
        assert!(poll(waiting.as_mut()).is_pending());
        drop(lease);
        assert!(matches!(poll(waiting), Poll::Ready(Ok(_))));
    }

    #[test]
    fn an_idle_instance_of_another_thread_is_found() {
        // Who finds it does not wait, and so may where nobody may.
        for queue in ["--max-queue=1", "--max-queue=0"] {
            let permits = permits(&["--max-requests=1", "--threads=2", queue]);
            permits.put_idle(0, permits.try_acquire().unwrap());
            assert!(permits.take_idle(1).is_none() && permits.try_acquire().is_none());
            let acquire = std::pin::pin!(Arc::clone(&permits).acquire());
            assert!(matches!(poll(acquire), Poll::Ready(Ok(_))), "{queue}");
        }
    }

    #[test]
    fn nothing_is_kept_from_who_waits() {
        let permits = permits(&["--max-requests=1"]);
        let lease = permits.try_acquire().unwrap();
        let mut waiting = std::pin::pin!(Arc::clone(&permits).acquire());
        assert!(poll(waiting.as_mut()).is_pending());
        permits.put_idle(0, lease);
        assert!(matches!(poll(waiting), Poll::Ready(Ok(_))));
    }

    #[test]
    fn every_instance_that_is_kept_learns_of_who_waits() {
        let permits = permits(&["--max-requests=1"]);
        let _lease = permits.try_acquire().unwrap();
        let mut before = std::pin::pin!(permits.wanted());
        assert!(poll(before.as_mut()).is_pending());
        let mut waiting = std::pin::pin!(Arc::clone(&permits).acquire());
        assert!(poll(waiting.as_mut()).is_pending());
        assert!(poll(before).is_ready());
        // It was told, but who is late is told too.
        assert!(poll(std::pin::pin!(permits.wanted())).is_ready());
    }
}

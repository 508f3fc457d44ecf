//! How many requests are answered at once: each has a permit, and so may have an instance.

use crate::config::Limits;
use crate::instance::Instance;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The permit of a request, with the instance that is kept for it, if any. Without requests, it is
/// the permit of the instance.
pub(crate) struct Lease {
    pub(crate) instance: Option<Box<Instance>>,
    _permit: OwnedSemaphorePermit,
}

/// All permits.
#[derive(Debug)]
pub(crate) struct Permits {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    /// Somebody waits for a permit: who keeps one for an instance that does nothing may give it back.
    wanted: Notify,
}

/// There are as many waiting as may.
#[derive(Debug)]
pub(crate) struct Full;

impl Permits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limits.requests.get())),
            waiting: AtomicUsize::new(0),
            most_waiting: limits.queue,
            wanted: Notify::new(),
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
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.most_waiting {
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

    /// Waits until somebody wants a permit.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! CPU time: a thread that ticks, and the count of an instance's ticks.
//!
//! A component is interrupted at every tick: it gives way to the other requests of its thread, and
//! ends when it has used its time. The count is of ticks that fall while it runs, so an estimate,
//! but one that waiting for a client does not change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use wasmtime::Engine;

/// The time between two ticks: the longest that a component keeps other requests of its thread waiting.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// A component used up its CPU time.
#[derive(Debug, thiserror::Error)]
#[error("it used up its CPU time")]
pub(crate) struct OutOfTime;

/// The ticks since the start.
#[derive(Debug, Default)]
pub(crate) struct Ticks(AtomicU64);

impl Ticks {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The thread that ticks. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    ticks: Arc<Ticks>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts to tick `engine`.
    ///
    /// # Errors
    ///
    /// As the operating system says, when there can be no thread.
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let (ticks, stop) = (Arc::new(Ticks::default()), Arc::new(AtomicBool::new(false)));
        let (their_ticks, their_stop) = (Arc::clone(&ticks), Arc::clone(&stop));
        let run = move || {
            while !their_stop.load(Ordering::Relaxed) {
                std::thread::park_timeout(TICK);
                their_ticks.0.fetch_add(1, Ordering::Relaxed);
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new()
            .name("ticker".to_owned())
            .spawn(run)?;
        Ok(Self {
            ticks,
            stop,
            thread: Some(thread),
        })
    }

    pub(crate) fn ticks(&self) -> &Arc<Ticks> {
        &self.ticks
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does not panic, and there is nobody to tell if it did.
            let _ = thread.join();
        }
    }
}

/// The ticks an instance ran through since it last got something done.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    ticks: Arc<Ticks>,
    resumed: AtomicU64,
    used: AtomicU64,
}

impl CpuMeter {
    pub(crate) fn new(ticks: Arc<Ticks>) -> Self {
        Self {
            resumed: AtomicU64::new(ticks.now()),
            used: AtomicU64::new(0),
            ticks,
        }
    }

    /// The instance begins to run.
    pub(crate) fn resume(&self) {
        self.resumed.store(self.ticks.now(), Ordering::Relaxed);
    }

    /// The instance waits, or has ended.
    pub(crate) fn suspend(&self) {
        self.used.store(self.used(), Ordering::Relaxed);
        self.resume();
    }

    /// The instance got something done.
    pub(crate) fn reset(&self) {
        self.used.store(0, Ordering::Relaxed);
        self.resume();
    }

    /// The ticks used.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed) + self.used_at_once()
    }

    /// The ticks used since it began to run.
    pub(crate) fn used_at_once(&self) -> u64 {
        self.ticks.now() - self.resumed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ticks_while_it_runs_count() {
        let ticks = Arc::new(Ticks::default());
        let pass = |count| ticks.0.fetch_add(count, Ordering::Relaxed);
        let meter = CpuMeter::new(Arc::clone(&ticks));
        meter.resume();
        pass(2);
        assert_eq!(meter.used(), 2);
        meter.suspend();
        pass(100);
        meter.resume();
        assert_eq!(meter.used_at_once(), 0);
        pass(3);
        assert_eq!((meter.used(), meter.used_at_once()), (5, 3));
        meter.reset();
        assert_eq!(meter.used(), 0);
    }
}

//! CPU time: a thread that ticks, and the count of an instance's ticks.
//!
//! A component is interrupted at every tick: it gives way to the other requests of its thread, and
//! ends when it has used its time. The count is of ticks that fall while it runs, so an estimate,
//! but one that waiting for a client does not change. Where nothing runs for a while, nothing ticks.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;
use wasmtime::Engine;

/// The time between two ticks: the longest that a component keeps other requests of its thread waiting.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// After so many ticks that nobody needed, the thread sleeps until somebody does.
const UNUSED: u32 = 50;

/// A component used up its CPU time.
#[derive(Debug, thiserror::Error)]
#[error("it used up its CPU time")]
pub(crate) struct OutOfTime;

/// The ticks since the start.
#[derive(Debug, Default)]
pub(crate) struct Ticks {
    /// In a cache line of its own: every thread reads it all the time, and writes the others.
    now: CachePadded<AtomicU64>,
    /// How many components have been called and have not returned.
    calls: AtomicUsize,
    is_asleep: AtomicBool,
    stop: AtomicBool,
    /// The thread that ticks.
    thread: OnceLock<Thread>,
}

/// A component that has been called, until this is dropped: as long as there is one, time goes on.
pub(crate) struct Calling(Arc<Ticks>);

impl Ticks {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// A component is called.
    pub(crate) fn call(self: &Arc<Self>) -> Calling {
        // Either this sees that the thread sleeps, or that sees the call before it does.
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
        Calling(Arc::clone(self))
    }

    /// Ticks until it is told to stop.
    fn run(&self, tick: impl Fn()) {
        let _ = self.thread.set(std::thread::current());
        let is_unused = || self.calls.load(Ordering::SeqCst) == 0;
        let is_stopped = || self.stop.load(Ordering::Relaxed);
        let mut unused = 0;
        while !is_stopped() {
            std::thread::park_timeout(TICK);
            self.now.fetch_add(1, Ordering::Relaxed);
            tick();
            unused = if is_unused() { unused + 1 } else { 0 };
            if unused > UNUSED {
                self.is_asleep.store(true, Ordering::SeqCst);
                while is_unused() && !is_stopped() {
                    std::thread::park();
                }
                self.is_asleep.store(false, Ordering::SeqCst);
                unused = 0;
            }
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The thread that ticks. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    ticks: Arc<Ticks>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts to tick `engine`.
    ///
    /// # Errors
    ///
    /// As the operating system says, when there can be no thread.
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let ticks = Arc::new(Ticks::default());
        let theirs = Arc::clone(&ticks);
        let thread = std::thread::Builder::new()
            .name("ticker".to_owned())
            .spawn(move || theirs.run(|| engine.increment_epoch()))?;
        Ok(Self {
            ticks,
            thread: Some(thread),
        })
    }

    pub(crate) fn ticks(&self) -> &Arc<Ticks> {
        &self.ticks
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.ticks.stop.store(true, Ordering::Relaxed);
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
    use std::thread::yield_now;

    #[test]
    fn it_ticks_while_somebody_calls_and_else_sleeps() {
        let ticks = Arc::new(Ticks::default());
        let theirs = Arc::clone(&ticks);
        let thread = std::thread::spawn(move || theirs.run(|| {}));
        let sleeps = || ticks.is_asleep.load(Ordering::SeqCst);
        for _ in 0..2 {
            while !sleeps() {
                yield_now();
            }
            let calling = ticks.call();
            let now = ticks.now();
            while ticks.now() < now + 2 * u64::from(UNUSED) {
                yield_now();
            }
            assert!(!sleeps());
            drop(calling);
        }
        ticks.stop.store(true, Ordering::Relaxed);
        thread.thread().unpark();
        thread.join().unwrap();
    }

    #[test]
    fn only_ticks_while_it_runs_count() {
        let ticks = Arc::new(Ticks::default());
        let pass = |count| ticks.now.fetch_add(count, Ordering::Relaxed);
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

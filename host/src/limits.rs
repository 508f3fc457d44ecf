//! What one instance of a component may take, and the count of what it does.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The limits of one instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstanceLimits {
    /// All linear memory, in bytes.
    pub(crate) memory: usize,
    /// All tables, in elements.
    pub(crate) table_elements: usize,
    /// What one call to the host may move, in bytes: wasmtime's hostcall fuel.
    pub(crate) call_size: usize,
    /// Resource handles alive at once.
    pub(crate) handles: usize,
    /// The fields of a response, in bytes.
    pub(crate) field_size: usize,
    /// CPU time without an answer or content, in ticks of the epoch.
    pub(crate) cpu_ticks: u64,
    /// What one request may print, in bytes.
    pub(crate) log_size: usize,
}

/// What the memories of all instances have grown by.
#[derive(Debug)]
pub(crate) struct Growth {
    total: AtomicUsize,
    limit: usize,
}

impl Growth {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            total: AtomicUsize::new(0),
            limit,
        }
    }

    /// Adds so many bytes to those that somebody has grown by, unless that is more than there may be.
    ///
    /// The others may have had half of all there is, or more if there is `luck`: were all refused at once,
    /// when there is no more for anybody, none of those who need it would come to its end.
    fn add(&self, bytes: usize, grown: usize, luck: u8) -> bool {
        let others = self.limit - self.limit / 512 * (255 - usize::from(luck));
        let add = |total: usize| {
            let is_too_much = total.saturating_sub(grown) > others;
            let sum = total.checked_add(bytes).filter(|&it| it <= self.limit);
            sum.filter(|_| !is_too_much)
        };
        self.total
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .is_ok()
    }

    fn take_back(&self, bytes: usize) {
        self.total.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether there is so much that none is to be kept for later.
    fn is_much(&self) -> bool {
        self.total.load(Ordering::Relaxed) > self.limit / 2
    }
}

/// There is too little memory for all that are to grow at once.
#[derive(Debug, thiserror::Error)]
#[error("all instances together have grown by as much as they may")]
pub(crate) struct OutOfMemory;

/// Keeps an instance's memory and tables within its limits.
#[derive(Debug, Default)]
pub(crate) struct MemoryLimiter {
    memory: usize,
    table_elements: usize,
    /// It has been called: what its memory grows by from here on is growth.
    has_begun: bool,
    /// So much, in bytes.
    grown: usize,
    /// Of those who want more at once, who has most of it comes first.
    luck: u8,
    /// It could not grow, because of others.
    is_short: bool,
}

impl MemoryLimiter {
    /// Whether an instance may grow its memory, in bytes. What it begins with is not growth.
    pub(crate) fn grow_memory(
        &mut self,
        (current, desired): (usize, usize),
        limits: InstanceLimits,
        growth: &Growth,
    ) -> bool {
        let (mut memory, more) = (self.memory, desired.saturating_sub(current));
        if !grow(&mut memory, more, limits.memory) {
            return false;
        }
        if self.has_begun {
            if !growth.add(more, self.grown, self.luck) {
                self.is_short = true;
                return false;
            }
            self.grown += more;
        }
        self.memory = memory;
        true
    }

    /// Whether an instance may grow a table, in elements.
    pub(crate) fn grow_table(
        &mut self,
        (current, desired): (usize, usize),
        limits: InstanceLimits,
    ) -> bool {
        let more = desired.saturating_sub(current);
        grow(&mut self.table_elements, more, limits.table_elements)
    }

    /// The next request begins, of such a number.
    pub(crate) fn begin(&mut self, number: u64) {
        (self.has_begun, self.is_short) = (true, false);
        // As good as random: the golden ratio spreads numbers that follow each other.
        self.luck = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
    }

    /// Whether it could not grow in this request, because of others.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Whether it may be kept, at no more than `most` bytes.
    pub(crate) fn may_be_kept(&self, most: usize, growth: &Growth) -> bool {
        self.memory <= most && (self.grown == 0 || !growth.is_much())
    }

    /// The instance ends.
    pub(crate) fn end(&mut self, growth: &Growth) {
        growth.take_back(std::mem::take(&mut self.grown));
    }
}

/// Adds `more` to `total`, unless that is more than `limit`.
fn grow(total: &mut usize, more: usize, limit: usize) -> bool {
    let grown = total.saturating_add(more);
    if grown <= limit {
        *total = grown;
    }
    grown <= limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_grow_by_so_much_and_what_ends_gives_it_back() {
        let limits = InstanceLimits {
            memory: 100,
            table_elements: 10,
            call_size: 0,
            handles: 0,
            field_size: 0,
            cpu_ticks: 0,
            log_size: 0,
        };
        let growth = Growth::new(60);
        let [mut a, mut b] = [(); 2].map(|()| MemoryLimiter::default());
        let grow = |it: &mut MemoryLimiter, from, to| it.grow_memory((from, to), limits, &growth);
        assert!(grow(&mut a, 0, 50) && grow(&mut b, 0, 50));
        a.begin(1);
        b.begin(2);
        // It is its own limit that it crosses.
        assert!(!grow(&mut a, 50, 101) && !a.is_short());
        assert!(grow(&mut a, 50, 90) && !a.may_be_kept(100, &growth));
        assert!(!grow(&mut b, 50, 80) && b.is_short() && b.may_be_kept(100, &growth));
        b.begin(3);
        assert!(grow(&mut b, 50, 70) && !b.is_short());
        a.end(&growth);
        assert!(b.may_be_kept(70, &growth) && !b.may_be_kept(69, &growth));
        assert!(grow(&mut b, 70, 100));
    }

    #[test]
    fn of_many_that_grow_at_once_some_come_to_their_end() {
        let growth = Growth::new(1 << 30);
        let limits = InstanceLimits {
            memory: 1 << 30,
            table_elements: 0,
            call_size: 0,
            handles: 0,
            field_size: 0,
            cpu_ticks: 0,
            log_size: 0,
        };
        let mut growing: Vec<_> = (0..1000)
            .map(|number| {
                let mut limiter = MemoryLimiter::default();
                limiter.begin(number);
                limiter
            })
            .collect();
        // Ten times as much as there is.
        for size in 0..10 {
            growing.retain_mut(|it| {
                let grows = it.grow_memory((size << 20, (size + 1) << 20), limits, &growth);
                if !grows {
                    assert!(it.is_short());
                    it.end(&growth);
                }
                grows
            });
        }
        assert!((40..100).contains(&growing.len()), "{}", growing.len());
    }
}

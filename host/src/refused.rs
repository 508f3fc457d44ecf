//! [`Refused`]: requests that there was no room for, counted, so that the log is not as long as they are many.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long they are counted before it is said how many there were.
const COUNTED: Duration = Duration::from_secs(1);

/// How many were refused since that was last said, by the reason.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<BTreeMap<String, u64>>);

impl Refused {
    /// Counts one; in a second, it is said how many there were.
    pub(crate) fn log(self: &Arc<Self>, why: impl Display) {
        if self.count(why) {
            let counted = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(COUNTED).await;
                counted.say();
            });
        }
    }

    /// Counts one. Returns whether it is the first.
    fn count(&self, why: impl Display) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = counts.is_empty();
        *counts.entry(why.to_string()).or_default() += 1;
        is_first
    }

    /// Says how many there were.
    pub(crate) fn say(&self) {
        for (why, count) in self.take() {
            tracing::warn!("requests were refused, because {why}: {count}");
        }
    }

    fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted() {
        let refused = Refused::default();
        assert!(refused.count("a") && !refused.count("b") && !refused.count("a"));
        let counts = [("a".to_owned(), 2), ("b".to_owned(), 1)];
        assert_eq!(refused.take(), BTreeMap::from(counts));
        assert!(refused.count("a"));
    }
}

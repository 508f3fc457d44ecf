//! [`Room`]: of the connections there may be, those that do nothing, or little, make room for more.

use crate::permits::{LONG, Waiting};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Room for one more connection, which those that are idle can make; or those that are slow, where none is.
#[derive(Debug)]
pub(crate) struct Room {
    is_wanted: AtomicBool,
    wanted: Notify,
    /// How many wait until they are to make some.
    idle: AtomicUsize,
    times: Mutex<Times>,
}

/// When room was wanted.
#[derive(Debug)]
struct Times {
    /// Since when somebody wants some.
    begun: Instant,
    /// Since when somebody always did, one after the other.
    since: Instant,
    /// When it was last made.
    made: Instant,
}

/// How often somebody is told to make room until there is some.
const AGAIN: Duration = Duration::from_secs(1);

/// Who asks for room this soon after the last one got it continues the same wait.
const NEXT: Duration = Duration::from_millis(1);

impl Room {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            is_wanted: AtomicBool::new(false),
            wanted: Notify::new(),
            idle: AtomicUsize::new(0),
            times: Mutex::new(Times {
                begun: now,
                since: now,
                made: now,
            }),
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for room until `made`: the connection that has been idle for longest makes it.
    pub(crate) async fn wanted_until<T>(&self, made: impl Future<Output = T>) -> T {
        {
            let (mut times, now) = (self.times(), Instant::now());
            times.begun = now;
            if now > times.made + NEXT {
                times.since = now;
            }
        }
        self.is_wanted.store(true, Ordering::SeqCst);
        let _wanted = Wanted(self);
        let mut made = std::pin::pin!(made);
        loop {
            self.wanted.notify_one();
            // Who was told may be on a thread that something holds up.
            if let Ok(made) = timeout(AGAIN, made.as_mut()).await {
                return made;
            }
        }
    }

    /// Whether somebody wants room, for longer than it takes those that are idle to make it; or somebody
    /// always did, where none is idle.
    pub(crate) fn is_wanted_for_long(&self, now: Instant) -> bool {
        if !self.is_wanted.load(Ordering::SeqCst) {
            return false;
        }
        let times = self.times();
        let nobody_is_idle = self.idle.load(Ordering::SeqCst) == 0;
        now >= times.begun + LONG || nobody_is_idle && now >= times.since + LONG
    }

    /// Waits until it is to make room, behind those that wait for that already.
    pub(crate) async fn wanted(&self) {
        let _idle = Waiting::begin(&self.idle);
        loop {
            self.wanted.notified().await;
            // It may be from when there was nobody to make room.
            if self.is_wanted.load(Ordering::SeqCst) {
                return;
            }
        }
    }
}

/// Room is wanted, until this is dropped.
struct Wanted<'a>(&'a Room);

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.is_wanted.store(false, Ordering::SeqCst);
        self.0.times().made = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::time::sleep;

    #[tokio::test]
    async fn who_has_been_idle_for_longest_makes_room() {
        let room = Arc::new(Room::new());
        let idle = || {
            let room = Arc::clone(&room);
            tokio::spawn(async move { room.wanted().await })
        };
        // With nobody idle, what is said is for nobody; who is idle later need not make room for it.
        room.wanted_until(async {}).await;
        let first = idle();
        tokio::task::yield_now().await;
        let second = idle();
        tokio::task::yield_now().await;
        assert!(!first.is_finished() && !second.is_finished());
        room.wanted_until(first).await.unwrap();
        assert!(!second.is_finished());
        room.wanted_until(second).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn where_who_is_told_does_nothing_the_next_is() {
        let room = Arc::new(Room::new());
        let held_up = room.wanted.notified();
        tokio::pin!(held_up);
        assert!(!held_up.as_mut().enable());
        let idle = Arc::clone(&room);
        let idle = tokio::spawn(async move { idle.wanted().await });
        room.wanted_until(idle).await.unwrap();
        held_up.await;
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_want_room_one_after_the_other_want_it_for_long() {
        let room = Room::new();
        assert!(!room.is_wanted_for_long(Instant::now() + LONG));
        // Nor once it is given up.
        let _ = timeout(2 * LONG, room.wanted_until(std::future::pending::<()>())).await;
        assert!(!room.is_wanted_for_long(Instant::now() + LONG));
        sleep(2 * NEXT).await;
        let wait = |duration| room.wanted_until(sleep(duration));
        tokio::join!(wait(LONG), async {
            assert!(!room.is_wanted_for_long(Instant::now()));
            assert!(room.is_wanted_for_long(Instant::now() + LONG));
        });
        tokio::join!(wait(LONG), async {
            assert!(room.is_wanted_for_long(Instant::now()));
            // Whoever is idle makes room sooner than those who are slow.
            let idle = Waiting::begin(&room.idle);
            assert!(!room.is_wanted_for_long(Instant::now()));
            // Unless it does not.
            assert!(room.is_wanted_for_long(Instant::now() + LONG));
            drop(idle);
            assert!(room.is_wanted_for_long(Instant::now()));
        });
        // Meanwhile nobody waited.
        sleep(2 * NEXT).await;
        tokio::join!(wait(LONG), async {
            assert!(!room.is_wanted_for_long(Instant::now()));
        });
        assert!(!room.is_wanted_for_long(Instant::now() + LONG));
    }
}

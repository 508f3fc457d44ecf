//! [`Pace`]: how long a client may take.

use std::time::Duration;

/// A client is given up when it does nothing for a while, or when it is slower than a rate all in
/// all: then a byte now and again does not keep it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long it may do nothing; and what it may lag behind the rate.
    pub(crate) timeout: Duration,
    /// In bytes a second; 0 is none.
    pub(crate) rate: u64,
}

/// How often a client with a permit is looked at in the time that it may do nothing: whether it has done
/// something, and whether others wait.
const LOOKS: u32 = 4;

/// Who may do nothing for no time is not looked at all the time.
const SHORTEST: Duration = Duration::from_millis(10);

impl Pace {
    /// How long until it is looked at again.
    pub(crate) fn look(self) -> Duration {
        (self.timeout / LOOKS).max(SHORTEST)
    }

    /// The same for those without a permit, who can be many.
    pub(crate) fn rare_look(self) -> Duration {
        self.timeout.max(SHORTEST)
    }

    /// How much longer a client is waited for that has moved so many bytes and was waited for so long before.
    pub(crate) fn patience(self, moved: u64, waited: Duration) -> Duration {
        let Some(milliseconds) = moved.saturating_mul(1000).checked_div(self.rate) else {
            return self.timeout;
        };
        let earned = self
            .timeout
            .saturating_add(Duration::from_millis(milliseconds));
        earned.saturating_sub(waited).min(self.timeout)
    }

    /// The same, and no longer than by the pace of busy times, if it is such a time.
    pub(crate) fn patience_if(self, busy: Option<Self>, moved: u64, waited: Duration) -> Duration {
        let patience = self.patience(moved, waited);
        busy.map_or(patience, |busy| patience.min(busy.patience(moved, waited)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_earned_by_moving_bytes() {
        let pace = Pace {
            timeout: Duration::from_secs(10),
            rate: 100,
        };
        for (moved, waited, expected) in [
            (0, 0, 10),
            (0, 4, 6),
            (0, 10, 0),
            (0, 11, 0),
            // 500 bytes are worth 5 seconds.
            (500, 11, 4),
            // Who was fast may not stop for longer than anybody else.
            (1_000_000, 100, 10),
            (u64::MAX, 100, 10),
        ] {
            let patience = pace.patience(moved, Duration::from_secs(waited));
            assert_eq!(patience, Duration::from_secs(expected), "{moved} {waited}");
        }
        let busy = Pace {
            timeout: Duration::from_secs(1),
            rate: 1000,
        };
        for (moved, waited, expected) in [(0, 0, 1), (0, 1, 0), (5000, 5, 1), (5000, 6, 0)] {
            let patience = pace.patience_if(Some(busy), moved, Duration::from_secs(waited));
            assert_eq!(patience, Duration::from_secs(expected), "{moved} {waited}");
        }
        let impatient = Pace {
            timeout: Duration::ZERO,
            rate: 0,
        };
        assert!(!impatient.look().is_zero() && !impatient.rare_look().is_zero());
        let no_rate = Pace { rate: 0, ..pace };
        assert_eq!(
            no_rate.patience(0, Duration::from_secs(100)),
            Duration::from_secs(10)
        );
    }
}

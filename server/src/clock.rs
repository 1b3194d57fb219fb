//! The one place that asks what time it is.

use parking_lot::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How far the system's clock must be ahead before it is followed, in milliseconds.
const FOLLOW_AHEAD_MS: u64 = 1_000;

/// Unix milliseconds that never run backwards while the process lives, for all shards alike.
///
/// It runs by the monotonic clock from where the system's clock stood at the start. A system clock
/// set back is ignored (pending orders neither run out nor live longer for it), one set ahead is
/// followed.
pub struct Clock {
    anchor: Mutex<Anchor>,
    times: Box<dyn Fn() -> Times + Send + Sync>,
}

/// What the two clocks of a system say.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How long ago any fixed moment was; never runs backwards.
    pub steady: Duration,
    /// The time of day, Unix milliseconds; may be set to anything at any time.
    pub system_ms: u64,
}

struct Anchor {
    at: Duration,
    ms: u64,
}

impl Default for Clock {
    fn default() -> Self {
        let start = Instant::now();
        Self::new(move || Times { steady: start.elapsed(), system_ms: system_ms() })
    }
}

impl Clock {
    /// A clock over these times.
    pub fn new(times: impl Fn() -> Times + Send + Sync + 'static) -> Self {
        let Times { steady, system_ms } = times();
        Self { anchor: Mutex::new(Anchor { at: steady, ms: system_ms }), times: Box::new(times) }
    }

    /// Now, in Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        let mut anchor = self.anchor.lock();
        let times = (self.times)();
        let steady = anchor.ms + times.steady.saturating_sub(anchor.at).as_millis() as u64;
        let system = times.system_ms;
        if system <= steady + FOLLOW_AHEAD_MS {
            return steady;
        }
        *anchor = Anchor { at: times.steady, ms: system };
        system
    }

    /// Makes it run from at least this time: a journal's last frame, which the next one must not
    /// precede.
    pub fn raise_to(&self, ms: u64) {
        if self.now_ms() < ms {
            *self.anchor.lock() = Anchor { at: (self.times)().steady, ms };
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place")]
fn system_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_is_ignored_and_one_set_ahead_is_followed() {
        let times =
            std::sync::Arc::new(Mutex::new(Times { steady: Duration::ZERO, system_ms: 1_000_000 }));
        let clock = Clock::new({
            let times = std::sync::Arc::clone(&times);
            move || *times.lock()
        });
        let at = |steady_ms, system_ms| {
            *times.lock() = Times { steady: Duration::from_millis(steady_ms), system_ms };
            clock.now_ms()
        };
        assert_eq!(at(0, 1_000_000), 1_000_000);
        assert_eq!(
            at(500, 400_000),
            1_000_500,
            "set back: time goes on as if nothing had happened"
        );
        assert_eq!(
            at(2_500, 402_000),
            1_002_500,
            "and an order that has a minute keeps exactly that minute"
        );
        assert_eq!(at(2_600, 1_003_000), 1_002_600, "a small step ahead is drift");
        assert_eq!(at(2_600, 2_000_000), 2_000_000, "set ahead: followed");
        assert_eq!(at(2_700, 2_000_050), 2_000_100);
    }

    #[test]
    fn a_journal_from_the_future_is_not_gone_back_from() {
        let clock = Clock::default();
        let ahead = clock.now_ms() + 3_600_000;
        clock.raise_to(ahead);
        assert!(clock.now_ms() >= ahead);
        clock.raise_to(5);
        assert!(clock.now_ms() >= ahead);
    }
}

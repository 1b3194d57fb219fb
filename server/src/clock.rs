//! The clock: the only code that reads the time of the system.

use parking_lot::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Step of the system's clock that is followed, milliseconds. Smaller steps are drift.
const FOLLOW_AHEAD_MS: u64 = 1_000;

/// A monotonic clock in Unix milliseconds, shared by all shards.
///
/// It advances with the monotonic clock, from the system time at the start. If the system's clock
/// is set back, the step is ignored, so that pending orders neither expire early nor live longer.
/// If it is set ahead, the step is followed.
pub struct Clock {
    anchor: Mutex<Anchor>,
    times: Box<dyn Fn() -> Times + Send + Sync>,
}

/// A reading of the two clocks of the system.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Monotonic time since a fixed moment.
    pub steady: Duration,
    /// Time of day, Unix milliseconds. It may change by any step at any time.
    pub system_ms: u64,
}

struct Anchor {
    at: Duration,
    ms: u64,
    /// True while the time follows another server's and approaches the system's clock slowly.
    slews: bool,
}

/// Part of the elapsed time by which a slewing clock approaches the system's.
const SLEW_DIVISOR: u64 = 100;

impl Default for Clock {
    fn default() -> Self {
        let start = Instant::now();
        Self::new(move || Times { steady: start.elapsed(), system_ms: system_ms() })
    }
}

impl Clock {
    /// Creates a clock that reads these times.
    pub fn new(times: impl Fn() -> Times + Send + Sync + 'static) -> Self {
        let Times { steady, system_ms } = times();
        let anchor = Anchor { at: steady, ms: system_ms, slews: false };
        Self { anchor: Mutex::new(anchor), times: Box::new(times) }
    }

    /// Returns the current time, Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        let mut anchor = self.anchor.lock();
        let times = (self.times)();
        let elapsed = times.steady.saturating_sub(anchor.at).as_millis() as u64;
        let steady = anchor.ms + elapsed;
        let system = times.system_ms;
        if anchor.slews && system > steady {
            let slewed = steady + (system - steady).min(elapsed / SLEW_DIVISOR);
            if elapsed >= SLEW_DIVISOR {
                *anchor = Anchor { at: times.steady, ms: slewed, slews: slewed < system };
            }
            return slewed;
        }
        if system <= steady + FOLLOW_AHEAD_MS {
            return steady;
        }
        *anchor = Anchor { at: times.steady, ms: system, slews: false };
        system
    }

    /// Raises the clock to at least `ms`. The next frame must not precede the journal's last frame.
    pub fn raise_to(&self, ms: u64) {
        if self.now_ms() < ms {
            *self.anchor.lock() = Anchor { at: (self.times)().steady, ms, slews: false };
        }
    }

    /// Goes on with the time of another server, whose clock is `offset_ms` ahead of this one or
    /// behind it: nothing expires early because the accounts moved. From then on the clock
    /// approaches the system's by at most 1 %.
    pub fn adopt(&self, offset_ms: i64) {
        let ms = self.now_ms().saturating_add_signed(offset_ms);
        let Times { steady, system_ms } = (self.times)();
        *self.anchor.lock() = Anchor { at: steady, ms, slews: ms < system_ms };
    }

    /// Returns the system's time of day, Unix milliseconds.
    pub fn system_ms(&self) -> u64 {
        (self.times)().system_ms
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock reads the system time here")]
fn system_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_is_ignored_and_a_step_ahead_is_followed() {
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
        assert_eq!(at(500, 400_000), 1_000_500, "a step back does not change the time");
        assert_eq!(at(2_500, 402_000), 1_002_500, "an order still lives exactly one minute");
        assert_eq!(at(2_600, 1_003_000), 1_002_600, "a small step ahead is drift");
        assert_eq!(at(2_600, 2_000_000), 2_000_000, "a step ahead is followed");
        assert_eq!(at(2_700, 2_000_050), 2_000_100);
    }

    #[test]
    fn an_adopted_time_approaches_the_systems_slowly() {
        let times =
            std::sync::Arc::new(Mutex::new(Times { steady: Duration::ZERO, system_ms: 1_000_000 }));
        let clock = Clock::new({
            let times = std::sync::Arc::clone(&times);
            move || *times.lock()
        });
        clock.adopt(-800);
        let (mut before, mut at) = (clock.now_ms(), 0);
        assert_eq!(before, 999_200);
        while before < 1_000_000 + at {
            at += 70;
            let steady = Duration::from_millis(at);
            *times.lock() = Times { steady, system_ms: 1_000_000 + at };
            let now = clock.now_ms();
            assert!((70..=71).contains(&(now - before)), "{now} after {before}");
            before = now;
        }
        assert!((80_000..130_000).contains(&at), "caught up after {at} ms");
    }

    #[test]
    fn the_clock_does_not_precede_a_journal_from_the_future() {
        let clock = Clock::default();
        let ahead = clock.now_ms() + 3_600_000;
        clock.raise_to(ahead);
        assert!(clock.now_ms() >= ahead);
        clock.raise_to(5);
        assert!(clock.now_ms() >= ahead);
    }
}

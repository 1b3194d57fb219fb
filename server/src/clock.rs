//! The one place that asks what time it is.

use parking_lot::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How far the system's clock must be ahead before it is followed, in milliseconds.
const FOLLOW_AHEAD_MS: u64 = 1_000;

/// Unix milliseconds that never run backwards while the process lives, for all shards alike.
///
/// It runs by the monotonic clock from where the system's clock stood at the start. A system clock set back is ignored
/// (pending orders neither run out nor live longer for it), one set ahead is followed.
#[derive(Debug)]
pub struct Clock {
    anchor: Mutex<Anchor>,
}

#[derive(Debug)]
struct Anchor {
    at: Instant,
    ms: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { anchor: Mutex::new(Anchor { at: Instant::now(), ms: system_ms() }) }
    }
}

impl Clock {
    /// Now, in Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        let mut anchor = self.anchor.lock();
        let steady = anchor.ms + anchor.at.elapsed().as_millis() as u64;
        let system = system_ms();
        if system <= steady + FOLLOW_AHEAD_MS {
            return steady;
        }
        *anchor = Anchor { at: Instant::now(), ms: system };
        system
    }

    /// Makes it run from at least this time: a journal's last frame, which the next one must not precede.
    pub fn raise_to(&self, ms: u64) {
        if self.now_ms() < ms {
            *self.anchor.lock() = Anchor { at: Instant::now(), ms };
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
    fn a_journal_from_the_future_is_not_gone_back_from() {
        let clock = Clock::default();
        let ahead = clock.now_ms() + 3_600_000;
        clock.raise_to(ahead);
        assert!(clock.now_ms() >= ahead);
        clock.raise_to(5);
        assert!(clock.now_ms() >= ahead);
    }
}

//! A circuit breaker. It opens after several failures in a row and rejects every attempt for a
//! while. It then allows one trial attempt, and closes when that succeeds. Callers therefore do not
//! wait for the timeout of a source that is known to be down.

use std::time::Duration;
use tokio::time::Instant;

/// Consecutive failures that open the breaker.
const FAILURES_TO_OPEN: u32 = 5;
/// Time an open breaker rejects attempts before it allows a trial.
const PAUSE: Duration = Duration::from_millis(500);

/// A breaker for one source, closed at first.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Time until which attempts are rejected. After it, one trial is allowed for each pause.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Returns true if an attempt may be made now. A trial allowed while open starts a new pause.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = Some(now + PAUSE);
                true
            }
        }
    }

    /// Records a successful attempt and closes the breaker.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Records a failed attempt, and opens the breaker at the limit.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_TO_OPEN {
            self.open_until = Some(now + PAUSE);
        }
    }

    /// Returns true while the breaker is open.
    pub(super) const fn is_open(&self) -> bool {
        self.open_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_failures_open_the_breaker_and_one_trial_is_allowed_per_pause() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for _ in 1..FAILURES_TO_OPEN {
            breaker.failed(start);
        }
        breaker.succeeded();
        for _ in 0..FAILURES_TO_OPEN {
            assert!(breaker.allows(start));
            breaker.failed(start);
        }
        assert!(breaker.is_open() && !breaker.allows(start));
        assert!(breaker.allows(start + PAUSE), "the first trial is allowed");
        assert!(!breaker.allows(start + PAUSE), "a second trial is rejected");
        breaker.failed(start + PAUSE);
        assert!(breaker.allows(start + 2 * PAUSE));
        breaker.succeeded();
        assert!(!breaker.is_open() && breaker.allows(start) && breaker.allows(start));
    }
}

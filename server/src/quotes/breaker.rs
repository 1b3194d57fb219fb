//! A circuit breaker: after some failures in a row it says no for a while, then lets one try
//! through, and closes by itself when that succeeds. So nobody waits out a timeout for a source
//! that is known to be down.

use std::time::Duration;
use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open before the next try.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether a source may be asked.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Until when it says no; a try after that is the only one until the next.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a try may be made now.
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

    /// A try has succeeded: all is well.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A try has failed.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_TO_OPEN {
            self.open_until = Some(now + PAUSE);
        }
    }

    /// Whether it is open.
    pub(super) const fn is_open(&self) -> bool {
        self.open_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_try_through_at_a_time() {
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
        assert!(breaker.allows(start + PAUSE), "one may try");
        assert!(!breaker.allows(start + PAUSE), "and no other");
        breaker.failed(start + PAUSE);
        assert!(breaker.allows(start + 2 * PAUSE));
        breaker.succeeded();
        assert!(!breaker.is_open() && breaker.allows(start) && breaker.allows(start));
    }
}

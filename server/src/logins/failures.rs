//! Failed logins of each source: ten, then one in ten seconds.
//!
//! Only failures count. Attempts under way are counted apart, so that many at once can neither pass
//! the bound nor use it up if they succeed.

use crate::access::Source;
use crate::limits::{FAILURE_BURST, FAILURE_INTERVAL, FAILURE_SOURCES_MAX};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Failed logins of each source.
#[derive(Debug, Default)]
pub(super) struct Failures {
    sources: HashMap<Source, Attempts>,
}

/// The attempts of one source.
#[derive(Debug)]
struct Attempts {
    /// Time at which all its failures are forgotten.
    clear_at: Instant,
    under_way: u32,
}

/// Why an attempt may not begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// There were too many failures.
    For(Duration),
    /// There would be, if all attempts under way failed.
    ForOthers,
}

impl Failures {
    /// Begins an attempt.
    ///
    /// # Errors
    /// Why it may not begin now.
    pub(super) fn begin(&mut self, source: Source, now: Instant) -> Result<(), Wait> {
        if self.sources.len() >= FAILURE_SOURCES_MAX && !self.sources.contains_key(&source) {
            self.sources.retain(|_, one| one.clear_at > now || one.under_way > 0);
            if self.sources.len() >= FAILURE_SOURCES_MAX {
                return Err(Wait::For(FAILURE_INTERVAL));
            }
        }
        let fresh = Attempts { clear_at: now, under_way: 0 };
        let attempts = self.sources.entry(source).or_insert(fresh);
        let after_one = attempts.clear_at.max(now) + FAILURE_INTERVAL;
        let allowed = now + FAILURE_INTERVAL * FAILURE_BURST;
        if after_one > allowed {
            return Err(Wait::For(after_one - allowed));
        }
        if after_one + FAILURE_INTERVAL * attempts.under_way > allowed {
            return Err(Wait::ForOthers);
        }
        attempts.under_way += 1;
        Ok(())
    }

    /// Ends an attempt that was begun.
    pub(super) fn end(&mut self, source: Source, failed: bool, now: Instant) {
        let Some(attempts) = self.sources.get_mut(&source) else { return };
        attempts.under_way = attempts.under_way.saturating_sub(1);
        if failed {
            attempts.clear_at = attempts.clear_at.max(now) + FAILURE_INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    #[test]
    fn ten_failures_then_one_in_ten_seconds_and_successes_do_not_count() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let (one, other) = (source("10.0.0.1"), source("10.0.0.2"));
        for _ in 0..100 {
            failures.begin(other, start).unwrap();
            failures.end(other, false, start);
        }
        let mut admitted = 0;
        for ms in (0..60_000).step_by(60) {
            let now = start + Duration::from_millis(ms);
            if failures.begin(one, now).is_ok() {
                admitted += 1;
                failures.end(one, true, now);
            }
        }
        assert_eq!(admitted, 15);
        assert!(failures.begin(other, start).is_ok());
    }

    #[test]
    fn attempts_at_once_wait_for_each_other_and_cannot_pass_the_bound() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        let of = source("10.0.0.1");
        assert_eq!((0..30).filter(|_| failures.begin(of, now).is_ok()).count(), 10);
        assert_eq!(failures.begin(of, now), Err(Wait::ForOthers));
        failures.end(of, false, now);
        assert!(failures.begin(of, now).is_ok());
        (0..10).for_each(|_| failures.end(of, true, now));
        assert!(matches!(failures.begin(of, now), Err(Wait::For(_))));
    }
}

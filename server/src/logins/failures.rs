//! Failed logins of each source: ten, then one in ten seconds.
//!
//! Only failures count. An attempt is counted before it is verified and given back if it succeeds,
//! so that many at once cannot pass the bound.

use super::network::Source;
use crate::limits::{FAILURE_BURST, FAILURE_INTERVAL, FAILURE_SOURCES_MAX};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Failed logins of each source.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Time at which all failures of a source are forgotten.
    clear_at: HashMap<Source, Instant>,
}

impl Failures {
    /// Counts an attempt.
    ///
    /// # Errors
    /// The time to wait, if there were too many.
    pub(super) fn begin(&mut self, source: Source, now: Instant) -> Result<(), Duration> {
        if self.clear_at.len() >= FAILURE_SOURCES_MAX && !self.clear_at.contains_key(&source) {
            self.clear_at.retain(|_, at| *at > now);
            if self.clear_at.len() >= FAILURE_SOURCES_MAX {
                return Err(FAILURE_INTERVAL);
            }
        }
        let clear_at = self.clear_at.get(&source).map_or(now, |at| (*at).max(now));
        let after = clear_at + FAILURE_INTERVAL;
        let allowed = now + FAILURE_INTERVAL * FAILURE_BURST;
        if after > allowed {
            return Err(after - allowed);
        }
        self.clear_at.insert(source, after);
        Ok(())
    }

    /// Gives an attempt back that has succeeded.
    pub(super) fn succeeded(&mut self, source: Source) {
        if let Some(at) = self.clear_at.get_mut(&source) {
            *at -= FAILURE_INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_then_one_in_ten_seconds_and_successes_do_not_count() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let source = |text: &str| Source::of(text.parse().unwrap());
        let (one, other) = (source("10.0.0.1"), source("10.0.0.2"));
        for _ in 0..100 {
            failures.begin(other, start).unwrap();
            failures.succeeded(other);
        }
        let mut admitted = 0;
        for ms in (0..60_000).step_by(60) {
            admitted += u32::from(failures.begin(one, start + Duration::from_millis(ms)).is_ok());
        }
        assert_eq!(admitted, 15);
        assert!(failures.begin(other, start).is_ok());
    }
}

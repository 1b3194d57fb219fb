//! Names that many wrong secrets were tried for: their next answer is delayed. It is never a
//! lock-out, which an attacker could use against the login's owner.

use crate::limits::{NAME_DELAY_MAX, NAME_FAILURES_KEPT, NAMES_TRIED_MAX};
use daytrade_protocol::UserName;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Failures without a delay.
const FREE: u32 = 3;
/// The first delay; it doubles with each failure.
const DELAY: Duration = Duration::from_millis(100);

/// Names that wrong secrets were tried for, whether they exist or not.
#[derive(Debug, Default)]
pub(super) struct TriedNames {
    failures: HashMap<UserName, (u32, Instant)>,
}

impl TriedNames {
    /// Returns how long the next attempt for a name has to wait.
    pub(super) fn delay(&self, name: &UserName, now: Instant) -> Duration {
        match self.failures.get(name) {
            Some((count, at)) if *count >= FREE && now - *at < NAME_FAILURES_KEPT => {
                DELAY.saturating_mul(1 << (count - FREE).min(16)).min(NAME_DELAY_MAX)
            }
            _ => Duration::ZERO,
        }
    }

    /// Counts a failure.
    pub(super) fn failed(&mut self, name: &UserName, now: Instant) {
        if self.failures.len() >= NAMES_TRIED_MAX && !self.failures.contains_key(name) {
            self.failures.retain(|_, (_, at)| now - *at < NAME_FAILURES_KEPT);
            if self.failures.len() >= NAMES_TRIED_MAX {
                self.failures.clear();
            }
        }
        let (count, at) = self.failures.entry(name.clone()).or_insert((0, now));
        (*count, *at) = (count.saturating_add(1), now);
    }

    /// Forgets the failures of a name.
    pub(super) fn succeeded(&mut self, name: &UserName) {
        self.failures.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_of_a_name_grows_to_a_bound_and_is_forgotten() {
        let (mut names, now) = (TriedNames::default(), Instant::now());
        let name = UserName::parse(b"alice").unwrap();
        let mut delays = Vec::new();
        for _ in 0..40 {
            delays.push(names.delay(&name, now).as_millis());
            names.failed(&name, now);
        }
        assert_eq!(delays[..7], [0, 0, 0, 100, 200, 400, 800]);
        assert_eq!(delays[39], NAME_DELAY_MAX.as_millis());
        assert_eq!(names.delay(&name, now + NAME_FAILURES_KEPT), Duration::ZERO);
        names.succeeded(&name);
        assert_eq!(names.delay(&name, now), Duration::ZERO);
    }
}

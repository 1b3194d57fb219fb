//! The rates of one login, shared by its sessions. Past a rate the server reads more slowly, so
//! nothing is lost; only reading the log is refused.

use crate::access::{LogPermit, LoginLimits, Role};
use crate::limits::{COMMAND_RATE, LOG_READS_A_MINUTE, PRICE_RATE};
use daytrade_protocol::Refusal;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Rates of every login.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Lines a second.
    pub commands: NonZeroU32,
    /// Commands that need a price, a second.
    pub prices: NonZeroU32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { commands: COMMAND_RATE, prices: PRICE_RATE }
    }
}

/// The rates of one login.
pub(super) struct LoginQuota {
    /// None for a replayer.
    rates: Option<(DefaultDirectRateLimiter, DefaultDirectRateLimiter)>,
    /// None for a replayer, which still reads one log at a time.
    logs: Option<DefaultDirectRateLimiter>,
    reads_log: Arc<AtomicBool>,
    clock: DefaultClock,
}

impl LoginQuota {
    /// Creates the rates of a login.
    pub(super) fn new(role: Role, rates: Rates) -> Self {
        let is_limited = role != Role::Replayer;
        let limiter = |quota| RateLimiter::direct(quota);
        Self {
            rates: is_limited.then(|| {
                let (commands, prices) = (rates.commands, rates.prices);
                (limiter(Quota::per_second(commands)), limiter(Quota::per_second(prices)))
            }),
            logs: is_limited.then(|| limiter(Quota::per_minute(LOG_READS_A_MINUTE))),
            reads_log: Arc::default(),
            clock: DefaultClock::default(),
        }
    }

    fn take(&self, limiter: &DefaultDirectRateLimiter) -> Result<(), Duration> {
        limiter.check().map_err(|not_yet| not_yet.wait_time_from(self.clock.now()))
    }
}

/// Given back when the log is read.
struct ReadsLog(Arc<AtomicBool>);

impl Drop for ReadsLog {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl LoginLimits for LoginQuota {
    fn command(&self) -> Result<(), Instant> {
        let Some((commands, _)) = &self.rates else { return Ok(()) };
        self.take(commands).map_err(|wait| Instant::now() + wait)
    }

    fn price(&self) -> Result<(), Instant> {
        let Some((_, prices)) = &self.rates else { return Ok(()) };
        self.take(prices).map_err(|wait| Instant::now() + wait)
    }

    fn log(self: Arc<Self>, dump: bool) -> Result<LogPermit, Refusal> {
        if dump && self.logs.is_none() {
            return Ok(None);
        }
        if self.reads_log.swap(true, Ordering::Acquire) {
            return Err(Refusal::RateLimited(1));
        }
        let permit = ReadsLog(Arc::clone(&self.reads_log));
        if let Some(logs) = &self.logs {
            self.take(logs).map_err(|wait| Refusal::RateLimited(wait.as_secs() + 1))?;
        }
        Ok(Some(Arc::new(permit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_log_at_a_time_and_six_a_minute_but_a_replayer_has_no_limit() {
        let quota = Arc::new(LoginQuota::new(Role::Trader, Rates::default()));
        let first = Arc::clone(&quota).log(false).unwrap();
        assert!(matches!(Arc::clone(&quota).log(false), Err(Refusal::RateLimited(1))));
        drop(first);
        let more = (0..10).filter(|_| Arc::clone(&quota).log(false).is_ok()).count();
        assert_eq!(more, 5);
        assert!((0..6_000).any(|_| quota.command().is_err()));
        let quota = Arc::new(LoginQuota::new(Role::Replayer, Rates::default()));
        assert!((0..6_000).all(|_| quota.command().is_ok() && quota.price().is_ok()));
        let held: Vec<_> = (0..10).map(|_| Arc::clone(&quota).log(true)).collect();
        assert!(held.iter().all(Result::is_ok));
    }
}

//! Closes connections that neither send nor wait for anything.

use std::time::Duration;
use tokio::time::Instant;

/// Longer than any connection lives.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// The idle timeout of a connection.
#[derive(Debug)]
pub(super) struct IdleTimer {
    timeout: Duration,
    /// Time of the last activity: a line read, a reply awaited, bytes written.
    active_at: Instant,
}

impl IdleTimer {
    /// Starts the timer; None never closes the connection.
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self { timeout: timeout.unwrap_or(NEVER), active_at: Instant::now() }
    }

    /// Notes activity at this time.
    pub(super) fn note(&mut self, at: Instant) {
        self.active_at = self.active_at.max(at);
    }

    /// Returns true if the connection has been idle for too long.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.active_at + self.timeout <= now
    }

    /// Returns when it will be, if ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.timeout < NEVER).then(|| self.active_at + self.timeout)
    }
}

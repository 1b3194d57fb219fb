//! The end of a session whose login has been changed, or whose accounts are elsewhere.

use daytrade_protocol::Push;
use std::io;
use std::time::Duration;
use tokio::time::Instant;

/// Answers what was taken up, says why, and ends, all within a time.
#[derive(Debug, Default)]
pub(super) struct Revocation {
    end_by: Option<Instant>,
    bye: Option<Push>,
}

impl Revocation {
    /// Begins, unless it has. `bye` is the last line.
    pub(super) fn begin(&mut self, bye: Push, within: Duration, now: Instant) {
        if self.end_by.is_none() {
            (self.end_by, self.bye) = (Some(now + within), Some(bye));
        }
    }

    /// Returns true if it has begun.
    pub(super) const fn has_begun(&self) -> bool {
        self.end_by.is_some()
    }

    /// Returns the line that says why, once, when everything is answered.
    pub(super) fn say(&mut self, unanswered: bool) -> Option<Push> {
        if unanswered { None } else { self.bye.take() }
    }

    /// Checks whether there is time left.
    ///
    /// # Errors
    /// `TimedOut`.
    pub(super) fn check(&self, now: Instant) -> io::Result<()> {
        match self.end_by {
            Some(by) if by <= now => {
                let why = "its login has been changed, or the accounts are elsewhere";
                Err(io::Error::new(io::ErrorKind::TimedOut, why))
            }
            _ => Ok(()),
        }
    }

    /// Returns when its time is over.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.end_by
    }
}

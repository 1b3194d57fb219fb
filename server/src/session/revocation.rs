//! The end of a session whose login has been changed.

use crate::limits::REVOKED_WITHIN;
use daytrade_protocol::Push;
use std::io;
use tokio::time::Instant;

/// Answers what was taken up, says why, and ends, all within a second.
#[derive(Debug, Default)]
pub(super) struct Revocation {
    end_by: Option<Instant>,
    said: bool,
}

impl Revocation {
    /// Begins, unless it has.
    pub(super) fn begin(&mut self, now: Instant) {
        self.end_by.get_or_insert(now + REVOKED_WITHIN);
    }

    /// Returns the line that says why, once, when everything is answered.
    pub(super) fn say(&mut self, unanswered: bool) -> Option<Push> {
        if self.end_by.is_none() || unanswered || std::mem::replace(&mut self.said, true) {
            return None;
        }
        Some(Push::ByeRevoked)
    }

    /// Checks whether there is time left.
    ///
    /// # Errors
    /// `TimedOut`.
    pub(super) fn check(&self, now: Instant) -> io::Result<()> {
        match self.end_by {
            Some(by) if by <= now => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "its login has been changed"))
            }
            _ => Ok(()),
        }
    }

    /// Returns when its time is over.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.end_by
    }
}

//! A READLOG or REPORT under way: parts of the log arrive from a thread, as fast as the client
//! takes them.

use crate::access::LogPermit;
use crate::audit::LogPart;
use crate::limits::LOG_READER_PATIENCE;
use crate::message::ReplyTo;
use daytrade_protocol::Refusal;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// A READLOG or REPORT under way.
pub(super) struct LogReading {
    /// The request to answer at the end.
    pub to: ReplyTo,
    /// True if it is a REPORT.
    pub is_report: bool,
    parts: Receiver<LogPart>,
    /// When the client last took something.
    moved_at: Instant,
    _permit: LogPermit,
}

impl LogReading {
    /// Begins to read.
    pub(super) fn new(to: ReplyTo, parts: Receiver<LogPart>, permit: LogPermit) -> Self {
        Self { to, is_report: false, parts, moved_at: Instant::now(), _permit: permit }
    }

    /// It is a REPORT.
    pub(super) fn of_report(self) -> Self {
        Self { is_report: true, ..self }
    }

    /// Returns the next part.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<LogPart> {
        self.parts.poll_recv(context).map(|part| {
            let ended = || Refusal::DumpFailed("the reader has ended".into());
            part.unwrap_or_else(|| LogPart::End(Err(ended())))
        })
    }

    /// Notes that the client has taken something, or has nothing to take.
    pub(super) fn note_moved(&mut self, now: Instant) {
        self.moved_at = now;
    }

    /// Returns when a client that takes nothing has had its time.
    pub(super) fn deadline(&self) -> Instant {
        self.moved_at + LOG_READER_PATIENCE
    }
}

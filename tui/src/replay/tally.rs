//! The tally of a replay: counts of outcomes, and the first problems by their line in the file.
//!
//! It owns the [`Summary`] while the replay runs. It must never decide what is sent or printed.

use super::summary::Summary;
use daytrade_protocol::{Code, CommandName};
use std::io::{self, Write as _};

/// Differences that are reported one by one.
const DIFFERENCES_SHOWN: u64 = 10;

/// Counts of a running replay.
#[derive(Debug)]
pub(super) struct Tally {
    summary: Summary,
    /// Name of the file in messages.
    file: String,
    /// True if differences go to standard error. A monitor shows them next to the reply instead.
    reports_differences: bool,
}

impl Tally {
    pub(super) fn new(file: String, reports_differences: bool) -> Self {
        Self { summary: Summary::default(), file, reports_differences }
    }

    /// Returns the number of lines sent.
    pub(super) const fn lines(&self) -> u64 {
        self.summary.lines
    }

    /// Counts a line that is sent.
    pub(super) const fn on_sent(&mut self) {
        self.summary.lines += 1;
    }

    /// Counts a reply.
    pub(super) fn on_reply(
        &mut self,
        command: Option<CommandName>,
        refused: Option<Code>,
        latency_us: u64,
    ) {
        self.summary.count(command, refused, latency_us);
    }

    /// Records a malformed line by its number in the file.
    pub(super) fn on_malformed(&mut self, file_line: u64, cause: &str) {
        self.summary.record_malformed(&self.file, file_line, cause);
    }

    /// Counts a difference from the expected replies, and reports it if it is one of the first.
    pub(super) fn on_difference(&mut self, message: &str) {
        self.summary.differences += 1;
        if self.reports_differences && self.summary.differences <= DIFFERENCES_SHOWN {
            let _ = writeln!(io::stderr(), "{}: {message}", self.file);
        }
    }

    /// Returns the summary of a replay that took this time, in microseconds.
    pub(super) fn finish(mut self, wall_us: u64) -> Summary {
        self.summary.wall_us = wall_us;
        self.summary
    }
}

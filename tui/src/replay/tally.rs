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
    /// Bytes of the file that are sent or skipped, and lines sent that have no reply yet.
    passed_bytes: u64,
    unanswered: u64,
}

impl Tally {
    pub(super) fn new(file: String, reports_differences: bool) -> Self {
        let summary = Summary::default();
        Self { summary, file, reports_differences, passed_bytes: 0, unanswered: 0 }
    }

    /// Counts bytes of the file that are not sent.
    pub(super) const fn on_skipped(&mut self, bytes: usize) {
        self.passed_bytes += bytes as u64;
    }

    /// Returns about how many bytes of the file are answered: a line counts once it has its reply.
    pub(super) fn answered_bytes(&self) -> u64 {
        let (lines, unanswered) = (self.summary.lines.max(1), self.unanswered);
        let answered = u128::from(lines.saturating_sub(unanswered));
        (u128::from(self.passed_bytes) * answered / u128::from(lines)) as u64
    }

    /// Records the reply that ends the replay.
    pub(super) fn on_stop(&mut self, file_line: u64, reply: &str) {
        self.summary.stopped = Some(format!("{}:{file_line}: {reply}", self.file));
    }

    /// Returns the number of lines sent.
    pub(super) const fn lines(&self) -> u64 {
        self.summary.lines
    }

    /// Counts lines that are sent, with their bytes, and those of them that have replies.
    pub(super) const fn on_sent(&mut self, bytes: usize, lines: u64, replies: u64) {
        self.summary.lines += lines;
        self.passed_bytes += bytes as u64;
        self.unanswered += replies;
    }

    /// Counts a reply.
    #[inline]
    pub(super) fn on_reply(
        &mut self,
        command: Option<CommandName>,
        refused: Option<Code>,
        latency_us: u64,
    ) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.summary.count(command, refused, latency_us);
    }

    /// Counts a line whose reply will never come.
    pub(super) fn on_lost(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.summary.refused[Code::Unknown as usize] += 1;
    }

    /// Lists a line that may have been carried out, with its number in the file.
    pub(super) fn on_unknown(&mut self, file_line: u64, text: &str) {
        self.summary.unknown.push((file_line, format!("{}:{file_line}: {text}", self.file)));
    }

    /// Lists lines without a reply that may have been carried out.
    pub(super) fn on_unknown_noreply(&mut self, (first, last): (u64, u64), lines: u64) {
        let which = match lines {
            1 => format!("{}:{first}: the line wants no reply", self.file),
            more => format!("{}:{first}: {more} lines to {last} want no reply", self.file),
        };
        self.summary.unknown.push((first, which));
    }

    /// Returns the lines that may have been carried out, as text.
    pub(super) fn unknown_text(&self) -> String {
        self.summary.unknown_text()
    }

    /// Records a malformed line by its number in the file.
    pub(super) fn on_malformed(&mut self, file_line: u64, cause: &str) {
        self.summary.record_malformed(&self.file, file_line, cause);
    }

    /// Returns the number of differences so far.
    pub(super) const fn differences(&self) -> u64 {
        self.summary.differences
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
        self.summary.unanswered = self.unanswered;
        self.summary.wall_us = wall_us;
        self.summary.unknown.sort_unstable();
        self.summary
    }
}

//! Progress of a monitored replay: counts, and the newest requests with their replies.
//!
//! It owns the [`Progress`] that the monitor receives. It must never write to a connection or read
//! the file. A replay without a monitor has no tracker and pays nothing for it.

use super::control::PaceControl;
use super::sender::SendPause;
use crate::net::clean;
use crate::replay_message::{Control, Exchange, Instant, Progress, Stage};
use std::collections::VecDeque;

/// Progress of a replay and its pace.
#[derive(Debug)]
pub(super) struct ProgressTracker {
    progress: Progress,
    control: PaceControl,
    /// Requests in flight, in the order of the file.
    requests: VecDeque<String>,
}

impl ProgressTracker {
    /// Creates a tracker that continues from this progress, paused.
    pub(super) const fn new(progress: Progress) -> Self {
        Self { progress, control: PaceControl::new(), requests: VecDeque::new() }
    }

    /// Applies a command of the monitor.
    pub(super) const fn apply(&mut self, control: Control, now_us: u64) {
        self.control.apply(control, self.progress.lines, now_us);
    }

    /// Returns the reason why the next line may not be sent yet, with this number of lines
    /// unanswered.
    pub(super) fn pause_reason(&self, unanswered: usize, now_us: u64) -> Option<SendPause> {
        self.control.pause_reason(self.progress.lines, unanswered, now_us)
    }

    /// Records a line that is sent, without its LF.
    pub(super) fn on_sent(&mut self, line: &[u8], expects_reply: bool) {
        self.progress.lines += 1;
        self.control.on_sent();
        if expects_reply {
            self.requests.push_back(clean(&String::from_utf8_lossy(line)));
        }
    }

    /// Records the reply to the oldest line in flight.
    pub(super) fn on_reply(
        &mut self,
        file_line: u64,
        refused: Option<&'static str>,
        reply: &[u8],
        difference: Option<String>,
        now_us: u64,
    ) {
        let request = self.requests.pop_front().unwrap_or_default();
        match refused {
            Some(code) => {
                self.progress.refused += 1;
                *self.progress.reasons.entry(code).or_default() += 1;
            }
            None => self.progress.ok += 1,
        }
        self.progress.differences += u64::from(difference.is_some());
        if refused.is_some() || difference.is_some() {
            self.control.on_refusal(self.progress.lines, now_us);
        }
        let reply: Vec<String> = String::from_utf8_lossy(reply).lines().map(clean).collect();
        let reply = reply.join("\n");
        let exchange = Exchange { file_line, request, reply, refused, difference };
        self.progress.exchanges.push(exchange);
    }

    /// Records that every line of the file has its reply.
    pub(super) fn end(&mut self, differences: u64) {
        self.progress.differences = differences;
        self.progress.stage = Stage::Ended;
    }

    /// Stores the account that was asked for.
    pub(super) fn set_instant(&mut self, instant: Instant) {
        self.progress.instant = Some(instant);
    }

    /// Returns the progress so far.
    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns a copy of the progress for the monitor.
    pub(super) fn snapshot(&self, wall_us: u64, answered_bytes: u64) -> Progress {
        Progress {
            wall_us,
            bytes: (self.progress.bytes.0, answered_bytes),
            pace: self.control.pace(),
            paced_from: self.control.paced_from(),
            ..self.progress.clone()
        }
    }
}

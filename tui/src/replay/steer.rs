//! A replay that is watched and steered: how fast lines may go, and what has come of them. The
//! screen uses it; the engine underneath is the one that runs without a screen.

use crate::replay_message::{Control as Steer, EXCHANGES_MAX, Exchange, Pace, Progress};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the engine keeps for the watcher.
#[derive(Debug)]
pub(super) struct Watched {
    pub progress: Progress,
    /// Lines that may go while paused.
    steps: u64,
    /// Requests in flight, in the order of the file.
    requests: VecDeque<String>,
}

impl Watched {
    pub(super) const fn new(progress: Progress) -> Self {
        Self { progress, steps: 0, requests: VecDeque::new() }
    }

    /// Takes the watcher's word.
    pub(super) const fn steer(&mut self, steer: Steer, now_us: u64) {
        match steer {
            Steer::Pace(pace) => self.set_pace(pace, now_us),
            Steer::Step => {
                self.steps += 1;
                self.set_pace(Pace::Paused, now_us);
            }
        }
    }

    const fn set_pace(&mut self, pace: Pace, now_us: u64) {
        if !matches!(pace, Pace::Paused) {
            self.steps = 0;
        }
        self.progress.pace = pace;
        self.progress.paced_from = (self.progress.lines, now_us);
    }

    /// Whether a line must wait for its time, or for the watcher; `waiting` lines are in flight.
    pub(super) fn holds_back(&self, waiting: usize, now_us: u64) -> Option<super::state::Feed> {
        use super::state::Feed;
        match self.progress.pace {
            Pace::Paused => (self.steps == 0).then_some(Feed::NeedsReplies),
            Pace::Max => None,
            Pace::ToNextRefusal => (waiting > 0).then_some(Feed::NeedsReplies),
            Pace::Rate(rate) => {
                let (lines, from_us) = self.progress.paced_from;
                let may = rate.saturating_mul(now_us.saturating_sub(from_us)) / 1_000_000;
                (self.progress.lines - lines > may).then_some(Feed::NeedsTime)
            }
        }
    }

    /// Notes a line that goes out; one that is answered is kept until then.
    pub(super) fn sent(&mut self, line: &[u8], is_answered: bool) {
        self.progress.lines += 1;
        self.progress.bytes.1 += line.len() as u64 + 1;
        self.steps = self.steps.saturating_sub(1);
        if is_answered {
            self.requests.push_back(crate::net::clean(&String::from_utf8_lossy(line)));
        }
    }

    /// Notes the answer to the oldest line in flight.
    pub(super) fn answered(
        &mut self,
        file_line: u64,
        refused: bool,
        reply: &[u8],
        difference: Option<String>,
        now_us: u64,
    ) {
        let request = self.requests.pop_front().unwrap_or_default();
        if refused {
            self.progress.refused += 1;
        } else {
            self.progress.ok += 1;
        }
        self.progress.differences += u64::from(difference.is_some());
        if self.progress.pace == Pace::ToNextRefusal && (refused || difference.is_some()) {
            self.set_pace(Pace::Paused, now_us);
        }
        if self.progress.exchanges.len() == EXCHANGES_MAX {
            self.progress.exchanges.pop_front();
        }
        let reply: Vec<String> =
            String::from_utf8_lossy(reply).lines().map(crate::net::clean).collect();
        let reply = reply.join("\n");
        self.progress.exchanges.push_back(Arc::new(Exchange {
            file_line,
            request,
            reply,
            refused,
            difference,
        }));
    }
}

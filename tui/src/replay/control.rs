//! Pace control: when a monitored replay may send its next line.
//!
//! It owns the pace and the single steps. It must never count replies or store their text;
//! `progress` does.

use super::sender::SendPause;
use crate::replay_message::{Control, Pace};

/// The pace that the monitor has set.
#[derive(Debug)]
pub(super) struct PaceControl {
    pace: Pace,
    /// Lines sent and microseconds elapsed when the pace was set.
    paced_from: (u64, u64),
    /// Single steps that may still be sent while paused.
    steps: u64,
}

impl PaceControl {
    /// Creates a control that starts paused.
    pub(super) const fn new() -> Self {
        Self { pace: Pace::Paused, paced_from: (0, 0), steps: 0 }
    }

    pub(super) const fn pace(&self) -> Pace {
        self.pace
    }

    /// Returns the lines sent and the microseconds elapsed when the pace was set.
    pub(super) const fn paced_from(&self) -> (u64, u64) {
        self.paced_from
    }

    /// Applies a command of the monitor, after `lines` sent lines.
    pub(super) const fn apply(&mut self, control: Control, lines: u64, now_us: u64) {
        match control {
            Control::Pace(pace) => self.set_pace(pace, lines, now_us),
            Control::Step => {
                self.steps += 1;
                self.set_pace(Pace::Paused, lines, now_us);
            }
            // What is shown changes no pace.
            Control::Show(_) => {}
        }
    }

    const fn set_pace(&mut self, pace: Pace, lines: u64, now_us: u64) {
        if !matches!(pace, Pace::Paused) {
            self.steps = 0;
        }
        self.pace = pace;
        self.paced_from = (lines, now_us);
    }

    /// Returns the reason why the next line may not be sent yet, after `lines` sent lines of which
    /// `unanswered` have no reply.
    pub(super) fn pause_reason(
        &self,
        lines: u64,
        unanswered: usize,
        now_us: u64,
    ) -> Option<SendPause> {
        match self.pace {
            Pace::Paused => (self.steps == 0).then_some(SendPause::NeedsReplies),
            Pace::Max => None,
            Pace::ToNextRefusal => (unanswered > 0).then_some(SendPause::NeedsReplies),
            Pace::Rate(rate) => {
                let (lines_before, from_us) = self.paced_from;
                let allowed = rate.saturating_mul(now_us.saturating_sub(from_us)) / 1_000_000;
                (lines - lines_before > allowed).then_some(SendPause::NeedsTime)
            }
        }
    }

    /// Uses up a single step.
    pub(super) const fn on_sent(&mut self) {
        self.steps = self.steps.saturating_sub(1);
    }

    /// Pauses if the pace was to the next refusal.
    pub(super) fn on_refusal(&mut self, lines: u64, now_us: u64) {
        if self.pace == Pace::ToNextRefusal {
            self.set_pace(Pace::Paused, lines, now_us);
        }
    }
}

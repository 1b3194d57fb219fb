//! The replay of screen 5.
//!
//! Owns the newest progress and the speed to resume with. It must never run the replay or know the
//! replay engine: it turns keys into requests.

use super::{Action, ReplayRequest};
use crate::replay_message::{Control, Pace, Progress, Stage};

/// The progress of the replay and the speed to resume with.
#[derive(Debug)]
pub(crate) struct ReplayState {
    progress: Option<Progress>,
    resume_pace: Pace,
}

impl ReplayState {
    pub(super) const fn new(progress: Option<Progress>) -> Self {
        Self { progress, resume_pace: Pace::Max }
    }

    /// Returns the newest progress; None without a replay.
    pub(crate) const fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Returns the request for a key of the Replay screen; None while no replay is running.
    pub(super) fn control(&mut self, action: Action) -> Option<ReplayRequest> {
        let current = self.progress.as_ref().filter(|progress| is_running(&progress.stage))?.pace;
        let pace = match action {
            Action::ReplayPause if current == Pace::Paused => self.resume_pace,
            Action::ReplayPause => Pace::Paused,
            Action::ReplayFaster => current.beside(true),
            Action::ReplaySlower => current.beside(false),
            Action::ReplayJump => Pace::ToNextRefusal,
            _ => return Some(ReplayRequest::Control(Control::Step)),
        };
        if matches!(pace, Pace::Rate(_) | Pace::Max) {
            self.resume_pace = pace;
        }
        Some(ReplayRequest::Control(Control::Pace(pace)))
    }

    /// Stores the progress; returns a log message when the replay has just ended.
    pub(super) fn set_progress(&mut self, progress: Progress) -> Option<String> {
        let before = self.progress.as_ref();
        let has_ended = !is_running(&progress.stage)
            && before.is_none_or(|progress| is_running(&progress.stage));
        let file = &progress.file;
        let message = has_ended.then(|| match &progress.stage {
            Stage::Failed(message) => format!("replay of {file}: {message}"),
            _ => format!("replay of {file} ended after {} lines", progress.lines),
        });
        self.progress = Some(progress);
        message
    }
}

const fn is_running(stage: &Stage) -> bool {
    matches!(stage, Stage::Starting | Stage::Running)
}

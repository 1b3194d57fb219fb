//! Screen 5: what its keys do to the replay.

use super::{Action, Effect, Model, ReplayRequest};
use crate::replay::{Pace, Progress, Stage};

impl Model {
    pub(super) fn replay_key(&mut self, action: Action, effects: &mut Vec<Effect>) {
        let Some(replay) = &self.replay else {
            self.tell(&format!(
                "no replay: {} replay FILE starts one",
                self.keys.key(Action::Palette)
            ));
            return;
        };
        if !matches!(replay.stage, Stage::Starting | Stage::Running) {
            self.tell("the replay has ended");
            return;
        }
        let now = replay.pace;
        let next = match action {
            Action::ReplayPause if now == Pace::Paused => self.replay_pace,
            Action::ReplayPause => Pace::Paused,
            Action::ReplayFaster => now.beside(true),
            Action::ReplaySlower => now.beside(false),
            Action::ReplayJump => Pace::ToNextRefusal,
            _ => {
                effects.push(Effect::Replay(ReplayRequest::Step));
                return;
            }
        };
        if matches!(next, Pace::Rate(_) | Pace::Max) {
            self.replay_pace = next;
        }
        effects.push(Effect::Replay(ReplayRequest::Pace(next)));
    }

    pub(super) fn replay_news(&mut self, progress: Progress) {
        let ended = |stage: &Stage| matches!(stage, Stage::Ended | Stage::Failed(_));
        if ended(&progress.stage) && self.replay.as_ref().is_none_or(|before| !ended(&before.stage))
        {
            match &progress.stage {
                Stage::Failed(words) => self.note(&format!("replay of {}: {words}", progress.file)),
                _ => self.note(&format!(
                    "replay of {} ended after {} lines",
                    progress.file, progress.lines
                )),
            }
        }
        self.replay = Some(progress);
    }
}

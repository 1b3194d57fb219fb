//! Refuses what is not taken up: the server stops, or the journal has failed.
//!
//! The replies to a user's commands keep their order, and none is carried out after one that was
//! turned away.

use super::degraded::Health;
use super::execute::Executor;
use crate::message::{DumpDone, Job, PendingDump, ReplyTarget, Work};
use daytrade_protocol::{Refusal, ReplyBody};

impl Executor {
    /// Refuses a job that has not begun: nothing is recorded.
    pub(super) fn turn_away(&mut self, job: &Job, refusal: &Refusal) {
        match &job.work {
            Work::Command(command) => self.round.refuse_command(job.to, command, refusal),
            _ => self.round.refuse(job.to, refusal),
        }
    }

    /// Refuses a job because nothing can be decided. It waits for the user's dump, if there is one.
    pub(super) fn refuse_later(&mut self, target: &ReplyTarget, job: Job, refusal: &Refusal) {
        if let Work::Unsubscribe(user) = &job.work {
            self.subscribers.remove(user, target);
        }
        match job.user().and_then(|user| self.waiting.queue(user)) {
            Some(queue) => queue.push_back((target.clone(), job)),
            None => self.turn_away(&job, refusal),
        }
    }

    /// Refuses a DUMPLOG that cannot be recorded. The user's later commands are refused with the
    /// others that wait.
    pub(super) fn turn_away_dump(&mut self, dump: &PendingDump, refusal: &Refusal) {
        self.round.begin_delivery(&dump.target, 1);
        self.round.refuse(dump.to, refusal);
        if let Some(user) = &dump.user {
            self.waiting.unhold(user);
        }
    }

    /// Answers a DUMPLOG although nothing can be recorded. In a cluster, its record is in the log.
    pub(super) fn end_dump(&mut self, done: DumpDone, refusal: &Refusal) {
        let DumpDone { dump, result } = done;
        match result {
            Ok((path, events)) if self.health == Health::Following => {
                self.round.begin_delivery(&dump.target, 1);
                self.round.reply(dump.to, &ReplyBody::DumpLog { path: path.into(), events });
                if let Some(user) = &dump.user {
                    self.waiting.unhold(user);
                }
            }
            Err(failed) if self.health == Health::Following => self.turn_away_dump(&dump, &failed),
            _ => self.turn_away_dump(&dump, refusal),
        }
    }

    /// Refuses all commands that wait, except behind a dump, and all later ones of their users if
    /// the server does not go on.
    pub(super) fn turn_away_waiting(&mut self, refusal: &Refusal) {
        for (target, job) in self.waiting.take_all() {
            self.round.begin_delivery(&target, 1);
            self.turn_away(&job, refusal);
            if matches!(refusal, Refusal::ShuttingDown | Refusal::ReadOnly) {
                self.turned_away.extend(job.user().cloned());
            }
        }
    }

    /// Fails this round's replies and all waiting commands with READ_ONLY.
    pub(super) fn fail_pending(&mut self) {
        self.health = Health::Failed;
        self.fail_round(&Refusal::ReadOnly);
        self.turn_away_waiting(&Refusal::ReadOnly);
    }

    /// Fails this round's replies: its frame is not known to be durable.
    pub(super) fn fail_round(&mut self, refusal: &Refusal) {
        let dumps = self.round.fail(refusal);
        self.subscribers.clear_pending();
        for request in dumps {
            self.turn_away_dump(&request.dump, refusal);
        }
    }
}

//! The steps of a takeover: the first shard, then all others; each is read to the end of its stream
//! first.

use super::shards::{Role, ShardState};
use crate::engine::Owner;
use crate::limits::{LOG_PAUSE, LOG_TRY, TAKE_OVER_WITHIN};
use crate::message::ClusterOrder;
use std::time::Duration;

/// A takeover in progress.
pub(super) struct Takeover {
    until: Duration,
    /// What is known of each shard.
    steps: Vec<Step>,
    /// True once the first shard is owned.
    has_first: bool,
}

/// How far a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing is done before this time.
    Waits(Duration),
    /// The stream is asked for its last frame.
    Asks,
    /// The shard follows up to this frame.
    Reads(u64),
    /// It was told to take over.
    Told,
}

impl Takeover {
    /// Begins a takeover of this many shards.
    pub(super) fn new(shards: usize, now: Duration) -> Self {
        let steps = vec![Step::Waits(now); shards];
        Self { until: now + TAKE_OVER_WITHIN, steps, has_first: false }
    }

    /// Returns true if its time is over.
    pub(super) fn is_late(&self, now: Duration) -> bool {
        self.until <= now
    }

    /// Takes the next steps. Returns the shards whose streams have to be asked for their last
    /// frames.
    pub(super) fn step(
        &mut self,
        shards: &mut [ShardState],
        owner: &Owner,
        now: Duration,
    ) -> Vec<u16> {
        let has_first = shards.first().is_some_and(|shard| shard.role == Role::Owns);
        if has_first && !self.has_first {
            // The owner before may have gone on with the others until now.
            self.has_first = true;
            self.steps.iter_mut().skip(1).for_each(|step| *step = Step::Waits(now));
        }
        // All are read to their ends before the first is owned: so the numbers are known.
        let is_ready = |(step, shard): (&Step, &ShardState)| match step {
            Step::Reads(last) => shard.tip.frame >= *last,
            Step::Told => true,
            Step::Waits(_) | Step::Asks => false,
        };
        let may_tell = self.has_first || self.steps.iter().zip(&*shards).all(is_ready);
        let owned = if self.has_first { shards.len() } else { 1 };
        let mut asked = Vec::new();
        for (number, (step, shard)) in self.steps.iter_mut().zip(shards).enumerate() {
            match *step {
                Step::Waits(until) if until <= now => {
                    *step = Step::Asks;
                    asked.push(number as u16);
                }
                Step::Reads(last) if may_tell && number < owned && shard.tip.frame >= last => {
                    *step = Step::Told;
                    shard.stop_feed();
                    shard.role = Role::Taking;
                    shard.order(ClusterOrder::TakeOver(Box::new(owner.clone())));
                }
                Step::Waits(_) | Step::Asks | Step::Reads(_) | Step::Told => {}
            }
        }
        asked
    }

    /// Takes the answer of a stream that was asked for its last frame. `heard` is the last frame
    /// that any copy has.
    pub(super) fn on_last(
        &mut self,
        (number, shard): (u16, &mut ShardState),
        (last, heard): (Option<u64>, u64),
        now: Duration,
    ) {
        let step = self.steps.get_mut(usize::from(number));
        let Some(step) = step.filter(|step| **step == Step::Asks) else { return };
        let known = heard.max(shard.tip.frame);
        *step = match last {
            Some(last) if last >= known => {
                shard.last = last;
                Step::Reads(last)
            }
            Some(last) => {
                // A new leader may not have applied all it has; a stream that has lost frames stays
                // behind, and nobody takes over.
                tracing::error!(
                    shard = number,
                    last,
                    known,
                    "the stream ends before a copy; if it stays so, see daytraded cluster restore"
                );
                Step::Waits(now + LOG_TRY)
            }
            None => Step::Waits(now + LOG_PAUSE),
        };
    }
}

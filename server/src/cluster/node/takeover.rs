//! The steps of a takeover: the first shard, then all others; each is read to the end of its stream
//! first.

use super::{Node, Role, ShardState};
use crate::limits::{LOG_PAUSE, LOG_TRY, TAKE_OVER_WITHIN};
use crate::message::{ClusterOrder, ShardEvent};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// A takeover in progress.
pub(super) struct Takeover {
    until: Duration,
    /// What is known of each shard.
    steps: Vec<Step>,
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

impl Node {
    /// Begins a takeover if this server should, or takes the next steps of one.
    pub(super) fn step_takeover(&mut self, lasts: &UnboundedSender<(u16, Option<u64>)>) {
        let now = self.now();
        if self.takeover.as_ref().is_some_and(|takeover| takeover.until <= now) {
            tracing::warn!("the takeover did not end in time");
            self.release_all();
            return;
        }
        if self.takeover.is_none() {
            let is_idle = self.shards.iter().all(|shard| shard.role == Role::Follows);
            if !is_idle || !self.roster.should_take_over(self.is_able(), now) {
                return;
            }
            tracing::info!("nobody owns the accounts; taking over");
            if let Some(time_ms) = self.roster.owner_time_ms(now) {
                self.clock.adopt(time_ms.cast_signed() - self.clock.now_ms().cast_signed());
            }
            let steps = vec![Step::Waits(now); self.shards.len()];
            self.takeover = Some(Takeover { until: now + TAKE_OVER_WITHIN, steps });
        }
        let has_first = self.shards.first().is_some_and(|shard| shard.role == Role::Owns);
        let Some(takeover) = &mut self.takeover else { return };
        let count = if has_first { self.shards.len() } else { 1 };
        for (number, (step, shard)) in
            takeover.steps.iter_mut().zip(&mut self.shards).enumerate().take(count)
        {
            match *step {
                Step::Waits(until) if until <= now => {
                    *step = Step::Asks;
                    let (nats, lasts, shard) = (self.nats.clone(), lasts.clone(), number as u16);
                    self.tasks.spawn(async move {
                        let last = nats.last(shard).await.ok();
                        let _ = lasts.send((shard, last));
                    });
                }
                Step::Reads(last) if shard.tip.frame >= last => {
                    *step = Step::Told;
                    order(shard, ClusterOrder::TakeOver(Box::new(self.owner.clone())));
                }
                Step::Waits(_) | Step::Asks | Step::Reads(_) | Step::Told => {}
            }
        }
    }

    /// Takes the answer of a stream that was asked for its last frame.
    pub(super) fn on_last(&mut self, number: u16, last: Option<u64>) {
        let at = usize::from(number);
        let (heard, now) = (self.roster.last_frame_heard(at), self.now());
        let (Some(takeover), Some(shard)) = (&mut self.takeover, self.shards.get_mut(at)) else {
            return;
        };
        let Some(step) = takeover.steps.get_mut(at) else { return };
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

/// Gives a shard an order of an owner, after the last frame that it follows.
fn order(shard: &mut ShardState, order: ClusterOrder) {
    if let Some(feed) = shard.feed.take() {
        feed.abort();
    }
    shard.role = Role::Taking;
    let _ = shard.to.send(ShardEvent::Cluster(Box::new(order)));
}

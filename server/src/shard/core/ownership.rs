//! How a shard of a cluster becomes the owner, and what it does when it is not, or not any more.

use super::Shard;
use crate::engine::{Known, Owner, Record};
use crate::journal::{AppendError, JournalWriter};
use crate::message::{QuoteRequest, Route, ShardNews};
use crate::shard::degraded::Health;
use crate::shard::following::{Following, Membership, Turn};
use crate::shard::ledger::Ledger;
use crate::shard::prices::PriceTable;
use crate::shard::recovery::recover_copy;
use daytrade_protocol::Refusal;
use std::io;

impl Shard {
    /// Makes it the shard of a cluster, which follows until it is told to take over.
    pub fn join(&mut self, membership: Membership) {
        self.following = Some(Box::new(Following::new(self.id, membership)));
        self.executor.health = Health::Following;
        self.executor.shared = true;
        self.send_pause(true);
    }

    /// Notes where the commands of a cluster are carried out.
    pub fn set_route(&mut self, route: Route) {
        let Some(following) = &mut self.following else { return };
        following.set_route(route);
        if self.executor.health == Health::Following && following.may_answer() {
            self.begin_answering();
        }
    }

    /// Begins to answer: this server owns all shards, so no other one gives numbers any more.
    fn begin_answering(&mut self) {
        self.executor.health = Health::Good;
        if let Some(following) = &mut self.following {
            following.begin_owning(&mut self.inbox);
        }
        let state = Box::new(self.book().market.clone());
        let _ = self.handles.quotes.send(QuoteRequest::Resume { shard: self.id, state });
        self.announce_interest();
        self.send_pause(false);
    }

    /// Returns true if commands wait because it is not known where they are carried out: more
    /// should wait in the channel.
    pub fn is_holding(&self) -> bool {
        self.executor.health == Health::Following
            && self.following.as_ref().is_some_and(|following| following.refusal().is_none())
    }

    /// Returns true if a follower has orders of the cluster to carry out.
    pub(super) fn has_orders(&self) -> bool {
        self.following.as_ref().is_some_and(|following| following.is_due())
    }

    /// Returns true if commands wait that were taken up by an owner.
    pub(super) fn has_backlog(&self) -> bool {
        self.following.as_ref().is_some_and(|following| following.has_backlog())
    }

    /// Runs a round of a shard that is not the owner.
    pub(super) fn follow(&mut self, now_ms: u64) -> Result<(), AppendError> {
        let Some(following) = &mut self.following else { return Ok(()) };
        if let Some(error) = following.take_failure() {
            self.executor.fail_pending();
            self.refuse_all(&Refusal::ReadOnly);
            self.answer();
            return Err(error);
        }
        let turn = following.take_turn();
        if let Some(refusal) = following.refusal() {
            let backlog = following.take_backlog();
            for (target, job) in backlog {
                self.executor.round.begin_delivery(&target, 1);
                self.executor.refuse_later(&target, job, &refusal);
            }
            self.refuse_all(&refusal);
        }
        let done = match turn {
            Some(Turn::TakeOver(owner)) => self.take_over(owner, now_ms),
            Some(Turn::Release) => {
                self.rest();
                self.report(ShardNews::Released);
                Ok(())
            }
            None => Ok(()),
        };
        self.answer();
        done?;
        let begun = self.begin_snapshot_if_due();
        self.fail_if(begun.is_err());
        begun
    }

    /// Appends the first frame of an epoch of its own.
    fn take_over(&mut self, owner: Box<Owner>, now_ms: u64) -> Result<(), AppendError> {
        let ledger = &mut self.executor.ledger;
        ledger.begin_round(now_ms);
        ledger.begin_epoch();
        ledger.record(&Record::Owner(owner), Known::Nothing, |_, _, _| {});
        match ledger.commit_frame() {
            Err(error @ (AppendError::Fenced(_) | AppendError::GaveUp)) => {
                return self.lose(error);
            }
            done => done?,
        }
        if let Some(following) = &mut self.following {
            following.set_owned(true);
        }
        self.report(ShardNews::Owns);
        Ok(())
    }

    /// Lets go after a round, if the cluster wants it: everything that was decided is durable.
    pub(super) fn let_go_if_told(&mut self) {
        let turn = self.following.as_mut().and_then(|following| following.take_turn());
        if matches!(turn, Some(Turn::Release)) {
            self.rest();
            self.report(ShardNews::Released);
        }
    }

    /// Lets go of a shard whose journal has failed, if the cluster wants it.
    pub(super) fn let_go_failed(&mut self) {
        if self.following.as_mut().and_then(|following| following.take_turn()).is_some() {
            self.report(ShardNews::Released);
        }
    }

    /// Forgets the accounts of a round whose frame is not known to be in the log, and follows.
    ///
    /// # Errors
    /// The error itself, if this is no shard of a cluster; an error of the copy.
    pub(super) fn lose(&mut self, error: AppendError) -> Result<(), AppendError> {
        let Some(following) = &self.following else { return Err(error) };
        let membership = following.membership().clone();
        let (refusal, news) = match error {
            AppendError::Fenced(fence) => {
                let address = fence.owner.as_ref().map(|owner| owner.address.clone());
                (address.map_or(Refusal::NoOwner, Refusal::Moved), ShardNews::Fenced(fence))
            }
            AppendError::GaveUp => (Refusal::Unknown, ShardNews::GaveUp),
            error @ AppendError::Failed(_) => return Err(error),
        };
        self.executor.fail_round(&refusal);
        self.rest();
        let unreadable = |error| AppendError::Failed(io::Error::other(error));
        let copy = recover_copy(&*membership.store, self.id).map_err(unreadable)?;
        let log = membership.store.open(&copy.end)?;
        let journal = JournalWriter::following(log, self.id, &copy.end, membership.positions);
        self.executor.ledger = Ledger::new(copy.book, journal, copy.end.time_ms);
        self.executor.prices = PriceTable::default();
        self.snapshots.begin_again(copy.snapshot_record);
        self.report(news);
        Ok(())
    }

    /// Stops deciding. Commands that wait for a price wait for an owner.
    fn rest(&mut self) {
        self.executor.health = Health::Following;
        self.agenda.keep_dumps();
        let waiting = self.executor.waiting.take_all();
        if let Some(following) = &mut self.following {
            // Orders for an owner are void.
            following.take_turn();
            following.set_owned(false);
            following.find_route();
            following.keep(waiting);
        }
        self.send_pause(true);
        self.withdraw_interest();
    }

    fn report(&self, news: ShardNews) {
        if let Some(following) = &self.following {
            following.report(self.executor.ledger.tip(), news);
        }
    }
}

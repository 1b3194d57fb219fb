//! Batches that have arrived and are not yet worked off. Connections take turns, all of one login
//! together as one.
//!
//! The batches of one connection must never overtake each other.

use crate::limits::INBOX_JOBS_SOFT;
use crate::message::{Batch, Job, ReplyTarget};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::collections::VecDeque;

/// A batch, as far as it is not yet worked off.
#[derive(Debug)]
pub(super) struct QueuedBatch {
    /// Receiver of the replies.
    pub target: ReplyTarget,
    /// The jobs that are left.
    pub jobs: smallvec::IntoIter<[Job; 1]>,
}

/// The queue of batches.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The first batch of each connection, or of all connections of a login, in the order of their
    /// turns.
    turns: VecDeque<QueuedBatch>,
    /// Their later batches, by the turn key of their target. There is an entry, mostly an empty
    /// one, for each of `turns` and for the batch that is being worked off.
    later: HashMap<usize, VecDeque<QueuedBatch>>,
    batches: usize,
    jobs: usize,
}

impl Inbox {
    /// Appends a batch.
    pub(super) fn push(&mut self, batch: Batch) {
        self.jobs += batch.jobs.len();
        self.batches += 1;
        let Batch { target, jobs } = batch;
        let entry = self.later.entry(target.turn_key());
        let batch = QueuedBatch { target, jobs: jobs.into_iter() };
        match entry {
            Entry::Occupied(mut later) => later.get_mut().push_back(batch),
            Entry::Vacant(entry) => {
                entry.insert(VecDeque::new());
                self.turns.push_back(batch);
            }
        }
    }

    /// Takes the batch whose turn it is; its jobs no longer count. It is given back with
    /// [`Inbox::put_back`] or [`Inbox::end_turn`].
    pub(super) fn pop(&mut self) -> Option<QueuedBatch> {
        let batch = self.turns.pop_front()?;
        self.jobs -= batch.jobs.len();
        self.batches -= 1;
        Some(batch)
    }

    /// Gives a batch back whose turn goes on in the next round.
    pub(super) fn put_back(&mut self, batch: QueuedBatch) {
        self.give_back(batch, false);
    }

    /// Gives a batch back, finished or not: the next connection has its turn.
    pub(super) fn end_turn(&mut self, batch: QueuedBatch) {
        self.give_back(batch, true);
    }

    fn give_back(&mut self, batch: QueuedBatch, turn_is_over: bool) {
        let next = if batch.jobs.len() > 0 {
            self.jobs += batch.jobs.len();
            self.batches += 1;
            batch
        } else {
            let Entry::Occupied(mut later) = self.later.entry(batch.target.turn_key()) else {
                return;
            };
            let Some(next) = later.get_mut().pop_front() else {
                later.remove();
                return;
            };
            next
        };
        if turn_is_over {
            self.turns.push_back(next);
        } else {
            self.turns.push_front(next);
        }
    }

    /// Returns all batches; those of one connection are in order.
    pub(super) fn into_batches(mut self) -> Vec<Batch> {
        let mut batches = Vec::with_capacity(self.batches);
        while let Some(QueuedBatch { target, mut jobs }) = self.pop() {
            batches.push(Batch { target: target.clone(), jobs: jobs.by_ref().collect() });
            self.end_turn(QueuedBatch { target, jobs });
        }
        batches
    }

    /// Returns the number of batches.
    pub(super) const fn batches(&self) -> usize {
        self.batches
    }

    /// Returns the number of jobs.
    pub(super) const fn jobs(&self) -> usize {
        self.jobs
    }

    /// Returns true if more jobs should wait in the channel.
    pub(super) const fn is_full(&self) -> bool {
        self.jobs >= INBOX_JOBS_SOFT
    }

    /// Returns true if no batch waits.
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Replies, ReplySink, ReplyTo, Subscription, Work};
    use bytes::Bytes;
    use daytrade_protocol::{Push, Symbol, UserName};
    use smallvec::smallvec;
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    struct Connection;

    impl ReplySink for Connection {
        fn deliver(&self, _: &mut Replies) {}
        fn push_events(&self, _: &Bytes) {}
        fn note_subscription(&self, _: &UserName, _: Subscription) {}
        fn push_quote(&self, _: Symbol, _: Push) {}
    }

    /// Returns a connection that has logged in as this login; for 0, one without a login.
    fn target(login: usize) -> ReplyTarget {
        ReplyTarget::new(Arc::new(Connection)).with_login(NonZeroUsize::new(login))
    }

    fn batch(target: &ReplyTarget, number: u64) -> Batch {
        let user = UserName::parse(b"a").unwrap();
        let (to, work) = (ReplyTo::Nobody, Work::Subscribe(user));
        Batch { target: target.clone(), jobs: smallvec![Job { to, number, assigned: false, work }] }
    }

    #[test]
    fn all_connections_of_a_login_have_one_turn_between_those_of_others() {
        let (one, two, other, open) = (target(7), target(7), target(8), target(0));
        let mut inbox = Inbox::default();
        for (number, target) in [&one, &two, &one, &two, &other, &open, &other].iter().enumerate() {
            inbox.push(batch(target, number as u64));
        }
        let mut served = Vec::new();
        while let Some(mut batch) = inbox.pop() {
            served.extend(batch.jobs.next().map(|job| job.number));
            inbox.end_turn(batch);
        }
        assert_eq!(served, [0, 4, 5, 1, 6, 2, 3]);
    }
}

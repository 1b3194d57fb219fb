//! Jobs that are parsed and not yet sent, one batch for each shard.
//!
//! A session has batches only while it reads lines: all sessions of a thread share a few.

use super::spare::Spare;
use crate::limits::BATCH_JOBS_MAX;
use crate::message::{Batch, Job, Jobs, Work};
use daytrade_protocol::Command;

thread_local! {
    /// Batches without jobs.
    static SPARE: Spare<Vec<Jobs>> = const { Spare::new() };
}

/// Usual length of a line, bytes.
const LINE_BYTES_GUESS: usize = 32;
/// A batch starts with capacity for at most this many jobs: the lines may belong to other shards.
const JOBS_EXPECTED_MAX: usize = BATCH_JOBS_MAX;

/// The batches of one session.
pub(super) struct JobBatches {
    shards: usize,
    /// One for each shard; none while there are no jobs.
    by_shard: Vec<Jobs>,
    /// Capacity of a new batch.
    expected: usize,
    jobs: usize,
    /// Requests for a summary among the jobs.
    summaries: usize,
}

impl JobBatches {
    /// Creates empty batches for this many shards.
    pub(super) const fn new(shards: usize) -> Self {
        Self { shards, by_shard: Vec::new(), expected: 0, jobs: 0, summaries: 0 }
    }

    /// Notes how many bytes of lines will be read next.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.expected = (bytes / LINE_BYTES_GUESS / self.shards).min(JOBS_EXPECTED_MAX);
    }

    /// Adds a job for a shard.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the router names a shard that exists")]
    pub(super) fn push(&mut self, shard: usize, job: Job) {
        let is_summary = matches!(job.work, Work::Command(Command::DisplaySummary { .. }));
        self.summaries += usize::from(is_summary);
        self.jobs += 1;
        if self.by_shard.is_empty() {
            self.by_shard = SPARE.with(Spare::take);
            self.by_shard.resize_with(self.shards, Jobs::new);
        }
        let batch = &mut self.by_shard[shard];
        if batch.is_empty() {
            batch.reserve_exact(self.expected.max(1));
        }
        batch.push(job);
    }

    /// Returns the number of jobs.
    pub(super) const fn jobs(&self) -> usize {
        self.jobs
    }

    /// Returns the number of requests for a summary.
    pub(super) const fn summaries(&self) -> usize {
        self.summaries
    }

    /// Resets the counts; the batches are then sent.
    pub(super) const fn begin_sending(&mut self) {
        (self.jobs, self.summaries) = (0, 0);
    }

    /// Passes the batches of this shard and those after it to `try_send`, as long as it takes them.
    /// Returns the first one that it returned, with its shard.
    pub(super) fn send_from(
        &mut self,
        first: usize,
        mut try_send: impl FnMut(usize, Jobs) -> Option<Batch>,
    ) -> Option<(usize, Batch)> {
        for (shard, jobs) in self.by_shard.iter_mut().enumerate().skip(first) {
            if !jobs.is_empty()
                && let Some(batch) = try_send(shard, std::mem::take(jobs))
            {
                return Some((shard, batch));
            }
        }
        None
    }

    /// Leaves the batches, all of which are sent, to other sessions.
    pub(super) fn end_sending(&mut self) {
        let by_shard = std::mem::take(&mut self.by_shard);
        SPARE.with(|spare| spare.give_back(by_shard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ReplyTarget, ReplyTo};
    use crate::session::Outbox;
    use daytrade_protocol::UserName;
    use std::sync::Arc;

    fn job(number: u64) -> Job {
        let work = Work::Subscribe(UserName::parse(b"a").unwrap());
        Job { to: ReplyTo::Nobody, number, assigned: false, work }
    }

    fn numbers(jobs: &Jobs) -> Vec<u64> {
        jobs.iter().map(|job| job.number).collect()
    }

    /// Sends everything. Returns the shards and the numbers of their jobs.
    fn send(batches: &mut JobBatches) -> Vec<(usize, Vec<u64>)> {
        let mut sent = Vec::new();
        batches.begin_sending();
        let refused = batches.send_from(0, |shard, jobs| {
            sent.push((shard, numbers(&jobs)));
            None
        });
        assert!(refused.is_none());
        batches.end_sending();
        sent
    }

    #[test]
    fn sessions_of_a_thread_never_mix_their_jobs() {
        let (mut one, mut two, mut large) =
            (JobBatches::new(2), JobBatches::new(2), JobBatches::new(5));
        for round in 0..20 {
            let of = |session: u64, at: u64| job(1_000 * session + 10 * round + at);
            one.push(1, of(1, 0));
            large.push(4, of(3, 0));
            two.push(1, of(2, 0));
            one.push(0, of(1, 1));
            one.push(1, of(1, 2));
            let number = |session: u64, at: u64| of(session, at).number;
            assert_eq!(
                send(&mut one),
                [(0, vec![number(1, 1)]), (1, vec![number(1, 0), number(1, 2)])]
            );
            assert_eq!(send(&mut two), [(1, vec![number(2, 0)])]);
            assert_eq!(send(&mut large), [(4, vec![number(3, 0)])]);
            assert_eq!(one.jobs() + two.jobs() + large.jobs(), 0);
        }
    }

    #[test]
    fn every_batch_is_sent_once_whichever_queues_are_full() {
        let mut batches = JobBatches::new(4);
        for shard in [0, 1, 3] {
            batches.push(shard, job(shard as u64));
        }
        batches.begin_sending();
        let (mut first, mut sent) = (0, Vec::new());
        let try_send = |shard, jobs: Jobs, sent: &mut Vec<_>| {
            let target = ReplyTarget::new(Arc::<Outbox>::default());
            if shard == 3 {
                sent.push((shard, numbers(&jobs)));
                return None;
            }
            Some(Batch { target, jobs })
        };
        while let Some((shard, batch)) =
            batches.send_from(first, |shard, jobs| try_send(shard, jobs, &mut sent))
        {
            sent.push((shard, numbers(&batch.jobs)));
            first = shard + 1;
        }
        assert_eq!(sent, [(0, vec![0]), (1, vec![1]), (3, vec![3])]);
    }
}

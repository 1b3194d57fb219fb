//! Jobs that are parsed and not yet sent, one batch for each shard.
//!
//! A session has batches only while it reads lines: all sessions of a thread use the same few.

use super::spare::Spare;
use crate::limits::BATCH_JOBS_MAX;
use crate::message::{Job, Jobs, Work};
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

    /// Resets the counts; the batches are then taken one by one.
    pub(super) const fn begin_sending(&mut self) {
        (self.jobs, self.summaries) = (0, 0);
    }

    /// Takes the batch of a shard.
    pub(super) fn take(&mut self, shard: usize) -> Jobs {
        self.by_shard.get_mut(shard).map(std::mem::take).unwrap_or_default()
    }

    /// Leaves the batches, all of which were taken, to other sessions.
    pub(super) fn end_sending(&mut self) {
        let by_shard = std::mem::take(&mut self.by_shard);
        SPARE.with(|spare| spare.give_back(by_shard));
    }
}

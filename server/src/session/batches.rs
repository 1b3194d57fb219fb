//! Jobs that are parsed and not yet sent, one batch for each shard.

use crate::limits::BATCH_JOBS_MAX;
use crate::message::{Job, Jobs, Work};
use daytrade_protocol::Command;

/// Usual length of a line, bytes.
const LINE_BYTES_GUESS: usize = 32;
/// A batch starts with capacity for at most this many jobs: the lines may belong to other shards.
const JOBS_EXPECTED_MAX: usize = BATCH_JOBS_MAX;

/// The batches of one session.
pub(super) struct JobBatches {
    by_shard: Vec<Jobs>,
    /// Capacity of a new batch.
    expected: usize,
    jobs: usize,
    /// Requests for a summary among the jobs.
    summaries: usize,
}

impl JobBatches {
    /// Creates empty batches.
    pub(super) fn new(shards: usize) -> Self {
        let by_shard = (0..shards).map(|_| Jobs::new()).collect();
        Self { by_shard, expected: 0, jobs: 0, summaries: 0 }
    }

    /// Notes how many bytes of lines will be read next.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.expected = (bytes / LINE_BYTES_GUESS / self.by_shard.len()).min(JOBS_EXPECTED_MAX);
    }

    /// Adds a job for a shard.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the router names a shard that exists")]
    pub(super) fn push(&mut self, shard: usize, job: Job) {
        let is_summary = matches!(job.work, Work::Command(Command::DisplaySummary { .. }));
        self.summaries += usize::from(is_summary);
        self.jobs += 1;
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
    #[expect(clippy::indexing_slicing, reason = "the router names a shard that exists")]
    pub(super) fn take(&mut self, shard: usize) -> Jobs {
        std::mem::take(&mut self.by_shard[shard])
    }
}

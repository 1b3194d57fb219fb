//! Batches that have arrived and are not yet worked off.

use crate::limits::FRAME_RECORDS_SOFT;
use crate::message::{Batch, Job, ReplyTarget};
use std::collections::VecDeque;

/// A batch, as far as it is not yet worked off.
#[derive(Debug)]
pub(super) struct QueuedBatch {
    /// Receiver of the replies.
    pub target: ReplyTarget,
    /// The jobs that are left.
    pub jobs: std::vec::IntoIter<Job>,
}

/// The queue of batches.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    batches: VecDeque<QueuedBatch>,
    jobs: usize,
}

impl Inbox {
    /// Appends a batch.
    pub(super) fn push(&mut self, batch: Batch) {
        self.jobs += batch.jobs.len();
        self.batches.push_back(QueuedBatch { target: batch.target, jobs: batch.jobs.into_iter() });
    }

    /// Takes the first batch; its jobs no longer count.
    pub(super) fn pop(&mut self) -> Option<QueuedBatch> {
        let batch = self.batches.pop_front()?;
        self.jobs -= batch.jobs.len();
        Some(batch)
    }

    /// Puts back what is left of the first batch.
    pub(super) fn put_back(&mut self, batch: QueuedBatch) {
        self.jobs += batch.jobs.len();
        self.batches.push_front(batch);
    }

    /// Returns the number of batches.
    pub(super) fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Returns the number of jobs.
    pub(super) const fn jobs(&self) -> usize {
        self.jobs
    }

    /// Returns true if enough jobs wait for a full round: more should wait in the channel.
    pub(super) const fn is_full(&self) -> bool {
        self.jobs >= FRAME_RECORDS_SOFT
    }

    /// Returns true if no batch waits.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

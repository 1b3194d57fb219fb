//! Sends the batches of a connection to the shards.

use super::Dispatcher;
use crate::limits::JOBS_BEFORE_YIELD;
use crate::message::Batch;

impl Dispatcher {
    /// Sends the batches; waits while a shard's queue is full, and now and then lets others run.
    pub(in crate::session) async fn flush(&mut self) {
        let jobs = self.batches.jobs();
        if jobs == 0 {
            return;
        }
        self.outbox.begin(jobs, self.batches.summaries());
        self.batches.begin_sending();
        self.context.busy_poll.note(self.memory_id, jobs);
        let mut first = 0;
        while let Some((shard, batch)) = self.send_from(first) {
            if let Some(shard) = self.context.router.shards().get(shard) {
                shard.jobs.send(batch).await;
            }
            first = shard + 1;
        }
        self.batches.end_sending();
        self.sent += jobs;
        if self.sent >= JOBS_BEFORE_YIELD {
            self.sent = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Sends the batches of this shard and those after it. Returns the first one whose queue is
    /// full, with its shard. Where nothing waits, no batch is moved to the memory of a future.
    fn send_from(&mut self, first: usize) -> Option<(usize, Batch)> {
        let Self { context, target, batches, .. } = self;
        let (shards, is_timed) = (context.router.shards(), context.stats.times_requests());
        batches.send_from(first, |shard, jobs| {
            let target = if is_timed { target.read_now() } else { target.clone() };
            shards.get(shard)?.jobs.try_send(Batch { target, jobs })
        })
    }
}

//! The queue of jobs to a shard, bounded by their number.
//!
//! A bound on the number of batches would make a thousand clients with one command each wait in
//! turn, and would hold little where a few clients send batches of hundreds.

use crate::limits::SHARD_QUEUE_JOBS;
use crate::message::Batch;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// The sending end, for sessions.
#[derive(Clone, Debug)]
pub struct JobSender {
    batches: UnboundedSender<Batch>,
    /// A permit for each job that there is room for.
    room: Arc<Semaphore>,
}

/// The receiving end, which belongs to a shard.
#[derive(Debug)]
pub(super) struct JobReceiver {
    batches: UnboundedReceiver<Batch>,
    room: Arc<Semaphore>,
    /// Jobs that were received and still take up room.
    received: usize,
}

/// Creates an empty queue.
pub(super) fn job_queue() -> (JobSender, JobReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(SHARD_QUEUE_JOBS));
    let sender = JobSender { batches: sender, room: Arc::clone(&room) };
    (sender, JobReceiver { batches: receiver, room, received: 0 })
}

/// Returns the room that a batch takes.
fn room_of(batch: &Batch) -> usize {
    batch.jobs.len().min(SHARD_QUEUE_JOBS)
}

impl JobSender {
    /// Sends a batch if there is room; otherwise returns it.
    pub(crate) fn try_send(&self, batch: Batch) -> Option<Batch> {
        let Ok(permits) = self.room.try_acquire_many(room_of(&batch) as u32) else {
            return Some(batch);
        };
        permits.forget();
        let _ = self.batches.send(batch);
        None
    }

    /// Sends a batch; waits while there is no room, those who wait longest first. Nothing is sent
    /// to a shard that is gone: it has failed, and every connection ends.
    pub(crate) async fn send(&self, batch: Batch) {
        if let Ok(permits) = self.room.acquire_many(room_of(&batch) as u32).await {
            permits.forget();
            let _ = self.batches.send(batch);
        }
    }
}

impl JobReceiver {
    /// Waits for the next batch; None once there are no senders.
    pub(super) async fn recv(&mut self) -> Option<Batch> {
        let batch = self.batches.recv().await;
        self.received += batch.as_ref().map_or(0, room_of);
        batch
    }

    /// Returns the next batch, if there is one.
    pub(super) fn try_recv(&mut self) -> Option<Batch> {
        let batch = self.batches.try_recv().ok();
        self.received += batch.as_ref().map_or(0, room_of);
        batch
    }

    /// Lets others send instead of what was received.
    pub(super) fn make_room(&mut self) {
        if self.received > 0 {
            self.room.add_permits(std::mem::take(&mut self.received));
        }
    }

    /// Returns true if no batch waits.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

/// Nobody waits for a shard that is gone.
impl Drop for JobReceiver {
    fn drop(&mut self) {
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Job, ReplyTarget, ReplyTo, Work};
    use crate::session::Outbox;
    use daytrade_protocol::UserName;

    fn batch(jobs: usize) -> Batch {
        let user = UserName::parse(b"a").unwrap();
        let job =
            Job { to: ReplyTo::Nobody, number: 1, assigned: true, work: Work::Subscribe(user) };
        Batch {
            target: ReplyTarget::new(Arc::<Outbox>::default()),
            jobs: smallvec::smallvec![job; jobs],
        }
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_waits_until_the_shard_takes_something_or_is_gone() {
        let (sender, mut receiver) = job_queue();
        for _ in 0..SHARD_QUEUE_JOBS {
            assert!(sender.try_send(batch(1)).is_none());
        }
        assert!(sender.try_send(batch(1)).is_some(), "it is full");
        let waiting = |jobs| {
            tokio::spawn({
                let sender = sender.clone();
                async move { sender.send(batch(jobs)).await }
            })
        };
        let (mut second, mut third) = (waiting(2), waiting(1));
        for _ in 0..2 {
            tokio::task::yield_now().await;
            assert!(!second.is_finished() && !third.is_finished(), "there is no room");
            assert!(receiver.try_recv().is_some());
        }
        receiver.make_room();
        (&mut second).await.unwrap();
        assert!(!third.is_finished(), "the one before took all the room");
        assert!(sender.try_send(batch(1)).is_some(), "nobody overtakes those who wait");
        drop(receiver);
        (&mut third).await.unwrap();
    }
}

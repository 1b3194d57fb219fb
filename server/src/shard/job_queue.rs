//! The queue of jobs between sessions and a shard.
//!
//! Its size is bounded by places, which sessions wait for in order. A connection with few requests
//! in flight needs none, so that it never waits behind others with long queues: the shard takes
//! whatever has arrived, and connections take turns there.

use crate::limits::{QUEUED_JOBS_MAX, UNMETERED_JOBS_MAX};
use crate::message::Batch;
use std::sync::Arc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A batch in the queue.
#[derive(Debug)]
pub struct Queued {
    /// The batch.
    pub batch: Batch,
    /// Its places, until it has been carried out; None if it needs none.
    pub places: Option<OwnedSemaphorePermit>,
}

/// The sending end.
#[derive(Clone, Debug)]
pub struct JobSender {
    queue: UnboundedSender<Queued>,
    places: Arc<Semaphore>,
}

/// The receiving end. Sessions that wait are released when it is dropped.
#[derive(Debug)]
pub(super) struct JobReceiver {
    queue: UnboundedReceiver<Queued>,
    places: Arc<Semaphore>,
}

impl JobSender {
    /// Creates a queue.
    pub(super) fn channel() -> (Self, JobReceiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let places = Arc::new(Semaphore::new(QUEUED_JOBS_MAX));
        (
            Self { queue: sender, places: Arc::clone(&places) },
            JobReceiver { queue: receiver, places },
        )
    }

    /// Sends a batch, after waiting for its places. `in_flight` counts the requests of the
    /// connection that are not answered, those of the batch included. A batch for a shard that has
    /// ended is dropped: the server is stopping, and every connection ends.
    pub async fn send(&self, batch: Batch, in_flight: usize) {
        let places = if in_flight <= UNMETERED_JOBS_MAX {
            None
        } else {
            let wanted = batch.jobs.len().min(QUEUED_JOBS_MAX) as u32;
            match Arc::clone(&self.places).acquire_many_owned(wanted).await {
                Ok(places) => Some(places),
                Err(_) => return,
            }
        };
        let _ = self.queue.send(Queued { batch, places });
    }
}

impl JobReceiver {
    /// Waits for the next batch; None if all senders are dropped.
    pub(super) async fn recv(&mut self) -> Option<Queued> {
        self.queue.recv().await
    }

    /// Takes the next batch that has arrived.
    pub(super) fn try_recv(&mut self) -> Result<Queued, TryRecvError> {
        self.queue.try_recv()
    }

    /// Returns true if no batch has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl Drop for JobReceiver {
    fn drop(&mut self) {
        self.places.close();
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
        let work = || Work::Subscribe(user.clone());
        let job = |_| Job { to: ReplyTo::Nobody, number: 1, assigned: false, work: work() };
        let target = ReplyTarget::new(Arc::new(Outbox::default()));
        Batch { target, jobs: (0..jobs).map(job).collect() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_queue_is_waited_for_and_a_short_one_passes_it() {
        let (sender, mut receiver) = JobSender::channel();
        for _ in 0..QUEUED_JOBS_MAX / 512 {
            sender.send(batch(512), QUEUED_JOBS_MAX).await;
        }
        let soon = |sending| tokio::time::timeout(std::time::Duration::from_secs(1), sending);
        assert!(soon(sender.send(batch(512), QUEUED_JOBS_MAX)).await.is_err(), "no place");
        assert!(soon(sender.send(batch(1), 1)).await.is_ok(), "it needs none");
        drop(receiver.recv().await.expect("the first batch"));
        assert!(soon(sender.send(batch(3), QUEUED_JOBS_MAX)).await.is_ok());
        assert!(soon(sender.send(batch(2), 1)).await.is_ok());
        let mut sizes = Vec::new();
        while let Ok(queued) = receiver.try_recv() {
            sizes.push(queued.batch.jobs.len());
        }
        assert_eq!(sizes[sizes.len() - 3..], [1, 3, 2], "in the order in which they were sent");
        assert!(
            soon(sender.send(batch(512), QUEUED_JOBS_MAX)).await.is_ok(),
            "its places are free"
        );
        drop(receiver);
        assert!(soon(sender.send(batch(512), QUEUED_JOBS_MAX)).await.is_ok(), "nobody waits");
    }
}

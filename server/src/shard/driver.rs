//! A thread for a shard: waits for messages, for the next order to run out, for the next sync, and
//! never for anything else.

use super::batch::{Batch, Control};
use super::core::Shard;
use super::snapshots::SnapshotKeeper;
use crate::clock::Clock;
use crate::journal::SyncMode;
use crate::limits::{GATHER_TURNS_MAX, SHARD_QUEUE_BATCHES};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

/// How to reach a shard.
#[derive(Clone, Debug)]
pub struct ShardHandle {
    /// Jobs: bounded, so that sessions wait for a busy shard.
    pub jobs: Sender<Batch>,
    /// News: never more than the shard itself has asked for.
    pub control: UnboundedSender<Control>,
}

/// A shard's journal failed: the server has to stop.
#[derive(Debug)]
pub struct Fatal {
    /// Which shard.
    pub shard: u16,
    /// What the disk said.
    pub error: io::Error,
}

/// The receiving ends of a shard's queues.
#[derive(Debug)]
pub struct Queues {
    jobs: Receiver<Batch>,
    control: UnboundedReceiver<Control>,
}

impl ShardHandle {
    /// The queues of a shard that is yet to be made.
    pub fn channel() -> (Self, Queues) {
        let (jobs, jobs_queue) = mpsc::channel(SHARD_QUEUE_BATCHES);
        let (control, control_queue) = mpsc::unbounded_channel();
        (Self { jobs, control }, Queues { jobs: jobs_queue, control: control_queue })
    }
}

/// Runs a shard on a thread of its own until it is told to stop.
///
/// # Errors
/// When the system has no thread left.
pub fn spawn(
    shard: Shard,
    queues: Queues,
    clock: Arc<Clock>,
    mode: SyncMode,
    fatal: UnboundedSender<Fatal>,
    keeper: Arc<Mutex<SnapshotKeeper>>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name(format!("shard-{}", shard.number())).spawn(move || {
        let mut shard = runtime.block_on(drive(shard, queues, clock, mode, fatal));
        if let Err(error) = shard.last_snapshot(&keeper) {
            tracing::warn!(shard = shard.number(), %error, "a snapshot could not be written");
        }
    })
}

/// Runs a shard until it is told to stop, and gives it back.
pub async fn drive(
    shard: Shard,
    queues: Queues,
    clock: Arc<Clock>,
    mode: SyncMode,
    fatal: UnboundedSender<Fatal>,
) -> Shard {
    Driver { shard, queues, clock, mode, fatal, sync_due: None }.run().await
}

struct Driver {
    shard: Shard,
    queues: Queues,
    clock: Arc<Clock>,
    mode: SyncMode,
    fatal: UnboundedSender<Fatal>,
    sync_due: Option<Instant>,
}

impl Driver {
    async fn run(mut self) -> Shard {
        let mut stopping = false;
        while !stopping {
            if !self.shard.has_work() {
                stopping = self.wait().await;
            }
            stopping |= self.drain() || self.gather();
            self.round();
        }
        // Nobody sends any more, but what is in the queue was sent in time.
        while self.shard.has_work() || !self.queues.jobs.is_empty() {
            self.drain();
            self.round();
        }
        if let Err(error) = self.shard.sync() {
            self.fail(error);
        }
        self.shard
    }

    /// Waits for whatever comes first; true when told to stop.
    async fn wait(&mut self) -> bool {
        let Queues { jobs, control } = &mut self.queues;
        let now = Instant::now();
        let expiry = self
            .shard
            .next_due_ms()
            .map(|at| now + Duration::from_millis(at.saturating_sub(self.clock.now_ms())));
        let due = [expiry, self.sync_due].into_iter().flatten().min();
        let sleep = tokio::time::sleep_until(due.unwrap_or(now + Duration::from_hours(1)));
        tokio::select! {
            biased;
            news = control.recv() => match news {
                None | Some(Control::Stop) => return true,
                Some(news) => self.shard.hear(news),
            },
            batch = jobs.recv() => match batch {
                None => return true,
                Some(batch) => self.shard.accept(batch),
            },
            () = sleep => {}
        }
        false
    }

    /// Takes what is there without waiting, as much as a round can use; true when told to stop.
    fn drain(&mut self) -> bool {
        while let Ok(news) = self.queues.control.try_recv() {
            if matches!(news, Control::Stop) {
                return true;
            }
            self.shard.hear(news);
        }
        while !self.shard.is_full()
            && let Ok(batch) = self.queues.jobs.try_recv()
        {
            self.shard.accept(batch);
        }
        false
    }

    /// Lets the sessions run for as long as that brings more jobs, so that one sync serves them
    /// all: with as many threads as cores, a shard that is woken by the first of a thousand
    /// requests would otherwise write a frame for each of them. Where one connection talks alone,
    /// nothing waits. True when told to stop.
    fn gather(&mut self) -> bool {
        for _ in 0..GATHER_TURNS_MAX {
            let before = self.shard.queued();
            if before == 0 || self.shard.is_full() || !self.shard.serves_several() {
                break;
            }
            std::thread::yield_now();
            if self.drain() {
                return true;
            }
            if self.shard.queued() == before {
                break;
            }
        }
        false
    }

    fn round(&mut self) {
        if let Err(error) = self.shard.round(self.clock.now_ms()) {
            self.fail(error);
        }
        if let SyncMode::Interval(pause) = self.mode {
            self.sync_if_due(pause);
        }
    }

    fn sync_if_due(&mut self, pause: Duration) {
        let now = Instant::now();
        match self.sync_due {
            Some(due) if due <= now => {
                self.sync_due = None;
                if let Err(error) = self.shard.sync() {
                    self.fail(error);
                }
            }
            None if self.shard.is_unsynced() => self.sync_due = Some(now + pause),
            _ => {}
        }
    }

    fn fail(&self, error: io::Error) {
        let _ = self.fatal.send(Fatal { shard: self.shard.number(), error });
    }
}

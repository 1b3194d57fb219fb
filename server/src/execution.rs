//! How the parts of a server run that are not sessions: on threads, or as tasks in virtual time.

use crate::audit::{DumpService, lower_thread_priority};
use crate::journal::{SnapshotJob, SnapshotKeeper};
use crate::limits::{DUMPS_AT_ONCE, SHARD_SPIN};
use crate::message::{DumpRequest, ShardEvent};
use crate::runtime::NO_THREAD;
use crate::shard::{ShardTask, run_shard};
use anyhow::Context as _;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Draws the time that the next piece of a snapshot takes.
pub(crate) type SnapshotPause = Box<dyn FnMut() -> Duration + Send>;

/// Where shards, dumps and snapshots run.
#[derive(Default)]
pub enum Execution {
    /// On threads of their own: a shard blocks in a sync, which a task must not.
    #[default]
    Threads,
    /// As tasks of the current runtime, for simulations: the disks do not block.
    Tasks(SnapshotPause),
}

/// A running shard.
pub enum ShardJoin {
    /// On a thread. The message is sent when it has ended in order.
    Thread(oneshot::Receiver<()>),
    /// As a task.
    Task(tokio::task::JoinHandle<()>),
}

impl ShardJoin {
    /// Waits until the shard has ended.
    ///
    /// # Errors
    /// If it panicked.
    pub async fn join(self) -> anyhow::Result<()> {
        let joined = match self {
            Self::Thread(ended) => ended.await.is_ok(),
            Self::Task(task) => task.await.is_ok(),
        };
        anyhow::ensure!(joined, "a shard ended with a panic");
        Ok(())
    }
}

impl Execution {
    /// Returns true if shards block on threads of their own, in real time.
    pub(crate) const fn has_threads(&self) -> bool {
        matches!(self, Self::Threads)
    }

    /// Starts a shard.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start_shard(&self, task: ShardTask) -> anyhow::Result<ShardJoin> {
        let name = format!("shard-{}", task.shard.number());
        Ok(match self {
            Self::Threads => ShardJoin::Thread(on_thread(name, run_shard(task, SHARD_SPIN))?),
            // Tasks share one thread, and their time is virtual.
            Self::Tasks(_) => ShardJoin::Task(tokio::spawn(run_shard(task, Duration::ZERO))),
        })
    }

    /// Starts to write the requested dumps, a few concurrently. Threads are created now, so that a
    /// later dump does not fail for want of one. `running` counts what it starts until that ends.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(crate) fn start_dumps(
        &self,
        service: &Arc<DumpService>,
        mut requests: UnboundedReceiver<DumpRequest>,
        running: &TaskTracker,
    ) -> anyhow::Result<()> {
        if matches!(self, Self::Tasks(_)) {
            // Virtual time would go on while a stopping server waits for a thread.
            let (service, running) = (Arc::clone(service), running.token());
            tokio::spawn(async move {
                let _running = running;
                while let Some(request) = requests.recv().await {
                    service.carry_out(request);
                }
            });
            return Ok(());
        }
        let requests = Arc::new(Mutex::new(requests));
        for number in 0..DUMPS_AT_ONCE {
            let (service, requests) = (Arc::clone(service), Arc::clone(&requests));
            let running = running.token();
            let work = move || {
                let _running = running;
                lower_thread_priority();
                // Whoever waits for a request holds the lock; the other thread waits for the lock.
                let next = || requests.lock().blocking_recv();
                while let Some(request) = next() {
                    service.carry_out(request);
                }
            };
            let name = format!("dumps-{number}");
            std::thread::Builder::new().name(name).spawn(work).context(NO_THREAD)?;
        }
        Ok(())
    }

    /// Starts the writer of snapshots. It ends when all senders are dropped; `running` exists as
    /// long as it does.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start_snapshots(
        self,
        writer: SnapshotWriter,
        running: TaskTrackerToken,
    ) -> anyhow::Result<()> {
        let run = |pause| async move {
            writer.run(pause).await;
            drop(running);
        };
        match self {
            Self::Threads => {
                on_thread("snapshots".to_owned(), run(None))?;
            }
            Self::Tasks(pause) => {
                tokio::spawn(run(Some(pause)));
            }
        }
        Ok(())
    }
}

fn on_thread(
    name: String,
    work: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<oneshot::Receiver<()>> {
    let (ending, ended) = oneshot::channel();
    let (built, result) = std::sync::mpsc::sync_channel(1);
    // The runtime is built on its thread: a runtime must not be dropped within another one, which
    // would happen here if there is no thread.
    let on_its_thread =
        move || match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => {
                let _ = built.send(Ok(()));
                runtime.block_on(work);
                let _ = ending.send(());
            }
            Err(error) => drop(built.send(Err(error))),
        };
    std::thread::Builder::new().name(name).spawn(on_its_thread).context(NO_THREAD)?;
    result.recv()?.context("a thread has no runtime")?;
    Ok(ended)
}

/// Writes the snapshots of all shards, one piece after the other.
pub struct SnapshotWriter {
    /// The keeper of each shard's snapshots.
    pub keepers: Vec<Arc<Mutex<SnapshotKeeper>>>,
    /// The shards, by number.
    pub shards: Vec<UnboundedSender<ShardEvent>>,
    /// The pieces to write.
    pub jobs: UnboundedReceiver<SnapshotJob>,
}

impl SnapshotWriter {
    #[expect(clippy::indexing_slicing, reason = "shards send their own number")]
    async fn run(mut self, mut pause: Option<SnapshotPause>) {
        while let Some((shard, piece)) = self.jobs.recv().await {
            if let Some(pause) = &mut pause {
                tokio::time::sleep(pause()).await;
            }
            let at = usize::from(shard);
            let event = self.keepers[at].lock().take_or_fail(piece);
            let _ = self.shards[at].send(ShardEvent::Snapshot(event));
        }
    }
}

//! How the parts of a server run that are not sessions: on threads, or as tasks in virtual time.

use crate::journal::{SnapshotJob, SnapshotKeeper};
use crate::message::ShardEvent;
use crate::shard::{ShardTask, run_shard};
use anyhow::Context as _;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// Draws the time that the next piece of a snapshot takes.
pub(crate) type SnapshotPause = Box<dyn FnMut() -> Duration + Send>;

/// Where shards and snapshots run.
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
    /// On a thread.
    Thread(std::thread::JoinHandle<()>),
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
            Self::Thread(thread) => {
                tokio::task::spawn_blocking(|| thread.join()).await.is_ok_and(|ended| ended.is_ok())
            }
            Self::Task(task) => task.await.is_ok(),
        };
        anyhow::ensure!(joined, "a shard ended with a panic");
        Ok(())
    }
}

impl Execution {
    /// Starts a shard.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start_shard(&self, task: ShardTask) -> anyhow::Result<ShardJoin> {
        let name = format!("shard-{}", task.shard.number());
        Ok(match self {
            Self::Threads => ShardJoin::Thread(on_thread(name, run_shard(task))?),
            Self::Tasks(_) => ShardJoin::Task(tokio::spawn(run_shard(task))),
        })
    }

    /// Starts the writer of snapshots. It ends when all senders are dropped.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start_snapshots(self, writer: SnapshotWriter) -> anyhow::Result<()> {
        match self {
            Self::Threads => {
                on_thread("snapshots".to_owned(), writer.run(None))?;
            }
            Self::Tasks(pause) => {
                tokio::spawn(writer.run(Some(pause)));
            }
        }
        Ok(())
    }
}

fn on_thread(
    name: String,
    work: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let spawn = || -> io::Result<_> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new().name(name).spawn(move || runtime.block_on(work))
    };
    spawn().context("the system has no thread left")
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

//! One run of a server: it starts on the disks' contents, serves clients, and ends.

use super::Random;
use super::client::{CLIENTS, Observed, trade};
use super::market::Market;
use daytrade_server::SyncMode;
use daytrade_server::clock::{Clock, Times};
use daytrade_server::journal::{
    DiskFault, FaultDisk, JournalWriter, Positions, Storage, WriterOptions,
};
use daytrade_server::quotes::{QuoteStats, QuoteWire, spawn_manager};
use daytrade_server::router::Router;
use daytrade_server::session::Context;
use daytrade_server::shard::{
    Control, Fatal, Links, Shard, ShardHandle, ShardStats, SnapshotKeeper, SnapshotNews, drive,
    recover_shard,
};
use daytrade_server::stats::Stats;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a server run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The server stops cleanly after all clients are done.
    Stopped,
    /// The server stops cleanly while clients are busy.
    StoppedEarly,
    /// The process is killed at a random time.
    Killed,
    /// The power fails at a random time.
    PowerCut,
    /// A disk fails, and the power fails when the server ends.
    DiskFailed { operations: usize, fault: DiskFault },
}

/// The plan of one server run, drawn before it starts.
#[derive(Clone, Debug)]
pub(super) struct ServerRun {
    end: End,
    end_after_ms: u64,
    start_ms: u64,
    snapshot_every: u64,
    random: Random,
}

impl ServerRun {
    pub(super) fn new(random: &mut Random, start_ms: u64, last: bool) -> Self {
        let end = match random.below(6) {
            _ if last => End::Stopped,
            0 => End::Stopped,
            1 => End::StoppedEarly,
            2 => End::Killed,
            3 => End::PowerCut,
            _ => {
                let faults = [
                    DiskFault::ForEver,
                    DiskFault::Short,
                    DiskFault::Torn,
                    DiskFault::Full,
                    DiskFault::Sync,
                ];
                End::DiskFailed {
                    operations: random.below(80) as usize,
                    fault: faults[random.below(5) as usize],
                }
            }
        };
        let end_after_ms = random.below(60_000);
        Self {
            end,
            end_after_ms,
            start_ms,
            snapshot_every: random.below(60) + 10,
            random: random.fork(),
        }
    }

    pub(super) const fn power_fails(&self) -> bool {
        matches!(self.end, End::PowerCut | End::DiskFailed { .. })
    }
}

/// Executes the run. Returns its end time in Unix milliseconds.
pub(super) fn execute(
    plan: &ServerRun,
    mode: SyncMode,
    disks: &[FaultDisk],
    observed: &Arc<Mutex<Observed>>,
) -> anyhow::Result<u64> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    // Dropping the runtime cancels every task at its current await, as a crash would.
    runtime.block_on(execute_async(plan, mode, disks, observed))
}

async fn execute_async(
    plan: &ServerRun,
    mode: SyncMode,
    disks: &[FaultDisk],
    observed: &Arc<Mutex<Observed>>,
) -> anyhow::Result<u64> {
    let mut random = plan.random.clone();
    let (started, skew_ms) = (tokio::time::Instant::now(), Arc::new(AtomicI64::new(0)));
    let clock = {
        let (skew_ms, start_ms) = (Arc::clone(&skew_ms), plan.start_ms as i64);
        Arc::new(Clock::new(move || {
            let steady = started.elapsed();
            let system_ms = start_ms + steady.as_millis() as i64 + skew_ms.load(Ordering::Relaxed);
            Times { steady, system_ms: system_ms.max(0) as u64 }
        }))
    };
    let server = start(plan, mode, disks, &clock, &mut random)?;
    if let End::DiskFailed { operations, fault } = plan.end {
        disks[random.below(disks.len() as u64) as usize].fail_after(operations, fault);
    }
    let clients = TaskTracker::new();
    let mut trading = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let client = trade(
            number,
            random.fork(),
            server.context.clone(),
            server.sessions.clone(),
            Arc::clone(observed),
        );
        trading.spawn(clients.track_future(client));
    }
    clients.close();
    let mut steps = random.fork();
    let step_clock = async {
        loop {
            tokio::time::sleep(Duration::from_millis(steps.below(20_000))).await;
            // Most steps go back. The clock follows a step forward, so orders expire early.
            let skew = if steps.one_in(4) {
                steps.below(5_000) as i64
            } else {
                -(steps.below(3_600_000) as i64)
            };
            skew_ms.store(skew, Ordering::Relaxed);
        }
    };
    let early = matches!(plan.end, End::StoppedEarly | End::Killed | End::PowerCut);
    let timer = if early { plan.end_after_ms } else { u64::from(u32::MAX) };
    let Server { mut fatal, .. } = server;
    let mut failed = false;
    tokio::select! {
        biased;
        Some(Fatal { .. }) = fatal.recv() => failed = true,
        () = clients.wait() => {}
        () = tokio::time::sleep(Duration::from_millis(timer)) => {}
        () = step_clock => {}
    }
    let stops = matches!(plan.end, End::Stopped | End::StoppedEarly) || failed;
    if stops {
        stop(&server.context, &server.sessions, &server.handles, server.shards).await;
    }
    while let Some(ended) = trading.try_join_next() {
        ended??;
    }
    Ok(clock.now_ms())
}

struct Server {
    context: Context,
    sessions: TaskTracker,
    handles: Vec<ShardHandle>,
    shards: Vec<(tokio::task::JoinHandle<Shard>, Arc<Mutex<SnapshotKeeper>>)>,
    fatal: mpsc::UnboundedReceiver<Fatal>,
}

/// Starts the real server's parts, connected in the same way, each as a task.
fn start(
    plan: &ServerRun,
    mode: SyncMode,
    disks: &[FaultDisk],
    clock: &Arc<Clock>,
    random: &mut Random,
) -> anyhow::Result<Server> {
    let mut recovered = Vec::new();
    for (shard, disk) in disks.iter().enumerate() {
        recovered.push(recover_shard(disk, shard as u16, true)?);
    }
    clock.raise_to(recovered.iter().map(|shard| shard.end.time_ms).max().unwrap_or(0));
    let assigned_max = recovered.iter().map(|shard| shard.book.assigned_max()).max().unwrap_or(0);
    let (handles, queues): (Vec<_>, Vec<_>) = disks.iter().map(|_| ShardHandle::channel()).unzip();
    let controls: Vec<_> = handles.iter().map(|handle| handle.control.clone()).collect();
    let positions: Vec<Positions> = disks.iter().map(|_| Positions::default()).collect();
    let shard_stats: Vec<Arc<ShardStats>> = disks.iter().map(|_| Arc::default()).collect();
    let quote_stats = Arc::new(QuoteStats::default());
    let stats = Stats::new(
        Arc::clone(&quote_stats),
        "simulation".to_owned(),
        shard_stats.clone(),
        positions.clone(),
    );
    let (quotes, requests) = mpsc::unbounded_channel();
    let wire = QuoteWire {
        requests,
        shards: controls.clone(),
        clock: Arc::clone(clock),
        stats: quote_stats,
        refresh_budget: 5,
    };
    spawn_manager(Arc::new(Market(Mutex::new(random.fork()))), wire)?;
    let (fatal_sender, fatal) = mpsc::unbounded_channel();
    let (dumps, _) = mpsc::unbounded_channel();
    let (snapshots, mut jobs) = mpsc::unbounded_channel();
    let mut shards = Vec::new();
    let options =
        WriterOptions { mode, segment_bytes_max: 4_000, free_bytes_min: 1, fill_bytes: 600 };
    for (number, ((recovered, queue), (disk, stats))) in
        recovered.into_iter().zip(queues).zip(disks.iter().zip(shard_stats)).enumerate()
    {
        let (storage, id): (Arc<dyn Storage>, _) = (Arc::new(disk.clone()), number as u16);
        let journal = JournalWriter::open(
            Arc::clone(&storage),
            id,
            options,
            &recovered.end,
            positions[number].clone(),
        )?;
        let links =
            Links { quotes: quotes.clone(), dumps: dumps.clone(), snapshots: snapshots.clone() };
        let mut shard = Shard::new(id, recovered, journal, links, stats);
        shard.set_snapshot_every(plan.snapshot_every);
        shard.announce_interest();
        let keeper = Arc::new(Mutex::new(SnapshotKeeper::new(storage, id, None, Arc::default())));
        let driven = drive(shard, queue, Arc::clone(clock), mode, fatal_sender.clone());
        shards.push((tokio::spawn(driven), keeper));
    }
    let keepers: Vec<_> = shards.iter().map(|(_, keeper)| Arc::clone(keeper)).collect();
    let mut pace = random.fork();
    tokio::spawn(async move {
        while let Some((shard, job)) = jobs.recv().await {
            tokio::time::sleep(Duration::from_millis(pace.below(300))).await;
            let at = usize::from(shard);
            let news = keepers[at].lock().take(job).unwrap_or(SnapshotNews::Failed);
            let _ = controls[at].send(Control::Snapshot(news));
        }
    });
    let router = Router::new(handles.clone(), assigned_max);
    let context = Context {
        router,
        quotes,
        stats: Arc::new(stats),
        stop: CancellationToken::new(),
        idle_timeout: Some(Duration::from_mins(10)),
    };
    Ok(Server { context, sessions: TaskTracker::new(), handles, shards, fatal })
}

/// Stops the parts in the real server's order.
async fn stop(
    context: &Context,
    sessions: &TaskTracker,
    handles: &[ShardHandle],
    shards: Vec<(tokio::task::JoinHandle<Shard>, Arc<Mutex<SnapshotKeeper>>)>,
) {
    context.stop.cancel();
    for handle in handles {
        let _ = handle.control.send(Control::Closing);
    }
    sessions.close();
    let _ = tokio::time::timeout(Duration::from_secs(10), sessions.wait()).await;
    for handle in handles {
        let _ = handle.control.send(Control::Stop);
    }
    for (shard, keeper) in shards {
        if let Ok(mut shard) = shard.await {
            let _ = shard.last_snapshot(&keeper);
        }
    }
}

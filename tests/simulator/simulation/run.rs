//! One run of a server: it starts on the disks' contents, serves clients, and ends.

use super::super::harness::store;
use super::Random;
use super::client::{CLIENTS, Observed, trade};
use super::market::Market;
use daytrade_server::test_support::journal::{DiskFault, FaultDisk, LogStore};
use daytrade_server::test_support::quotes::PriceSource;
use daytrade_server::test_support::{Clock, Deps, Execution, Times};
use daytrade_server::{Config, QuoteArgs, Server, SyncMode};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Size of a segment, so small that a run fills several.
pub(super) const SEGMENT_BYTES_MAX: u64 = 4_000;

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
    let mut server = start(plan, mode, disks, &clock, &mut random)?;
    if let End::DiskFailed { operations, fault } = plan.end {
        disks[random.below(disks.len() as u64) as usize].fail_after(operations, fault);
    }
    let clients = TaskTracker::new();
    let mut trading = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let client = trade(number, random.fork(), server.connector(), Arc::clone(observed));
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
    let mut failed = false;
    tokio::select! {
        biased;
        _ = server.failed() => failed = true,
        () = clients.wait() => {}
        () = tokio::time::sleep(Duration::from_millis(timer)) => {}
        () = step_clock => {}
    }
    let stops = matches!(plan.end, End::Stopped | End::StoppedEarly) || failed;
    if stops {
        // A disk that failed is reported once more; the checker judges what the disks hold.
        let _ = server.stop().await;
    }
    while let Some(ended) = trading.try_join_next() {
        ended??;
    }
    Ok(clock.now_ms())
}

/// Starts the real server on the disks, with its shards as tasks and without a socket.
fn start(
    plan: &ServerRun,
    mode: SyncMode,
    disks: &[FaultDisk],
    clock: &Arc<Clock>,
    random: &mut Random,
) -> anyhow::Result<Server> {
    let quotes = QuoteArgs { refresh_budget: 5, ..QuoteArgs::default() };
    let mut config = Config::local(PathBuf::new(), PathBuf::new(), quotes);
    config.fsync = mode;
    config.idle_timeout = Some(Duration::from_mins(10));
    config.snapshot_every = plan.snapshot_every;
    let open = |(shard, disk): (usize, &FaultDisk)| -> Arc<dyn LogStore> {
        Arc::new(store(disk, shard as u16, SEGMENT_BYTES_MAX))
    };
    let source = Arc::new(Market(Mutex::new(random.fork())));
    let mut pace = random.fork();
    let pause = move || Duration::from_millis(pace.below(300));
    let deps = Deps {
        cluster: None,
        clock: Arc::clone(clock),
        source: Box::new(move |_| Ok(PriceSource::Asked(source))),
        stores: disks.iter().enumerate().map(open).collect(),
        server_name: "simulation".to_owned(),
        execution: Execution::Tasks(Box::new(pause)),
        listen: None,
    };
    Server::build(&config, deps)
}

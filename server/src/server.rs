//! Start and stop: the parts made, wired together, and taken down in order.

use crate::audit::{DumpService, spawn_dumps};
use crate::clock::Clock;
use crate::config::{Config, QuoteSpec, Retention};
use crate::data_dir::{DataDir, shard_dir};
use crate::journal::{FsStorage, JournalWriter, Positions, Storage, WriterOptions};
use crate::limits::{FILL_BYTES, FREE_BYTES_MIN, SEGMENT_BYTES_MAX, STOP_MS};
use crate::quotes::csv::{CsvSource, Playback};
use crate::quotes::{
    LegacySource, QuoteSource, QuoteStats, QuoteWire, SimulatedSource, spawn_manager,
};
use crate::router::Router;
use crate::session::Context;
use crate::shard::{
    Control, Fatal, Links, Queues, RecoveredShard, Shard, ShardHandle, ShardStats, SnapshotKeeper,
    recover_shard, spawn, spawn_snapshots,
};
use crate::stats::Stats;
use anyhow::Context as _;
use parking_lot::{Mutex, RwLock};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    sessions: TaskTracker,
    handles: Vec<ShardHandle>,
    threads: Vec<JoinHandle<()>>,
    fatal: UnboundedReceiver<Fatal>,
    stats: Arc<Stats>,
    /// Held until everything that writes into it has ended.
    _data_dir: DataDir,
}

impl Server {
    /// Recovers the data folder and begins to listen. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the folder, the journal or the address cannot be used; in words for the person who
    /// starts it.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        anyhow::ensure!(
            config.listen.ip().is_loopback(),
            "{} is not a loopback address: there are no logins",
            config.listen
        );
        crate::open_files::raise_limit();
        let data_dir = DataDir::open(&config.data_dir, config.shards)?;
        let count = data_dir.manifest().shards;
        let storages: Vec<Arc<dyn Storage>> = (0..count)
            .map(|n| Arc::new(FsStorage::new(&shard_dir(data_dir.path(), n))) as Arc<dyn Storage>)
            .collect();
        let recovered = recover_all(&storages)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.listen))?;

        let clock = Arc::new(Clock::default());
        clock.raise_to(recovered.iter().map(|shard| shard.end.time_ms).max().unwrap_or(0));
        let assigned_max =
            recovered.iter().map(|shard| shard.book.assigned_max()).max().unwrap_or(0);

        let (handles, queues): (Vec<ShardHandle>, Vec<Queues>) =
            (0..count).map(|_| ShardHandle::channel()).unzip();
        let controls: Vec<_> = handles.iter().map(|handle| handle.control.clone()).collect();
        let positions: Vec<Positions> = (0..count).map(|_| Positions::default()).collect();
        let shard_stats: Vec<Arc<ShardStats>> = (0..count).map(|_| Arc::default()).collect();

        let source = make_source(&config, data_dir.manifest().quote_seed, &clock)?;
        let quote_stats = Arc::new(QuoteStats::default());
        let stats = Stats::new(
            Arc::clone(&quote_stats),
            source.describe(),
            shard_stats.clone(),
            positions.clone(),
        );
        let stats = Arc::new(stats);
        let (quotes, requests) = mpsc::unbounded_channel();
        let refresh_budget = config.quotes.refresh_budget;
        let wire = QuoteWire {
            requests,
            shards: controls.clone(),
            clock: Arc::clone(&clock),
            stats: quote_stats,
            refresh_budget,
        };
        spawn_manager(source, wire)?;

        let (dumps, dump_requests) = mpsc::unbounded_channel();
        let readers = Arc::new(RwLock::new(()));
        let retention = match config.journal_retention {
            Retention::All => None,
            Retention::Bytes(bytes) => Some(bytes),
        };
        let keeper = |(number, storage): (usize, &Arc<dyn Storage>)| {
            let keeper = SnapshotKeeper::new(
                Arc::clone(storage),
                number as u16,
                retention,
                Arc::clone(&readers),
            );
            Arc::new(Mutex::new(keeper))
        };
        let keepers: Vec<_> = storages.iter().enumerate().map(keeper).collect();
        let (snapshots, snapshot_jobs) = mpsc::unbounded_channel();
        spawn_snapshots(keepers.clone(), controls.clone(), snapshot_jobs)?;
        let service = DumpService {
            dump_dir: config.dump_dir.clone(),
            data_dir: data_dir.path().to_owned(),
            journals: (0..count).map(|n| shard_dir(data_dir.path(), n)).collect(),
            positions: positions.clone(),
            shards: controls,
            server_name: data_dir.manifest().server_name.clone(),
            sequence: AtomicU64::new(0),
            readers,
        };
        spawn_dumps(Arc::new(service), dump_requests);

        let (fatal_sender, fatal) = mpsc::unbounded_channel();
        let links = Links { quotes: quotes.clone(), dumps, snapshots };
        let options = WriterOptions {
            mode: config.fsync,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            fill_bytes: FILL_BYTES,
            free_bytes_min: FREE_BYTES_MIN * (1 + u64::from(count)),
        };
        let mut threads = Vec::new();
        for (number, (((recovered, queue), storage), stats)) in
            recovered.into_iter().zip(queues).zip(storages).zip(shard_stats).enumerate()
        {
            let id = number as u16;
            let journal = JournalWriter::open(
                storage,
                id,
                options,
                &recovered.end,
                positions[number].clone(),
            )?;
            let mut shard = Shard::new(id, recovered, journal, links.clone(), stats);
            shard.set_snapshot_every(config.snapshot_every);
            shard.announce_interest();
            let keeper = Arc::clone(&keepers[number]);
            threads.push(spawn(
                shard,
                queue,
                Arc::clone(&clock),
                config.fsync,
                fatal_sender.clone(),
                keeper,
            )?);
        }

        let address = listener.local_addr()?;
        let (stop, sessions) = (CancellationToken::new(), TaskTracker::new());
        let router = Router::new(handles.clone(), assigned_max);
        let context = Context {
            router,
            quotes,
            stats: Arc::clone(&stats),
            stop: stop.clone(),
            idle_timeout: config.idle_timeout,
        };
        sessions.spawn(crate::listener::listen(
            listener,
            context,
            sessions.clone(),
            config.max_connections,
        ));
        tracing::info!(%address, shards = count, data = %data_dir.path().display(), quotes = %stats.quote_source, "listening");
        Ok(Self { address, stop, sessions, handles, threads, fatal, stats, _data_dir: data_dir })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counts.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Waits until a journal fails, which ends the server; for ever, if all is well.
    pub async fn failed(&mut self) -> Fatal {
        match self.fatal.recv().await {
            Some(fatal) => fatal,
            None => std::future::pending().await,
        }
    }

    /// Stops: no new requests, every reply sent, every journal synced.
    ///
    /// # Errors
    /// When a journal could not be synced.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        for handle in &self.handles {
            let _ = handle.control.send(Control::Closing);
        }
        self.sessions.close();
        if tokio::time::timeout(Duration::from_millis(STOP_MS), self.sessions.wait()).await.is_err()
        {
            tracing::warn!(
                sessions = self.sessions.len(),
                "clients that did not take their replies are left behind"
            );
        }
        for handle in &self.handles {
            let _ = handle.control.send(Control::Stop);
        }
        let threads = std::mem::take(&mut self.threads);
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().try_for_each(JoinHandle::join))
                .await;
        anyhow::ensure!(matches!(joined, Ok(Ok(()))), "a shard ended with a panic");
        if let Ok(Fatal { shard, error }) = self.fatal.try_recv() {
            return Err(error)
                .with_context(|| format!("the journal of shard {shard} could not be written"));
        }
        tracing::info!("stopped");
        Ok(())
    }
}

fn make_source(
    config: &Config,
    folder_seed: u32,
    clock: &Arc<Clock>,
) -> anyhow::Result<Arc<dyn QuoteSource>> {
    Ok(match &config.quotes.quotes {
        QuoteSpec::Simulated { seed, frozen } => Arc::new(SimulatedSource::new(
            seed.unwrap_or(u64::from(folder_seed)),
            *frozen,
            Arc::clone(clock),
        )),
        QuoteSpec::Legacy { address } => {
            Arc::new(LegacySource::new(address.clone(), config.quotes.legacy()))
        }
        QuoteSpec::Csv { path } => {
            let playback =
                Playback { speed_milli: config.quotes.speed, looped: config.quotes.looped };
            Arc::new(CsvSource::open(path, playback, Arc::clone(clock))?)
        }
    })
}

/// Recovers every shard, each on a thread of its own.
fn recover_all(storages: &[Arc<dyn Storage>]) -> anyhow::Result<Vec<RecoveredShard>> {
    let started = Instant::now();
    let recovered: Vec<RecoveredShard> = std::thread::scope(|scope| {
        let threads: Vec<_> = storages
            .iter()
            .enumerate()
            .map(|(number, storage)| {
                scope.spawn(move || Ok(recover_shard(&**storage, number as u16, true)?))
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(recovered) => recovered,
            Err(_) => Err(anyhow::anyhow!("recovery ended with a panic")),
        };
        threads.into_iter().map(join).collect::<anyhow::Result<_>>()
    })?;
    let records: u64 = recovered.iter().map(|shard| shard.end.record).sum();
    if records > 0 {
        let users: usize = recovered.iter().map(|shard| shard.book.len()).sum();
        let read = records - recovered.iter().map(|shard| shard.snapshot_record).sum::<u64>();
        tracing::info!(
            records,
            read,
            users,
            took_ms = started.elapsed().as_millis() as u64,
            "recovered"
        );
    }
    Ok(recovered)
}

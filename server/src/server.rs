//! Start and stop: the parts made, wired together, and taken down in order.

use crate::audit::{DumpService, spawn_dumps};
use crate::clock::Clock;
use crate::config::{Config, QuoteSpec};
use crate::data_dir::{DataDir, shard_dir};
use crate::engine::Book;
use crate::journal::{FsStorage, JournalWriter, Positions, Recovered, Storage, WriterOptions, recover};
use crate::limits::{SEGMENT_BYTES_MAX, STOP_MS};
use crate::quotes::{LegacySource, QuoteSource, QuoteStats, QuoteWire, SimulatedSource, spawn_manager};
use crate::router::Router;
use crate::session::Context;
use crate::shard::{Control, Fatal, Links, Queues, Shard, ShardHandle, ShardStats, spawn};
use crate::stats::Stats;
use anyhow::Context as _;
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

/// A shard's accounts and where its journal ends.
struct RecoveredShard {
    book: Book,
    end: Recovered,
}

impl Server {
    /// Recovers the data folder and begins to listen. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the folder, the journal or the address cannot be used; in words for the person who starts it.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        anyhow::ensure!(
            config.listen.ip().is_loopback(),
            "{} is not a loopback address: there are no logins",
            config.listen
        );
        crate::open_files::raise_limit();
        let data_dir = DataDir::open(&config.data_dir, config.shards)?;
        let count = data_dir.manifest().shards;
        let storages: Vec<Arc<dyn Storage>> =
            (0..count).map(|n| Arc::new(FsStorage::new(&shard_dir(data_dir.path(), n))) as Arc<dyn Storage>).collect();
        let recovered = recover_all(&storages)?;
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;

        let clock = Arc::new(Clock::default());
        clock.raise_to(recovered.iter().map(|shard| shard.end.time_ms).max().unwrap_or(0));
        let assigned_max = recovered.iter().map(|shard| shard.book.assigned_max()).max().unwrap_or(0);

        let (handles, queues): (Vec<ShardHandle>, Vec<Queues>) = (0..count).map(|_| ShardHandle::channel()).unzip();
        let controls: Vec<_> = handles.iter().map(|handle| handle.control.clone()).collect();
        let positions: Vec<Positions> = (0..count).map(|_| Positions::default()).collect();
        let shard_stats: Vec<Arc<ShardStats>> = (0..count).map(|_| Arc::default()).collect();

        let source = make_source(&config, data_dir.manifest().quote_seed, &clock);
        let quote_stats = Arc::new(QuoteStats::default());
        let stats = Stats::new(Arc::clone(&quote_stats), source.describe(), shard_stats.clone(), positions.clone());
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
        let service = DumpService {
            dump_dir: config.dump_dir.clone(),
            data_dir: data_dir.path().to_owned(),
            journals: (0..count).map(|n| shard_dir(data_dir.path(), n)).collect(),
            positions: positions.clone(),
            shards: controls,
            server_name: data_dir.manifest().server_name.clone(),
            sequence: AtomicU64::new(0),
        };
        spawn_dumps(Arc::new(service), dump_requests);

        let (fatal_sender, fatal) = mpsc::unbounded_channel();
        let links = Links { quotes: quotes.clone(), dumps };
        let options = WriterOptions { mode: config.fsync, segment_bytes_max: SEGMENT_BYTES_MAX };
        let mut threads = Vec::new();
        for (number, (((recovered, queue), storage), stats)) in
            recovered.into_iter().zip(queues).zip(storages).zip(shard_stats).enumerate()
        {
            let RecoveredShard { book, end } = recovered;
            let id = number as u16;
            let journal = JournalWriter::open(storage, id, options, &end, positions[number].clone())?;
            let mut shard = Shard::new(id, book, journal, end.time_ms, links.clone(), stats);
            shard.announce_interest();
            threads.push(spawn(shard, queue, Arc::clone(&clock), config.fsync, fatal_sender.clone())?);
        }

        let address = listener.local_addr()?;
        let (stop, sessions) = (CancellationToken::new(), TaskTracker::new());
        let router = Router::new(handles.clone(), assigned_max);
        let context = Context { router, quotes, stats: Arc::clone(&stats), stop: stop.clone() };
        sessions.spawn(crate::listener::listen(listener, context, sessions.clone(), config.max_connections));
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
        if tokio::time::timeout(Duration::from_millis(STOP_MS), self.sessions.wait()).await.is_err() {
            tracing::warn!(sessions = self.sessions.len(), "clients that did not take their replies are left behind");
        }
        for handle in &self.handles {
            let _ = handle.control.send(Control::Stop);
        }
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().try_for_each(JoinHandle::join)).await;
        anyhow::ensure!(matches!(joined, Ok(Ok(()))), "a shard ended with a panic");
        if let Ok(Fatal { shard, error }) = self.fatal.try_recv() {
            return Err(error).with_context(|| format!("the journal of shard {shard} could not be written"));
        }
        tracing::info!("stopped");
        Ok(())
    }
}

fn make_source(config: &Config, folder_seed: u32, clock: &Arc<Clock>) -> Arc<dyn QuoteSource> {
    match &config.quotes.quotes {
        QuoteSpec::Simulated { seed, frozen } => {
            Arc::new(SimulatedSource::new(seed.unwrap_or(u64::from(folder_seed)), *frozen, Arc::clone(clock)))
        }
        QuoteSpec::Legacy { address } => Arc::new(LegacySource::new(address.clone(), config.quotes.legacy())),
    }
}

/// Recovers every shard, each on a thread of its own.
fn recover_all(storages: &[Arc<dyn Storage>]) -> anyhow::Result<Vec<RecoveredShard>> {
    let started = Instant::now();
    let recovered: Vec<RecoveredShard> = std::thread::scope(|scope| {
        let threads: Vec<_> = storages
            .iter()
            .enumerate()
            .map(|(number, storage)| scope.spawn(move || recover_shard(&**storage, number as u16)))
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
        tracing::info!(records, users, took_ms = started.elapsed().as_millis() as u64, "recovered");
    }
    Ok(recovered)
}

fn recover_shard(storage: &dyn Storage, shard: u16) -> anyhow::Result<RecoveredShard> {
    let mut book = Book::default();
    let end = recover(storage, shard, true, |number, time_ms, record| {
        book.replay(&record, number, time_ms);
        // Which triggers are armed matters at the end only.
        book.take_interest();
    })?;
    if end.cut_bytes > 0 {
        tracing::warn!(shard, bytes = end.cut_bytes, "cut off an interrupted last write");
    }
    Ok(RecoveredShard { book, end })
}

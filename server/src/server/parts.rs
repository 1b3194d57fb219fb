//! Creates the parts of a server before they are connected.

use super::deps::ClusterDeps;
use crate::clock::Clock;
use crate::config::{Config, QuoteArgs, Retention};
use crate::data_dir::{DataDir, shard_dir};
use crate::engine::MarketState;
use crate::execution::{Execution, ShardJoin};
use crate::journal::{
    FileOptions, FileStore, FsStorage, JournalWriter, LogStore, Positions, RecoveryError,
    SnapshotKeeper,
};
use crate::limits::{ASSIGNED_UNUSUAL, BACKLOG, FILL_BYTES, SEGMENT_BYTES_MAX, free_bytes_min};
use crate::listener::Manner;
use crate::local_socket::tcp_socket;
use crate::message::{QuoteRequest, Route, ShardEvent, ShardReport};
use crate::quotes::market::{PlayedMarket, TickingMarket};
use crate::quotes::{
    ClosedSource, LegacySource, PriceSource, QuoteManagerHandles, QuoteSpec, QuoteStats,
    SimulatedSource, spawn_manager,
};
use crate::runtime::NO_THREAD;
use crate::shard::{
    Fatal, Membership, Queues, RecoveredShard, Shard, ShardHandles, ShardStats, ShardTask,
    recover_copy, recover_shard,
};
use anyhow::Context as _;
use parking_lot::{Mutex, RwLock};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

/// The shards of a server before they are started.
pub(super) struct Parts {
    pub recovered: Vec<RecoveredShard>,
    pub queues: Vec<Queues>,
    pub positions: Vec<Positions>,
    pub stats: Vec<Arc<ShardStats>>,
    pub keepers: Vec<Arc<Mutex<SnapshotKeeper>>>,
    pub shared: Option<SharedParts>,
}

/// What all shards of a member of a cluster share.
pub(super) struct SharedParts {
    pub reports: UnboundedSender<ShardReport>,
    pub route: watch::Receiver<Route>,
    pub address: Arc<str>,
    pub numbers: Arc<AtomicU64>,
}

impl SharedParts {
    /// Creates them, if the server is a member of a cluster.
    ///
    /// # Errors
    /// If there is no address at which clients of other machines find this server.
    pub(super) fn new(
        cluster: Option<ClusterDeps>,
        listeners: &[(TcpListener, Manner)],
        numbers: &Arc<AtomicU64>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(cluster) = cluster else { return Ok(None) };
        let address = match &cluster.advertise {
            Some(address) => address.as_str().into(),
            None => reached_at(listeners)?,
        };
        let ClusterDeps { reports, route, .. } = cluster;
        Ok(Some(Self { reports, route, address, numbers: Arc::clone(numbers) }))
    }
}

/// Returns the address at which clients of other machines find this server.
fn reached_at(listeners: &[(TcpListener, Manner)]) -> anyhow::Result<Arc<str>> {
    let addresses = listeners
        .iter()
        .map(|(listener, _)| listener.local_addr())
        .collect::<Result<Vec<_>, _>>()?;
    let reached = addresses.iter().find(|address| !address.ip().is_loopback());
    // Those with TLS come last.
    let Some(address) = reached.or(addresses.last()) else { return Ok("nowhere:0".into()) };
    anyhow::ensure!(
        !address.ip().is_unspecified(),
        "{address} is no address to send clients to; use --advertise HOST:PORT"
    );
    Ok(address.to_string().into())
}

/// Opens the log of each shard of a data folder.
pub(crate) fn open_stores(data_dir: &DataDir) -> Vec<Arc<dyn LogStore>> {
    let count = data_dir.manifest().shards;
    let options = FileOptions {
        segment_bytes_max: SEGMENT_BYTES_MAX,
        fill_bytes: FILL_BYTES,
        free_bytes_min: free_bytes_min(usize::from(count)),
    };
    let open = |shard| -> Arc<dyn LogStore> {
        let storage = Arc::new(FsStorage::new(&shard_dir(data_dir.path(), shard)));
        Arc::new(FileStore::new(storage, shard, options))
    };
    (0..count).map(open).collect()
}

pub(super) fn open_source(
    quotes: &QuoteArgs,
    folder_seed: u32,
    clock: &Arc<Clock>,
) -> anyhow::Result<PriceSource> {
    Ok(match quotes.spec() {
        QuoteSpec::Simulated { seed, frozen } => {
            let seed = seed.unwrap_or(u64::from(folder_seed));
            let source = SimulatedSource::new(seed, frozen, Arc::clone(clock));
            match quotes.tick.filter(|tick_ms| *tick_ms > 0 && !frozen) {
                Some(tick_ms) => PriceSource::Market(Box::new(TickingMarket::new(source, tick_ms))),
                None => PriceSource::Asked(Arc::new(source)),
            }
        }
        QuoteSpec::Legacy { address } => {
            PriceSource::Asked(Arc::new(LegacySource::new(address, quotes.legacy())))
        }
        QuoteSpec::Csv { path } => {
            PriceSource::Market(Box::new(PlayedMarket::open(&path, quotes.looped)?))
        }
        QuoteSpec::Closed => PriceSource::Asked(Arc::new(ClosedSource)),
    })
}

pub(super) fn bind<T>(addresses: Vec<(SocketAddr, T)>) -> anyhow::Result<Vec<(TcpListener, T)>> {
    let mut listeners = Vec::new();
    for (address, manner) in addresses {
        let listener = listen(address);
        listeners.push((listener.with_context(|| format!("cannot listen on {address}"))?, manner));
    }
    Ok(listeners)
}

/// Like `TcpListener::bind`, with a backlog that takes in a crowd that connects at once. A
/// connection that finds it full tries again after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = tcp_socket(address)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Returns the first address that the server listens on. A server without a listener returns
/// 127.0.0.1 with port 0.
pub(super) fn address_of<T>(listeners: &[(TcpListener, T)]) -> io::Result<SocketAddr> {
    let nowhere = || Ok(SocketAddr::from(([127, 0, 0, 1], 0)));
    listeners.first().map_or_else(nowhere, |(one, _)| one.local_addr())
}

/// Returns what all shards have recorded of the market.
pub(super) fn market_state(recovered: &[RecoveredShard]) -> MarketState {
    let mut state = MarketState::default();
    for shard in recovered {
        state.merge(&shard.book.market);
    }
    state
}

/// Returns the counter of transaction numbers, after the highest that the server has given.
pub(super) fn next_number(recovered: &[RecoveredShard]) -> Arc<AtomicU64> {
    let assigned_max = recovered.iter().map(|shard| shard.book.assigned_max()).max().unwrap_or(0);
    if assigned_max >= ASSIGNED_UNUSUAL {
        // Earlier versions let a user named daytraded move the numbers by a tag.
        tracing::warn!(assigned_max, "transaction numbers continue at an unusually high number");
    }
    Arc::new(AtomicU64::new(assigned_max.saturating_add(1)))
}

/// Starts the quote manager, where the market stood. Returns the channel to it and its counters.
pub(super) fn start_quotes(
    config: &Config,
    mut source: PriceSource,
    shards: Vec<UnboundedSender<ShardEvent>>,
    clock: &Arc<Clock>,
    (numbers, market): (&Arc<AtomicU64>, MarketState),
) -> (UnboundedSender<QuoteRequest>, Arc<QuoteStats>) {
    source.resume(&market);
    let (quotes, requests) = mpsc::unbounded_channel();
    let stats = Arc::new(QuoteStats::default());
    let manager = QuoteManagerHandles {
        requests,
        shards,
        clock: Arc::clone(clock),
        stats: Arc::clone(&stats),
        refresh_budget: config.quotes.refresh_budget,
        speed_milli: config.quotes.speed,
        opens: market.opens,
        numbers: Arc::clone(numbers),
    };
    spawn_manager(source, manager);
    (quotes, stats)
}

pub(super) fn keepers(
    config: &Config,
    stores: &[Arc<dyn LogStore>],
    readers: &Arc<RwLock<()>>,
) -> Vec<Arc<Mutex<SnapshotKeeper>>> {
    let retention = match config.journal_retention {
        Retention::All => None,
        Retention::Bytes(bytes) => Some(bytes),
    };
    let keeper = |(number, store): (usize, &Arc<dyn LogStore>)| {
        let (store, readers) = (Arc::clone(store), Arc::clone(readers));
        Arc::new(Mutex::new(SnapshotKeeper::new(store, number as u16, retention, readers)))
    };
    stores.iter().enumerate().map(keeper).collect()
}

/// Starts the shards with what was recovered.
#[expect(clippy::indexing_slicing, reason = "the number is that of a shard")]
pub(super) fn start_shards(
    config: &Config,
    stores: &[Arc<dyn LogStore>],
    parts: Parts,
    services: &ShardHandles,
    clock: &Arc<Clock>,
    execution: &Execution,
) -> anyhow::Result<(Vec<ShardJoin>, UnboundedReceiver<Fatal>)> {
    let (fatal, failures) = mpsc::unbounded_channel();
    let mode = config.fsync;
    let mut shards = Vec::new();
    let Parts { recovered, queues, positions, stats, keepers, shared } = parts;
    let parts = recovered.into_iter().zip(queues).zip(positions.into_iter().zip(stats));
    for (number, ((recovered, queues), (position, stats))) in parts.enumerate() {
        let id = number as u16;
        let end = &recovered.end;
        let log = stores[number].open(end)?;
        let membership = shared.as_ref().map(|shared| Membership {
            reports: shared.reports.clone(),
            numbers: Arc::clone(&shared.numbers),
            store: Arc::clone(&stores[number]),
            positions: position.clone(),
            address: Arc::clone(&shared.address),
            route: shared.route.clone(),
        });
        let journal = match &membership {
            Some(_) => JournalWriter::following(log, id, end, position),
            None => JournalWriter::new(log, id, mode, end, position),
        };
        let (handles, every) = (services.clone(), config.snapshot_every);
        let mut shard = Shard::new(id, recovered, journal, handles, stats, every);
        match membership {
            Some(membership) => shard.join(membership),
            None => shard.announce_interest(),
        }
        let route = shared.as_ref().map(|shared| shared.route.clone());
        let (clock, fatal) = (Arc::clone(clock), fatal.clone());
        let keeper = Arc::clone(&keepers[number]);
        let task = ShardTask { shard, queues, clock, mode, fatal, keeper, route };
        shards.push(execution.start_shard(task)?);
    }
    Ok((shards, failures))
}

/// A thread that recovers a shard.
type Recovering<'a> =
    std::io::Result<std::thread::ScopedJoinHandle<'a, Result<RecoveredShard, RecoveryError>>>;

/// Recovers every shard, each on a thread of its own. `copies` says that the logs are elsewhere.
pub(super) fn recover_all(
    stores: &[Arc<dyn LogStore>],
    copies: bool,
) -> anyhow::Result<Vec<RecoveredShard>> {
    let started = Instant::now();
    let recovered: Vec<RecoveredShard> = std::thread::scope(|scope| {
        let recover = |(number, store): (usize, &'_ Arc<dyn LogStore>)| {
            let store = Arc::clone(store);
            let shard = number as u16;
            let recover = move || {
                if copies {
                    recover_copy(&*store, shard)
                } else {
                    recover_shard(&*store, shard, true)
                }
            };
            let name = format!("recovery-{number}");
            std::thread::Builder::new().name(name).spawn_scoped(scope, recover)
        };
        let threads: Vec<_> = stores.iter().enumerate().map(recover).collect();
        let join =
            |(number, thread): (usize, Recovering<'_>)| match thread.context(NO_THREAD)?.join() {
                Ok(recovered) => recovered.with_context(|| format!("shard {number}")),
                Err(_) => Err(anyhow::anyhow!("recovery ended with a panic")),
            };
        threads.into_iter().enumerate().map(join).collect::<anyhow::Result<_>>()
    })?;
    let records: u64 = recovered.iter().map(|shard| shard.end.record).sum();
    if records > 0 {
        let users: usize = recovered.iter().map(|shard| shard.book.len()).sum();
        let read = records - recovered.iter().map(|shard| shard.snapshot_record).sum::<u64>();
        let took_ms = started.elapsed().as_millis() as u64;
        tracing::info!(records, read, users, took_ms, "recovered");
    }
    Ok(recovered)
}

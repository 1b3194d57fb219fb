//! Start and stop: the parts are created, connected, and stopped in order.

mod deps;
#[cfg(feature = "metrics")]
mod exposed;
#[cfg(feature = "cluster")]
mod joining;
mod parts;
#[cfg(feature = "remote")]
mod pulse;
#[cfg(feature = "remote")]
mod remote;
mod start;

pub use deps::{Deps, OpenSource};
#[cfg(feature = "cluster")]
use joining::Member;
pub(crate) use parts::open_stores;
use parts::{
    Parts, SharedParts, address_of, bind, keepers, market_state, next_number, recover_all,
    start_quotes, start_shards,
};

#[cfg(feature = "metrics")]
pub(crate) use exposed::{Exposed, Unready};
#[cfg(feature = "remote")]
pub(crate) use pulse::Pulse;
#[cfg(feature = "remote")]
use remote::{Remote, tls_addresses};

use crate::audit::{DumpService, LogMerger, LogReader};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::execution::{ShardJoin, SnapshotWriter};
use crate::journal::Positions;
use crate::limits::STOP_MS;
use crate::listener::{Gate, Manner, Places, listen_on};
use crate::message::{ReloadRequest, ShardEvent};
use crate::router::Router;
use crate::session::{Context, ReplyWriter, serve};
use crate::shard::{Fatal, Queues, ShardHandle, ShardHandles, ShardStats};
use crate::stats::{Counters, Stats};
use anyhow::Context as _;
use parking_lot::RwLock;
use std::net::SocketAddr;
#[cfg(feature = "metrics")]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::task::TaskTracker;

/// A running server.
pub struct Server {
    address: SocketAddr,
    connector: Connector,
    handles: Vec<ShardHandle>,
    shards: Vec<ShardJoin>,
    /// Counts the threads that write snapshots and dumps.
    threads: TaskTracker,
    fatal: UnboundedReceiver<Fatal>,
    /// Addresses with TLS.
    #[cfg(feature = "remote")]
    tls_addresses: Vec<SocketAddr>,
    /// Logins and the certificate.
    #[cfg(feature = "remote")]
    remote: Option<Remote>,
    /// Requests to read the settings again, where there can be any.
    reloads: Option<UnboundedReceiver<ReloadRequest>>,
    /// Its place in a cluster.
    #[cfg(feature = "cluster")]
    member: Member,
    /// Held until everything that writes into the folder has ended.
    data_dir: Option<DataDir>,
}

/// What the program has to do about a running server.
pub(crate) enum ServerEvent {
    /// Stop it: a journal has failed.
    Failed(Fatal),
    /// Read the settings again, and answer.
    Reload(ReloadRequest),
}

/// Opens connections to a running server.
#[derive(Clone)]
pub struct Connector {
    context: Arc<Context>,
    sessions: TaskTracker,
}

impl Connector {
    /// Accepts the connections to one address, as a task.
    fn listen(&self, listener: TcpListener, manner: Manner, places: &Places) {
        let Self { context, sessions } = self.clone();
        let gate = Gate { context, sessions, places: places.clone(), manner };
        self.sessions.spawn(listen_on(listener, Arc::new(gate)));
    }

    /// Serves a connection over any transport, as a task.
    pub fn connect<R, W>(&self, reader: R, writer: W)
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: ReplyWriter + 'static,
    {
        let served = serve(reader, writer, Arc::clone(&self.context), None);
        self.sessions.spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

impl Server {
    /// Recovers the shards and connects all parts: the one constructor of the program, tests and
    /// simulations. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If a log or the address cannot be used.
    pub fn build(config: &Config, deps: Deps) -> anyhow::Result<Self> {
        let Deps { clock, source, stores, server_name, execution, listen, cluster } = deps;
        let recovered = recover_all(&stores, cluster.is_some())?;
        let (listeners, places) = match listen {
            Some(listen) => (bind(listen.addresses)?, listen.places),
            None => (Vec::new(), Places::default()),
        };
        clock.raise_to(recovered.iter().map(|shard| shard.end.time_ms).max().unwrap_or(0));
        let (numbers, market) = (next_number(&recovered), market_state(&recovered));
        let address = address_of(&listeners)?;
        let route = cluster.as_ref().map(|cluster| cluster.route.clone());
        let shared = SharedParts::new(cluster, &listeners, &numbers)?;
        let (handles, queues): (Vec<ShardHandle>, Vec<Queues>) =
            stores.iter().map(|_| ShardHandle::channel()).unzip();
        let events: Vec<_> = handles.iter().map(|handle| handle.events.clone()).collect();
        let (readers, threads) = (Arc::new(RwLock::new(())), TaskTracker::new());
        let positions: Vec<_> = stores.iter().map(|_| Positions::default()).collect();
        #[cfg(feature = "cluster")]
        let member = Member::new(&recovered, &positions, shared.as_ref());
        let shard_stats: Vec<Arc<ShardStats>> = stores.iter().map(|_| Arc::default()).collect();
        let keepers = keepers(config, &stores, &readers);

        let source = source(&clock)?;
        let quote_source = source.describe();
        let (quotes, quote_stats) =
            start_quotes(config, source, events.clone(), &clock, (&numbers, market));
        let (snapshots, jobs) = mpsc::unbounded_channel();
        let (dumps, dump_requests) = mpsc::unbounded_channel();
        let services = ShardHandles { quotes: quotes.clone(), dumps, snapshots };
        let (written, kept, stats) = (positions.clone(), keepers.clone(), shard_stats.clone());
        let parts = Parts { recovered, queues, positions: written, stats, keepers: kept, shared };
        let (shards, fatal) = start_shards(config, &stores, parts, &services, &clock, &execution)?;
        let writer = SnapshotWriter { keepers, shards: events.clone(), jobs };
        let at = positions.clone();
        let counters = Counters { quotes: quote_stats, shards: shard_stats, positions: at };
        let stats = Stats::new(counters, quote_source, clock, config.times_requests);
        let merger = Arc::new(LogMerger { stores, positions, server_name, readers });
        let logs = LogReader::new(Arc::clone(&merger));
        let dumps = DumpService::new(config, merger, events);
        dumps.remove_abandoned();
        execution.start_dumps(&dumps, dump_requests, &threads)?;
        let busy_polls = execution.has_threads();
        execution.start_snapshots(writer, threads.token())?;

        let router = Router::new(handles.clone(), numbers);
        let context = Arc::new(Context::new(config, router, quotes, stats, logs, route));
        context.start(busy_polls);
        let connector = Connector { context, sessions: TaskTracker::new() };
        #[cfg(feature = "remote")]
        let tls_addresses = tls_addresses(&listeners)?;
        for (listener, manner) in listeners {
            connector.listen(listener, manner, &places);
        }
        Ok(Self {
            address,
            connector,
            handles,
            shards,
            threads,
            fatal,
            #[cfg(feature = "remote")]
            tls_addresses,
            #[cfg(feature = "remote")]
            remote: None,
            reloads: None,
            #[cfg(feature = "cluster")]
            member,
            data_dir: None,
        })
    }

    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes over what can change while the server runs: limits of the configuration, logins and
    /// the certificate, which are read again.
    ///
    /// # Errors
    /// Why something stays as it was.
    #[cfg_attr(
        not(feature = "remote"),
        expect(clippy::unnecessary_wraps, reason = "there are no logins to fail at")
    )]
    pub(crate) fn reload(&self, config: &Config) -> anyhow::Result<()> {
        let context = &self.connector.context;
        context.memory.set_limit(config.memory_limit);
        *context.idle_timeout.write() = config.idle_timeout;
        #[cfg(feature = "remote")]
        self.remote.as_ref().map_or(Ok(()), |remote| remote.reload(config))?;
        Ok(())
    }

    /// Returns a way to ask whether all shards work.
    #[cfg(feature = "remote")]
    pub(crate) fn pulse(&self) -> Pulse {
        Pulse::new(self.handles.iter().map(|handle| handle.events.clone()).collect())
    }

    /// Returns what it shows to whoever watches it.
    #[cfg(feature = "metrics")]
    pub(crate) fn exposed(&self, data_dir: &Path) -> Exposed {
        let context = self.connector.context.clone();
        Exposed::new(context, self.pulse(), self.remote.clone(), data_dir.to_owned())
    }

    /// Waits until the program has something to do about the server.
    pub(crate) async fn next_event(&mut self) -> ServerEvent {
        if let Some(requests) = &mut self.reloads {
            return tokio::select! {
                Some(fatal) = self.fatal.recv() => ServerEvent::Failed(fatal),
                Some(request) = requests.recv() => ServerEvent::Reload(request),
                else => std::future::pending().await,
            };
        }
        ServerEvent::Failed(self.failed().await)
    }

    /// Returns the counters.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.connector.context.stats
    }

    /// Returns a way to open connections without a socket.
    pub fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// Waits until a journal fails, which ends the server. Never returns if none fails.
    pub async fn failed(&mut self) -> Fatal {
        match self.fatal.recv().await {
            Some(fatal) => fatal,
            None => std::future::pending().await,
        }
    }

    /// Stops the server: no new requests, all replies sent, all journals synced.
    ///
    /// # Errors
    /// If a journal could not be synced.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        #[cfg(feature = "cluster")]
        self.member.hand_over().await;
        let sessions = &self.connector.sessions;
        self.connector.context.stop.begin();
        for handle in &self.handles {
            let _ = handle.events.send(ShardEvent::Closing);
        }
        sessions.close();
        let patience = Duration::from_millis(STOP_MS);
        if tokio::time::timeout(patience, sessions.wait()).await.is_err() {
            let sessions = sessions.len();
            tracing::warn!(sessions, "clients did not read their replies and were left behind");
        }
        for handle in &self.handles {
            let _ = handle.events.send(ShardEvent::Stop);
        }
        for shard in std::mem::take(&mut self.shards) {
            shard.join().await?;
        }
        self.threads.close();
        if tokio::time::timeout(patience, self.threads.wait()).await.is_err() {
            tracing::warn!("a snapshot or a dump is left unfinished");
            // Another server must not use the folder before this process has ended.
            std::mem::forget(self.data_dir.take());
        }
        drop(self.data_dir.take());
        if let Ok(Fatal { shard, error }) = self.fatal.try_recv() {
            return Err(error)
                .with_context(|| format!("the journal of shard {shard} could not be written"));
        }
        tracing::info!("stopped");
        Ok(())
    }
}

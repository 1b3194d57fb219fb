//! What a server takes from outside.

use crate::clock::Clock;
use crate::execution::Execution;
use crate::journal::LogStore;
use crate::listener::{Manner, Places};
use crate::message::{Route, ShardReport};
use crate::quotes::PriceSource;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// Opens a source of prices; its playback begins at that time.
pub type OpenSource = Box<dyn FnOnce(&Arc<Clock>) -> anyhow::Result<PriceSource> + Send>;

/// What a server takes from outside. The program, tests and simulations differ only in this.
pub struct Deps {
    /// The clock.
    pub clock: Arc<Clock>,
    /// Opens the source of prices, once the clock is not behind the journals.
    pub source: OpenSource,
    /// The log of each shard.
    pub stores: Vec<Arc<dyn LogStore>>,
    /// Name of the server in the audit log.
    pub server_name: String,
    /// Where shards and snapshots run.
    pub execution: Execution,
    /// Where to listen; None for connections in memory only.
    pub listen: Option<Listen>,
    /// The cluster whose shards these are; None for a server of its own.
    pub cluster: Option<ClusterDeps>,
}

/// What connects the shards of a server to a cluster.
pub struct ClusterDeps {
    /// Receiver of the shards' reports.
    pub reports: UnboundedSender<ShardReport>,
    /// Where commands are carried out.
    pub route: watch::Receiver<Route>,
    /// Address at which others find this server; None for the one it listens on.
    pub advertise: Option<String>,
}

/// Where a server listens.
pub struct Listen {
    /// The addresses, and how connections to each are taken in.
    pub(crate) addresses: Vec<(SocketAddr, Manner)>,
    /// The places for all their connections.
    pub(crate) places: Places,
}

//! Events of the rest of the server for a shard.

use super::dump::DumpDone;
use super::ownership::ClusterOrder;
use super::quote::QuoteEvent;
use crate::engine::MarketPosition;
use crate::journal::SnapshotEvent;
use tokio::sync::oneshot;

/// An event for a shard.
#[derive(Debug)]
pub enum ShardEvent {
    /// About a price.
    Quote(QuoteEvent),
    /// The market's clock has run this far, which the first shard records.
    Market(MarketPosition),
    /// A dump has ended.
    DumpDone(Box<DumpDone>),
    /// About the snapshot in progress.
    Snapshot(SnapshotEvent),
    /// About the ownership of the shard, in a cluster.
    Cluster(Box<ClusterOrder>),
    /// Answer that the shard works.
    Probe(oneshot::Sender<()>),
    /// The server stops: commands that wait for a price are refused at once.
    Closing,
    /// Finish the queued work, make it durable, end.
    Stop,
}

//! What a node is made of, and how it is told to leave.

use crate::clock::Clock;
use crate::cluster::nats::Nats;
use crate::engine::Owner;
use crate::journal::{Positions, Tip};
use crate::limits::HAND_OVER_WITHIN;
use crate::message::{Route, ShardEvent, ShardReport};
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{oneshot, watch};

/// What a server brings into the cluster.
pub(crate) struct NodeParts {
    /// The connection.
    pub nats: Nats,
    /// What its first frames say of it.
    pub owner: Owner,
    /// The shards.
    pub shards: Vec<UnboundedSender<ShardEvent>>,
    /// The end of each shard's copy.
    pub tips: Vec<Tip>,
    /// How far each shard's copy is.
    pub positions: Vec<Positions>,
    /// What the shards say.
    pub reports: UnboundedReceiver<ShardReport>,
    /// Where commands are carried out.
    pub route: watch::Sender<Route>,
    /// The server's clock.
    pub clock: Arc<Clock>,
}

/// Tells a running node to leave.
pub(crate) struct ClusterHandle {
    leave: mpsc::Sender<oneshot::Sender<()>>,
}

impl ClusterHandle {
    /// Creates the handle of the node that listens there.
    pub(super) const fn new(leave: mpsc::Sender<oneshot::Sender<()>>) -> Self {
        Self { leave }
    }

    /// Lets all shards go and waits until another server owns them, or for a while.
    pub(crate) async fn hand_over(&self) {
        let (done, left) = oneshot::channel();
        if self.leave.send(done).await.is_ok() {
            let _ = tokio::time::timeout(HAND_OVER_WITHIN, left).await;
        }
    }
}

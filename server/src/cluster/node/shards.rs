//! What a server knows of its shards.

use crate::journal::Tip;
use crate::message::{ClusterOrder, ShardEvent};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

/// What a shard is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Follows,
    /// It was told to take over.
    Taking,
    Owns,
    /// It was told to let go.
    Releasing,
    /// Its copy is not what a shard writes.
    Broken,
}

pub(super) struct ShardState {
    pub tip: Tip,
    pub role: Role,
    /// Reads the stream while the shard follows.
    pub feed: Option<AbortHandle>,
    /// Tells that reader to look for the end of the stream now.
    pub hurry: Arc<Notify>,
    /// The last frame of the stream, as far as it is known.
    pub last: u64,
    pub to: UnboundedSender<ShardEvent>,
}

impl ShardState {
    /// Gives the shard an order.
    pub(super) fn order(&self, order: ClusterOrder) {
        let _ = self.to.send(ShardEvent::Cluster(Box::new(order)));
    }

    /// Stops reading its stream.
    pub(super) fn stop_feed(&mut self) {
        if let Some(feed) = self.feed.take() {
            feed.abort();
        }
    }
}

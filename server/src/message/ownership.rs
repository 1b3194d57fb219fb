//! Who owns the accounts of a cluster, and what a shard and the cluster say to each other.

use crate::engine::Owner;
use crate::journal::{CheckedFrame, Fence, Tip};
use tokio::sync::OwnedSemaphorePermit;

/// Where commands are carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// Here.
    #[default]
    Here,
    /// At another server, `host:port`.
    At(Box<str>),
    /// It will be known soon: commands wait.
    Sought,
    /// Nowhere: commands are refused.
    Nowhere,
}

/// What the cluster tells a shard.
#[derive(Debug)]
pub enum ClusterOrder {
    /// The owner has appended these frames.
    Follow(Followed),
    /// Follow no more: the stream has other frames than the copy.
    Diverged(String),
    /// Become the owner.
    TakeOver(Box<Owner>),
    /// Let another server become the owner.
    Release,
}

/// Frames of the owner, in order.
#[derive(Debug)]
pub struct Followed {
    /// The frames.
    pub frames: Vec<CheckedFrame>,
    /// Dropped when they are applied: more may follow.
    pub permit: OwnedSemaphorePermit,
}

/// What a shard tells the cluster.
#[derive(Debug)]
pub struct ShardReport {
    /// The shard.
    pub shard: u16,
    /// The end of its journal.
    pub tip: Tip,
    /// What happened.
    pub news: ShardNews,
}

/// What happened to a shard.
#[derive(Debug)]
pub enum ShardNews {
    /// It has applied frames; the newest owner among them.
    Followed(Option<Box<Owner>>),
    /// It is the owner.
    Owns,
    /// It was the owner, and follows now.
    Released,
    /// It is not the owner, for another is.
    Fenced(Fence),
    /// It is not the owner any more, for the log did not answer.
    GaveUp,
    /// The frames are not what a shard writes.
    Broken(String),
}

//! What the quote manager knows of one symbol.

use crate::message::{Quote, ReplyTarget};
use daytrade_protocol::UserName;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// User and transaction of a fetch, and the shard that writes the hit to its journal.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub shard: u16,
    pub user: UserName,
    pub number: u64,
}

#[derive(Default)]
pub(super) struct SymbolState {
    pub quote: Option<Quote>,
    pub fetching: bool,
    /// Shards that wait for the fetch in progress.
    pub waiting: Vec<u16>,
    /// Shards with armed triggers.
    pub interested: Vec<Asker>,
    /// Connections that want to see the prices, by the number of their request.
    pub watchers: BTreeMap<u64, ReplyTarget>,
    /// The number of each connection, by the key of its target.
    pub watcher_numbers: HashMap<usize, u64>,
    /// Time of its entry in the queue of re-quotes.
    pub due_ms: Option<u64>,
    /// Time before which it is not fetched again after a failed fetch.
    pub pause_until_ms: u64,
    /// When the log last said that its price could not be fetched.
    pub failure_said: Option<Instant>,
}

impl SymbolState {
    pub(super) fn is_kept_fresh(&self) -> bool {
        !self.interested.is_empty() || !self.watchers.is_empty()
    }
}

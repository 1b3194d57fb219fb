//! Prices: their sources, how long a quote is valid, and who receives it.
//!
//! The manager fetches a symbol once regardless of how many requests wait for it. It keeps the
//! quote for 60 s by our clock, and sends it to every shard, because triggers need each price. It
//! must never decide anything about an account.

mod breaker;
mod budget;
pub mod csv;
mod legacy;
mod manager;
pub mod quote_server;
mod simulated;
mod source;

pub use legacy::{LegacyOptions, LegacySource};
pub use manager::{QuoteRequest, QuoteStats, QuoteWire, WATCHER, spawn_manager};
pub use simulated::SimulatedSource;
pub use source::{Fetch, Fetched, QuoteSource, SourceError, SourceQuote};

use crate::engine::Hit;
use daytrade_protocol::{Money, Symbol};
use std::sync::Arc;

/// A price with its time of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Stock symbol.
    pub symbol: Symbol,
    /// Price of one share, in dollars.
    pub price: Money,
    /// Time of arrival, Unix milliseconds by our clock.
    pub arrived_ms: u64,
    /// Signature of the source.
    pub key: Arc<str>,
}

impl Quote {
    /// Returns true if the quote is valid at `now_ms`: at most 60 s old.
    pub const fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms <= self.arrived_ms.saturating_add(crate::limits::LIFE_MS)
    }
}

/// A message about quotes from the manager to a shard.
#[derive(Clone, Debug)]
pub enum QuoteNews {
    /// A price has arrived. The hit is included for the one shard that must write it to its
    /// journal.
    Arrived(Quote, Option<Hit>),
    /// A late hit: an answer that was not used, but is paid for and written to the journal.
    Paid(Hit),
    /// The price could not be fetched. The shard refuses the commands that wait for it.
    Failed(Symbol),
}

//! Prices: where they come from, how long they are good, and who is told.
//!
//! The manager fetches a symbol once however many wait for it, remembers the answer for 60 s by our
//! clock, and tells every shard, because every price counts for the triggers. It must never decide
//! anything about an account.

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
    /// The stock.
    pub symbol: Symbol,
    /// Dollars a share.
    pub price: Money,
    /// When it arrived, Unix milliseconds by our clock.
    pub arrived_ms: u64,
    /// The source's signature.
    pub key: Arc<str>,
}

impl Quote {
    /// Whether it is still the price at `now_ms`: at most 60 s old.
    pub const fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms <= self.arrived_ms.saturating_add(crate::limits::LIFE_MS)
    }
}

/// What a shard hears about quotes.
#[derive(Clone, Debug)]
pub enum QuoteNews {
    /// A price has arrived. The hit comes with it for the one shard that has to write it down.
    Arrived(Quote, Option<Hit>),
    /// An answer that came too late to count: it is paid for, and written down.
    Paid(Hit),
    /// The price could not be had; whoever waits for it is refused.
    Failed(Symbol),
}

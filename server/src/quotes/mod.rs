//! Prices: their sources, how long a quote is valid, and who receives it.
//!
//! The manager fetches a symbol once regardless of how many requests wait for it. It keeps the
//! quote for 60 s by our clock, and sends it to every shard, because triggers need each price. It
//! must never decide anything about an account.

mod breaker;
mod budget;
mod closed;
mod hedging;
mod host;
mod legacy;
mod manager;
pub mod market;
mod playing;
pub mod quote_server;
mod simulated;
mod source;
mod spec;
mod stats;
mod symbol_state;

pub(crate) use closed::ClosedSource;
pub use legacy::{LegacyOptions, LegacySource};
pub use manager::{QuoteManagerHandles, spawn_manager};
pub use market::prices::{PriceRow, read_prices};
pub use playing::MarketStats;
pub use simulated::SimulatedSource;
pub use source::{Fetch, Fetched, PriceSource, QuoteSource, SourceError, SourceQuote};
pub use spec::QuoteSpec;
pub use stats::QuoteStats;

#[cfg(test)]
mod storm_tests;

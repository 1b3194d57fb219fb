//! Counters of the quote manager.

use super::playing::MarketStats;
use crate::histogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cost of a request to the source, in cents.
const REQUEST_COST_CENTS: u64 = 5;

/// Counters of the manager, for STATS.
#[derive(Debug, Default)]
pub struct QuoteStats {
    /// Requests sent to the source, each of them billed.
    pub requests: AtomicU64,
    /// Answers of the source with a price.
    pub hits: AtomicU64,
    /// Late hits: the part of `hits` that arrived too late to be used.
    pub late: AtomicU64,
    /// Complete answers without a usable price.
    pub unusable: AtomicU64,
    /// Duration of the slowest fetch so far, in milliseconds.
    pub slowest_ms: AtomicU64,
    /// How long fetches took.
    pub(crate) times: Histogram,
    /// Fetches that returned no price.
    pub failures: AtomicU64,
    /// Fetches in progress.
    pub fetching: AtomicU64,
    /// Symbols that are re-quoted automatically.
    pub kept_fresh: AtomicU64,
    /// Symbols whose re-quote is due and waits for the rate limit.
    pub overdue: AtomicU64,
    /// 1 if the source is considered down, otherwise 0.
    pub source_down: AtomicU64,
    /// The clock of a market.
    pub market: Arc<MarketStats>,
}

impl QuoteStats {
    /// Returns the cost of all requests, in cents.
    pub fn cost_cents(&self) -> u64 {
        self.requests.load(Ordering::Relaxed) * REQUEST_COST_CENTS
    }
}

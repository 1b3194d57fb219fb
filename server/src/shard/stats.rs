//! What a shard counts, for STATS.

use daytrade_protocol::Code;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one shard; written by the shard once a round, read by any thread.
#[derive(Debug)]
pub struct ShardStats {
    /// Commands carried out.
    pub ok: AtomicU64,
    /// Commands refused, by the place of their code in [`Code::ALL`].
    pub refused: Vec<AtomicU64>,
    /// Prices served from the cache.
    pub cached_prices: AtomicU64,
    /// Users whose commands wait for a price or a dump.
    pub parked_users: AtomicU64,
    /// Requests that wait in the shard.
    pub queued: AtomicU64,
    /// Accounts.
    pub users: AtomicU64,
    /// Armed triggers.
    pub triggers: AtomicU64,
    /// Whether the disk is almost full: 1 or 0.
    pub disk_low: AtomicU64,
    /// The last record that the newest snapshot covers.
    pub snapshot_record: AtomicU64,
}

impl Default for ShardStats {
    fn default() -> Self {
        Self {
            ok: AtomicU64::new(0),
            refused: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            cached_prices: AtomicU64::new(0),
            parked_users: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            users: AtomicU64::new(0),
            triggers: AtomicU64::new(0),
            disk_low: AtomicU64::new(0),
            snapshot_record: AtomicU64::new(0),
        }
    }
}

/// One round's counts, kept without atomics until the round ends.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub ok: u64,
    pub refused: [u64; Code::ALL.len()],
    pub cached_prices: u64,
}

impl ShardStats {
    pub(super) fn add(&self, tally: &mut Tally) {
        self.ok.fetch_add(tally.ok, Ordering::Relaxed);
        self.cached_prices.fetch_add(tally.cached_prices, Ordering::Relaxed);
        for (total, count) in self.refused.iter().zip(tally.refused) {
            if count > 0 {
                total.fetch_add(count, Ordering::Relaxed);
            }
        }
        *tally = Tally::default();
    }
}

//! What a shard counts, for STATS.

use crate::histogram::Histogram;
use daytrade_protocol::{Code, CommandName};
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of audited commands.
const COMMANDS: usize = CommandName::ALL.len();

/// Counters of one shard; written by the shard once a round, read by any thread.
#[derive(Debug)]
pub struct ShardStats {
    /// Commands carried out, by the place of their name in [`CommandName::ALL`].
    pub ok: [AtomicU64; COMMANDS],
    /// Commands refused, by their name.
    pub refused_of: [AtomicU64; COMMANDS],
    /// Requests refused, by the place of their code in [`Code::ALL`].
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
    /// Time of the newest snapshot that this process has taken, Unix milliseconds; 0 if none.
    pub snapshot_ms: AtomicU64,
    /// Whether the journal has failed: 1 or 0.
    pub failed: AtomicU64,
    /// Times from reading a request until its reply is handed over, if they are measured.
    pub(crate) request_times: Histogram,
}

impl Default for ShardStats {
    fn default() -> Self {
        Self {
            ok: Default::default(),
            refused_of: Default::default(),
            refused: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            cached_prices: AtomicU64::new(0),
            parked_users: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            users: AtomicU64::new(0),
            triggers: AtomicU64::new(0),
            disk_low: AtomicU64::new(0),
            snapshot_record: AtomicU64::new(0),
            snapshot_ms: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            request_times: Histogram::default(),
        }
    }
}

/// One round's counts, kept without atomics until the round ends.
#[derive(Debug, Default)]
pub(super) struct Tally {
    ok: [u64; COMMANDS],
    refused_of: [u64; COMMANDS],
    pub refused: [u64; Code::ALL.len()],
    pub cached_prices: u64,
}

impl Tally {
    /// Counts a command that was carried out.
    #[expect(clippy::indexing_slicing, reason = "there is a counter for each command")]
    pub(super) fn ok(&mut self, command: CommandName) {
        self.ok[command as usize] += 1;
    }

    /// Counts a command that was refused; its code is counted elsewhere.
    #[expect(clippy::indexing_slicing, reason = "there is a counter for each command")]
    pub(super) fn refused_of(&mut self, command: CommandName) {
        self.refused_of[command as usize] += 1;
    }
}

/// Adds counts that are not 0.
fn add_all(totals: &[AtomicU64], counts: &[u64]) {
    for (total, count) in totals.iter().zip(counts).filter(|(_, count)| **count > 0) {
        total.fetch_add(*count, Ordering::Relaxed);
    }
}

impl ShardStats {
    /// Returns the number of commands carried out.
    pub fn carried_out(&self) -> u64 {
        self.ok.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn add(&self, tally: &mut Tally) {
        self.cached_prices.fetch_add(tally.cached_prices, Ordering::Relaxed);
        add_all(&self.ok, &tally.ok);
        add_all(&self.refused_of, &tally.refused_of);
        add_all(&self.refused, &tally.refused);
        *tally = Tally::default();
    }
}

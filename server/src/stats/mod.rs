//! What the server counts. STATS and `/metrics` are two views of it: both show the same
//! [`Measure`]s.

mod measure;
mod table;

#[cfg(feature = "metrics")]
pub(crate) use measure::metrics;
pub(crate) use measure::{Kind, Labels, Measure, Metric, Value};

use crate::clock::Clock;
use crate::journal::Positions;
use crate::limits::{STATS_AGE_MAX, STATS_BURST};
use crate::quotes::QuoteStats;
use crate::shard::ShardStats;
use daytrade_protocol::{Code, Detail, LineBuffer, ReplyBody, Tag};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Counters of the whole server.
pub struct Stats {
    /// Start time of the server.
    pub started: Instant,
    /// Number of open connections.
    pub connections: AtomicU64,
    /// Number of refused connections.
    pub connections_refused: AtomicU64,
    /// Number of connections that were closed because they did not read their events.
    pub slow_consumers: AtomicU64,
    /// Lines refused before they reached an account, by the index of their code in [`Code::ALL`].
    pub lines_refused: Vec<AtomicU64>,
    /// Counters of the quote manager.
    pub quotes: Arc<QuoteStats>,
    /// Name of the source of prices.
    pub quote_source: String,
    /// Counters of each shard.
    pub shards: Vec<Arc<ShardStats>>,
    /// Write position of each shard's journal.
    pub positions: Vec<Positions>,
    clock: Arc<Clock>,
    /// True if sessions note when they have read requests.
    times_requests: bool,
    /// The values sent last.
    collected: Mutex<Collected>,
}

/// What the parts of a server count for themselves.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Of the quote manager.
    pub quotes: Arc<QuoteStats>,
    /// Of each shard.
    pub shards: Vec<Arc<ShardStats>>,
    /// Of each shard's journal.
    pub positions: Vec<Positions>,
}

/// Values that were collected for a reply.
#[derive(Debug, Default)]
struct Collected {
    /// Begin of the current period.
    since: Option<Instant>,
    /// How often they were collected in this period.
    times: u32,
    /// Names and values.
    values: Vec<(String, String)>,
}

impl Stats {
    /// Creates the counters.
    pub(crate) fn new(
        counters: Counters,
        quote_source: String,
        clock: Arc<Clock>,
        times_requests: bool,
    ) -> Self {
        let Counters { quotes, shards, positions } = counters;
        let lines_refused = Code::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self {
            started: Instant::now(),
            connections: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            slow_consumers: AtomicU64::new(0),
            lines_refused,
            quotes,
            quote_source,
            shards,
            positions,
            clock,
            times_requests,
            collected: Mutex::default(),
        }
    }

    /// Returns true if sessions note when they have read requests.
    pub const fn times_requests(&self) -> bool {
        self.times_requests
    }

    /// Counts a line that was refused before it reached an account.
    #[expect(clippy::indexing_slicing, reason = "there is a counter for each code")]
    pub fn line_refused(&self, code: Code) {
        self.lines_refused[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Appends the whole reply. Only under a flood of requests the values are sent again, and they
    /// are then at most [`STATS_AGE_MAX`] old.
    pub fn write(&self, tag: Option<Tag>, out: &mut LineBuffer) {
        let mut collected = self.collected.lock();
        let Collected { since, times, values } = &mut *collected;
        if since.is_none_or(|since| since.elapsed() >= STATS_AGE_MAX) {
            (*since, *times) = (Some(Instant::now()), 0);
        }
        if *times < STATS_BURST {
            *times += 1;
            *values = self.measures().into_iter().filter_map(shown).collect();
        }
        for (name, value) in values.iter() {
            let stat = Detail::Stat { name: name.as_str().into(), value: value.as_str().into() };
            stat.write_to(tag, out);
        }
        ReplyBody::Stats { lines: values.len() as u64 }.write_to(tag, out);
    }
}

/// Returns name and value in the reply to STATS.
fn shown(measure: Measure) -> Option<(String, String)> {
    let value = match measure.value {
        Value::Count(count) => count.to_string(),
        Value::Text(text) => text.into_owned(),
        Value::Times(_) => return None,
    };
    Some((measure.stat?.into_owned(), value))
}

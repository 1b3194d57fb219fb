//! The reply to STATS: the counters of the server, as names and values.

use crate::journal::Positions;
use crate::limits::{STATS_AGE_MAX, STATS_BURST};
use crate::quotes::QuoteStats;
use crate::shard::ShardStats;
use daytrade_protocol::{Code, Detail, LineBuffer, Money, ReplyBody, Tag};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Counters of the whole server.
#[derive(Debug)]
pub struct Stats {
    /// Start time of the server.
    pub started: Instant,
    /// Number of open connections.
    pub connections: AtomicU64,
    /// Number of refused connections.
    pub connections_refused: AtomicU64,
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
    /// The values sent last.
    collected: Mutex<Collected>,
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
    pub fn new(
        quotes: Arc<QuoteStats>,
        quote_source: String,
        shards: Vec<Arc<ShardStats>>,
        positions: Vec<Positions>,
    ) -> Self {
        let lines_refused = Code::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        let (connections, connections_refused) = (AtomicU64::new(0), AtomicU64::new(0));
        let started = Instant::now();
        Self {
            started,
            connections,
            connections_refused,
            lines_refused,
            quotes,
            quote_source,
            shards,
            positions,
            collected: Mutex::default(),
        }
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
            *values = self.values();
        }
        for (name, value) in values.iter() {
            let stat = Detail::Stat { name: name.as_str().into(), value: value.as_str().into() };
            stat.write_to(tag, out);
        }
        ReplyBody::Stats { lines: values.len() as u64 }.write_to(tag, out);
    }

    #[expect(clippy::indexing_slicing, reason = "there is a counter for each code")]
    fn values(&self) -> Vec<(String, String)> {
        let sum = |count: fn(&ShardStats) -> &AtomicU64| -> u64 {
            self.shards.iter().map(|shard| count(shard).load(Ordering::Relaxed)).sum()
        };
        let refused: Vec<u64> = (0..Code::ALL.len())
            .map(|at| {
                let by_shards: u64 =
                    self.shards.iter().map(|shard| shard.refused[at].load(Ordering::Relaxed)).sum();
                by_shards + self.lines_refused[at].load(Ordering::Relaxed)
            })
            .collect();
        let quotes = &self.quotes;
        let mut values: Vec<(String, String)> = Vec::new();
        let mut put = |name: &str, value: u64| values.push((name.to_owned(), value.to_string()));
        put("uptime_ms", self.started.elapsed().as_millis() as u64);
        put("connections", self.connections.load(Ordering::Relaxed));
        put("connections_refused", self.connections_refused.load(Ordering::Relaxed));
        put("users", sum(|shard| &shard.users));
        put("commands_ok", sum(|shard| &shard.ok));
        put("commands_refused", refused.iter().sum());
        for (code, count) in Code::ALL.iter().zip(&refused).filter(|(_, count)| **count > 0) {
            put(&format!("refused_{code}"), *count);
        }
        put("triggers_armed", sum(|shard| &shard.triggers));
        put("users_waiting", sum(|shard| &shard.parked_users));
        put("disk_low", u64::from(sum(|shard| &shard.disk_low) > 0));
        put("quote_requests", quotes.requests.load(Ordering::Relaxed));
        put("quote_hits", quotes.hits.load(Ordering::Relaxed));
        put("quote_hits_besides", quotes.late.load(Ordering::Relaxed));
        put("quote_answers_unusable", quotes.unusable.load(Ordering::Relaxed));
        put("quote_slowest_ms", quotes.slowest_ms.load(Ordering::Relaxed));
        put("quote_failures", quotes.failures.load(Ordering::Relaxed));
        put("quote_cache_hits", sum(|shard| &shard.cached_prices));
        put("quotes_fetching", quotes.fetching.load(Ordering::Relaxed));
        put("symbols_kept_fresh", quotes.kept_fresh.load(Ordering::Relaxed));
        put("symbols_overdue", quotes.overdue.load(Ordering::Relaxed));
        put("quote_source_down", quotes.source_down.load(Ordering::Relaxed));
        if quotes.market.exists.load(Ordering::Relaxed) > 0 {
            let market = &quotes.market;
            put("market_time_ms", market.time_ms.load(Ordering::Relaxed));
            put("market_speed_milli", market.speed_milli.load(Ordering::Relaxed));
            put("market_paused", market.paused.load(Ordering::Relaxed));
            put("market_ended", market.ended.load(Ordering::Relaxed));
        }
        for (number, (shard, position)) in self.shards.iter().zip(&self.positions).enumerate() {
            let at = position.get();
            put(&format!("shard_{number}_queued"), shard.queued.load(Ordering::Relaxed));
            put(&format!("shard_{number}_journal_frame"), at.frame);
            put(&format!("shard_{number}_journal_record"), at.record);
            put(
                &format!("shard_{number}_snapshot_record"),
                shard.snapshot_record.load(Ordering::Relaxed),
            );
        }
        put("journal_records", self.positions.iter().map(|position| position.get().record).sum());
        let (cached, hits) =
            (sum(|shard| &shard.cached_prices), quotes.hits.load(Ordering::Relaxed));
        let per_mille = (cached * 1_000).checked_div(cached + hits).unwrap_or(0);
        values.push((
            "quote_cache_rate".to_owned(),
            format!("{}.{}%", per_mille / 10, per_mille % 10),
        ));
        values.push((
            "quote_cost".to_owned(),
            Money::from_cents(quotes.cost_cents() as i64).to_string(),
        ));
        values.push(("quote_source".to_owned(), self.quote_source.clone()));
        values
    }
}

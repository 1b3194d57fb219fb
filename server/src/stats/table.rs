//! Everything that the counters measure, in the order of STATS.

use super::Stats;
use super::measure::{Labels, Measure, Metric, Value, metrics};
use crate::histogram::Counted;
use crate::shard::ShardStats;
use daytrade_protocol::{Code, CommandName, Money};
use std::sync::atomic::{AtomicU64, Ordering};

metrics! {
    UPTIME: Gauge "daytrade_uptime_seconds" / 1000, "Time since the start";
    CONNECTIONS: Gauge "daytrade_connections" / 1, "Open connections";
    CONNECTIONS_REFUSED: Counter "daytrade_connections_refused" / 1, "Refused connections";
    USERS: Gauge "daytrade_users" / 1, "Accounts";
    COMMANDS: Counter "daytrade_commands" / 1,
        "Audited commands that reached an account, by command and result";
    REFUSALS: Counter "daytrade_refusals" / 1, "Refused lines of any kind, by code";
    TRIGGERS: Gauge "daytrade_triggers_armed" / 1, "Armed triggers";
    WAITING: Gauge "daytrade_users_waiting" / 1, "Users who wait for a price or a dump";
    DISK_LOW: Gauge "daytrade_disk_low" / 1,
        "1 if the disk is almost full, so that commands that write are refused";
    QUOTE_REQUESTS: Counter "daytrade_quote_requests" / 1, "Requests sent to the quote source";
    QUOTES: Counter "daytrade_quotes" / 1,
        "Prices and failures to get one, by result: used, late, unusable, failed, cached";
    QUOTE_SLOWEST: Gauge "daytrade_quote_slowest_seconds" / 1000, "Longest fetch of a quote";
    QUOTES_FETCHING: Gauge "daytrade_quotes_fetching" / 1, "Fetches under way";
    KEPT_FRESH: Gauge "daytrade_symbols_kept_fresh" / 1, "Symbols with triggers or watchers";
    OVERDUE: Gauge "daytrade_symbols_overdue" / 1, "Symbols whose re-quote waits for the budget";
    SOURCE_UP: Gauge "daytrade_quote_source_up" / 1, "0 if the quote source is considered down";
    QUOTE_COST: Counter "daytrade_quote_cost_cents" / 1, "Cost of all quote requests, in cents";
    QUOTE_TIMES: Histogram "daytrade_quote_seconds" / 1, "How long fetches of a quote took";
    MARKET_TIME: Gauge "daytrade_market_timestamp_seconds" / 1000, "Time of a market with a clock";
    QUEUED: Gauge "daytrade_queued_requests" / 1, "Requests that wait in a shard";
    FRAMES: Counter "daytrade_journal_frames" / 1, "Frames of the journal, since it began";
    RECORDS: Counter "daytrade_journal_records" / 1, "Records of the journal, since it began";
    BYTES: Counter "daytrade_journal_bytes" / 1, "Bytes written to the journal since the start";
    SYNC_TIMES: Histogram "daytrade_journal_sync_seconds" / 1,
        "How long frames took to be written and durable";
    SNAPSHOT_RECORD: Gauge "daytrade_snapshot_record" / 1, "Last record of the newest snapshot";
    SNAPSHOT_AGE: Gauge "daytrade_snapshot_age_seconds" / 1000,
        "Time since the newest snapshot of this run, or since the start";
    REQUEST_TIMES: Histogram "daytrade_request_seconds" / 1,
        "Time from reading a request to handing over its reply, waiting for prices included";
    SLOW_CONSUMERS: Counter "daytrade_slow_consumers" / 1,
        "Connections closed because they did not read their events";
}

/// Collects measures.
struct Measures(Vec<Measure>);

impl Measures {
    /// Adds a value of STATS that is a metric too.
    fn both(&mut self, stat: &'static str, metric: &'static Metric, count: u64) {
        self.0.push(Measure::metric(metric, Vec::new(), Value::Count(count)).named(stat));
    }

    fn stat(&mut self, name: &'static str, count: u64) {
        self.0.push(Measure::stat(name, Value::Count(count)));
    }

    fn metric(&mut self, metric: &'static Metric, labels: Labels, count: u64) {
        self.0.push(Measure::metric(metric, labels, Value::Count(count)));
    }

    fn times(&mut self, metric: &'static Metric, labels: Labels, counted: Counted) {
        self.0.push(Measure::metric(metric, labels, Value::Times(Box::new(counted))));
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

impl Stats {
    /// Returns everything that is measured.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let mut all = Measures(Vec::with_capacity(256));
        self.connections_and_commands(&mut all);
        self.accounts(&mut all);
        self.quotes_and_market(&mut all);
        self.shards_and_journal(&mut all);
        self.sums(&mut all);
        all.0
    }

    fn sum(&self, count: impl Fn(&ShardStats) -> u64) -> u64 {
        self.shards.iter().map(|shard| count(shard)).sum()
    }

    fn connections_and_commands(&self, all: &mut Measures) {
        all.both("uptime_ms", &UPTIME, self.started.elapsed().as_millis() as u64);
        all.both("connections", &CONNECTIONS, read(&self.connections));
        all.both("connections_refused", &CONNECTIONS_REFUSED, read(&self.connections_refused));
        all.both("users", &USERS, self.sum(|shard| read(&shard.users)));
        let counts = |of: fn(&ShardStats) -> &[AtomicU64], at: usize| {
            self.sum(|shard| of(shard).get(at).map_or(0, read))
        };
        let mut carried_out = 0;
        for (at, command) in CommandName::ALL.iter().enumerate() {
            let ok = counts(|shard| &shard.ok, at);
            carried_out += ok;
            let refused = counts(|shard| &shard.refused_of, at);
            for (result, count) in [("ok", ok), ("refused", refused)] {
                let labels = vec![("command", command.as_str().into()), ("result", result.into())];
                all.metric(&COMMANDS, labels, count);
            }
        }
        let refused = |at: usize| {
            counts(|shard| &shard.refused, at) + self.lines_refused.get(at).map_or(0, read)
        };
        all.stat("commands_ok", carried_out);
        all.stat("commands_refused", (0..Code::ALL.len()).map(refused).sum());
        for (at, code) in Code::ALL.iter().enumerate() {
            let count = refused(at);
            let labels = vec![("code", code.as_str().into())];
            let mut measure = Measure::metric(&REFUSALS, labels, Value::Count(count));
            if count > 0 {
                measure = measure.named(format!("refused_{code}"));
            }
            all.0.push(measure);
        }
    }

    fn accounts(&self, all: &mut Measures) {
        all.both("triggers_armed", &TRIGGERS, self.sum(|shard| read(&shard.triggers)));
        all.both("users_waiting", &WAITING, self.sum(|shard| read(&shard.parked_users)));
        let low = self.sum(|shard| read(&shard.disk_low)) > 0;
        all.both("disk_low", &DISK_LOW, u64::from(low));
    }

    fn quotes_and_market(&self, all: &mut Measures) {
        let quotes = &self.quotes;
        let (hits, late) = (read(&quotes.hits), read(&quotes.late));
        let (unusable, failed) = (read(&quotes.unusable), read(&quotes.failures));
        let cached = self.sum(|shard| read(&shard.cached_prices));
        all.both("quote_requests", &QUOTE_REQUESTS, read(&quotes.requests));
        all.stat("quote_hits", hits);
        let mut result = |result: &'static str, stat: Option<&'static str>, count| {
            let labels = vec![("result", result.into())];
            let measure = Measure::metric(&QUOTES, labels, Value::Count(count));
            all.0.push(match stat {
                Some(stat) => measure.named(stat),
                None => measure,
            });
        };
        result("used", None, hits.saturating_sub(late));
        result("late", Some("quote_hits_besides"), late);
        result("unusable", Some("quote_answers_unusable"), unusable);
        result("failed", Some("quote_failures"), failed);
        result("cached", Some("quote_cache_hits"), cached);
        all.both("quote_slowest_ms", &QUOTE_SLOWEST, read(&quotes.slowest_ms));
        all.both("quotes_fetching", &QUOTES_FETCHING, read(&quotes.fetching));
        all.both("symbols_kept_fresh", &KEPT_FRESH, read(&quotes.kept_fresh));
        all.both("symbols_overdue", &OVERDUE, read(&quotes.overdue));
        let down = read(&quotes.source_down);
        all.stat("quote_source_down", down);
        all.metric(&SOURCE_UP, Vec::new(), 1 - down.min(1));
        all.metric(&QUOTE_COST, Vec::new(), quotes.cost_cents());
        all.times(&QUOTE_TIMES, Vec::new(), quotes.times.counted());
        let market = &quotes.market;
        if read(&market.exists) > 0 {
            all.both("market_time_ms", &MARKET_TIME, read(&market.time_ms));
            all.stat("market_speed_milli", read(&market.speed_milli));
            all.stat("market_paused", read(&market.paused));
            all.stat("market_ended", read(&market.ended));
        }
    }

    fn shards_and_journal(&self, all: &mut Measures) {
        let now_ms = self.clock.now_ms();
        for (number, (shard, written)) in self.shards.iter().zip(&self.positions).enumerate() {
            let (at, label) = (written.get(), || vec![("shard", number.to_string().into())]);
            let snapshot = read(&shard.snapshot_record);
            for (stat, metric, count) in [
                ("queued", &QUEUED, read(&shard.queued)),
                ("journal_frame", &FRAMES, at.frame),
                ("journal_record", &RECORDS, at.record),
                ("snapshot_record", &SNAPSHOT_RECORD, snapshot),
            ] {
                let measure = Measure::metric(metric, label(), Value::Count(count));
                all.0.push(measure.named(format!("shard_{number}_{stat}")));
            }
            all.metric(&BYTES, label(), written.bytes());
            all.times(&SYNC_TIMES, label(), written.syncs());
            let uptime_ms = self.started.elapsed().as_millis() as u64;
            let age_ms = match read(&shard.snapshot_ms) {
                0 => uptime_ms,
                taken_ms => now_ms.saturating_sub(taken_ms),
            };
            all.metric(&SNAPSHOT_AGE, label(), age_ms);
        }
        let times = self.shards.iter().map(|shard| shard.request_times.counted());
        let times = times.fold(Counted::default(), |all, one| all.and(&one));
        all.times(&REQUEST_TIMES, Vec::new(), times);
        all.metric(&SLOW_CONSUMERS, Vec::new(), read(&self.slow_consumers));
    }

    fn sums(&self, all: &mut Measures) {
        let records = self.positions.iter().map(|position| position.get().record).sum();
        all.stat("journal_records", records);
        let hits = read(&self.quotes.hits);
        let cached = self.sum(|shard| read(&shard.cached_prices));
        let per_mille = (cached * 1_000).checked_div(cached + hits).unwrap_or(0);
        let cost = Money::from_cents(self.quotes.cost_cents() as i64);
        for (name, text) in [
            ("quote_cache_rate", format!("{}.{}%", per_mille / 10, per_mille % 10)),
            ("quote_cost", cost.to_string()),
            ("quote_source", self.quote_source.clone()),
        ] {
            all.0.push(Measure::stat(name, Value::Text(text.into())));
        }
    }
}

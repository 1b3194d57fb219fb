//! A test harness for one shard on a disk that can fail, and scripts of commands for it.

use daytrade_protocol::{Body, Money, Parsed, Symbol, parse_line};
use daytrade_server::SyncMode;
use daytrade_server::test_support::journal::{
    FaultDisk, FileOptions, FileStore, JournalWriter, LogStore as _, Positions, SnapshotJob,
    SnapshotKeeper,
};
use daytrade_server::test_support::message::{
    Batch, Job, Quote, QuoteEvent, QuoteRequest, ReplyTarget, ReplyTo, ShardEvent, Work,
};
use daytrade_server::test_support::session::Outbox;
use daytrade_server::test_support::shard::{Shard, ShardHandles, recover_shard};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// Time of every round, Unix milliseconds.
const NOW_MS: u64 = 1_000_000;
const SYMBOLS: [&str; 3] = ["A", "BB", "CCC"];

/// Sizes of the shard's files, so small that a short script performs every kind of operation.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Maximum size of a segment, bytes.
    pub segment_bytes_max: u64,
    /// Number of records between two snapshots.
    pub snapshot_every: u64,
    /// Journal size to keep, bytes; `None` keeps all of it.
    pub retention_bytes: Option<u64>,
}

/// Returns the log of a shard on a disk, with segments of this size.
pub fn store(disk: &FaultDisk, shard: u16, segment_bytes_max: u64) -> FileStore {
    let options = FileOptions { segment_bytes_max, free_bytes_min: 1, fill_bytes: 600 };
    FileStore::new(Arc::new(disk.clone()), shard, options)
}

/// A shard, its disk, and its snapshot writer, on the caller's thread.
pub struct ShardHarness {
    shard: Shard,
    keeper: SnapshotKeeper,
    snapshot_jobs: UnboundedReceiver<SnapshotJob>,
    _quotes: UnboundedReceiver<QuoteRequest>,
    outbox: Arc<Outbox>,
}

impl ShardHarness {
    /// Starts a shard on the contents of a disk.
    ///
    /// # Errors
    /// Returns an error if the shard refuses to start or the disk fails.
    pub fn open(disk: &FaultDisk, sizes: Sizes) -> anyhow::Result<Self> {
        let Sizes { segment_bytes_max, snapshot_every, retention_bytes } = sizes;
        let store = Arc::new(store(disk, 0, segment_bytes_max));
        let recovered = recover_shard(&*store, 0, true)?;
        let (log, end) = (store.open(&recovered.end)?, &recovered.end);
        let journal = JournalWriter::new(log, 0, SyncMode::Always, end, Positions::default());
        let ((quotes, requests), (dumps, _)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let (snapshots, snapshot_jobs) = mpsc::unbounded_channel();
        let handles = ShardHandles { quotes, dumps, snapshots };
        let mut shard = Shard::new(0, recovered, journal, handles, Arc::default(), snapshot_every);
        for (at, symbol) in
            SYMBOLS.iter().filter_map(|name| Symbol::parse(name.as_bytes())).enumerate()
        {
            let price = Money::from_cents(1_000 * (at as i64 + 1));
            let quote = Quote { symbol, price, arrived_ms: NOW_MS, key: "key".into() };
            shard.on_event(ShardEvent::Quote(QuoteEvent::Arrived(quote, None)));
        }
        let keeper = SnapshotKeeper::new(store, 0, retention_bytes, Arc::default());
        Ok(Self { shard, keeper, snapshot_jobs, _quotes: requests, outbox: Arc::default() })
    }

    /// Executes one round with these lines. Returns the replies, and true if the journal works.
    pub fn ask(&mut self, lines: &[String]) -> (String, bool) {
        let jobs: Vec<Job> = lines.iter().filter_map(|line| job(line)).collect();
        self.outbox.begin(jobs.len(), 0);
        let target = ReplyTarget::new(Arc::clone(&self.outbox));
        self.shard.accept(Batch { target, jobs: jobs.into() });
        let works = self.shard.round(NOW_MS).is_ok();
        while let Ok((_, job)) = self.snapshot_jobs.try_recv() {
            let event = self.keeper.take_or_fail(job);
            self.shard.on_event(ShardEvent::Snapshot(event));
        }
        let replies = self.outbox.take_bytes();
        (String::from_utf8_lossy(&replies).into_owned(), works)
    }

    /// Returns the hash over the accounts.
    pub fn state_hash(&self) -> u64 {
        self.shard.book().state_hash().0
    }
}

fn job(line: &str) -> Option<Job> {
    let Parsed::Request(request) = parse_line(line.as_bytes()) else { return None };
    let (tag, Body::Command(command)) = (request.tag?, request.body) else { return None };
    Some(Job {
        to: ReplyTo::Tagged(tag),
        number: tag.get(),
        assigned: false,
        work: Work::Command(command),
    })
}

/// Generates batches of tagged commands of four users, numbered from 1.
pub fn script(seed: u64, commands: u64) -> Vec<Vec<String>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut below = move |bound: u64| random.next_u64() % bound;
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut remaining = 0;
    for number in 1..=commands {
        let (user, symbol) = (below(4), SYMBOLS[below(3) as usize]);
        let dollars = below(90) + 10;
        let command = match below(12) {
            0..=3 => format!("ADD,u{user},{dollars}.{number:02}"),
            4 => format!("BUY,u{user},{symbol},{dollars}"),
            5 => format!("COMMIT_BUY,u{user}"),
            6 => format!("SELL,u{user},{symbol},{dollars}"),
            7 => format!("COMMIT_SELL,u{user}"),
            8 => format!("SET_BUY_AMOUNT,u{user},{symbol},{dollars}"),
            9 => format!("SET_BUY_TRIGGER,u{user},{symbol},{}", below(30) + 1),
            10 => format!("CANCEL_BUY,u{user}"),
            _ => format!("DISPLAY_SUMMARY,u{user}"),
        };
        // An amount has at most two decimals; the parser refuses any other.
        let command =
            if command.starts_with("ADD") { format!("ADD,u{user},{dollars}") } else { command };
        if remaining == 0 {
            batches.push(Vec::new());
            remaining = below(4) + 1;
        }
        remaining -= 1;
        if let Some(batch) = batches.last_mut() {
            batch.push(format!("[{number}] {command}"));
        }
    }
    batches
}

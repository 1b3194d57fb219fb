//! Tests of a shard without a thread, a clock or a disk: the test sets the time of each round.

mod disk;
mod orders;
mod prices;
mod snapshots;
mod waiting;

use super::*;
use crate::engine::{Book, Hit, Record, Stamp};
use crate::journal::{
    DiskFault, FaultDisk, FileOptions, FileStore, JournalWriter, LogStore as _, Positions,
    SnapshotEvent, SnapshotJob, SnapshotKeeper, SnapshotPiece, Start, SyncMode, recover,
};
use crate::limits::{FIRED_IN_ROUND_MAX, SNAPSHOT_RECORDS_MIN};
use crate::message::{
    Batch, DumpDone, DumpRequest, Job, Jobs, Quote, QuoteEvent, QuoteRequest, ReplyTarget, ReplyTo,
    ShardEvent, Work,
};
use crate::session::Outbox;
use daytrade_protocol::{Body, Money, Parsed, Refusal, Symbol, UserName, parse_line};
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// Disk space that the shards of these tests keep free, in bytes.
const FREE_BYTES_MIN: u64 = 1 << 20;

/// Returns the store of a shard's log on a disk in memory.
fn store(storage: &FaultDisk) -> FileStore {
    let options = FileOptions {
        segment_bytes_max: 1 << 26,
        free_bytes_min: FREE_BYTES_MIN,
        fill_bytes: 1 << 13,
    };
    FileStore::new(Arc::new(storage.clone()), 0, options)
}

/// A shard with its disk, one connection and the receivers of its requests.
struct World {
    shard: Shard,
    storage: FaultDisk,
    quotes: UnboundedReceiver<QuoteRequest>,
    dumps: UnboundedReceiver<DumpRequest>,
    snapshots: UnboundedReceiver<SnapshotJob>,
    outbox: Arc<Outbox>,
    /// Time of the next round, Unix milliseconds.
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        Self::start_on(FaultDisk::default(), 1_000)
    }

    /// Starts a shard on the files of a disk.
    fn start_on(storage: FaultDisk, now_ms: u64) -> Self {
        Self::with_snapshots(storage, now_ms, SNAPSHOT_RECORDS_MIN)
    }

    fn with_snapshots(storage: FaultDisk, now_ms: u64, snapshot_every: u64) -> Self {
        let store = store(&storage);
        let recovered = recover_shard(&store, 0, true).unwrap();
        let log = store.open(&recovered.end).unwrap();
        let end = &recovered.end;
        let journal = JournalWriter::new(log, 0, SyncMode::Always, end, Positions::default());
        let (quotes_sender, quotes) = mpsc::unbounded_channel();
        let (dumps_sender, dumps) = mpsc::unbounded_channel();
        let (snapshots_sender, snapshots) = mpsc::unbounded_channel();
        let handles = ShardHandles {
            quotes: quotes_sender,
            dumps: dumps_sender,
            snapshots: snapshots_sender,
        };
        let every = snapshot_every;
        let mut shard = Shard::new(0, recovered, journal, handles, Arc::default(), every);
        shard.announce_interest();
        Self { shard, storage, quotes, dumps, snapshots, outbox: Arc::default(), now_ms }
    }

    /// Gives the shard a batch of commands from the connection of these tests. Each line has a tag.
    fn send(&mut self, lines: &str) {
        let outbox = Arc::clone(&self.outbox);
        self.send_to(&outbox, lines);
    }

    fn send_to(&mut self, outbox: &Arc<Outbox>, lines: &str) {
        let job = |line: &str| match parse_line(line.as_bytes()) {
            Parsed::Request(request) => {
                let tag = request.tag.unwrap();
                let Body::Command(command) = request.body else { panic!("{line}") };
                Job {
                    to: ReplyTo::Tagged(tag),
                    number: tag.get(),
                    assigned: false,
                    work: Work::Command(command),
                }
            }
            other => panic!("{other:?}"),
        };
        let jobs: Jobs = lines.lines().map(job).collect();
        outbox.begin(jobs.len(), 0);
        self.shard.accept(Batch { target: ReplyTarget::new(Arc::clone(outbox)), jobs });
    }

    /// Runs a round and returns the replies.
    fn round(&mut self) -> String {
        self.shard.round(self.now_ms).unwrap();
        take_replies(&self.outbox)
    }

    /// Sends commands, runs a round and returns the replies.
    fn execute(&mut self, lines: &str) -> String {
        self.send(lines);
        self.round()
    }

    /// Returns the requests to the quote manager since the last call, as text.
    fn quote_requests(&mut self) -> Vec<String> {
        let mut requests = Vec::new();
        while let Ok(request) = self.quotes.try_recv() {
            requests.push(match request {
                QuoteRequest::Want { symbol, user, number, .. } => {
                    format!("want {symbol} for {user} #{number}")
                }
                QuoteRequest::Interest { symbol, asker, .. } => {
                    format!("interest {symbol} {}", asker.is_some())
                }
                QuoteRequest::Pause { paused, .. } => format!("pause {paused}"),
                other => panic!("{other:?}"),
            });
        }
        requests
    }

    /// Delivers a quote. `hit` is the request that was charged for it: its user and number.
    fn deliver_quote(&mut self, symbol: &str, cents: i64, hit: Option<(&str, u64)>) {
        let symbol = Symbol::parse(symbol.as_bytes()).unwrap();
        let price = Money::from_cents(cents);
        let quote = Quote { symbol, price, arrived_ms: self.now_ms, key: "key".into() };
        let hit = hit.map(|(user, number)| {
            let user = UserName::parse_recorded(user.as_bytes()).unwrap();
            Hit { number, user, symbol, price, source_time_ms: 1, key: "key".into() }
        });
        self.shard.on_event(ShardEvent::Quote(QuoteEvent::Arrived(quote, hit)));
    }

    /// Returns the records of the journal.
    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        recover(&self.storage, 0, Start::First, false, |_, _, record| records.push(record))
            .unwrap();
        records
    }
}

/// Returns the replies in an outbox, and empties it.
fn take_replies(outbox: &Outbox) -> String {
    String::from_utf8(outbox.take_bytes()).unwrap()
}

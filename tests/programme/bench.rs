//! One shard on a disk that may fail, worked as the server works it, with a script of commands for
//! it.

use daytrade_protocol::{Body, Money, Parsed, Symbol, parse_line};
use daytrade_server::journal::{FaultDisk, JournalWriter, Positions, SyncMode, WriterOptions};
use daytrade_server::quotes::{Quote, QuoteNews, QuoteRequest};
use daytrade_server::session::{Outbox, ReplyTo};
use daytrade_server::shard::{
    Batch, Control, Job, Links, Shard, SnapshotJob, SnapshotKeeper, SnapshotNews, Work,
    recover_shard,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// The time it works at, Unix milliseconds.
const NOW_MS: u64 = 1_000_000;
const SYMBOLS: [&str; 3] = ["A", "BB", "CCC"];

/// How small its files are, so that a short script meets every kind of operation.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of a segment.
    pub segment_bytes_max: u64,
    /// Records from one snapshot to the next.
    pub snapshot_every: u64,
    /// Bytes of journal to keep, if not all of it.
    pub retention_bytes: Option<u64>,
}

/// A shard, its disk, and the thread that would write its snapshots.
pub struct Bench {
    shard: Shard,
    keeper: SnapshotKeeper,
    pieces: UnboundedReceiver<SnapshotJob>,
    _quotes: UnboundedReceiver<QuoteRequest>,
    outbox: Arc<Outbox>,
}

impl Bench {
    /// Starts a shard on what a disk holds.
    ///
    /// # Errors
    /// When the start is refused or the disk fails.
    pub fn open(disk: &FaultDisk, sizes: Sizes) -> anyhow::Result<Self> {
        let storage: Arc<FaultDisk> = Arc::new(disk.clone());
        let recovered = recover_shard(disk, 0, true)?;
        let Sizes { segment_bytes_max, snapshot_every, retention_bytes } = sizes;
        let options = WriterOptions {
            mode: SyncMode::Always,
            segment_bytes_max,
            free_bytes_min: 1,
            fill_bytes: 600,
        };
        let journal = JournalWriter::open(
            Arc::clone(&storage) as _,
            0,
            options,
            &recovered.end,
            Positions::default(),
        )?;
        let ((quotes, requests), (dumps, _)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let (snapshots, pieces) = mpsc::unbounded_channel();
        let mut shard =
            Shard::new(0, recovered, journal, Links { quotes, dumps, snapshots }, Arc::default());
        shard.set_snapshot_every(snapshot_every);
        for (at, symbol) in
            SYMBOLS.iter().filter_map(|name| Symbol::parse(name.as_bytes())).enumerate()
        {
            let price = Money::from_cents(1_000 * (at as i64 + 1));
            let quote = Quote { symbol, price, arrived_ms: NOW_MS, key: "key".into() };
            shard.hear(Control::Quote(QuoteNews::Arrived(quote, None)));
        }
        let keeper = SnapshotKeeper::new(storage, 0, retention_bytes, Arc::default());
        Ok(Self { shard, keeper, pieces, _quotes: requests, outbox: Arc::default() })
    }

    /// One round with these lines: what was answered, and whether the journal still works.
    pub fn ask(&mut self, lines: &[String]) -> (String, bool) {
        let jobs: Vec<Job> = lines.iter().filter_map(|line| job(line)).collect();
        self.outbox.begin(jobs.len(), 0);
        self.shard.accept(Batch { outbox: Arc::clone(&self.outbox), jobs });
        let works = self.shard.round(NOW_MS).is_ok();
        while let Ok((_, piece)) = self.pieces.try_recv() {
            let news = self.keeper.take(piece).unwrap_or(SnapshotNews::Failed);
            self.shard.hear(Control::Snapshot(news));
        }
        let said: Vec<u8> = self.outbox.take().into_iter().flatten().collect();
        (String::from_utf8_lossy(&said).into_owned(), works)
    }

    /// The hash over the accounts.
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

/// Batches of tagged commands, numbered from 1, of a few users.
pub fn script(seed: u64, commands: u64) -> Vec<Vec<String>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut below = move |bound: u64| random.next_u64() % bound;
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
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
        // The amount of an ADD has two decimals at most; what has more is refused before it gets
        // here.
        let command =
            if command.starts_with("ADD") { format!("ADD,u{user},{dollars}") } else { command };
        if room == 0 {
            batches.push(Vec::new());
            room = below(4) + 1;
        }
        room -= 1;
        if let Some(batch) = batches.last_mut() {
            batch.push(format!("[{number}] {command}"));
        }
    }
    batches
}

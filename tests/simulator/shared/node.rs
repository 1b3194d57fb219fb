//! One server of the simulation: a shard with its disk, on the caller's thread.

use super::check::Outcome;
use anyhow::Context as _;
use daytrade_protocol::{Body, Money, Parsed, Symbol, parse_line};
use daytrade_server::test_support::engine::Owner;
use daytrade_server::test_support::journal::{
    CheckedFrame, FakeStream, FaultDisk, FileOptions, FileStore, JournalWriter, LogStore,
    Positions, SnapshotJob, SnapshotKeeper, StreamStore, Tip,
};
use daytrade_server::test_support::message::{
    Batch, ClusterOrder, Followed, Job, Quote, QuoteEvent, QuoteRequest, ReplyTarget, ReplyTo,
    Route, ShardEvent, ShardNews, ShardReport, Work,
};
use daytrade_server::test_support::session::Outbox;
use daytrade_server::test_support::shard::{Membership, Shard, ShardHandles, recover_copy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;

/// A connection to a server, and the numbers of the commands that were sent on it.
struct Connection {
    outbox: Arc<Outbox>,
    sent: Vec<u64>,
    /// True once a reply has ended it.
    ended: bool,
}

/// A server.
pub struct Node {
    number: usize,
    seed: u64,
    disk: FaultDisk,
    shard: Shard,
    keeper: SnapshotKeeper,
    snapshot_jobs: UnboundedReceiver<SnapshotJob>,
    reports: UnboundedReceiver<ShardReport>,
    _quotes: UnboundedReceiver<QuoteRequest>,
    connections: Vec<Connection>,
    /// The end of its copy, as its reports say.
    tip: Tip,
    owns: bool,
    incarnation: u128,
}

impl Node {
    /// Starts a server with an empty disk.
    ///
    /// # Errors
    /// If it refuses to start.
    pub fn open(number: usize, seed: u64, stream: &FakeStream) -> anyhow::Result<Self> {
        let disk = FaultDisk::with_seed(seed * 8 + number as u64);
        Self::start(number, seed, disk, stream, 1)
    }

    fn start(
        number: usize,
        seed: u64,
        disk: FaultDisk,
        stream: &FakeStream,
        incarnation: u128,
    ) -> anyhow::Result<Self> {
        let options = FileOptions { segment_bytes_max: 2_000, free_bytes_min: 1, fill_bytes: 600 };
        let copy = Arc::new(FileStore::new(Arc::new(disk.clone()), 0, options));
        let store: Arc<dyn LogStore> = Arc::new(StreamStore::new(copy, Arc::new(stream.clone())));
        let recovered = recover_copy(&*store, 0)?;
        let (tip, positions) = (Tip::from(&recovered.end), Positions::default());
        let log = store.open(&recovered.end)?;
        let journal = JournalWriter::following(log, 0, &recovered.end, positions.clone());
        let ((quotes, requests), (dumps, _)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let (snapshots, snapshot_jobs) = mpsc::unbounded_channel();
        let handles = ShardHandles { quotes, dumps, snapshots };
        let mut shard = Shard::new(0, recovered, journal, handles, Arc::default(), 40);
        let (reports, reported) = mpsc::unbounded_channel();
        let (route, _) = watch::channel(Route::Sought);
        shard.join(Membership {
            reports,
            numbers: Arc::new(AtomicU64::new(1)),
            store: Arc::clone(&store),
            positions,
            address: format!("node{number}:1").into(),
            route: route.subscribe(),
        });
        let keeper = SnapshotKeeper::new(store, 0, None, Arc::default());
        Ok(Self {
            number,
            seed,
            disk,
            shard,
            keeper,
            snapshot_jobs,
            reports: reported,
            _quotes: requests,
            connections: Vec::new(),
            tip,
            owns: false,
            incarnation,
        })
    }

    /// Ends the server without warning. After a power cut, what was not synced may be lost.
    ///
    /// # Errors
    /// If it refuses to start again.
    pub fn crash(&mut self, stream: &FakeStream, power_cut: bool) -> anyhow::Result<()> {
        let disk = if power_cut { self.disk.after_power_cut() } else { self.disk.after_restart() };
        *self = Self::start(self.number, self.seed, disk, stream, self.incarnation + 1)
            .context("the start after a crash")?;
        Ok(())
    }

    /// Opens another connection.
    pub fn connect(&mut self) {
        let (outbox, sent) = (Arc::default(), Vec::new());
        self.connections.push(Connection { outbox, sent, ended: false });
    }

    /// Returns true if there is a connection.
    pub fn is_connected(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Sends commands over the newest connection and runs a round.
    ///
    /// # Errors
    /// If the shard fails.
    pub fn send(&mut self, lines: &[(u64, String)], now_ms: u64) -> anyhow::Result<()> {
        let Some(connection) = self.connections.last_mut() else { return Ok(()) };
        let jobs: Vec<Job> = lines.iter().filter_map(|(n, line)| job(*n, line)).collect();
        connection.sent.extend(lines.iter().map(|(number, _)| number));
        connection.outbox.begin(jobs.len(), 0);
        let target = ReplyTarget::new(Arc::clone(&connection.outbox));
        if let Some(symbol) = Symbol::parse(b"A") {
            let (price, key) = (Money::from_cents(500), "key".into());
            let quote = Quote { symbol, price, arrived_ms: now_ms, key };
            self.shard.on_event(ShardEvent::Quote(QuoteEvent::Arrived(quote, None)));
        }
        self.shard.accept(Batch { target, jobs: jobs.into() });
        self.round(now_ms)
    }

    fn order(&mut self, order: ClusterOrder) {
        self.shard.on_event(ShardEvent::Cluster(Box::new(order)));
    }

    /// Follows at most this many frames.
    ///
    /// # Errors
    /// If a frame is not the next one.
    pub fn follow(&mut self, stream: &FakeStream, most: usize) -> anyhow::Result<()> {
        if self.owns {
            return Ok(());
        }
        let mut frames = Vec::new();
        let mut tip = self.tip;
        for message in stream.messages().into_iter().skip(tip.frame as usize).take(most) {
            let frame = CheckedFrame::after(&tip, 0, message.into())?;
            tip = frame.tip();
            frames.push(frame);
        }
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned()?;
        self.order(ClusterOrder::Follow(Followed { frames, permit }));
        self.take_reports()
    }

    /// Tries to own the log.
    ///
    /// # Errors
    /// If the shard fails.
    pub fn take_over(&mut self, now_ms: u64) -> anyhow::Result<()> {
        if self.owns {
            return Ok(());
        }
        let owner = Owner {
            cluster: "c".into(),
            node: format!("{}", self.number).into(),
            address: format!("node{}:1", self.number).into(),
            incarnation: self.incarnation,
        };
        self.order(ClusterOrder::TakeOver(Box::new(owner)));
        self.round(now_ms)?;
        if self.owns {
            self.set_route(Route::Here, now_ms)?;
        }
        Ok(())
    }

    /// Lets the log go.
    ///
    /// # Errors
    /// If the shard fails.
    pub fn release(&mut self, now_ms: u64) -> anyhow::Result<()> {
        self.order(ClusterOrder::Release);
        self.round(now_ms)
    }

    /// Says where commands are carried out.
    ///
    /// # Errors
    /// If the shard fails.
    pub fn set_route(&mut self, route: Route, now_ms: u64) -> anyhow::Result<()> {
        self.shard.set_route(route);
        self.round(now_ms)
    }

    fn round(&mut self, now_ms: u64) -> anyhow::Result<()> {
        while self.shard.has_work() {
            self.shard.round(now_ms)?;
            while let Ok((_, job)) = self.snapshot_jobs.try_recv() {
                let event = self.keeper.take_or_fail(job);
                self.shard.on_event(ShardEvent::Snapshot(event));
            }
            self.take_reports()?;
        }
        Ok(())
    }

    fn take_reports(&mut self) -> anyhow::Result<()> {
        while let Ok(report) = self.reports.try_recv() {
            self.tip = report.tip;
            match report.news {
                ShardNews::Owns => self.owns = true,
                ShardNews::Followed(_) => {}
                ShardNews::Released | ShardNews::Fenced(_) | ShardNews::GaveUp => {
                    self.owns = false;
                }
                ShardNews::Broken(message) => anyhow::bail!("a sound log is called {message}"),
            }
        }
        Ok(())
    }

    /// Notes what was answered.
    ///
    /// # Errors
    /// If a command is answered twice.
    pub fn collect(&mut self, outcomes: &mut BTreeMap<u64, Outcome>) -> anyhow::Result<()> {
        for connection in &mut self.connections {
            for number in connection.sent.drain(..) {
                outcomes.insert(number, Outcome::new(self.number));
            }
            let bytes = connection.outbox.take_bytes();
            for line in String::from_utf8(bytes)?.lines() {
                let Some((number, reply)) = line.strip_prefix('[').and_then(|l| l.split_once(']'))
                else {
                    continue;
                };
                if reply.starts_with('-') {
                    continue;
                }
                let outcome = outcomes.get_mut(&number.parse()?).context("a reply to nothing")?;
                let before = outcome.reply.replace(reply.trim().to_owned());
                anyhow::ensure!(before.is_none(), "command {number} is answered twice");
                anyhow::ensure!(
                    !connection.ended || !outcome.is_carried_out(),
                    "{number} was carried out after its connection had ended"
                );
                connection.ended |= outcome.ends_connection();
            }
        }
        Ok(())
    }

    /// Returns the hash over its accounts.
    pub fn state_hash(&self) -> u64 {
        self.shard.book().state_hash().0
    }
}

fn job(number: u64, line: &str) -> Option<Job> {
    let line = format!("[{number}] {line}");
    let Parsed::Request(request) = parse_line(line.as_bytes()) else { return None };
    let (tag, Body::Command(command)) = (request.tag?, request.body) else { return None };
    let (to, work) = (ReplyTo::Tagged(tag), Work::Command(command));
    Some(Job { to, number, assigned: false, work })
}

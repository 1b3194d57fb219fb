//! The shard itself: rounds of deciding, recording and answering.

mod answering;
mod interest;
mod ownership;
mod snapshots;

use super::agenda::{Agenda, ShownPrice, Task};
use super::degraded::Health;
use super::execute::Executor;
use super::following::Following;
use super::handles::ShardHandles;
use super::inbox::Inbox;
use super::ledger::Ledger;
use super::recovery::RecoveredShard;
use super::schedule::SnapshotSchedule;
use super::stats::ShardStats;
use crate::engine::{Book, Known, Price, Record};
use crate::journal::{AppendError, JournalWriter};
use crate::limits::{FIRED_IN_ROUND_MAX, FREE_SPACE_CHECK_MS, TURN_JOBS_MAX};
use crate::message::{Batch, Quote, QuoteEvent, ShardEvent};
use daytrade_protocol::{Money, Refusal, Side, Symbol, UserName};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// Some users, their accounts, and their journal.
///
/// A shard must never wait, and never send a reply before the frame with its record is durable.
pub struct Shard {
    id: u16,
    executor: Executor,
    inbox: Inbox,
    agenda: Agenda,
    snapshots: SnapshotSchedule,
    handles: ShardHandles,
    stats: Arc<ShardStats>,
    /// Number of connections that the last round answered.
    answered: usize,
    /// Who asks whether the shard works; the next round answers.
    probes: Vec<oneshot::Sender<()>>,
    /// Set if the round records the market's clock, or cannot.
    market_recorded: Option<bool>,
    /// In a cluster.
    following: Option<Box<Following>>,
}

impl Shard {
    /// Creates a shard of recovered accounts, at the time of the journal's last frame. It takes a
    /// snapshot after `snapshot_every` records, or more if it has many users.
    pub fn new(
        id: u16,
        recovered: RecoveredShard,
        journal: JournalWriter,
        handles: ShardHandles,
        stats: Arc<ShardStats>,
        snapshot_every: u64,
    ) -> Self {
        let RecoveredShard { book, end, snapshot_record } = recovered;
        stats.snapshot_record.store(snapshot_record, Ordering::Relaxed);
        let ledger = Ledger::new(book, journal, end.time_ms);
        Self {
            id,
            executor: Executor::new(id, ledger, handles.quotes.clone()),
            inbox: Inbox::default(),
            agenda: Agenda::default(),
            snapshots: SnapshotSchedule::new(id, snapshot_every, snapshot_record),
            handles,
            stats,
            answered: 0,
            probes: Vec::new(),
            market_recorded: None,
            following: None,
        }
    }

    /// Returns the number of the shard, from 0.
    pub const fn number(&self) -> u16 {
        self.id
    }

    /// Returns the accounts.
    pub const fn book(&self) -> &Book {
        self.executor.ledger.book()
    }

    /// Takes jobs; the next round carries them out.
    pub fn accept(&mut self, mut batch: Batch) {
        if let Some(following) = &self.following {
            following.renumber(&mut batch);
        }
        self.inbox.push(batch);
    }

    /// Takes an event. [`ShardEvent::Stop`] concerns the event loop only.
    pub fn on_event(&mut self, event: ShardEvent) {
        match event {
            ShardEvent::Quote(_) if self.decides_nothing() => {}
            ShardEvent::Quote(QuoteEvent::Arrived(quote, hit)) => {
                let Quote { symbol, price, .. } = quote;
                let waiters = self.executor.store_price(quote, hit);
                self.use_price(symbol, price, waiters, None);
            }
            ShardEvent::Quote(QuoteEvent::Shown(quote, time_ms)) => {
                let Quote { symbol, price, .. } = quote;
                let shown = ShownPrice { time_ms, key: Arc::clone(&quote.key) };
                let waiters = self.executor.store_shown(quote, time_ms);
                self.use_price(symbol, price, waiters, Some(&shown));
            }
            ShardEvent::Market(position) => {
                let can = self.executor.health == Health::Good;
                if can {
                    self.executor.ledger.record(
                        &Record::Market(position),
                        Known::Nothing,
                        |_, _, _| {},
                    );
                }
                self.market_recorded = Some(can);
            }
            ShardEvent::Quote(QuoteEvent::LateHit(hit)) => self.executor.record_hit(hit),
            ShardEvent::Quote(QuoteEvent::Failed(symbol)) => {
                let waiters = self.executor.waiting.take_waiting(symbol);
                self.agenda.resume_all(waiters, Price::Unavailable);
            }
            ShardEvent::DumpDone(done) => self.agenda.push(Task::DumpDone(done)),
            // A round looks at the disk, so an answer says that this has been done.
            ShardEvent::Probe(answer) if self.executor.health == Health::Good => {
                self.probes.push(answer);
            }
            ShardEvent::Probe(answer) => {
                let _ = answer.send(());
            }
            ShardEvent::Closing => {
                self.executor.closing = true;
                if let Some(following) = &mut self.following {
                    following.stop();
                }
                self.executor.turn_away_waiting(&Refusal::ShuttingDown);
            }
            ShardEvent::Snapshot(event) => self.on_snapshot(event),
            ShardEvent::Cluster(order) => {
                if let Some(following) = &mut self.following {
                    following.take_order(*order, &mut self.executor);
                }
            }
            ShardEvent::Stop => {}
        }
    }

    /// Fires the triggers that a price reaches, and resumes the users that waited for it.
    fn use_price(
        &mut self,
        symbol: Symbol,
        price: Money,
        waiters: Vec<UserName>,
        shown: Option<&ShownPrice>,
    ) {
        if self.book().triggers().waits_for(symbol) {
            for side in [Side::Buy, Side::Sell] {
                let shown = shown.cloned();
                self.agenda.push(Task::Fire { symbol, price, side, after: None, shown });
            }
        }
        self.agenda.resume_all(waiters, Price::Known(price));
    }

    /// Returns true if several connections are being served: they wait now, or the last round
    /// answered more than one.
    pub fn serves_several(&self) -> bool {
        self.answered > 1 || self.inbox.batches() > 1
    }

    /// Returns the number of jobs that wait for a round.
    pub const fn queued(&self) -> usize {
        self.inbox.jobs()
    }

    /// Returns true if enough jobs wait for a full round: more should wait in the channel.
    pub const fn is_full(&self) -> bool {
        self.inbox.is_full()
    }

    /// Returns true if a round would find work without new messages.
    pub fn has_work(&self) -> bool {
        if self.has_orders() || self.is_holding() {
            return self.has_orders();
        }
        self.has_backlog()
            || !self.inbox.is_empty()
            || !self.agenda.is_empty()
            || !self.executor.round.is_empty()
            || !self.probes.is_empty()
    }

    /// Returns when the next round is due without new messages, Unix milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        match self.executor.health {
            Health::Failed | Health::Following => None,
            Health::DiskLow => Some(self.executor.ledger.now_ms() + FREE_SPACE_CHECK_MS),
            Health::Good => self.book().next_expiry_ms(),
        }
    }

    /// Returns true if a frame is written and not yet synced.
    pub fn is_unsynced(&self) -> bool {
        !self.is_failed() && self.executor.ledger.is_unsynced()
    }

    fn decides_nothing(&self) -> bool {
        matches!(self.executor.health, Health::Failed | Health::Following)
    }

    /// Returns true if the journal has failed.
    pub fn is_failed(&self) -> bool {
        self.executor.health == Health::Failed
    }

    /// Makes all frames durable.
    ///
    /// # Errors
    /// When the journal fails; the shard is then read-only for ever.
    pub fn sync(&mut self) -> Result<(), AppendError> {
        if self.is_failed() {
            return Ok(());
        }
        let synced = self.executor.ledger.sync();
        self.fail_if(synced.is_err());
        synced
    }

    /// Runs one round: expires what is due, works off the agenda and the inbox, writes one frame,
    /// and only then sends the replies.
    ///
    /// # Errors
    /// When the frame could not be written. Every command of the round is then answered with
    /// READ_ONLY, and so is every later one.
    pub fn round(&mut self, now_ms: u64) -> Result<(), AppendError> {
        if self.executor.health == Health::Following {
            return self.follow(now_ms);
        }
        self.executor.ledger.begin_round(now_ms);
        if self.is_failed() {
            self.refuse_all(&Refusal::ReadOnly);
            self.answer();
            self.let_go_failed();
            return Ok(());
        }
        // Checked before anything is decided: without free space, nothing may be decided that must
        // be recorded.
        let checked = self.executor.ledger.check_free_space();
        if let Ok(low) = checked {
            self.update_disk_pressure(low);
        }
        self.expire_due();
        self.work_agenda();
        self.work_inbox();
        let written = checked.and_then(|_| self.executor.ledger.commit_frame());
        let written = match written {
            Err(error @ (AppendError::Fenced(_) | AppendError::GaveUp)) => self.lose(error),
            written => written,
        };
        if written.is_err() {
            self.executor.fail_pending();
            self.refuse_all(&Refusal::ReadOnly);
        }
        self.answer();
        written?;
        self.let_go_if_told();
        let begun = self.begin_snapshot_if_due();
        self.fail_if(begun.is_err());
        begun
    }

    fn fail_if(&mut self, failed: bool) {
        if failed {
            self.stats.failed.store(1, Ordering::Relaxed);
            self.executor.health = Health::Failed;
        }
    }

    /// Stops recording while the disk is almost full, and continues when it has free space again.
    fn update_disk_pressure(&mut self, low: bool) {
        let health = self.executor.health.with_disk_low(low);
        if health == self.executor.health {
            return;
        }
        self.executor.health = health;
        self.stats.disk_low.store(u64::from(low), Ordering::Relaxed);
        let shard = self.id;
        self.send_pause(low);
        if low {
            tracing::error!(shard, "the disk is almost full: commands that write are refused");
        } else {
            tracing::info!(shard, "the disk has free space again");
            self.agenda.restore_deferred();
        }
    }

    fn expire_due(&mut self) {
        let now_ms = self.executor.ledger.now_ms();
        while self.executor.health == Health::Good
            && !self.executor.is_full()
            && let Some(id) = self.executor.ledger.book_mut().due_user(now_ms)
        {
            self.executor.expire_user(id);
        }
    }

    fn work_agenda(&mut self) {
        let mut fires_left = FIRED_IN_ROUND_MAX;
        while !self.executor.is_full()
            && fires_left > 0
            && let Some(task) = self.agenda.pop()
        {
            let rest = match task {
                Task::Fire { .. } if self.executor.health == Health::DiskLow => {
                    self.agenda.defer(task);
                    None
                }
                Task::Fire { symbol, price, side, after, shown } => {
                    self.executor.fire(symbol, price, side, after, shown, &mut fires_left)
                }
                Task::Resume { user, price } => self.executor.resume(user, price),
                Task::DumpDone(done) => self.executor.dump_done(*done),
            };
            if let Some(rest) = rest {
                self.agenda.put_back(rest);
            }
        }
    }

    fn work_inbox(&mut self) {
        while let Some(mut batch) = self.inbox.pop() {
            let left = batch.jobs.len().saturating_sub(TURN_JOBS_MAX);
            self.executor.round.begin_delivery(&batch.target, batch.jobs.len() - left);
            if let Some(following) = self.following.as_ref()
                && batch.target.sink().has_moved()
            {
                let refusal = following.refusal_of_moved();
                batch.jobs.by_ref().for_each(|job| self.executor.turn_away(&job, &refusal));
            }
            while !self.executor.is_full() && batch.jobs.len() > left {
                let all_known = self.executor.prefetch(batch.jobs.as_slice());
                for known in all_known.into_iter().take(batch.jobs.len() - left) {
                    if self.executor.is_full() {
                        break;
                    }
                    let Some(job) = batch.jobs.next() else { break };
                    self.executor.take_job(&batch.target, job, known);
                }
            }
            if self.executor.is_full() {
                return self.inbox.put_back(batch);
            }
            self.inbox.end_turn(batch);
        }
    }

    /// Returns true if the next frame has reached its soft bound before the round.
    pub const fn frame_is_full(&self) -> bool {
        self.executor.ledger.frame_is_full()
    }
}

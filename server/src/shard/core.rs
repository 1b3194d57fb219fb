//! The shard itself: rounds of deciding, writing down and answering.

use super::batch::{Batch, Control, DumpDone, DumpRequest, Job};
use super::parked::Parked;
use super::recovery::RecoveredShard;
use super::snapshots::{Schedule, SnapshotJob};
use super::stats::{ShardStats, Tally};
use super::subscribers::Subscribers;
use crate::engine::{Book, Hit, Price, Record, TriggerKey, UserId};
use crate::journal::{FrameBuilder, JournalWriter};
use crate::limits::{
    FIRED_IN_ROUND_MAX, FRAME_BYTES_SOFT, FRAME_RECORDS_SOFT, LOOK_AHEAD_JOBS, LOOK_FOR_ROOM_MS,
    ROUND_REPLY_BYTES_SOFT, SNAPSHOT_RECORDS_MIN,
};
use crate::quotes::{Quote, QuoteNews, QuoteRequest, WATCHER};
use crate::session::{Outbox, Replies};
use daytrade_protocol::{Money, Refusal, Side, Symbol, UserName};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::UnboundedSender;

/// Whom a shard asks for things. No channel has a bound of its own: a shard asks for a symbol once
/// however many wait, a dump is a request in flight, and of a snapshot one piece is under way at a
/// time.
#[derive(Clone, Debug)]
pub struct Links {
    /// The quote manager.
    pub quotes: UnboundedSender<QuoteRequest>,
    /// The dump service.
    pub dumps: UnboundedSender<DumpRequest>,
    /// The thread that writes snapshots.
    pub snapshots: UnboundedSender<SnapshotJob>,
}

/// Work that news left behind, done in slices so that no round grows without bound.
#[derive(Debug)]
pub(super) enum Task {
    /// Fire the triggers that a price reaches, behind the last one fired.
    Fire { symbol: Symbol, price: Money, side: Side, after: Option<TriggerKey> },
    /// Go on with a user's waiting commands; the first of them is decided at this price.
    Resume { user: UserName, price: Price },
    /// Answer a DUMPLOG.
    DumpDone(Box<DumpDone>),
}

/// A price the shard knows.
#[derive(Debug)]
pub(super) struct KnownPrice {
    pub quote: Quote,
    /// The transaction it was fetched for, until that transaction has used it: only then it did not
    /// come from the cache.
    pub fetched_for: Option<(UserName, u64)>,
}

/// Replies of one connection in one round.
#[derive(Debug)]
pub(super) struct Delivery {
    pub outbox: Arc<Outbox>,
    pub replies: Replies,
}

/// A batch, as far as it has not been worked through.
#[derive(Debug)]
pub(super) struct Pending {
    pub outbox: Arc<Outbox>,
    pub jobs: Vec<Job>,
    /// The first that has not been begun.
    pub next: usize,
}

/// Some users, all that is known of them, and their journal.
pub struct Shard {
    pub(super) id: u16,
    pub(super) book: Book,
    pub(super) journal: JournalWriter,
    pub(super) frame: FrameBuilder,
    pub(super) now_ms: u64,
    pub(super) prices: HashMap<Symbol, KnownPrice>,
    pub(super) parked: Parked,
    pub(super) agenda: VecDeque<Task>,
    /// Triggers to fire once there is room to write it down.
    pub(super) deferred: VecDeque<Task>,
    /// Triggers fired in this round.
    fired: usize,
    /// The disk is almost full: only reading is possible.
    pub(super) low: bool,
    pub(super) subscribers: Subscribers,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) dumps: Vec<DumpRequest>,
    pub(super) reply_bytes: usize,
    pub(super) tally: Tally,
    pub(super) links: Links,
    pub(super) schedule: Schedule,
    pub(super) inbox: VecDeque<Pending>,
    pub(super) inbox_jobs: usize,
    /// How many connections the last round has answered.
    answered: usize,
    pub(super) stats: Arc<ShardStats>,
    /// The server stops: nobody is made to wait any more.
    pub(super) closing: bool,
    /// The journal cannot be written: nothing is decided any more.
    failed: bool,
}

impl Shard {
    /// A shard with what was recovered, at the time of the journal's last frame.
    pub fn new(
        id: u16,
        recovered: RecoveredShard,
        journal: JournalWriter,
        links: Links,
        stats: Arc<ShardStats>,
    ) -> Self {
        let RecoveredShard { book, end, snapshot_record } = recovered;
        stats.snapshot_record.store(snapshot_record, Ordering::Relaxed);
        Self {
            id,
            book,
            journal,
            frame: FrameBuilder::default(),
            now_ms: end.time_ms,
            prices: HashMap::new(),
            parked: Parked::default(),
            agenda: VecDeque::new(),
            deferred: VecDeque::new(),
            fired: 0,
            low: false,
            subscribers: Subscribers::default(),
            deliveries: Vec::new(),
            dumps: Vec::new(),
            reply_bytes: 0,
            tally: Tally::default(),
            links,
            schedule: Schedule::new(SNAPSHOT_RECORDS_MIN, snapshot_record),
            inbox: VecDeque::new(),
            inbox_jobs: 0,
            answered: 0,
            stats,
            closing: false,
            failed: false,
        }
    }

    /// Which shard of the server it is, from 0.
    pub const fn number(&self) -> u16 {
        self.id
    }

    /// The accounts.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Takes jobs in; the next round works on them.
    pub fn accept(&mut self, batch: Batch) {
        self.inbox_jobs += batch.jobs.len();
        self.inbox.push_back(Pending { outbox: batch.outbox, jobs: batch.jobs, next: 0 });
    }

    /// Takes news in. [`Control::Stop`] is the driver's.
    pub fn hear(&mut self, control: Control) {
        match control {
            Control::Quote(_) if self.failed => {}
            Control::Quote(QuoteNews::Arrived(quote, hit)) => self.quote_arrived(quote, hit),
            Control::Quote(QuoteNews::Paid(hit)) => self.record_hit(hit),
            Control::Quote(QuoteNews::Failed(symbol)) => {
                let waiters = self.parked.take_waiters(symbol);
                self.resume(waiters, Price::Unavailable);
            }
            Control::DumpDone(done) => self.agenda.push_back(Task::DumpDone(done)),
            Control::Closing => {
                self.closing = true;
                self.turn_away_waiting(&Refusal::ShuttingDown);
            }
            Control::Snapshot(news) => self.snapshot_news(news),
            Control::Stop => {}
        }
    }

    /// Whether several connections are being served: they wait now, or the last round answered more
    /// than one.
    pub fn serves_several(&self) -> bool {
        self.answered > 1 || self.inbox.len() > 1
    }

    /// How many jobs wait for a round.
    pub const fn queued(&self) -> usize {
        self.inbox_jobs
    }

    /// Whether enough jobs wait for a full round, so that more should wait in the queue.
    pub const fn is_full(&self) -> bool {
        self.inbox_jobs >= FRAME_RECORDS_SOFT
    }

    /// Whether a round would find something to do without new messages.
    pub fn has_work(&self) -> bool {
        !self.inbox.is_empty() || !self.agenda.is_empty() || !self.deliveries.is_empty()
    }

    /// When the next round is due without new messages, Unix milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        match () {
            () if self.failed => None,
            () if self.low => Some(self.now_ms + LOOK_FOR_ROOM_MS),
            () => self.book.next_expiry_ms(),
        }
    }

    /// Whether something is written and not yet synced.
    pub const fn is_unsynced(&self) -> bool {
        !self.failed && self.journal.is_unsynced()
    }

    /// Makes durable what is written.
    ///
    /// # Errors
    /// When the disk fails; the shard is then read-only for ever.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        let synced = self.journal.sync();
        self.failed = synced.is_err();
        synced
    }

    /// One round: what is due, what news left to do, what was sent; then one frame, and only then
    /// the replies.
    ///
    /// # Errors
    /// When the frame could not be written. Everything in the round has then been answered with
    /// READ_ONLY, and so will be everything from then on.
    pub fn round(&mut self, now_ms: u64) -> io::Result<()> {
        self.now_ms = self.now_ms.max(now_ms);
        if self.failed {
            self.refuse_all();
            self.answer();
            return Ok(());
        }
        // Before anything is decided: with too little room, nothing may be that has to be written
        // down.
        let looked = self.journal.look_for_room();
        self.heed_room();
        self.expire_due();
        self.work_agenda();
        self.work_inbox();
        let written = looked.and_then(|()| self.journal.commit(&mut self.frame, self.now_ms));
        if written.is_err() {
            self.failed = true;
            self.fail_over();
        }
        self.answer();
        written?;
        let begun = self.snapshot_if_due();
        self.failed = begun.is_err();
        begun
    }

    /// Has a snapshot taken after so many records.
    pub const fn set_snapshot_every(&mut self, records: u64) {
        self.schedule.set_every(records);
    }

    /// Whether the journal has failed.
    pub const fn is_failed(&self) -> bool {
        self.failed
    }

    /// Whether the round has enough to write or to say.
    pub(super) const fn round_is_full(&self) -> bool {
        self.frame.records() as usize >= FRAME_RECORDS_SOFT
            || self.frame.payload_bytes() >= FRAME_BYTES_SOFT
            || self.reply_bytes >= ROUND_REPLY_BYTES_SOFT
    }

    fn expire_due(&mut self) {
        while !self.low
            && !self.round_is_full()
            && let Some(id) = self.book.due_user(self.now_ms)
        {
            self.expire_user(id);
        }
    }

    fn work_agenda(&mut self) {
        self.fired = 0;
        while !self.round_is_full()
            && self.fired < FIRED_IN_ROUND_MAX
            && let Some(task) = self.agenda.pop_front()
        {
            match task {
                Task::Fire { .. } if self.low => self.deferred.push_back(task),
                Task::Fire { symbol, price, side, after } => self.fire(symbol, price, side, after),
                Task::Resume { user, price } => self.go_on(user, price),
                Task::DumpDone(done) => self.dump_done(*done),
            }
        }
    }

    fn work_inbox(&mut self) {
        while let Some(mut pending) = self.inbox.pop_front() {
            self.begin_delivery(&pending.outbox, pending.jobs.len() - pending.next);
            while !self.round_is_full() && pending.next < pending.jobs.len() {
                let jobs = &pending.jobs[pending.next..];
                let ids = self.look_ahead(jobs);
                for (job, id) in jobs.iter().zip(ids) {
                    if self.round_is_full() {
                        break;
                    }
                    pending.next += 1;
                    self.inbox_jobs -= 1;
                    self.take_job(&pending.outbox, job, id);
                }
            }
            if pending.next < pending.jobs.len() {
                self.inbox.push_front(pending);
                return;
            }
        }
    }

    /// Who asks for the first of these jobs, as far as they have an account by now.
    fn look_ahead(&self, jobs: &[Job]) -> [Option<UserId>; LOOK_AHEAD_JOBS] {
        let mut ids = [None; LOOK_AHEAD_JOBS];
        for (id, job) in ids.iter_mut().zip(jobs) {
            *id = job.user().and_then(|user| self.book.id(user));
        }
        self.book.look_at(&ids);
        ids
    }

    /// Has the last delivery be one to this connection, with room for so many requests.
    pub(super) fn begin_delivery(&mut self, outbox: &Arc<Outbox>, requests: usize) {
        if self.deliveries.last().is_none_or(|last| !Arc::ptr_eq(&last.outbox, outbox)) {
            self.deliveries.push(Delivery {
                outbox: Arc::clone(outbox),
                replies: Replies::with_room_for(requests),
            });
        }
    }

    /// Sends what the round has to say: replies, then pushed lines, then what it wants of others.
    fn answer(&mut self) {
        self.reply_bytes = 0;
        self.answered = self.deliveries.len();
        // Counted first: whoever asks for STATS after a reply finds the reply's command in it.
        self.count();
        for Delivery { outbox, replies } in self.deliveries.drain(..) {
            if !replies.is_empty() {
                outbox.deliver(replies);
            }
        }
        self.subscribers.tell();
        for dump in self.dumps.drain(..) {
            // The dump service outlives the shards; if it is gone, so is everybody who waits.
            let _ = self.links.dumps.send(dump);
        }
        for (symbol, armed) in self.book.take_interest() {
            self.send_interest(symbol, armed);
        }
    }

    fn count(&mut self) {
        self.stats.add(&mut self.tally);
        self.stats.parked_users.store(self.parked.len() as u64, Ordering::Relaxed);
        self.stats.queued.store(self.inbox_jobs as u64, Ordering::Relaxed);
        self.stats.users.store(self.book.len() as u64, Ordering::Relaxed);
        self.stats.triggers.store(self.book.triggers().len() as u64, Ordering::Relaxed);
    }

    /// Tells the quote manager which symbols recovered triggers wait for.
    pub fn announce_interest(&mut self) {
        self.book.take_interest();
        for symbol in self.book.triggers().symbols() {
            self.send_interest(symbol, true);
        }
    }

    fn send_interest(&self, symbol: Symbol, armed: bool) {
        let asker = if armed { self.book.first_waiting(symbol) } else { None };
        let _ = self.links.quotes.send(QuoteRequest::Interest { shard: self.id, symbol, asker });
    }

    fn quote_arrived(&mut self, quote: Quote, hit: Option<Hit>) {
        let (symbol, price) = (quote.symbol, quote.price);
        let waiters = self.parked.take_waiters(symbol);
        // A fetch that no command waits for, to keep a symbol fresh, leaves a price that is the
        // cache's for everybody.
        let waited_for = hit.as_ref().filter(|hit| waiters.contains(&hit.user));
        let fetched_for = waited_for.map(|hit| (hit.user.clone(), hit.number));
        if let Some(hit) = hit {
            self.record_hit(hit);
        }
        self.prices.insert(symbol, KnownPrice { quote, fetched_for });
        if self.book.triggers().waits_for(symbol) {
            for side in [Side::Buy, Side::Sell] {
                self.agenda.push_back(Task::Fire { symbol, price, side, after: None });
            }
        }
        self.resume(waiters, Price::Known(price));
    }

    /// Writes a hit down. What is fetched for watchers goes under a number of the server's own, as
    /// recovery knows too.
    fn record_hit(&mut self, hit: Hit) {
        if hit.user.as_str() == WATCHER {
            self.book.note_assigned(hit.number);
        }
        self.frame.push(&Record::Hit(hit));
    }

    fn resume(&mut self, waiters: Vec<UserName>, price: Price) {
        self.agenda.extend(waiters.into_iter().map(|user| Task::Resume { user, price }));
    }

    /// The number of the record that would be pushed next.
    pub(super) fn next_record(&self) -> u64 {
        self.journal.next_record() + u64::from(self.frame.records())
    }

    /// Fires what a price reaches on one side, as much as the round has room for.
    fn fire(&mut self, symbol: Symbol, price: Money, side: Side, mut after: Option<TriggerKey>) {
        while let Some(key) = self.book.triggers().next(symbol, side, price, after) {
            if self.round_is_full() || self.fired >= FIRED_IN_ROUND_MAX {
                self.agenda.push_front(Task::Fire { symbol, price, side, after });
                return;
            }
            after = Some(key);
            if let Some(event) =
                crate::engine::fill(self.book.account(key.user), side, symbol, price)
            {
                self.happen(key.user, event);
                self.fired += 1;
            }
        }
    }

    /// Runs out whatever of the user's orders is due.
    pub(super) fn expire_user(&mut self, id: UserId) {
        while let Some(event) = crate::engine::expire_oldest(self.book.account(id), self.now_ms) {
            self.happen(id, event);
        }
    }

    /// Writes down and carries out an event that no command asked for.
    fn happen(&mut self, id: UserId, event: crate::engine::Event) {
        let number = self.next_record();
        self.book.apply(id, &event, number);
        self.subscribers.note(&self.book, id, &event);
        let user = self.book.name(id).clone();
        self.frame.push(&match event {
            crate::engine::Event::Filled { .. } => Record::Filled { user, event },
            _ => Record::Expired { user, event },
        });
    }
}

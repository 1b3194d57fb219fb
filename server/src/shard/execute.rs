//! Carries out one job at a time: decides it, records it, and adds its reply to the round.

use super::agenda::Task;
use super::degraded::Health;
use super::ledger::Ledger;
use super::prices::PriceTable;
use super::round::Round;
use super::subscribers::Subscribers;
use super::wait_queue::WaitQueue;
use crate::engine::{Hit, Known, Outcome, Price, Record, Rejection, decide, reply_to};
use crate::limits::PREFETCH_JOBS;
use crate::message::{
    DumpDone, DumpRequest, Job, PendingDump, Quote, QuoteRequest, ReplyTarget, ReplyTo,
    Subscription, Work,
};
use crate::prefetch::prefetch_all;
use daytrade_protocol::{Command, CommandName, FileName, Refusal, ReplyBody, Symbol, UserName};
use hashbrown::HashSet;
use tokio::sync::mpsc::UnboundedSender;

/// What becomes of a user's later commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// They can be carried out.
    Continue,
    /// They have to wait.
    Wait,
}

/// A transaction that is being carried out.
struct Transaction<'a> {
    target: &'a ReplyTarget,
    to: ReplyTo,
    number: u64,
    assigned: bool,
    command: Command,
}

impl Transaction<'_> {
    fn into_job(self) -> (ReplyTarget, Job) {
        let Self { to, number, assigned, .. } = self;
        let job = Job { to, number, assigned, work: Work::Command(self.command) };
        (self.target.clone(), job)
    }
}

/// Accounts, prices, waiting users and the output of the round.
///
/// It must never wait, and never hand a reply over: the round does that once its frame is durable.
pub(super) struct Executor {
    id: u16,
    pub(super) ledger: Ledger,
    pub(super) round: Round,
    pub(super) waiting: WaitQueue,
    pub(super) prices: PriceTable,
    pub(super) subscribers: Subscribers,
    pub(super) health: Health,
    /// True once the server stops: no command begins to wait any more.
    pub(super) closing: bool,
    /// True in a cluster: nothing is answered without a frame.
    pub(super) shared: bool,
    /// Users of whom a command was turned away: none of their later ones is carried out.
    pub(super) turned_away: HashSet<UserName>,
    quotes: UnboundedSender<QuoteRequest>,
}

impl Executor {
    /// Creates the executor of a shard.
    pub(super) fn new(id: u16, ledger: Ledger, quotes: UnboundedSender<QuoteRequest>) -> Self {
        Self {
            id,
            ledger,
            round: Round::default(),
            waiting: WaitQueue::default(),
            prices: PriceTable::default(),
            subscribers: Subscribers::default(),
            health: Health::Good,
            closing: false,
            shared: false,
            turned_away: HashSet::new(),
            quotes,
        }
    }

    /// Returns true if the frame or the output of the round has reached its soft bound.
    pub(super) const fn is_full(&self) -> bool {
        self.ledger.frame_is_full() || self.round.is_full()
    }

    /// Looks up the users of the first jobs, and prefetches what their commands will need.
    #[inline]
    pub(super) fn prefetch(&self, jobs: &[Job]) -> [Known; PREFETCH_JOBS] {
        let book = self.ledger.book();
        if let [job] = jobs {
            let mut known = [Known::Nothing; PREFETCH_JOBS];
            known[0] = job.user().map_or(Known::Nothing, |user| book.look_up(user));
            return known;
        }
        // The session wrote the jobs on another processor, so reading the next ones would wait.
        let next = jobs.get(PREFETCH_JOBS..).unwrap_or_default();
        prefetch_all(next.get(..PREFETCH_JOBS).unwrap_or(next));
        let all_known = book.find_together(jobs.iter().map(Job::user));
        let commands = || jobs.iter().take(PREFETCH_JOBS).map(Job::command);
        for (command, known) in commands().zip(all_known) {
            if let (Some(Command::DisplaySummary { .. }), Known::Account(id)) = (command, known) {
                book.account(id).prefetch_all();
            }
        }
        self.prices.prefetch(commands().flatten());
        all_known
    }

    /// Carries out a job, or appends it to the user's waiting ones. `known` is what is
    /// known of the user's account.
    #[inline]
    pub(super) fn take_job(&mut self, target: &ReplyTarget, job: Job, known: Known) {
        if let Some(user) = job.user()
            && let Some(queue) = self.waiting.queue(user)
        {
            return queue.push_back((target.clone(), job));
        }
        self.run(target, job, known, Price::Unasked);
    }

    /// Resumes the commands of a user who waited, until one has to wait again. Returns the task
    /// that is left if the round is full.
    pub(super) fn resume(&mut self, user: UserName, mut price: Price) -> Option<Task> {
        loop {
            if self.is_full() {
                return Some(Task::Resume { user, price });
            }
            let (target, job) = self.waiting.next(&user)?;
            self.round.begin_delivery(&target, 1);
            if self.run(&target, job, Known::Nothing, price) == Progress::Wait {
                return None;
            }
            price = Price::Unasked;
        }
    }

    fn run(&mut self, target: &ReplyTarget, job: Job, known: Known, price: Price) -> Progress {
        if !self.turned_away.is_empty()
            && let Some(user) = job.user()
            && self.turned_away.contains(user)
        {
            self.turn_away(&job, &Refusal::ShuttingDown);
            return Progress::Continue;
        }
        let Job { to, number, assigned, work } = job;
        let low = self.health == Health::DiskLow;
        match work {
            Work::TurnedAway(turned_away) => {
                let (user, refusal) = *turned_away;
                self.turned_away.extend(user);
                self.round.refuse(to, &refusal);
            }
            Work::Command(command) if low => self.only_read(to, &command),
            // A refusal by a rule is always in the log. This one is not taken up.
            Work::Rejected(_) if low => self.round.refuse(to, &Refusal::DiskAlmostFull),
            Work::Command(command) => {
                let transaction = Transaction { target, to, number, assigned, command };
                return self.run_command(transaction, known, price);
            }
            Work::Rejected(rejected) => {
                let (attempt, refusal) = *rejected;
                self.round.tally.refused_of(attempt.name);
                self.round.refuse(to, &refusal);
                let record = Record::Rejected { number, assigned, attempt, refusal };
                self.subscribers.note_order(&record, self.ledger.now_ms());
                self.ledger.record(&record, known, |_, _, _| {});
            }
            Work::Subscribe(user) => {
                let added = self.subscribers.add(&user, target);
                let outcome = match added {
                    Ok(()) => Subscription::Accepted,
                    Err(_) => Subscription::Refused,
                };
                target.sink().note_subscription(&user, outcome);
                match added {
                    Ok(()) => self.round.reply(to, &ReplyBody::Subscribe { user }),
                    Err(refusal) => self.round.refuse(to, &refusal),
                }
            }
            Work::Unsubscribe(user) => {
                self.subscribers.remove(&user, target);
                target.sink().note_subscription(&user, Subscription::Ended);
                self.round.reply(to, &ReplyBody::Unsubscribe { user });
            }
        }
        Progress::Continue
    }

    fn run_command(
        &mut self,
        transaction: Transaction<'_>,
        known: Known,
        price: Price,
    ) -> Progress {
        let (to, number) = (transaction.to, transaction.number);
        let user = transaction.command.user();
        let known = user.map_or(known, |user| self.ledger.book().known_now(user, known));
        let id = known.account();
        if let Some(id) = id
            && self.ledger.book().has_due(id, self.ledger.now_ms())
        {
            self.expire_user(id);
        }
        let (prices, command) = (&mut self.prices, &transaction.command);
        let (now_ms, account) = (self.ledger.now_ms(), id.map(|id| self.ledger.book().account(id)));
        // A price is only requested, or recorded as used, if the rules need it.
        let priced = prices.at(now_ms, price);
        // An outcome is long: it is moved here, and once more into its record.
        let outcome = match decide(account, command, |of| priced.price_of(of), now_ms, number) {
            Ok(events) => Outcome::Done(events),
            Err(Rejection::Refused(refusal)) => Outcome::Refused(refusal),
            Err(Rejection::NeedsPrice(symbol)) => return self.wait_for_price(transaction, symbol),
        };
        let used = priced.found().map(|found| prices.note_use(&found, command.user(), number));
        self.round.tally.cached_prices += u64::from(used.is_some_and(|used| used.cached));
        if used.is_some_and(|used| !used.cached)
            && let (Some(symbol), Some(user)) = (command.symbol(), command.user())
            && let Some(hit) = prices.take_unrecorded(symbol, user, number)
        {
            self.record_hit(hit);
        }
        let Transaction { target, assigned, command, .. } = transaction;
        let record = Record::Transaction { number, assigned, command, price: used, outcome };
        self.carry_out(&record, target, to, known)
    }

    fn wait_for_price(&mut self, transaction: Transaction<'_>, symbol: Symbol) -> Progress {
        if self.closing {
            let refusal = Refusal::ShuttingDown;
            self.turned_away.extend(transaction.command.user().cloned());
            self.round.refuse_command(transaction.to, &transaction.command, &refusal);
            return Progress::Continue;
        }
        let Some(user) = transaction.command.user().cloned() else { return Progress::Continue };
        let number = transaction.number;
        if self.waiting.wait_for(symbol, &user, transaction.into_job()) {
            let shard = self.id;
            let _ = self.quotes.send(QuoteRequest::Want { shard, symbol, user, number });
        }
        Progress::Wait
    }

    /// Answers a command that changes nothing, without recording it, and refuses any other: the
    /// disk is almost full.
    fn only_read(&mut self, to: ReplyTo, command: &Command) {
        let book = self.ledger.book();
        let quote = command.symbol().and_then(|of| self.prices.fresh(of, self.ledger.now_ms()));
        match (command, quote) {
            _ if self.shared => self.round.refuse_command(to, command, &Refusal::DiskAlmostFull),
            (Command::DisplaySummary { user }, _) => match book.id(user) {
                Some(id) => {
                    self.round.tally.ok(command.name());
                    self.round.reply_summary(to, user, book.account(id));
                }
                None => self.round.refuse_command(to, command, &Refusal::DiskAlmostFull),
            },
            (Command::Quote { .. }, Some(quote)) => {
                self.round.tally.ok(command.name());
                self.round.reply_quote(to, quote);
            }
            _ => self.round.refuse_command(to, command, &Refusal::DiskAlmostFull),
        }
    }

    /// Records what was decided about a command and answers it.
    fn carry_out(
        &mut self,
        record: &Record,
        target: &ReplyTarget,
        to: ReplyTo,
        known: Known,
    ) -> Progress {
        let Record::Transaction { number, command, outcome, .. } = record else {
            debug_assert!(false, "only transactions are carried out");
            return Progress::Continue;
        };
        let (mut progress, mut reply) = (Progress::Continue, None);
        match (outcome, command) {
            (Outcome::Refused(refusal), _) => self.round.refuse_command(to, command, refusal),
            (_, Command::Quote { symbol, .. }) => {
                self.round.tally.ok(command.name());
                if let Some(quote) = self.prices.quote(*symbol) {
                    self.round.reply_quote(to, quote);
                }
            }
            (_, Command::DumpLog { user, filename }) => {
                progress = self.begin_dump(target, to, *number, user.as_ref(), filename);
            }
            (_, Command::DisplaySummary { user }) => {
                self.round.tally.ok(command.name());
                // A summary shows the history before itself.
                if let Known::Account(id) = known {
                    self.round.reply_summary(to, user, self.ledger.book().account(id));
                }
            }
            (Outcome::Done(events), _) => {
                self.round.tally.ok(command.name());
                reply = Some(events);
            }
        }
        let subscribers = &mut self.subscribers;
        subscribers.note_order(record, self.ledger.now_ms());
        let id =
            self.ledger.record(record, known, |book, id, event| subscribers.note(book, id, event));
        if let (Some(events), Some(id)) = (reply, id) {
            let body = reply_to(command, events, self.ledger.book().account(id));
            // By reference: it is long, and has just been written.
            if let Some(body) = &body {
                self.round.reply(to, body);
            }
        }
        progress
    }

    /// Asks for the file of a DUMPLOG. Its user waits for it, if it is about one.
    fn begin_dump(
        &mut self,
        target: &ReplyTarget,
        to: ReplyTo,
        number: u64,
        user: Option<&UserName>,
        filename: &FileName,
    ) -> Progress {
        let (target, user, filename) = (target.clone(), user.cloned(), filename.clone());
        if let Some(user) = &user {
            self.waiting.hold(user);
        }
        let progress = if user.is_some() { Progress::Wait } else { Progress::Continue };
        let dump = PendingDump { target, to, number, user, filename };
        let (record, time_ms) = (self.ledger.next_record(), self.ledger.now_ms());
        self.round.add_dump(DumpRequest { shard: self.id, record, time_ms, dump });
        progress
    }

    /// Answers a DUMPLOG whose file is written, or could not be, and resumes its user. Returns the
    /// task that is left if the round is full.
    pub(super) fn dump_done(&mut self, done: DumpDone) -> Option<Task> {
        let PendingDump { target, to, number, user, filename } = done.dump;
        self.round.begin_delivery(&target, 1);
        match done.result {
            Ok((path, events)) => {
                self.round.tally.ok(CommandName::DumpLog);
                self.round.reply(to, &ReplyBody::DumpLog { path: path.into(), events });
            }
            Err(refusal) => {
                self.round.tally.refused_of(CommandName::DumpLog);
                self.round.refuse(to, &refusal);
                let record = Record::DumpFailed { number, user: user.clone(), filename, refusal };
                self.ledger.record(&record, Known::Nothing, |_, _, _| {});
            }
        }
        let user = user?;
        self.waiting.unhold(&user);
        self.resume(user, Price::Unasked)
    }

    /// Records a hit.
    pub(super) fn record_hit(&mut self, hit: Hit) {
        let watched = hit.user == UserName::of_server();
        let record = if watched { Record::WatchedHit(hit) } else { Record::Hit(hit) };
        self.ledger.record(&record, Known::Nothing, |_, _, _| {});
    }

    /// Tells the quote manager a price that another server has fetched.
    pub(super) fn know(&self, quote: Quote) {
        let _ = self.quotes.send(QuoteRequest::Known(quote));
    }

    /// Stores a price that has arrived. Returns the users that waited for it.
    pub(super) fn store_price(&mut self, quote: Quote, hit: Option<Hit>) -> Vec<UserName> {
        let waiters = self.waiting.take_waiting(quote.symbol);
        // A fetch that no command waits for keeps a symbol fresh: its price is the cache's.
        let waited_for = hit.as_ref().filter(|hit| waiters.contains(&hit.user));
        let fetched_for = waited_for.map(|hit| (hit.user.clone(), hit.number));
        if let Some(hit) = hit {
            self.record_hit(hit);
        }
        self.prices.insert(quote, fetched_for);
        waiters
    }

    /// Stores a price that a market has shown. Returns the users that waited for it.
    pub(super) fn store_shown(&mut self, quote: Quote, time_ms: u64) -> Vec<UserName> {
        let waiters = self.waiting.take_waiting(quote.symbol);
        self.prices.insert_shown(quote, time_ms);
        waiters
    }
}

//! One job at a time: decided, written into the frame, answered into the round's replies.

use super::batch::{DumpDone, DumpRequest, DumpTicket, Job, Work};
use super::core::{Delivery, Shard, Task};
use crate::engine::{
    Events, Halt, HistoryEntry, OutcomeRef, Price, PriceUsed, Record, RecordRef, UserId, decide,
    reply_to, write_summary,
};
use crate::quotes::QuoteRequest;
use crate::session::{Outbox, ReplyTo};
use daytrade_protocol::{Command, CommandName, Refusal, ReplyBody, Symbol, UserName};
use std::sync::Arc;

impl Shard {
    /// Carries out a job, or puts it behind the user's waiting ones. `id` is the user's place, if
    /// it is known by now.
    pub(super) fn take_job(&mut self, outbox: &Arc<Outbox>, job: &Job, id: Option<UserId>) {
        if let Some(user) = job.user()
            && self.parked.holds(user)
        {
            self.parked.push(user, (Arc::clone(outbox), job.clone()));
            return;
        }
        self.run(outbox, job, id, Price::Unasked);
    }

    /// Goes on with the commands of a user who waited, until one has to wait again.
    pub(super) fn go_on(&mut self, user: UserName, mut price: Price) {
        loop {
            if self.round_is_full() {
                self.agenda.push_front(Task::Resume { user, price });
                return;
            }
            let Some((outbox, job)) = self.parked.next(&user) else { return };
            self.begin_delivery(&outbox, 1);
            if !self.run(&outbox, &job, None, price) {
                return;
            }
            price = Price::Unasked;
        }
    }

    /// Carries out a job; false if its user has to wait.
    fn run(&mut self, outbox: &Arc<Outbox>, job: &Job, id: Option<UserId>, price: Price) -> bool {
        let Job { to, number, assigned, ref work } = *job;
        match work {
            Work::Command(command) if self.low => self.only_read(to, command),
            Work::Rejected(rejected) if self.low => self.reply_refused(to, &rejected.1),
            Work::Command(command) => return self.run_command(outbox, job, command, id, price),
            Work::Rejected(rejected) => {
                let (attempt, refusal) = &**rejected;
                let id = id.or_else(|| self.book.id(attempt.user.as_ref()?));
                let entry = HistoryEntry::new(
                    self.now_ms,
                    number,
                    attempt.name,
                    attempt.symbol,
                    attempt.funds,
                );
                self.note(id, entry, Some(refusal));
                self.reply_refused(to, refusal);
                self.count_assigned(assigned, number);
                self.frame.push_parts(&RecordRef::Rejected { number, assigned, attempt, refusal });
            }
            Work::Subscribe(user) => {
                self.subscribers.add(user, outbox);
                self.reply(to, &ReplyBody::Subscribe { user: user.clone() });
            }
            Work::Unsubscribe(user) => {
                self.subscribers.remove(user, outbox);
                self.reply(to, &ReplyBody::Unsubscribe { user: user.clone() });
            }
        }
        true
    }

    fn run_command(
        &mut self,
        outbox: &Arc<Outbox>,
        job: &Job,
        command: &Command,
        id: Option<UserId>,
        price: Price,
    ) -> bool {
        let Job { to, number, assigned, .. } = *job;
        let id = id.or_else(|| self.book.id(command.user()?));
        if let Some(id) = id
            && self.book.has_due(id, self.now_ms)
        {
            self.expire_user(id);
        }
        let (decided, used) = match self.decide(id, command, price, number) {
            Ok(decided) => decided,
            Err(symbol) => {
                let Some(user) = command.user() else { return true };
                if self.closing {
                    self.turn_away(job, &Refusal::ShuttingDown);
                    return true;
                }
                if self.parked.wait_for(symbol, user, (Arc::clone(outbox), job.clone())) {
                    let user = user.clone();
                    let _ = self.links.quotes.send(QuoteRequest::Want {
                        shard: self.id,
                        symbol,
                        user,
                        number,
                    });
                }
                return false;
            }
        };
        self.tally.cached_prices += u64::from(used.is_some_and(|used| used.cached));
        self.count_assigned(assigned, number);
        let goes_on = match &decided {
            Ok(events) => self.carry_out(outbox, job, command, events, id),
            Err(refusal) => {
                let entry = HistoryEntry::new(
                    self.now_ms,
                    number,
                    command.name(),
                    command.symbol(),
                    command.funds(),
                );
                self.note(id, entry, Some(refusal));
                self.reply_refused(to, refusal);
                self.note_if_summary(command);
                true
            }
        };
        let outcome = match &decided {
            Ok(events) => OutcomeRef::Done(events),
            Err(refusal) => OutcomeRef::Refused(refusal),
        };
        self.frame.push_parts(&RecordRef::Transaction {
            number,
            assigned,
            command,
            price: used,
            outcome,
        });
        goes_on
    }

    /// Answers what changes nothing, without writing it down, and refuses the rest: the disk is
    /// almost full.
    fn only_read(&mut self, to: ReplyTo, command: &Command) {
        match command {
            Command::DisplaySummary { user } => {
                if let Some(id) = self.book.id(user) {
                    self.tally.ok += 1;
                    self.reply_summary(to, user, id);
                } else {
                    self.reply_refused(to, &Refusal::NoAccount);
                    self.note_if_summary(command);
                }
            }
            Command::Quote { symbol, .. }
                if self
                    .prices
                    .get(symbol)
                    .is_some_and(|known| known.quote.is_fresh(self.now_ms)) =>
            {
                self.tally.ok += 1;
                self.reply_quote(to, *symbol);
            }
            _ => self.reply_refused(to, &Refusal::DiskAlmostFull),
        }
    }

    fn reply_summary(&mut self, to: ReplyTo, user: &UserName, id: UserId) {
        let account = self.book.account(id);
        if let Some(Delivery { replies, .. }) = self.deliveries.last_mut() {
            let bytes = replies.write(to, |tag, out| write_summary(account, user, tag, out));
            replies.note_summary(bytes);
            self.reply_bytes += bytes;
        }
    }

    /// Decides a command at the price given, or at one the shard knows. Err: it has to wait for
    /// this symbol's price.
    fn decide(
        &mut self,
        id: Option<UserId>,
        command: &Command,
        price: Price,
        number: u64,
    ) -> Result<(Result<Events, Refusal>, Option<PriceUsed>), Symbol> {
        let account = id.map(|id| self.book.account(id));
        // The first look is without a price, so that one is only asked for, or said to be used,
        // when it is needed.
        let symbol = match decide(account, command, Price::Unasked, self.now_ms, number) {
            Ok(events) => return Ok((Ok(events), None)),
            Err(Halt::Refused(refusal)) => return Ok((Err(refusal), None)),
            Err(Halt::NeedsPrice(symbol)) => symbol,
        };
        let known = self.prices.get_mut(&symbol).filter(|known| known.quote.is_fresh(self.now_ms));
        let (price, used) = match known {
            Some(known) => {
                let here = |(user, fetched): &(UserName, u64)| {
                    Some(user) == command.user() && *fetched == number
                };
                let fetched = known.fetched_for.as_ref().is_some_and(here);
                if fetched {
                    known.fetched_for = None;
                }
                let price = known.quote.price;
                (Price::Known(price), Some(PriceUsed { price, cached: !fetched }))
            }
            // What was fetched has grown older than a quote may, so it is asked for again.
            None if matches!(price, Price::Known(_)) => return Err(symbol),
            None => (price, None),
        };
        match decide(account, command, price, self.now_ms, number) {
            Ok(events) => Ok((Ok(events), used)),
            Err(Halt::Refused(refusal)) => Ok((Err(refusal), used)),
            Err(Halt::NeedsPrice(symbol)) => Err(symbol),
        }
    }

    /// Applies a command's events and answers it; false if its user has to wait for a dump.
    fn carry_out(
        &mut self,
        outbox: &Arc<Outbox>,
        job: &Job,
        command: &Command,
        events: &Events,
        id: Option<UserId>,
    ) -> bool {
        let Job { to, number, .. } = *job;
        self.tally.ok += 1;
        let id = match command {
            Command::Add { user, .. } if id.is_none() => Some(self.book.id_or_new(user)),
            _ => id,
        };
        if let Some(id) = id {
            let record = self.next_record();
            for event in events {
                self.book.apply(id, event, record);
                self.subscribers.note(&self.book, id, event);
            }
        }
        let mut goes_on = true;
        match (command, id) {
            (Command::Quote { symbol, .. }, _) => self.reply_quote(to, *symbol),
            (Command::DumpLog { user, filename }, _) => {
                let ticket = DumpTicket {
                    outbox: Arc::clone(outbox),
                    to,
                    number,
                    user: user.clone(),
                    filename: filename.clone(),
                };
                let record = self.next_record();
                self.dumps.push(DumpRequest {
                    shard: self.id,
                    record,
                    time_ms: self.now_ms,
                    ticket,
                });
                if let Some(user) = user {
                    self.parked.hold(user);
                    goes_on = false;
                }
            }
            (Command::DisplaySummary { user }, Some(id)) => self.reply_summary(to, user, id),
            (_, Some(id)) => {
                if let Some(body) = reply_to(command, events, self.book.account(id)) {
                    self.reply(to, &body);
                }
            }
            (_, None) => debug_assert!(false, "{command:?} was carried out without an account"),
        }
        let entry = HistoryEntry::new(
            self.now_ms,
            number,
            command.name(),
            command.symbol(),
            command.funds(),
        );
        self.note(id, entry, None);
        goes_on
    }

    fn reply_quote(&mut self, to: ReplyTo, symbol: Symbol) {
        let Some(quote) = self.prices.get(&symbol).map(|known| &known.quote) else { return };
        if let Some(delivery) = self.deliveries.last_mut() {
            self.reply_bytes += delivery.replies.write(to, |tag, out| {
                ReplyBody::write_quote(symbol, quote.price, quote.arrived_ms, &quote.key, tag, out);
            });
        }
    }

    /// Answers a DUMPLOG whose file is there, or is not to be had, and lets its user go on.
    pub(super) fn dump_done(&mut self, done: DumpDone) {
        let DumpTicket { outbox, to, number, user, filename } = done.ticket;
        self.begin_delivery(&outbox, 1);
        match done.result {
            Ok((path, events)) => self.reply(to, &ReplyBody::DumpLog { path: path.into(), events }),
            Err(refusal) => {
                let id = user.as_ref().and_then(|user| self.book.id(user));
                let entry =
                    HistoryEntry::new(self.now_ms, number, CommandName::DumpLog, None, None);
                self.note(id, entry, Some(&refusal));
                self.tally.ok = self.tally.ok.saturating_sub(1);
                self.reply_refused(to, &refusal);
                self.frame.push(&Record::DumpFailed {
                    number,
                    user: user.clone(),
                    filename,
                    refusal,
                });
            }
        }
        if let Some(user) = user {
            self.go_on(user, Price::Unasked);
        }
    }

    fn note(&mut self, id: Option<UserId>, mut entry: HistoryEntry, refusal: Option<&Refusal>) {
        entry.refused = refusal.map(Refusal::code);
        if let Some(id) = id {
            self.book.note(id, entry);
        }
    }

    fn count_assigned(&mut self, assigned: bool, number: u64) {
        if assigned {
            self.book.note_assigned(number);
        }
    }

    pub(super) fn reply(&mut self, to: ReplyTo, body: &ReplyBody) {
        if let Some(delivery) = self.deliveries.last_mut() {
            self.reply_bytes += delivery.replies.push(to, body);
        }
    }

    /// Refuses a job that is not begun: nothing is written down.
    pub(super) fn turn_away(&mut self, job: &Job, refusal: &Refusal) {
        self.reply_refused(job.to, refusal);
        if let Work::Command(command) = &job.work {
            self.note_if_summary(command);
        }
    }

    /// Keeps the count of summaries under way right when one is refused.
    fn note_if_summary(&mut self, command: &Command) {
        if let (Command::DisplaySummary { .. }, Some(delivery)) =
            (command, self.deliveries.last_mut())
        {
            delivery.replies.note_summary(0);
        }
    }

    pub(super) fn reply_refused(&mut self, to: ReplyTo, refusal: &Refusal) {
        self.tally.refused[refusal.code() as usize] += 1;
        if let Some(delivery) = self.deliveries.last_mut() {
            self.reply_bytes +=
                delivery.replies.write(to, |tag, out| ReplyBody::write_refusal(refusal, tag, out));
        }
    }
}

//! All accounts of one shard, with the indexes over them: who by name, which order runs out next,
//! which triggers wait.
//!
//! Recovery and the live shard change a book through the same two calls, so a replayed journal
//! gives the same book.

use super::account::{Account, HistoryEntry};
use super::event::Event;
use super::record::{Outcome, Record};
use super::saving::{LoadError, Loader, Saving, Slice, StateHash, append_entry};
use super::trigger_book::{TriggerBook, TriggerKey};
use super::{apply, note};
use daytrade_protocol::{Money, Refusal, Side, Symbol, UserName};
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

/// A user's place in a book; valid as long as the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

#[derive(Debug)]
struct Slot {
    name: UserName,
    account: Account,
    /// Whether the user stands in `expiries`: once at most, so that the queue is bounded by the
    /// users.
    queued: bool,
}

/// The accounts of one shard.
#[derive(Debug, Default)]
pub struct Book {
    ids: HashMap<UserName, UserId>,
    slots: Vec<Slot>,
    triggers: TriggerBook,
    /// Users by a time that is no later than their next expiry.
    expiries: BinaryHeap<Reverse<(u64, UserId)>>,
    /// Symbols that gained their first trigger or lost their last since this was taken.
    interest: Vec<(Symbol, bool)>,
    /// The highest transaction number the server gave.
    assigned_max: u64,
    /// A copy under way.
    saving: Option<Saving>,
}

impl Book {
    /// The user's place, if there is an account.
    pub fn id(&self, user: &UserName) -> Option<UserId> {
        self.ids.get(user).copied()
    }

    /// The account at a place.
    pub fn account(&self, id: UserId) -> &Account {
        &self.slots[id.0 as usize].account
    }

    /// The name at a place.
    pub fn name(&self, id: UserId) -> &UserName {
        &self.slots[id.0 as usize].name
    }

    /// Reads a little of each of these accounts, and uses nothing of it: accounts are all over the
    /// memory, and asked for together they are there in the time of one. Whoever comes next finds
    /// them in the processor's cache.
    pub fn look_at(&self, ids: &[Option<UserId>]) {
        let accounts = || ids.iter().flatten().map(|id| self.account(*id));
        // First the accounts, then what they point at.
        for account in accounts() {
            black_box((account.cash, account.pending_sells.len(), account.history.len()));
        }
        for account in accounts() {
            black_box(account.sets.get(account.sets.len() / 2).map(|set| set.symbol));
            black_box(
                account.holdings.get(account.holdings.len() / 2).map(|holding| holding.symbol),
            );
            black_box(account.history.back().map(|entry| entry.number));
        }
    }

    /// The user's place, made on the first ADD.
    pub fn id_or_new(&mut self, user: &UserName) -> UserId {
        if let Some(id) = self.ids.get(user) {
            return *id;
        }
        let id = UserId(self.slots.len() as u32);
        self.slots.push(Slot { name: user.clone(), account: Account::default(), queued: false });
        self.ids.insert(user.clone(), id);
        id
    }

    /// How many accounts there are.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nobody has an account.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Every account with its name, in the order they were made.
    pub fn accounts(&self) -> impl Iterator<Item = (&UserName, &Account)> {
        self.slots.iter().map(|slot| (&slot.name, &slot.account))
    }

    /// The armed triggers.
    pub const fn triggers(&self) -> &TriggerBook {
        &self.triggers
    }

    /// The highest transaction number the server gave to an untagged request.
    pub const fn assigned_max(&self) -> u64 {
        self.assigned_max
    }

    /// Carries out one event of the numbered record and keeps the indexes in step.
    pub fn apply(&mut self, id: UserId, event: &Event, record: u64) {
        self.before_change(id);
        let slot = &mut self.slots[id.0 as usize];
        let moved = match *event {
            Event::Armed { side, symbol, .. }
            | Event::Unset { side, symbol, .. }
            | Event::Filled { side, symbol, .. } => Some((side, symbol)),
            _ => None,
        };
        let key_of = |account: &Account, (side, symbol): (Side, Symbol)| {
            let trigger = account.set(side, symbol)?.trigger?;
            Some(TriggerKey::new(side, trigger.price, trigger.record, id))
        };
        let before = moved.and_then(|at| key_of(&slot.account, at));
        apply(&mut slot.account, event, record);
        let after = moved.and_then(|at| key_of(&slot.account, at));
        if let Event::Reserved { expires_at_ms, .. } = event
            && !slot.queued
        {
            slot.queued = true;
            self.expiries.push(Reverse((*expires_at_ms, id)));
        }
        if let Some((side, symbol)) = moved {
            // In before out: a trigger that only moves is no change of interest in its symbol.
            if after.is_some_and(|key| self.triggers.insert(symbol, side, key)) {
                self.interest.push((symbol, true));
            }
            if before.is_some_and(|key| self.triggers.remove(symbol, side, key)) {
                self.interest.push((symbol, false));
            }
        }
    }

    /// Adds a transaction to the user's history.
    pub fn note(&mut self, id: UserId, entry: HistoryEntry) {
        self.before_change(id);
        note(&mut self.slots[id.0 as usize].account, entry);
    }

    fn before_change(&mut self, id: UserId) {
        if let Some(saving) = &mut self.saving {
            let slot = &self.slots[id.0 as usize];
            saving.before_change(id, &slot.name, &slot.account);
        }
    }

    /// Begins a copy of the accounts as they are now, to be fetched by [`Book::saved_slice`].
    pub fn begin_saving(&mut self) {
        self.saving = Some(Saving::new(self.slots.len()));
    }

    /// The next part of the copy, of about so many bytes; None when there is none under way.
    pub fn saved_slice(&mut self, bytes_soft: usize) -> Option<Slice> {
        let mut saving = self.saving.take()?;
        let slice = saving.slice(bytes_soft, |id| (self.name(id), self.account(id)));
        self.saving = slice.last.is_none().then_some(saving);
        Some(slice)
    }

    /// Gives a copy up.
    pub fn stop_saving(&mut self) {
        self.saving = None;
    }

    /// The hash over all accounts: equal books, equal hashes.
    pub fn state_hash(&self) -> StateHash {
        let (mut hash, mut bytes) = (StateHash::default(), Vec::new());
        for (at, slot) in self.slots.iter().enumerate() {
            bytes.clear();
            append_entry(UserId(at as u32), &slot.name, &slot.account, &mut bytes, &mut hash);
        }
        hash
    }

    /// The book that a copy was made of.
    ///
    /// # Errors
    /// When the copy is not complete.
    pub fn load(loader: Loader, hash: StateHash, assigned_max: u64) -> Result<Self, LoadError> {
        let mut book = Self { assigned_max, ..Self::default() };
        for (at, (name, account)) in loader.finish(hash)?.into_iter().enumerate() {
            let id = UserId(at as u32);
            if book.ids.insert(name.clone(), id).is_some() {
                return Err(LoadError::Incomplete);
            }
            let next = account.next_expiry_ms();
            book.expiries.extend(next.map(|next| Reverse((next, id))));
            for set in account.sets() {
                if let Some(trigger) = set.trigger {
                    let key = TriggerKey::new(set.side, trigger.price, trigger.record, id);
                    book.triggers.insert(set.symbol, set.side, key);
                }
            }
            book.slots.push(Slot { name, account, queued: next.is_some() });
        }
        Ok(book)
    }

    /// Notes that the server gave this transaction number.
    pub fn note_assigned(&mut self, number: u64) {
        self.assigned_max = self.assigned_max.max(number);
    }

    /// A user with an order that has run out by `now_ms`, until [`super::expire_oldest`] finds none
    /// in the account.
    pub fn due_user(&mut self, now_ms: u64) -> Option<UserId> {
        while let Some(&Reverse((at, id))) = self.expiries.peek()
            && at <= now_ms
        {
            let slot = &mut self.slots[id.0 as usize];
            match slot.account.next_expiry_ms() {
                Some(next) if next <= now_ms => return Some(id),
                Some(next) => {
                    self.expiries.pop();
                    self.expiries.push(Reverse((next, id)));
                }
                None => {
                    self.expiries.pop();
                    slot.queued = false;
                }
            }
        }
        None
    }

    /// Whether an order of the user has run out by `now_ms`. Accounts are only asked when the queue
    /// says that somebody's may have.
    pub fn has_due(&self, id: UserId, now_ms: u64) -> bool {
        let is_due = |at: u64| at <= now_ms;
        self.next_expiry_ms().is_some_and(is_due)
            && self.account(id).next_expiry_ms().is_some_and(is_due)
    }

    /// A time at or before which no order runs out, Unix milliseconds.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.expiries.peek().map(|Reverse((at, _))| *at)
    }

    /// The user and the transaction in whose name a price for waiting triggers can be asked for.
    pub fn first_waiting(&self, symbol: Symbol) -> Option<(UserName, u64)> {
        let (side, id) = self.triggers.first_user(symbol)?;
        let trigger = self.account(id).set(side, symbol)?.trigger?;
        Some((self.name(id).clone(), trigger.number))
    }

    /// Which symbols gained their first trigger (true) or lost their last (false) since the last
    /// call.
    pub fn take_interest(&mut self) -> Vec<(Symbol, bool)> {
        std::mem::take(&mut self.interest)
    }

    /// Carries out a whole record: what recovery does with each.
    pub fn replay(&mut self, record: &Record, number_of_record: u64, at_ms: u64) {
        match record {
            Record::Transaction { number, assigned, command, outcome, .. } => {
                if *assigned {
                    self.note_assigned(*number);
                }
                let Some(user) = command.user() else { return };
                let mut entry = HistoryEntry::new(
                    at_ms,
                    *number,
                    command.name(),
                    command.symbol(),
                    command.funds(),
                );
                let id = match outcome {
                    Outcome::Done(events) => {
                        let adds = matches!(events.first(), Some(Event::CashAdded { .. }));
                        let Some(id) =
                            (if adds { Some(self.id_or_new(user)) } else { self.id(user) })
                        else {
                            return;
                        };
                        for event in events {
                            self.apply(id, event, number_of_record);
                        }
                        Some(id)
                    }
                    Outcome::Refused(refusal) => {
                        entry.refused = Some(refusal.code());
                        self.id(user)
                    }
                };
                if let Some(id) = id {
                    self.note(id, entry);
                }
            }
            Record::Rejected { number, assigned, attempt, refusal } => {
                if *assigned {
                    self.note_assigned(*number);
                }
                self.note_refused(
                    attempt.user.as_ref(),
                    at_ms,
                    *number,
                    attempt.name,
                    attempt.symbol,
                    attempt.funds,
                    refusal,
                );
            }
            Record::DumpFailed { number, user, refusal, .. } => {
                let name = daytrade_protocol::CommandName::DumpLog;
                self.note_refused(user.as_ref(), at_ms, *number, name, None, None, refusal);
            }
            Record::Expired { user, event } | Record::Filled { user, event } => {
                if let Some(id) = self.id(user) {
                    self.apply(id, event, number_of_record);
                }
            }
            // What is fetched for watchers goes under a number of the server's own.
            Record::Hit(hit) if hit.user.as_str() == crate::quotes::WATCHER => {
                self.note_assigned(hit.number)
            }
            Record::Hit(_) => {}
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a history entry, from records of two shapes"
    )]
    fn note_refused(
        &mut self,
        user: Option<&UserName>,
        at_ms: u64,
        number: u64,
        name: daytrade_protocol::CommandName,
        symbol: Option<Symbol>,
        funds: Option<Money>,
        refusal: &Refusal,
    ) {
        let Some(id) = user.and_then(|user| self.id(user)) else { return };
        let mut entry = HistoryEntry::new(at_ms, number, name, symbol, funds);
        entry.refused = Some(refusal.code());
        self.note(id, entry);
    }
}

//! All accounts of one shard and the indexes over them: users by name, the next order to expire,
//! the armed triggers.
//!
//! [`Book::commit`] is the only meaning of a record. The live shard and recovery both use it, so a
//! replayed journal gives the same book. A book must never decide anything.

#![expect(
    clippy::indexing_slicing,
    reason = "an index of a user is valid for the lifetime of the book"
)]

mod known;
mod together;

pub use known::Known;

use super::account::{Account, UserId};
use super::apply::apply;
use super::checkpoint::{Checkpoint, LoadError, Loader, Slice, StateHash, append_entry};
use super::event::Event;
use super::history::{Listed, Position};
use super::market::MarketState;
use super::record::{Outcome, Record};
use super::trigger_book::{TriggerBook, TriggerKey};
use super::user_index::{UserIndex, Vacancy};
use daytrade_protocol::{CommandFields, CommandName, Refusal, Side, Symbol, UserName};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An account and its user. It is in one or two lines of the processor's cache, which are those in
/// which it begins and ends.
#[derive(Debug)]
#[repr(C)]
struct Slot {
    name: UserName,
    account: Account,
}

const _: () = assert!(size_of::<Slot>() <= 80);

/// The accounts of one shard.
#[derive(Debug, Default)]
pub struct Book {
    index: UserIndex,
    slots: Vec<Slot>,
    triggers: TriggerBook,
    /// Users by a time that is no later than their next expiry.
    expiries: BinaryHeap<Reverse<(u64, UserId)>>,
    /// Symbols that gained their first trigger or lost their last one since this was taken.
    interest: Vec<(Symbol, bool)>,
    /// Highest transaction number that the server assigned.
    assigned_max: u64,
    /// What the shard has recorded of the market.
    pub market: MarketState,
    /// A copy in progress.
    checkpoint: Option<Checkpoint>,
}

/// Position and time of a record in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the record.
    pub record: u64,
    /// Time of its frame, Unix milliseconds.
    pub at_ms: u64,
}

impl Book {
    /// Returns an account.
    pub fn account(&self, id: UserId) -> &Account {
        &self.slots[id.0 as usize].account
    }

    /// Returns the name of an account's user.
    pub fn name(&self, id: UserId) -> &UserName {
        &self.slots[id.0 as usize].name
    }

    /// Returns the number of accounts.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns true if there is no account.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns every account with its name, in the order in which they were opened.
    pub fn accounts(&self) -> impl Iterator<Item = (&UserName, &Account)> {
        self.slots.iter().map(|slot| (&slot.name, &slot.account))
    }

    /// Returns the armed triggers.
    pub const fn triggers(&self) -> &TriggerBook {
        &self.triggers
    }

    /// Returns the highest transaction number that the server assigned.
    pub const fn assigned_max(&self) -> u64 {
        self.assigned_max
    }

    /// Commits a record: applies its events, appends to the user's history, and counts assigned
    /// numbers. `known` is what the caller knows of the user's account. `on_event` is called
    /// after each event with the account as it is then. Returns the index of the user's account.
    pub fn commit(
        &mut self,
        record: &Record,
        stamp: Stamp,
        known: Known,
        mut on_event: impl FnMut(&Self, UserId, &Event),
    ) -> Option<UserId> {
        match record {
            Record::Transaction { number, assigned, command, outcome, .. } => {
                self.count_assigned(*assigned, *number);
                let fields = command.fields();
                let known = self.known_of(fields.user, known);
                let (id, refused) = match outcome {
                    Outcome::Done(events) => {
                        let opens = matches!(events.first(), Some(Event::CashAdded { .. }));
                        let id = match (known, fields.user) {
                            (Known::Absent(vacancy), Some(user)) if opens => {
                                Some(self.open(user, vacancy))
                            }
                            _ => known.account(),
                        };
                        for (id, event) in id.iter().flat_map(|id| events.iter().map(|e| (*id, e)))
                        {
                            self.apply(id, event, stamp.record);
                            on_event(self, id, event);
                        }
                        (id, None)
                    }
                    Outcome::Refused(refusal) => (known.account(), Some(refusal)),
                };
                self.push_history(id, stamp, *number, command.name(), &fields, refused);
                id
            }
            Record::Rejected { number, assigned, attempt, refusal } => {
                self.count_assigned(*assigned, *number);
                let id = self.known_of(attempt.user.as_ref(), known).account();
                let (name, fields) = (attempt.name, attempt.fields());
                self.push_history(id, stamp, *number, name, &fields, Some(refusal));
                id
            }
            Record::DumpFailed { user, .. } => self.known_of(user.as_ref(), known).account(),
            Record::Expired { user, event } | Record::Filled { user, event } => {
                let id = self.known_now(user, known).account()?;
                self.apply(id, event, stamp.record);
                on_event(self, id, event);
                Some(id)
            }
            Record::Hit(hit) | Record::WatchedHit(hit) => {
                // Earlier versions recorded what only watchers wanted under the server's name.
                let is_watched = matches!(record, Record::WatchedHit(_));
                let assigned = is_watched || hit.user == UserName::of_server();
                self.count_assigned(assigned, hit.number);
                self.market.hit(hit.symbol, hit.price, hit.source_time_ms, stamp.at_ms);
                None
            }
            Record::Market(position) => {
                self.market.position = Some(*position);
                None
            }
            Record::Owner(_) => None,
        }
    }

    fn count_assigned(&mut self, assigned: bool, number: u64) {
        if assigned {
            self.assigned_max = self.assigned_max.max(number);
        }
    }

    fn push_history(
        &mut self,
        id: Option<UserId>,
        stamp: Stamp,
        number: u64,
        name: CommandName,
        fields: &CommandFields<'_>,
        refused: Option<&Refusal>,
    ) {
        // The history shows what changed an account, or tried to: a screen that looks at it would
        // otherwise fill it.
        let Some(id) = id.filter(|_| !name.only_reads()) else { return };
        self.before_change(id);
        let position = Position { number, at_ms: stamp.at_ms };
        let (history, refused) =
            (&mut self.slots[id.0 as usize].account.history, refused.map(Refusal::code));
        history.push(position, name, fields.symbol, fields.funds, refused);
    }

    /// Opens an account for a user who has none.
    fn open(&mut self, user: &UserName, vacancy: Vacancy) -> UserId {
        let id = UserId(self.slots.len() as u32);
        self.index.insert(user, vacancy, id);
        let (name, account) = (user.clone(), Account::default());
        self.slots.push(Slot { name, account });
        id
    }

    /// Applies one event of a record and updates the indexes.
    fn apply(&mut self, id: UserId, event: &Event, record: u64) {
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
            && !slot.account.is_queued()
        {
            slot.account.set_queued(true);
            self.expiries.push(Reverse((*expires_at_ms, id)));
        }
        if let Some((side, symbol)) = moved {
            // Inserted before removed: a trigger that only moves does not change the interest.
            if after.is_some_and(|key| self.triggers.insert(symbol, side, key)) {
                self.interest.push((symbol, true));
            }
            if before.is_some_and(|key| self.triggers.remove(symbol, side, key)) {
                self.interest.push((symbol, false));
            }
        }
    }

    fn before_change(&mut self, id: UserId) {
        if let Some(checkpoint) = &mut self.checkpoint {
            let slot = &self.slots[id.0 as usize];
            checkpoint.before_change(id, &slot.name, &slot.account);
        }
    }

    /// Begins a copy of the accounts as they are now; [`Book::checkpoint_slice`] returns its parts.
    pub fn begin_checkpoint(&mut self) {
        self.checkpoint = Some(Checkpoint::new(self.slots.len()));
    }

    /// Returns the next part of the copy, of about `bytes_soft` bytes; None if no copy is in
    /// progress.
    pub fn checkpoint_slice(&mut self, bytes_soft: usize) -> Option<Slice> {
        let mut checkpoint = self.checkpoint.take()?;
        let slice = checkpoint.slice(bytes_soft, |id| (self.name(id), self.account(id)));
        self.checkpoint = slice.last.is_none().then_some(checkpoint);
        Some(slice)
    }

    /// Cancels the copy in progress.
    pub fn cancel_checkpoint(&mut self) {
        self.checkpoint = None;
    }

    /// Removes the commands that only read from all histories: snapshots of version 1 hold them.
    pub fn remove_reads_from_history(&mut self) {
        for slot in &mut self.slots {
            slot.account.history.retain(|entry| !entry.command.only_reads());
        }
    }

    /// Returns the hash over all accounts: equal books have equal hashes.
    pub fn state_hash(&self) -> StateHash {
        let (mut hash, mut bytes) = (StateHash::default(), Vec::new());
        for (at, slot) in self.slots.iter().enumerate() {
            bytes.clear();
            let account = slot.account.stored(Listed(&slot.account.history));
            append_entry(UserId(at as u32), &slot.name, account, &mut bytes, &mut hash);
        }
        hash
    }

    /// Creates the book of a complete copy.
    ///
    /// # Errors
    /// [`LoadError`] if the copy is incomplete or does not have this hash.
    pub fn load(loader: Loader, hash: StateHash, assigned_max: u64) -> Result<Self, LoadError> {
        let mut book = Self { assigned_max, ..Self::default() };
        let accounts = loader.finish(hash)?;
        book.slots.reserve(accounts.len());
        book.index.reserve(accounts.len());
        for (at, (name, mut account)) in accounts.into_iter().enumerate() {
            let id = UserId(at as u32);
            let Known::Absent(vacancy) = book.look_up(&name) else {
                return Err(LoadError::Incomplete);
            };
            book.index.insert(&name, vacancy, id);
            if let Some(next) = account.next_expiry_ms() {
                account.set_queued(true);
                book.expiries.push(Reverse((next, id)));
            }
            for set in account.sets() {
                if let Some(trigger) = set.trigger {
                    let key = TriggerKey::new(set.side, trigger.price, trigger.record, id);
                    book.triggers.insert(set.symbol, set.side, key);
                }
            }
            book.slots.push(Slot { name, account });
        }
        Ok(book)
    }

    /// Returns a user with an order that has expired by `now_ms`. Returns the same user until no
    /// order of the account is due.
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
                    slot.account.set_queued(false);
                }
            }
        }
        None
    }

    /// Returns true if an order of the user has expired by `now_ms`. The account is only read if
    /// the queue says that an order of some account may be due.
    pub fn has_due(&self, id: UserId, now_ms: u64) -> bool {
        let is_due = |at: u64| at <= now_ms;
        self.next_expiry_ms().is_some_and(is_due)
            && self.account(id).next_expiry_ms().is_some_and(is_due)
    }

    /// Returns a time before which no order expires, Unix milliseconds.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.expiries.peek().map(|Reverse((at, _))| *at)
    }

    /// Returns the user and the transaction under which a price for the symbol's triggers is
    /// fetched.
    pub fn first_waiting(&self, symbol: Symbol) -> Option<(UserName, u64)> {
        let (side, id) = self.triggers.first_user(symbol)?;
        let trigger = self.account(id).set(side, symbol)?.trigger?;
        Some((self.name(id).clone(), trigger.number))
    }

    /// Returns the symbols that gained their first trigger (true) or lost their last one (false)
    /// since the last call.
    pub fn take_interest(&mut self) -> Vec<(Symbol, bool)> {
        std::mem::take(&mut self.interest)
    }
}

//! The account of one user. Any code may read it; only [`super::apply()`] changes it.

use super::keyed::NotSorted;
use super::portfolio::{EMPTY, Holding, PendingOrder, Portfolio, SetOrder};
use crate::limits::HISTORY_MAX;
use crate::prefetch::{prefetch, prefetch_all};
use daytrade_protocol::{Code, CommandName, Money, Side, Symbol};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::VecDeque;

/// Index of a user in a book; valid for the lifetime of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

/// Cash, holdings, pending orders, triggers and the newest transactions of one user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Account {
    /// Cash that is free to spend.
    pub(super) cash: Money,
    /// Cash reserved by pending buys and set buy amounts. It still belongs to the user.
    pub(super) reserved: Money,
    /// Realised profit: the proceeds of all sales minus their cost basis.
    pub(super) realised: Money,
    /// None only if nothing is held, ordered or set.
    portfolio: Option<Box<Portfolio>>,
    /// Newest transactions, newest last.
    pub(super) history: VecDeque<HistoryEntry>,
}

/// A transaction as DISPLAY_SUMMARY shows it. The layout is compact, because an account holds ten
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Time of the transaction, Unix milliseconds.
    pub at_ms: u64,
    /// Transaction number.
    pub number: u64,
    amount_cents: i64,
    /// Symbol in the command.
    pub symbol: Option<Symbol>,
    /// Name of the command.
    pub command: CommandName,
    /// Code of the refusal, or None if the command was executed.
    pub refused: Option<Code>,
}

/// Represents "no amount". No valid amount has this value.
const NO_AMOUNT: i64 = i64::MIN;

impl HistoryEntry {
    /// Creates an entry of a command that was not refused.
    #[inline]
    pub fn new(
        at_ms: u64,
        number: u64,
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
    ) -> Self {
        let amount_cents = amount.map_or(NO_AMOUNT, Money::cents);
        Self { at_ms, number, amount_cents, symbol, command, refused: None }
    }

    /// Returns the amount in the command.
    pub fn amount(&self) -> Option<Money> {
        (self.amount_cents != NO_AMOUNT).then(|| Money::from_cents(self.amount_cents))
    }
}

impl Account {
    /// Returns the cash that is free to spend.
    pub const fn cash(&self) -> Money {
        self.cash
    }

    /// Returns the reserved cash.
    pub const fn reserved(&self) -> Money {
        self.reserved
    }

    /// Returns the profit of all sales so far.
    pub const fn realised(&self) -> Money {
        self.realised
    }

    #[inline]
    pub(super) fn portfolio(&self) -> &Portfolio {
        self.portfolio.as_deref().unwrap_or(&EMPTY)
    }

    pub(super) fn portfolio_mut(&mut self) -> &mut Portfolio {
        self.portfolio.get_or_insert_default()
    }

    /// Returns the holdings, by symbol. None of them is empty.
    pub fn holdings(&self) -> &[Holding] {
        self.portfolio().holdings.values()
    }

    /// Returns the set amounts: buys first, then sells, each by symbol.
    pub fn sets(&self) -> &[SetOrder] {
        self.portfolio().sets.values()
    }

    /// Prefetches what the account points to, for the steps of [`super::Book::find_together`].
    #[inline]
    pub(super) fn prefetch_parts(&self) {
        if let Some(portfolio) = &self.portfolio {
            portfolio.prefetch();
        }
        // A full history overwrites its oldest entry.
        self.history.front().inspect(|oldest| prefetch(*oldest));
    }

    /// Prefetches everything that a summary shows.
    pub fn prefetch_all(&self) {
        self.portfolio().holdings.prefetch_values();
        self.portfolio().sets.prefetch_values();
        let (older, newer) = self.history.as_slices();
        prefetch_all(older);
        prefetch_all(newer);
    }

    /// Returns the newest transactions, newest first.
    pub fn history(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.history.iter().rev()
    }

    /// Returns the holding of one symbol, with zero shares if there is none.
    pub fn holding(&self, symbol: Symbol) -> Holding {
        let held = self.portfolio().holdings.get(symbol.rank()).copied();
        held.unwrap_or(Holding { symbol, free: 0, reserved: 0, basis: Money::ZERO })
    }

    /// Returns the set amount of one side and symbol.
    pub fn set(&self, side: Side, symbol: Symbol) -> Option<&SetOrder> {
        self.portfolio().sets.get(SetOrder::key_of(side, symbol))
    }

    /// Returns the pending orders of one side, oldest first.
    pub fn pending(&self, side: Side) -> &VecDeque<PendingOrder> {
        self.portfolio().pending(side)
    }

    /// Returns the time at which the next pending order expires, Unix milliseconds.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        let front = |side| self.pending(side).front().map(|order| order.expires_at_ms);
        match (front(Side::Buy), front(Side::Sell)) {
            (Some(buy), Some(sell)) => Some(buy.min(sell)),
            (one, other) => one.or(other),
        }
    }

    #[inline]
    pub(super) fn push_history(&mut self, entry: HistoryEntry) {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        } else if self.history.len() == self.history.capacity() {
            self.grow_history();
        }
        self.history.push_back(entry);
    }

    #[inline(never)]
    fn grow_history(&mut self) {
        // Most of a million accounts have only a few transactions. To move a history that is in no
        // near cache takes as long as a command.
        let capacity = match self.history.len() {
            0 => 1,
            1 => HISTORY_MAX.div_ceil(3),
            _ => HISTORY_MAX,
        };
        self.history.reserve_exact(capacity - self.history.len());
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        let cash = |of: &Self| (of.cash, of.reserved, of.realised);
        cash(self) == cash(other)
            && self.portfolio() == other.portfolio()
            && self.history == other.history
    }
}

/// An account as it stands in a snapshot. The layout is part of the snapshot format, so a change
/// requires a new version of snapshots.
#[derive(Deserialize)]
struct Stored {
    cash: Money,
    reserved: Money,
    realised: Money,
    holdings: Vec<Holding>,
    pending_buys: VecDeque<PendingOrder>,
    pending_sells: VecDeque<PendingOrder>,
    sets: Vec<SetOrder>,
    history: VecDeque<HistoryEntry>,
}

/// As [`Stored`].
#[derive(Serialize)]
struct StoredRef<'a> {
    cash: Money,
    reserved: Money,
    realised: Money,
    holdings: &'a [Holding],
    pending_buys: &'a VecDeque<PendingOrder>,
    pending_sells: &'a VecDeque<PendingOrder>,
    sets: &'a [SetOrder],
    history: &'a VecDeque<HistoryEntry>,
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { cash, reserved, realised, history, .. } = self;
        let stored = StoredRef {
            cash: *cash,
            reserved: *reserved,
            realised: *realised,
            holdings: self.holdings(),
            pending_buys: self.pending(Side::Buy),
            pending_sells: self.pending(Side::Sell),
            sets: self.sets(),
            history,
        };
        stored.serialize(serializer)
    }
}

impl TryFrom<Stored> for Account {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { cash, reserved, realised, history, .. } = stored;
        let pending = [stored.pending_buys, stored.pending_sells];
        let portfolio = Portfolio::stored(stored.holdings, pending, stored.sets)
            .map_err(|NotSorted| "holdings or set amounts are not in their order")?;
        Ok(Self { cash, reserved, realised, portfolio, history })
    }
}

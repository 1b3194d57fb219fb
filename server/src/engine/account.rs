//! The account of one user. Any code may read it; only [`super::apply()`] changes it.

use crate::limits::HISTORY_MAX;
use daytrade_protocol::{Code, CommandName, Money, Side, Symbol};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Index of a user in a book; valid for the lifetime of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

/// Cash, holdings, pending orders, triggers and the newest transactions of one user. The layout is
/// part of the snapshot format, so a change requires a new version of snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Cash that is free to spend.
    pub(super) cash: Money,
    /// Cash reserved by pending buys and set buy amounts. It still belongs to the user.
    pub(super) reserved: Money,
    /// Realised profit: the proceeds of all sales minus their cost basis.
    pub(super) realised: Money,
    /// Holdings by symbol. None of them is empty.
    pub(super) holdings: Vec<Holding>,
    /// Pending buys, oldest first. The front expires first; the back is committed first.
    pub(super) pending_buys: VecDeque<PendingOrder>,
    pub(super) pending_sells: VecDeque<PendingOrder>,
    /// Set amounts by side, then symbol.
    pub(super) sets: Vec<SetOrder>,
    /// Newest transactions, newest last.
    pub(super) history: VecDeque<HistoryEntry>,
}

/// The shares of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Stock symbol.
    pub symbol: Symbol,
    /// Shares free to sell.
    pub free: u64,
    /// Shares reserved by pending sells and sell triggers.
    pub reserved: u64,
    /// Cost basis of all shares, by average cost.
    pub basis: Money,
}

impl Holding {
    /// Returns the number of free and reserved shares.
    pub const fn shares(&self) -> u64 {
        self.free + self.reserved
    }
}

/// A BUY or SELL that has not been committed or cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingOrder {
    /// Stock symbol.
    pub symbol: Symbol,
    /// Number of whole shares.
    pub shares: u64,
    /// Price of one share when the order was placed.
    pub price: Money,
    /// Total cost or proceeds.
    pub total: Money,
    /// Number of the transaction that placed it.
    pub number: u64,
    /// Time at which it expires, Unix milliseconds.
    pub expires_at_ms: u64,
    /// Journal record that placed it. It orders the stack across both sides.
    pub record: u64,
}

/// A set amount, with its trigger if one is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetOrder {
    /// Side of the trigger.
    pub side: Side,
    /// Stock symbol.
    pub symbol: Symbol,
    /// Amount to spend, or to sell for, in dollars.
    pub amount: Money,
    /// Number of shares that a sell trigger reserves.
    pub shares: u64,
    /// The armed trigger.
    pub trigger: Option<Trigger>,
}

/// An armed trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Trigger price. A buy fires at or below it, a sell at or above it.
    pub price: Money,
    /// Number of the transaction that armed it.
    pub number: u64,
    /// Journal record that armed it, which determines the arming order.
    pub record: u64,
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

    /// Returns the holdings, by symbol.
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// Returns the set amounts: buys first, then sells, each by symbol.
    pub fn sets(&self) -> &[SetOrder] {
        &self.sets
    }

    /// Returns the newest transactions, newest first.
    pub fn history(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.history.iter().rev()
    }

    /// Returns the holding of one symbol, with zero shares if there is none.
    #[expect(clippy::indexing_slicing, reason = "the index was found just before")]
    pub fn holding(&self, symbol: Symbol) -> Holding {
        match self.holding_index(symbol) {
            Ok(at) => self.holdings[at],
            Err(_) => Holding { symbol, free: 0, reserved: 0, basis: Money::ZERO },
        }
    }

    pub(super) fn holding_index(&self, symbol: Symbol) -> Result<usize, usize> {
        self.holdings.binary_search_by_key(&symbol.rank(), |holding| holding.symbol.rank())
    }

    /// Returns the set amount of one side and symbol.
    #[expect(clippy::indexing_slicing, reason = "the index was found just before")]
    pub fn set(&self, side: Side, symbol: Symbol) -> Option<&SetOrder> {
        self.set_index(side, symbol).ok().map(|at| &self.sets[at])
    }

    pub(super) fn set_index(&self, side: Side, symbol: Symbol) -> Result<usize, usize> {
        // Combines side and symbol into one number that sorts by side first.
        let rank =
            |side: Side, symbol: Symbol| u64::from(side as u8) << 32 | u64::from(symbol.rank());
        let wanted = rank(side, symbol);
        self.sets.binary_search_by_key(&wanted, |set| rank(set.side, set.symbol))
    }

    /// Returns the pending orders of one side, oldest first.
    pub const fn pending(&self, side: Side) -> &VecDeque<PendingOrder> {
        match side {
            Side::Buy => &self.pending_buys,
            Side::Sell => &self.pending_sells,
        }
    }

    pub(super) const fn pending_mut(&mut self, side: Side) -> &mut VecDeque<PendingOrder> {
        match side {
            Side::Buy => &mut self.pending_buys,
            Side::Sell => &mut self.pending_sells,
        }
    }

    /// Returns the time at which the next pending order expires, Unix milliseconds.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        let front = |side| self.pending(side).front().map(|order| order.expires_at_ms);
        match (front(Side::Buy), front(Side::Sell)) {
            (Some(buy), Some(sell)) => Some(buy.min(sell)),
            (one, other) => one.or(other),
        }
    }

    pub(super) fn push_history(&mut self, entry: HistoryEntry) {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        } else if self.history.len() == self.history.capacity() {
            // Most of a million accounts have only a few transactions. To move a history that is
            // in no near cache takes as long as a command.
            let capacity = match self.history.len() {
                0 => 1,
                1 => HISTORY_MAX.div_ceil(3),
                _ => HISTORY_MAX,
            };
            self.history.reserve_exact(capacity - self.history.len());
        }
        self.history.push_back(entry);
    }
}

//! One user's account. Reading is free; changing is [`super::apply()`]'s alone.

use crate::limits::HISTORY_MAX;
use daytrade_protocol::{Code, CommandName, Money, Side, Symbol};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Cash, holdings, pending orders, triggers and the newest transactions of one user. Its layout is
/// part of the snapshot format: a change raises the snapshot's version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Free to spend.
    pub(super) cash: Money,
    /// Set aside by pending buys and set buy amounts; still the user's.
    pub(super) reserved: Money,
    /// Proceeds less cost basis of everything sold.
    pub(super) realised: Money,
    /// By symbol; none is empty.
    pub(super) holdings: Vec<Holding>,
    /// Oldest first: runs out at the front, is committed at the back.
    pub(super) pending_buys: VecDeque<PendingOrder>,
    pub(super) pending_sells: VecDeque<PendingOrder>,
    /// By side, then symbol.
    pub(super) sets: Vec<SetOrder>,
    /// Newest last.
    pub(super) history: VecDeque<HistoryEntry>,
}

/// Shares of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The stock.
    pub symbol: Symbol,
    /// Shares free to sell.
    pub free: u64,
    /// Shares set aside by pending sells and sell triggers.
    pub reserved: u64,
    /// What all of them cost, by average cost.
    pub basis: Money,
}

impl Holding {
    /// Free and reserved shares.
    pub const fn shares(&self) -> u64 {
        self.free + self.reserved
    }
}

/// A BUY or SELL that waits for its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingOrder {
    /// The stock.
    pub symbol: Symbol,
    /// Whole shares.
    pub shares: u64,
    /// Price of one when it was placed.
    pub price: Money,
    /// Cost or proceeds.
    pub total: Money,
    /// The transaction that placed it.
    pub number: u64,
    /// Unix milliseconds at which it has run out.
    pub expires_at_ms: u64,
    /// The journal record that placed it: orders the stack across sides.
    pub record: u64,
}

/// A set amount, with its trigger once there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetOrder {
    /// Buy or sell.
    pub side: Side,
    /// The stock.
    pub symbol: Symbol,
    /// Dollars to spend, or to sell for.
    pub amount: Money,
    /// Shares a sell trigger reserves.
    pub shares: u64,
    /// Price at which it fires.
    pub trigger: Option<Trigger>,
}

/// An armed trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Fires at or below (buy), at or above (sell).
    pub price: Money,
    /// The transaction that armed it.
    pub number: u64,
    /// The journal record that armed it: the arming order.
    pub record: u64,
}

/// A transaction as DISPLAY_SUMMARY shows it, packed: accounts hold ten of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Transaction number.
    pub number: u64,
    amount_cents: i64,
    /// The stock it named.
    pub symbol: Option<Symbol>,
    /// Which of the sixteen.
    pub command: CommandName,
    /// None when it was carried out.
    pub refused: Option<Code>,
}

/// Stands for "no amount"; no amount parses to it.
const NO_AMOUNT: i64 = i64::MIN;

impl HistoryEntry {
    /// A new entry.
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

    /// The amount it named.
    pub fn amount(&self) -> Option<Money> {
        (self.amount_cents != NO_AMOUNT).then(|| Money::from_cents(self.amount_cents))
    }
}

impl Account {
    /// Cash free to spend.
    pub const fn cash(&self) -> Money {
        self.cash
    }

    /// Cash set aside.
    pub const fn reserved(&self) -> Money {
        self.reserved
    }

    /// Profit of everything sold so far.
    pub const fn realised(&self) -> Money {
        self.realised
    }

    /// Holdings by symbol.
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// Set amounts, buys first, then by symbol.
    pub fn sets(&self) -> &[SetOrder] {
        &self.sets
    }

    /// The newest transactions, newest first.
    pub fn history(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.history.iter().rev()
    }

    /// Shares of one symbol; all zero where there are none.
    pub fn holding(&self, symbol: Symbol) -> Holding {
        match self.holding_index(symbol) {
            Ok(at) => self.holdings[at],
            Err(_) => Holding { symbol, free: 0, reserved: 0, basis: Money::ZERO },
        }
    }

    pub(super) fn holding_index(&self, symbol: Symbol) -> Result<usize, usize> {
        self.holdings.binary_search_by_key(&symbol.rank(), |holding| holding.symbol.rank())
    }

    /// The set amount of one side and symbol.
    pub fn set(&self, side: Side, symbol: Symbol) -> Option<&SetOrder> {
        self.set_index(side, symbol).ok().map(|at| &self.sets[at])
    }

    pub(super) fn set_index(&self, side: Side, symbol: Symbol) -> Result<usize, usize> {
        // By side, then symbol, as one number.
        let rank = |side: Side, symbol: Symbol| (side as u32) << 24 | symbol.rank();
        let wanted = rank(side, symbol);
        self.sets.binary_search_by_key(&wanted, |set| rank(set.side, set.symbol))
    }

    /// Pending orders of one side, oldest first.
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

    /// When the next pending order runs out, Unix milliseconds.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        let front = |side| self.pending(side).front().map(|order| order.expires_at_ms);
        match (front(Side::Buy), front(Side::Sell)) {
            (Some(buy), Some(sell)) => Some(buy.min(sell)),
            (one, other) => one.or(other),
        }
    }

    pub(super) fn push_history(&mut self, entry: HistoryEntry) {
        if self.history.capacity() == 0 {
            self.history.reserve_exact(HISTORY_MAX);
        }
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(entry);
    }
}

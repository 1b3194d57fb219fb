//! What a user trades with: holdings, pending orders, set amounts and triggers.

use super::keyed::{Key, Keyed, NotSorted};
use crate::prefetch::prefetch;
use daytrade_protocol::{Money, Side, Symbol};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

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

impl Key for Holding {
    fn key(&self) -> u32 {
        self.symbol.rank()
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

impl SetOrder {
    /// Returns a number that sorts by side, then by symbol.
    pub(super) const fn key_of(side: Side, symbol: Symbol) -> u32 {
        // The lowest byte of a rank is zero.
        (side as u32) << 24 | symbol.rank() >> 8
    }
}

impl Key for SetOrder {
    fn key(&self) -> u32 {
        Self::key_of(self.side, self.symbol)
    }
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

/// What one user trades with. It is in memory of its own, apart from the account: many users hold
/// nothing, and the table of accounts is shorter without it.
#[derive(Clone, Debug)]
pub(super) struct Portfolio {
    /// Cash reserved by pending buys and set buy amounts. It still belongs to the user.
    pub reserved: Money,
    /// Realised profit: the proceeds of all sales minus their cost basis.
    pub realised: Money,
    /// By symbol. No holding is empty.
    pub holdings: Keyed<Holding>,
    /// By side, then symbol.
    pub sets: Keyed<SetOrder>,
    /// Pending buys and sells, oldest first. The front expires first; the back is committed first.
    pub pending: [VecDeque<PendingOrder>; 2],
    /// True while the user is in the book's queue of expiries: at most once, so the users bound it.
    pub is_queued: bool,
}

/// The portfolio of a user who has none.
pub(super) static EMPTY: Portfolio = Portfolio::new();

impl Portfolio {
    const fn new() -> Self {
        Self {
            reserved: Money::ZERO,
            realised: Money::ZERO,
            holdings: Keyed::new(),
            sets: Keyed::new(),
            pending: [VecDeque::new(), VecDeque::new()],
            is_queued: false,
        }
    }

    /// Returns a portfolio with the holdings and set amounts of a snapshot.
    ///
    /// # Errors
    /// [`NotSorted`] if two holdings, or two set amounts, are the same one's: none may be dropped.
    pub(super) fn stored(holdings: Vec<Holding>, sets: Vec<SetOrder>) -> Result<Self, NotSorted> {
        Ok(Self { holdings: holdings.try_into()?, sets: sets.try_into()?, ..Self::new() })
    }

    /// Prefetches the portfolio itself, without what it points to.
    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch(&self.reserved);
        prefetch(&self.holdings);
        prefetch(&self.sets);
        let [buys, sells] = &self.pending;
        prefetch(buys);
        prefetch(sells);
    }

    /// Returns the pending orders of one side, oldest first.
    pub(super) const fn pending(&self, side: Side) -> &VecDeque<PendingOrder> {
        let [buys, sells] = &self.pending;
        match side {
            Side::Buy => buys,
            Side::Sell => sells,
        }
    }

    /// As [`Portfolio::pending`].
    pub(super) const fn pending_mut(&mut self, side: Side) -> &mut VecDeque<PendingOrder> {
        let [buys, sells] = &mut self.pending;
        match side {
            Side::Buy => buys,
            Side::Sell => sells,
        }
    }
}

impl Default for Portfolio {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Portfolio {
    fn eq(&self, other: &Self) -> bool {
        let cash = |of: &Self| (of.reserved, of.realised);
        cash(self) == cash(other)
            && self.holdings.values() == other.holdings.values()
            && self.sets.values() == other.sets.values()
            && self.pending == other.pending
    }
}

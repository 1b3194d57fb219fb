//! What can happen to an account. Each event carries every number `apply` needs, so that replay
//! computes nothing anew.

use daytrade_protocol::{Money, Side, Symbol};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The events of one command: mostly one; a trigger that fires as it is armed makes two.
pub type Events = SmallVec<[Event; 1]>;

/// One change of one account. Its layout is part of the journal format: add at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// ADD.
    CashAdded {
        /// Added to cash.
        amount: Money,
    },
    /// BUY set cash aside, SELL set shares aside.
    Reserved {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// Whole shares.
        shares: u64,
        /// Price of one.
        price: Money,
        /// Cost or proceeds.
        total: Money,
        /// The transaction.
        number: u64,
        /// Unix milliseconds at which it runs out.
        expires_at_ms: u64,
    },
    /// The newest pending order was carried out.
    Committed {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// Whole shares.
        shares: u64,
        /// Price of one.
        price: Money,
        /// Cost or proceeds.
        total: Money,
        /// Cost basis that leaves with sold shares; nothing for a buy.
        basis: Money,
    },
    /// The newest pending order was called off.
    Cancelled {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// Whole shares.
        shares: u64,
        /// Price of one.
        price: Money,
        /// Cost or proceeds.
        total: Money,
    },
    /// The oldest pending order ran out.
    Expired {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// Whole shares.
        shares: u64,
        /// Price of one.
        price: Money,
        /// Cost or proceeds.
        total: Money,
        /// The transaction that placed it.
        number: u64,
    },
    /// SET_BUY_AMOUNT or SET_SELL_AMOUNT.
    AmountSet {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// The new amount.
        amount: Money,
        /// The amount it replaces.
        amount_before: Money,
        /// Shares reserved from now on (armed sells only).
        shares: u64,
        /// Shares reserved until now.
        shares_before: u64,
    },
    /// SET_BUY_TRIGGER or SET_SELL_TRIGGER.
    Armed {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// The trigger price.
        price: Money,
        /// Shares reserved from now on (sells only).
        shares: u64,
        /// Shares reserved until now.
        shares_before: u64,
        /// The transaction.
        number: u64,
    },
    /// CANCEL_SET_BUY or CANCEL_SET_SELL.
    Unset {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// The amount released.
        amount: Money,
        /// The shares released.
        shares: u64,
    },
    /// A trigger fired.
    Filled {
        /// Buy or sell.
        side: Side,
        /// The stock.
        symbol: Symbol,
        /// Whole shares traded.
        shares: u64,
        /// The price that fired it.
        price: Money,
        /// Cost or proceeds.
        total: Money,
        /// The set amount; a buy returns what it did not spend.
        amount: Money,
        /// Cost basis that leaves with sold shares; nothing for a buy.
        basis: Money,
        /// The transaction that armed it.
        number: u64,
    },
}

impl Event {
    /// How much the user's free cash grows (or shrinks, negative) by it: what the audit log calls
    /// an account transaction.
    pub fn cash_change(&self) -> Money {
        match *self {
            Self::CashAdded { amount } | Self::Unset { side: Side::Buy, amount, .. } => amount,
            Self::Reserved { side: Side::Buy, total, .. } => -total,
            Self::Cancelled { side: Side::Buy, total, .. }
            | Self::Expired { side: Side::Buy, total, .. }
            | Self::Committed { side: Side::Sell, total, .. }
            | Self::Filled { side: Side::Sell, total, .. } => total,
            Self::AmountSet { side: Side::Buy, amount, amount_before, .. } => {
                amount_before - amount
            }
            Self::Filled { side: Side::Buy, total, amount, .. } => amount - total,
            Self::Reserved { side: Side::Sell, .. }
            | Self::Cancelled { side: Side::Sell, .. }
            | Self::Expired { side: Side::Sell, .. }
            | Self::Committed { side: Side::Buy, .. }
            | Self::AmountSet { side: Side::Sell, .. }
            | Self::Unset { side: Side::Sell, .. }
            | Self::Armed { .. } => Money::ZERO,
        }
    }
}

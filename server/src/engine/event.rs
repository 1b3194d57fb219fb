//! The events of an account. Each event contains every number that `apply` needs, so replay
//! computes nothing again.

use daytrade_protocol::{Money, Side, Symbol, TradeTerms};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The events of one command: usually one, or two if a trigger fires when it is armed.
pub type Events = SmallVec<[Event; 1]>;

/// One change of one account. The layout is part of the journal format: add new variants at the
/// end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Cash was paid in. The first time opens the account.
    CashAdded {
        /// Amount added to the cash.
        amount: Money,
    },
    /// A BUY reserved cash, or a SELL reserved shares.
    Reserved {
        /// Side of the order.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// Number of whole shares.
        shares: u64,
        /// Price of one share.
        price: Money,
        /// Total cost or proceeds.
        total: Money,
        /// Transaction number of the order.
        number: u64,
        /// Time at which the order expires, Unix milliseconds.
        expires_at_ms: u64,
    },
    /// The newest pending order was committed.
    Committed {
        /// Side of the order.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// Number of whole shares.
        shares: u64,
        /// Price of one share.
        price: Money,
        /// Total cost or proceeds.
        total: Money,
        /// Cost basis of the sold shares; zero for a buy.
        basis: Money,
    },
    /// The newest pending order was cancelled.
    Cancelled {
        /// Side of the order.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// Number of whole shares.
        shares: u64,
        /// Price of one share.
        price: Money,
        /// Total cost or proceeds.
        total: Money,
    },
    /// The oldest pending order expired.
    Expired {
        /// Side of the order.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// Number of whole shares.
        shares: u64,
        /// Price of one share.
        price: Money,
        /// Total cost or proceeds.
        total: Money,
        /// Number of the transaction that placed the order.
        number: u64,
    },
    /// A SET_BUY_AMOUNT or SET_SELL_AMOUNT was executed.
    AmountSet {
        /// Side of the set amount.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// The new amount.
        amount: Money,
        /// The previous amount.
        amount_before: Money,
        /// Number of shares reserved after the event (armed sells only).
        shares: u64,
        /// Number of shares reserved before the event.
        shares_before: u64,
    },
    /// A SET_BUY_TRIGGER or SET_SELL_TRIGGER was executed.
    Armed {
        /// Side of the trigger.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// The trigger price.
        price: Money,
        /// Number of shares reserved after the event (sells only).
        shares: u64,
        /// Number of shares reserved before the event.
        shares_before: u64,
        /// Transaction number of the command.
        number: u64,
    },
    /// A CANCEL_SET_BUY or CANCEL_SET_SELL was executed.
    Unset {
        /// Side of the set amount.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// The amount released.
        amount: Money,
        /// The number of shares released.
        shares: u64,
    },
    /// A trigger fired.
    Filled {
        /// Side of the trigger.
        side: Side,
        /// Stock symbol.
        symbol: Symbol,
        /// Number of whole shares traded.
        shares: u64,
        /// Market price at which it fired.
        price: Money,
        /// Total cost or proceeds.
        total: Money,
        /// The set amount. A buy releases the part that it did not spend.
        amount: Money,
        /// Cost basis of the sold shares; zero for a buy.
        basis: Money,
        /// Number of the transaction that armed the trigger.
        number: u64,
    },
}

impl Event {
    /// Returns the change of the user's free cash, negative for a decrease. The audit log reports
    /// it as an account transaction.
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

    /// Returns the terms of the trade that the event is about, if it is about one.
    pub const fn terms(&self) -> Option<TradeTerms> {
        match *self {
            Self::Reserved { symbol, shares, price, total, .. }
            | Self::Committed { symbol, shares, price, total, .. }
            | Self::Cancelled { symbol, shares, price, total, .. }
            | Self::Expired { symbol, shares, price, total, .. }
            | Self::Filled { symbol, shares, price, total, .. } => {
                Some(TradeTerms { symbol, shares, price, total })
            }
            Self::CashAdded { .. }
            | Self::AmountSet { .. }
            | Self::Armed { .. }
            | Self::Unset { .. } => None,
        }
    }

    /// Returns the terms and the expiry of an order that was placed.
    pub(super) fn reserved(&self) -> Option<(TradeTerms, u64)> {
        match *self {
            Self::Reserved { expires_at_ms, .. } => Some((self.terms()?, expires_at_ms)),
            _ => None,
        }
    }

    /// Returns the symbol and the amount that were set.
    pub(super) const fn amount_set(&self) -> Option<(Symbol, Money)> {
        match *self {
            Self::AmountSet { symbol, amount, .. } => Some((symbol, amount)),
            _ => None,
        }
    }
}

//! The side and the terms of a trade.

use super::{Money, Symbol};
use serde::{Deserialize, Serialize};

/// Direction of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Cash becomes shares.
    Buy,
    /// Shares become cash.
    Sell,
}

impl Side {
    /// Returns `BUY` or `SELL`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }

    /// Reads `BUY` or `SELL`.
    pub fn parse(field: &[u8]) -> Option<Self> {
        match field {
            b"BUY" => Some(Self::Buy),
            b"SELL" => Some(Self::Sell),
            _ => None,
        }
    }
}

/// Shares of one stock at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeTerms {
    /// The stock.
    pub symbol: Symbol,
    /// Whole shares.
    pub shares: u64,
    /// Price of one share.
    pub price: Money,
    /// Price of all shares: cost or proceeds.
    pub total: Money,
}

//! The input of a rule besides the command's arguments, and the reasons why there are no events.

use crate::engine::account::Account;
use daytrade_protocol::{Money, Refusal, Symbol};

/// State of the price that a command may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// The price has not been requested, or is too old by now: it has to be requested.
    Unasked,
    /// A quote at most 60 s old.
    Known(Money),
    /// The price was requested but not received in time.
    Unavailable,
}

/// Reason why there are no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The command is refused and changes nothing.
    Refused(Refusal),
    /// Every requirement before the price is met. The command must be decided again when the price
    /// is known, or known to be unavailable.
    NeedsPrice(Symbol),
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The parts of a transaction that are not in the command.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The user's account; None before the first ADD.
    pub account: Option<&'a Account>,
    /// Returns the price of a symbol. It is called at most once, and only if every requirement
    /// before the price is met.
    pub price: &'a dyn Fn(Symbol) -> Price,
    pub now_ms: u64,
    pub number: u64,
}

impl<'a> Context<'a> {
    /// Returns the account, for commands that require one.
    pub(super) fn account(&self) -> Result<&'a Account, Refusal> {
        self.account.ok_or(Refusal::NoAccount)
    }

    /// Returns the price, for commands that require one.
    pub(super) fn price_of(&self, symbol: Symbol) -> Result<Money, Rejection> {
        match (self.price)(symbol) {
            Price::Unasked => Err(Rejection::NeedsPrice(symbol)),
            Price::Known(price) => Ok(price),
            Price::Unavailable => Err(Rejection::Refused(Refusal::QuoteUnavailable(symbol))),
        }
    }
}

//! Decides the result of a command. The functions are pure: they take an account, a command, a
//! price and the time, and return events or a refusal.
//!
//! Requirements are checked in the order of the table in docs/COMMANDS.md, and the first one not
//! met determines the refusal. A price is requested only if every requirement before it is met,
//! because each quote costs money.

mod cash;
mod orders;
mod sets;

use super::account::Account;
use super::event::Events;
use daytrade_protocol::{Command, Money, Refusal, Side, Symbol};

pub use orders::expire_oldest;
pub use sets::fill;

/// State of the price that a command may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// The price has not been requested.
    Unasked,
    /// A quote at most 60 s old.
    Known(Money),
    /// The price was requested but not received in time.
    Unavailable,
}

/// Reason why there are no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The command is refused and changes nothing.
    Refused(Refusal),
    /// Every requirement before the price is met. The command must be decided again when the price
    /// is known, or known to be unavailable.
    NeedsPrice(Symbol),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Context of a command: the parts of a transaction that are not in the command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub price: Price,
    pub now_ms: u64,
    pub number: u64,
}

impl Asked {
    /// Returns the price, for commands that require one.
    fn price_of(&self, symbol: Symbol) -> Result<Money, Halt> {
        match self.price {
            Price::Unasked => Err(Halt::NeedsPrice(symbol)),
            Price::Known(price) => Ok(price),
            Price::Unavailable => Err(Refusal::QuoteUnavailable(symbol).into()),
        }
    }
}

/// Decides one command. `account` is None for a user without an account.
///
/// # Errors
/// Returns [`Halt::Refused`], or [`Halt::NeedsPrice`] if a price is needed and `price` is
/// [`Price::Unasked`].
pub fn decide(
    account: Option<&Account>,
    command: &Command,
    price: Price,
    now_ms: u64,
    number: u64,
) -> Result<Events, Halt> {
    let asked = Asked { price, now_ms, number };
    match command {
        Command::Add { amount, .. } => return cash::add(account, *amount),
        Command::Quote { symbol, .. } => return asked.price_of(*symbol).map(|_| Events::new()),
        Command::DumpLog { .. } => return Ok(Events::new()),
        _ => {}
    }
    let account = account.ok_or(Refusal::NoAccount)?;
    match *command {
        Command::Buy { symbol, amount, .. } => orders::buy(account, symbol, amount, asked),
        Command::Sell { symbol, amount, .. } => orders::sell(account, symbol, amount, asked),
        Command::CommitBuy { .. } => orders::commit_buy(account, now_ms),
        Command::CommitSell { .. } => orders::commit_sell(account, now_ms),
        Command::CancelBuy { .. } => orders::cancel(account, Side::Buy, now_ms),
        Command::CancelSell { .. } => orders::cancel(account, Side::Sell, now_ms),
        Command::SetBuyAmount { symbol, amount, .. } => {
            sets::set_buy_amount(account, symbol, amount)
        }
        Command::SetBuyTrigger { symbol, price, .. } => {
            sets::set_buy_trigger(account, symbol, price, asked)
        }
        Command::CancelSetBuy { symbol, .. } => sets::cancel_set(account, Side::Buy, symbol),
        Command::SetSellAmount { symbol, amount, .. } => {
            sets::set_sell_amount(account, symbol, amount)
        }
        Command::SetSellTrigger { symbol, price, .. } => {
            sets::set_sell_trigger(account, symbol, price, asked)
        }
        Command::CancelSetSell { symbol, .. } => sets::cancel_set(account, Side::Sell, symbol),
        Command::DisplaySummary { .. }
        | Command::Add { .. }
        | Command::Quote { .. }
        | Command::DumpLog { .. } => Ok(Events::new()),
    }
}

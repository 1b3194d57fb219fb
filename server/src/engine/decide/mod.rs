//! What a command does, if anything. Pure: an account, a command, a price and the time in; events
//! or a refusal out.
//!
//! Needs are checked in the order of the table in docs/COMMANDS.md, the first that fails names the
//! refusal, and a price is asked for only when every need before it holds, because each one costs
//! money.

mod cash;
mod orders;
mod sets;

use super::account::Account;
use super::event::Events;
use daytrade_protocol::{Command, Money, Refusal, Side, Symbol};

pub use orders::expire_oldest;
pub use sets::fill;

/// What is known of the price a command may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// Nobody has asked yet.
    Unasked,
    /// A quote at most 60 s old.
    Known(Money),
    /// It was asked for and could not be had in time.
    Unavailable,
}

/// Why there are no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The command is refused and changes nothing.
    Refused(Refusal),
    /// Every need before the price holds: decide again when it is known, or known to be
    /// unavailable.
    NeedsPrice(Symbol),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Who asks, when: the parts of a transaction that are not in its command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub price: Price,
    pub now_ms: u64,
    pub number: u64,
}

impl Asked {
    /// The price, for commands that cannot do without.
    fn price_of(&self, symbol: Symbol) -> Result<Money, Halt> {
        match self.price {
            Price::Unasked => Err(Halt::NeedsPrice(symbol)),
            Price::Known(price) => Ok(price),
            Price::Unavailable => Err(Refusal::QuoteUnavailable(symbol).into()),
        }
    }
}

/// Decides one command. `account` is None for a user who never had an ADD.
///
/// # Errors
/// [`Halt::Refused`], or [`Halt::NeedsPrice`] when a price is needed and `price` is
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

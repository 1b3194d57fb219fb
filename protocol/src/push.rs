//! Pushed lines: lines that the server sends without a request.

use crate::code::Code;
use crate::commands::CommandName;
use crate::types::{Money, Side, Symbol, TradeTerms, UserName};
use crate::wire::fields::Fields;
use crate::wire::line_buffer::append_line;

/// A line that starts with `* `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// A new price of a watched symbol.
    Quote {
        /// Stock symbol.
        symbol: Symbol,
        /// Price of one share.
        price: Money,
        /// Time of arrival, Unix milliseconds by the server's clock.
        at_ms: u64,
    },
    /// A pending order expired, and its reserve was released.
    Expired {
        /// Owner of the order.
        user: UserName,
        /// Side of the order.
        side: Side,
        /// Terms of the order.
        terms: TradeTerms,
    },
    /// A trigger fired.
    Filled {
        /// Owner of the trigger.
        user: UserName,
        /// Side of the trigger.
        side: Side,
        /// Terms of the trade.
        terms: TradeTerms,
    },
    /// Balances of an account after a change.
    Account {
        /// Owner of the account.
        user: UserName,
        /// Cash that is free to spend.
        available: Money,
        /// Reserved cash.
        reserved: Money,
        /// Profit of all sales so far.
        realised: Money,
    },
    /// A command about an account was carried out or refused, whoever sent it. Commands that only
    /// read are not pushed.
    Order {
        /// Owner of the account.
        user: UserName,
        /// Time of the decision, Unix milliseconds by the server's clock.
        at_ms: u64,
        /// Transaction number.
        number: u64,
        /// The command.
        command: CommandName,
        /// The stock it named.
        symbol: Option<Symbol>,
        /// The amount or price it named.
        amount: Option<Money>,
        /// The code of its refusal, if it was refused.
        refused: Option<Code>,
    },
    /// The client did not read its account events, so the connection is closed.
    ByeSlowConsumer,
    /// The client sent no complete line before the idle timeout, so the connection is closed.
    ByeIdle,
    /// The accounts are with another server of the cluster now, at this address.
    Moved(Box<str>),
    /// The accounts are with another server of the cluster, so the connection is closed.
    ByeMoved,
    /// The login has been changed, disabled or removed, so the connection is closed.
    ByeRevoked,
}

impl Push {
    /// Appends the line to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        append_line(out, |line| match self {
            Self::Quote { symbol, price, at_ms } => {
                line.put(b"* QUOTE").symbol(*symbol).money(*price).int(*at_ms);
            }
            Self::Expired { user, side, terms } => {
                line.put(b"* EXPIRED").user(user).text(side.as_str()).terms(terms);
            }
            Self::Filled { user, side, terms } => {
                line.put(b"* FILLED").user(user).text(side.as_str()).terms(terms);
            }
            Self::Account { user, available, reserved, realised } => {
                line.put(b"* ACCOUNT").user(user);
                line.money(*available).money(*reserved).money(*realised);
            }
            Self::Order { user, at_ms, number, command, symbol, amount, refused } => {
                line.put(b"* ORDER").user(user).int(*at_ms).int(*number).text(command.as_str());
                line.optional(*symbol, Fields::symbol).optional(*amount, Fields::money);
                line.text(refused.map_or("OK", Code::as_str));
            }
            Self::ByeSlowConsumer => {
                line.put(b"* BYE,SLOW_CONSUMER");
            }
            Self::ByeIdle => {
                line.put(b"* BYE,IDLE");
            }
            Self::Moved(address) => {
                line.put(b"* MOVED").text(address);
            }
            Self::ByeMoved => {
                line.put(b"* BYE,MOVED");
            }
            Self::ByeRevoked => {
                line.put(b"* BYE,REVOKED");
            }
        });
    }
}

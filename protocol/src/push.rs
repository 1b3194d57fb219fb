//! Pushed lines: what the server says without being asked again.

use crate::types::{Money, Side, Symbol, TradeTerms, UserName};
use crate::wire::fields::Fields as _;
use crate::wire::line_buffer::append_line;

/// A line that starts with `* `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// A new price of a watched symbol.
    Quote {
        /// The stock.
        symbol: Symbol,
        /// Its price.
        price: Money,
        /// When it arrived, Unix milliseconds by the server's clock.
        at_ms: u64,
    },
    /// A pending order ran out; its reserve is back.
    Expired {
        /// Whose.
        user: UserName,
        /// Buy or sell.
        side: Side,
        /// What it was to trade.
        terms: TradeTerms,
    },
    /// A trigger fired.
    Filled {
        /// Whose.
        user: UserName,
        /// Buy or sell.
        side: Side,
        /// What was traded.
        terms: TradeTerms,
    },
    /// The account after any change.
    Account {
        /// Whose.
        user: UserName,
        /// Cash free to spend.
        available: Money,
        /// Cash set aside.
        reserved: Money,
        /// Profit of everything sold so far.
        realised: Money,
    },
    /// The client did not read its account events; the connection closes.
    ByeSlowConsumer,
    /// The client sent no whole line for too long; the connection closes.
    ByeIdle,
}

impl Push {
    /// Appends the line.
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
            Self::ByeSlowConsumer => {
                line.put(b"* BYE,SLOW_CONSUMER");
            }
            Self::ByeIdle => {
                line.put(b"* BYE,IDLE");
            }
        });
    }
}

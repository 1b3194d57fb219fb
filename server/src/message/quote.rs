//! Prices between shards, sessions and the quote manager.

use super::market_control::MarketControl;
use super::replies::ReplyTo;
use super::reply_sink::ReplyTarget;
use crate::engine::{Hit, MarketState};
use crate::limits::LIFE_MS;
use daytrade_protocol::{Money, Symbol, UserName};
use std::sync::Arc;

/// A price with its time of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Stock symbol.
    pub symbol: Symbol,
    /// Price of one share, in dollars.
    pub price: Money,
    /// Time of arrival, Unix milliseconds by our clock.
    pub arrived_ms: u64,
    /// Cryptographic key of the source.
    pub key: Arc<str>,
}

impl Quote {
    /// Returns true if the quote is valid at `now_ms`: at most 60 s old.
    pub const fn is_fresh(&self, now_ms: u64) -> bool {
        is_fresh(self.arrived_ms, now_ms)
    }
}

/// Returns true if a quote that arrived then is valid at `now_ms`: at most 60 s old.
pub const fn is_fresh(arrived_ms: u64, now_ms: u64) -> bool {
    now_ms <= arrived_ms.saturating_add(LIFE_MS)
}

/// A message of the quote manager to a shard.
#[derive(Clone, Debug)]
pub enum QuoteEvent {
    /// A price has arrived. The hit is included for the one shard that must record it.
    Arrived(Quote, Option<Hit>),
    /// A market has shown a price, by its own clock at the time in Unix milliseconds. The shard
    /// records it as a hit when it is used.
    Shown(Quote, u64),
    /// A late hit: an answer that was not used, but is paid for and recorded.
    LateHit(Hit),
    /// The price could not be fetched. The shard refuses the commands that wait for it.
    Failed(Symbol),
}

/// A request to the quote manager.
#[derive(Debug)]
pub enum QuoteRequest {
    /// A shard needs the price for this transaction. It asks once a symbol until it is answered.
    Want {
        /// The shard.
        shard: u16,
        /// Stock symbol.
        symbol: Symbol,
        /// User for whom the price is fetched.
        user: UserName,
        /// Transaction for which the price is fetched.
        number: u64,
    },
    /// A shard's first trigger on the symbol was armed (by the asker), or its last one is gone
    /// (None).
    Interest {
        /// The shard.
        shard: u16,
        /// Stock symbol.
        symbol: Symbol,
        /// User and transaction under which the price is fetched.
        asker: Option<(UserName, u64)>,
    },
    /// A shard cannot record hits (true), or can again (false). Meanwhile nothing is fetched that
    /// no command waits for.
    Pause {
        /// The shard.
        shard: u16,
        /// True to pause.
        paused: bool,
    },
    /// A price that another server of a cluster has fetched.
    Known(Quote),
    /// A shard has become this server's, and its journal says this of the market.
    Resume {
        /// The shard.
        shard: u16,
        /// What its journal says.
        state: Box<MarketState>,
    },
    /// A connection wants to see the symbol's prices.
    Watch {
        /// Stock symbol.
        symbol: Symbol,
        /// Receiver of the reply and of the prices.
        target: ReplyTarget,
        /// The request to answer.
        to: ReplyTo,
    },
    /// The first shard has recorded how far the market's clock has run (true), or could not.
    MarketRecorded(bool),
    /// The market's owner controls its clock.
    Market {
        /// What to do.
        control: MarketControl,
        /// Receiver of the reply.
        target: ReplyTarget,
        /// The request to answer.
        to: ReplyTo,
    },
    /// A connection asks for the first price of a symbol on the day.
    Open {
        /// Stock symbol.
        symbol: Symbol,
        /// Receiver of the reply.
        target: ReplyTarget,
        /// The request to answer.
        to: ReplyTo,
    },
    /// A connection no longer wants them.
    Unwatch {
        /// Stock symbol.
        symbol: Symbol,
        /// The connection.
        target: ReplyTarget,
        /// The request to answer.
        to: ReplyTo,
    },
}

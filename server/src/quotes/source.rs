//! The interface of a source of prices.

use super::market::Market;
use crate::engine::MarketState;
use daytrade_protocol::{Money, Symbol, UserName};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// An answer of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceQuote {
    /// Price of one share, in dollars.
    pub price: Money,
    /// Time of the source, Unix milliseconds.
    pub time_ms: u64,
    /// Signature of the source, trimmed.
    pub key: Box<str>,
}

/// The result of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The answer that is used.
    pub quote: SourceQuote,
    /// Late hits: further answers to the same request. They are paid for, but not used.
    pub late: Vec<SourceQuote>,
}

impl From<SourceQuote> for Fetched {
    fn from(quote: SourceQuote) -> Self {
        Self { quote, late: Vec::new() }
    }
}

/// Reason why a fetch returned no price.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The source could not be reached.
    #[error("the quote server cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// The source accepted the request and broke the connection.
    #[error("the quote server broke the connection: {0}")]
    Cut(std::io::Error),
    /// The source failed several times in a row and is not asked for a short time.
    #[error("the quote server is down")]
    Down,
    /// The source does not know the symbol.
    #[error("the source has no price of that symbol")]
    Unknown,
    /// The source did not answer before the deadline.
    #[error("the quote server did not answer in time")]
    Timeout,
    /// The answer is not a valid quote for the request.
    #[error("the quote server answered nonsense: {0:?}")]
    Nonsense(String),
}

/// A fetch in progress.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Fetched, SourceError>> + Send + 'a>>;

/// Where prices come from.
pub enum PriceSource {
    /// A quote server, which is asked and costs money.
    Asked(Arc<dyn QuoteSource>),
    /// A market that shows its prices by itself, and costs nothing.
    Market(Box<dyn Market>),
}

impl From<Arc<dyn QuoteSource>> for PriceSource {
    fn from(source: Arc<dyn QuoteSource>) -> Self {
        Self::Asked(source)
    }
}

impl PriceSource {
    /// Returns the name of the source for the log.
    pub fn describe(&self) -> String {
        match self {
            Self::Asked(source) => source.describe(),
            Self::Market(market) => market.describe(),
        }
    }

    /// Returns a word for people: SIMULATED, REPLAYED or LIVE.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Asked(source) => source.kind(),
            Self::Market(market) => market.kind(),
        }
    }

    /// Goes on where the journals of all shards say that the market stood.
    pub fn resume(&mut self, state: &MarketState) {
        match self {
            Self::Asked(source) => source.resume(state),
            Self::Market(market) => {
                let Some(last) = state.position else { return };
                if market.continues(last.market) {
                    market.seek(last.at);
                } else {
                    let market = market.describe();
                    tracing::warn!(
                        market,
                        "these are not the prices that were played last; they begin at the first"
                    );
                }
            }
        }
    }
}

/// A source of prices. Every request costs money.
pub trait QuoteSource: Send + Sync {
    /// Requests the price of a symbol for a user.
    fn fetch<'a>(&'a self, symbol: Symbol, user: &'a UserName) -> Fetch<'a>;

    /// Returns the number of requests so far. None if it is the number of fetches.
    fn requests(&self) -> Option<u64> {
        None
    }

    /// Returns the number of answers so far that were unusable.
    fn unusable(&self) -> u64 {
        0
    }

    /// Returns true while the source is considered down, so that fetches fail at once.
    fn is_down(&self) -> bool {
        false
    }

    /// Goes on where the recorded hits end.
    fn resume(&self, _market: &MarketState) {}

    /// Returns a word for people: SIMULATED or LIVE.
    fn kind(&self) -> &'static str {
        "LIVE"
    }

    /// Returns the name of the source for the log.
    fn describe(&self) -> String;
}

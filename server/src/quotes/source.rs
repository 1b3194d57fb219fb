//! What gives prices.

use daytrade_protocol::{Money, Symbol, UserName};
use std::future::Future;
use std::pin::Pin;

/// An answer as the source gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceQuote {
    /// Dollars a share.
    pub price: Money,
    /// The source's own time, Unix milliseconds.
    pub time_ms: u64,
    /// The source's signature, trimmed.
    pub key: Box<str>,
}

/// What a fetch has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The answer that counts.
    pub quote: SourceQuote,
    /// Answers to the same question that had arrived as well: paid for, and of no other use.
    pub besides: Vec<SourceQuote>,
}

impl From<SourceQuote> for Fetched {
    fn from(quote: SourceQuote) -> Self {
        Self { quote, besides: Vec::new() }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be asked.
    #[error("the quote server cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// It has failed several times in a row and is left alone for a moment.
    #[error("the quote server is down")]
    Down,
    /// It has no such symbol.
    #[error("the source has no price of that symbol")]
    Unknown,
    /// It took too long.
    #[error("the quote server did not answer in time")]
    Timeout,
    /// It said something that is no quote for what was asked.
    #[error("the quote server answered nonsense: {0:?}")]
    Nonsense(String),
}

/// A fetch under way.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Fetched, SourceError>> + Send + 'a>>;

/// A source of prices. Every answer that arrives is a hit, and hits cost money.
pub trait QuoteSource: Send + Sync {
    /// Asks for the price of a symbol in the name of a user.
    fn fetch<'a>(&'a self, symbol: Symbol, user: &'a UserName) -> Fetch<'a>;

    /// Answers so far that were no price and cost as much as one.
    fn unusable(&self) -> u64 {
        0
    }

    /// Whether it is taken to be down, so that fetches fail at once.
    fn is_down(&self) -> bool {
        false
    }

    /// What to call it in the log.
    fn describe(&self) -> String;
}

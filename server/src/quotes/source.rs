//! The interface of a source of prices.

use daytrade_protocol::{Money, Symbol, UserName};
use std::future::Future;
use std::pin::Pin;

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

    /// Returns the name of the source for the log.
    fn describe(&self) -> String;
}

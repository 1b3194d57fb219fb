//! A market that is closed: for programs that only read what an account has done.

use super::source::{Fetch, QuoteSource, SourceError};
use daytrade_protocol::{Symbol, UserName};

/// A source that has no price, so that nothing can be traded and no trigger can fire.
pub(crate) struct ClosedSource;

impl QuoteSource for ClosedSource {
    fn fetch<'a>(&'a self, _: Symbol, _: &'a UserName) -> Fetch<'a> {
        Box::pin(std::future::ready(Err(SourceError::Unknown)))
    }

    fn kind(&self) -> &'static str {
        "CLOSED"
    }

    fn describe(&self) -> String {
        "closed".to_owned()
    }
}

//! A quote source whose delays, failures and prices come from a seed.

use super::Random;
use daytrade_protocol::{Money, Symbol, UserName};
use daytrade_server::test_support::quotes::{Fetch, QuoteSource, SourceError, SourceQuote};
use parking_lot::Mutex;
use std::time::Duration;

/// Market of one server run.
pub(super) struct Market(pub(super) Mutex<Random>);

impl QuoteSource for Market {
    fn fetch<'a>(&'a self, _symbol: Symbol, _user: &'a UserName) -> Fetch<'a> {
        let (delay_ms, fails, cents) = {
            let mut random = self.0.lock();
            let slow = random.one_in(3);
            (
                random.below(if slow { 4_000 } else { 30 }),
                random.one_in(6),
                random.below(9_000) as i64 + 101,
            )
        };
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            if fails {
                return Err(SourceError::Timeout);
            }
            Ok(SourceQuote { price: Money::from_cents(cents), time_ms: 1, key: "key".into() }
                .into())
        })
    }

    fn describe(&self) -> String {
        "a simulated market".to_owned()
    }
}

//! quotes: one quoteServer for each hit, each with a key of the usual form.

use super::{Followed, Remark, Rule};
use crate::check::event::{Event, Kind};
use crate::check::findings::{Findings, Place};
use crate::check::trading::EXPIRY_MS;
use hashbrown::HashMap;
use std::hash::BuildHasher as _;

/// Symbols whose last hit is remembered.
const SYMBOLS_MAX: usize = 1 << 17;
/// Characters of a key: base64 of 33 to 42 bytes.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 44..=56;
/// What a hit costs, in cents.
const HIT_CENTS: u64 = 5;

/// The last hit of a symbol.
#[derive(Debug)]
struct Last {
    /// Hash of the quote server's time and key.
    answer: u64,
    /// When it arrived, and when the last one arrived that a cache would have had to fetch.
    fetched_ms: u64,
}

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    last: HashMap<Box<str>, Last>,
    hits: u64,
    avoidable: u64,
}

impl Rule for Quotes {
    fn name(&self) -> &'static str {
        "quotes"
    }

    fn event(&mut self, event: &Event<'_>, findings: &mut Findings) {
        if event.kind != Kind::QuoteServer {
            return;
        }
        self.hits += 1;
        let key = event.key.unwrap_or_default();
        if !is_usual(key) {
            let shown: String = key.chars().take(80).collect();
            let expected = "base64 of 44 to 56 characters";
            findings.add(Place::of(event), format!("cryptokey {shown:?}"), expected);
        }
        if let Some(price) = event.price.filter(|price| !price.is_positive()) {
            findings.add(Place::of(event), format!("price {price}"), "a price above 0");
        }
        let Some(symbol) = event.symbol else { return };
        let answer = self.last.hasher().hash_one((event.quote_time, key));
        let now = event.at_ms.unwrap_or(0);
        let room = self.last.len() < SYMBOLS_MAX;
        match self.last.get_mut(symbol) {
            Some(last) => {
                if last.answer == answer && !key.is_empty() {
                    findings.add(
                        Place::of(event),
                        format!("the hit of {symbol} with this key a second time"),
                        "one quoteServer for each hit",
                    );
                }
                last.answer = answer;
                if now.saturating_sub(last.fetched_ms) <= EXPIRY_MS {
                    self.avoidable += 1;
                } else {
                    last.fetched_ms = now;
                }
            }
            None if room => {
                self.last.insert(symbol.into(), Last { answer, fetched_ms: now });
            }
            None => {}
        }
    }

    fn end(&mut self, _followed: &Followed, _findings: &mut Findings) -> Remark {
        if self.hits == 0 {
            return Remark::not_judged("the log has no quoteServer");
        }
        let dollars = |hits: u64| {
            let cents = hits * HIT_CENTS;
            format!("${}.{:02}", cents / 100, cents % 100)
        };
        Remark::note(format!(
            "{} hits, cost {}; a 60 s cache avoids {} of them, {}",
            self.hits,
            dollars(self.hits),
            self.avoidable,
            dollars(self.avoidable),
        ))
    }
}

/// Returns true for a key as the quote server gives them.
fn is_usual(key: &str) -> bool {
    let body = key.trim_end_matches('=');
    KEY_CHARS.contains(&key.len())
        && key.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

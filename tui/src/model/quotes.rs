//! Prices the screen has seen.

use super::{QUOTE_LIFE_MS, text};
use daytrade_protocol::{Money, Symbol};
use std::collections::{BTreeMap, VecDeque};

/// Prices of one symbol that are kept: an hour of them.
const HISTORY_MAX: usize = 7_200;
/// Prices closer together than this are one, the last of them, so that an hour of a busy symbol
/// fits.
const HISTORY_STEP_MS: u64 = 500;

/// What was seen of one symbol.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The last price.
    pub price: Money,
    /// When it arrived, by the server's clock.
    pub at_ms: u64,
    /// When it last changed, by ours.
    pub changed_ms: u64,
    /// The first price that was seen, which changes are reckoned from.
    pub first: Money,
    /// Times and prices, newest last.
    pub history: VecDeque<(u64, Money)>,
}

impl Seen {
    /// How much it moved since it was first seen, in hundredths of a percent.
    pub fn change_basis_points(&self) -> Option<i64> {
        text::basis_points(self.price - self.first, self.first)
    }

    /// How old it is.
    pub const fn age_ms(&self, now_ms: u64, offset_ms: i64) -> u64 {
        now_ms.saturating_add_signed(offset_ms).saturating_sub(self.at_ms)
    }

    /// Whether it is still the price.
    pub const fn is_fresh(&self, now_ms: u64, offset_ms: i64) -> bool {
        self.age_ms(now_ms, offset_ms) <= QUOTE_LIFE_MS
    }
}

/// All symbols seen.
#[derive(Clone, Debug, Default)]
pub struct Quotes(BTreeMap<Symbol, Seen>);

impl Quotes {
    /// What was seen of a symbol.
    pub fn get(&self, symbol: Symbol) -> Option<&Seen> {
        self.0.get(&symbol)
    }

    /// Takes in a price.
    pub fn take(&mut self, symbol: Symbol, price: Money, at_ms: u64, now_ms: u64) {
        let new = || Seen { price, at_ms, changed_ms: 0, first: price, history: VecDeque::new() };
        let seen = self.0.entry(symbol).or_insert_with(new);
        if at_ms < seen.at_ms {
            return;
        }
        if seen.price != price {
            seen.changed_ms = now_ms;
        }
        (seen.price, seen.at_ms) = (price, at_ms);
        match seen.history.back_mut() {
            Some(last) if last.0 / HISTORY_STEP_MS == at_ms / HISTORY_STEP_MS => {
                *last = (at_ms, price)
            }
            _ => seen.history.push_back((at_ms, price)),
        }
        if seen.history.len() > HISTORY_MAX {
            seen.history.pop_front();
        }
    }

    /// How many are fresh and how many are not.
    pub fn freshness(&self, symbols: &[Symbol], now_ms: u64, offset_ms: i64) -> (usize, usize) {
        let fresh = symbols
            .iter()
            .filter(|s| self.get(**s).is_some_and(|seen| seen.is_fresh(now_ms, offset_ms)));
        let fresh = fresh.count();
        (fresh, symbols.len() - fresh)
    }
}

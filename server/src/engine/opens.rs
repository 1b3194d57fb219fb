//! The first price of each symbol on a day. Days begin at midnight UTC of whatever clock the times
//! come from.

use daytrade_protocol::{Money, Symbol};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// The length of a day, milliseconds.
pub const DAY_MS: u64 = 86_400_000;

/// The first price of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The price, in dollars.
    pub price: Money,
    /// Its time, Unix milliseconds.
    pub at_ms: u64,
}

/// The opening price of each symbol on the last day on which it had a price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opens(HashMap<Symbol, Open>);

impl Opens {
    /// Takes note of a price. The times of a symbol may go back within a day, not beyond.
    pub fn note(&mut self, symbol: Symbol, price: Money, at_ms: u64) {
        let open = self.0.entry(symbol).or_insert(Open { price, at_ms });
        if at_ms / DAY_MS > open.at_ms / DAY_MS {
            *open = Open { price, at_ms };
        }
    }

    /// Begins a day of a symbol.
    pub fn begin(&mut self, symbol: Symbol, price: Money, at_ms: u64) {
        self.0.insert(symbol, Open { price, at_ms });
    }

    /// Returns the opening price of a symbol on the day of `now_ms`.
    pub fn get(&self, symbol: Symbol, now_ms: u64) -> Option<Open> {
        self.0.get(&symbol).copied().filter(|open| open.at_ms / DAY_MS == now_ms / DAY_MS)
    }

    /// Adds what somebody else has noted: the later day counts, and within a day the earlier price.
    pub fn merge(&mut self, other: &Self) {
        for (symbol, theirs) in &other.0 {
            let own = self.0.entry(*symbol).or_insert(*theirs);
            let (day, their_day) = (own.at_ms / DAY_MS, theirs.at_ms / DAY_MS);
            if their_day > day || their_day == day && theirs.at_ms < own.at_ms {
                *own = *theirs;
            }
        }
    }

    /// Returns all opening prices in the order of their symbols.
    pub fn to_list(&self) -> Vec<(Symbol, Open)> {
        let mut list: Vec<_> = self.0.iter().map(|(symbol, open)| (*symbol, *open)).collect();
        list.sort_unstable_by_key(|(symbol, _)| *symbol);
        list
    }
}

impl FromIterator<(Symbol, Open)> for Opens {
    fn from_iter<I: IntoIterator<Item = (Symbol, Open)>>(list: I) -> Self {
        Self(list.into_iter().collect())
    }
}

//! What the journal says of the market: how far its clock has run, and the last and the opening
//! price of each symbol.
//!
//! A restarted server goes on from here, so that no price repeats and none that is still to come
//! was seen before.

use super::opens::{Open, Opens};
use daytrade_protocol::{Money, Symbol};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// How far a market has run. Its unit belongs to the market: milliseconds of its clock, or ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketPosition {
    /// Which market it is: a fingerprint of its prices.
    pub market: u32,
    /// How far it has run.
    pub at: u64,
}

/// The last hit of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastHit {
    /// Its price, in dollars.
    pub price: Money,
    /// Time of the source, Unix milliseconds.
    pub time_ms: u64,
    /// Number of hits of the symbol so far.
    pub count: u64,
}

/// The state of the market that a shard has recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketState {
    /// How far the market has run. Only the first shard records it.
    pub position: Option<MarketPosition>,
    hits: HashMap<Symbol, LastHit>,
    /// The first price of each symbol on a day, by the server's clock.
    pub opens: Opens,
}

/// The form of [`MarketState`] in a snapshot. The opening prices follow it: snapshots of earlier
/// versions end before them.
#[derive(Serialize, Deserialize)]
struct Stored {
    position: Option<MarketPosition>,
    hits: Vec<(Symbol, LastHit)>,
}

impl MarketState {
    /// Takes note of a hit: its time at the source, and by the server's clock.
    pub fn hit(&mut self, symbol: Symbol, price: Money, time_ms: u64, at_ms: u64) {
        self.opens.note(symbol, price, at_ms);
        let hit = self.hits.entry(symbol).or_insert(LastHit { price, time_ms, count: 0 });
        *hit = LastHit { price, time_ms, count: hit.count + 1 };
    }

    /// Adds what another shard has recorded.
    pub fn merge(&mut self, other: &Self) {
        self.position = self.position.or(other.position);
        self.opens.merge(&other.opens);
        for (symbol, hit) in &other.hits {
            let own = self.hits.entry(*symbol).or_insert(LastHit { count: 0, ..*hit });
            let newest = if own.time_ms > hit.time_ms { *own } else { *hit };
            *own = LastHit { count: own.count + hit.count, ..newest };
        }
    }

    /// Returns the last hit of a symbol.
    pub fn last(&self, symbol: Symbol) -> Option<LastHit> {
        self.hits.get(&symbol).copied()
    }

    /// Returns the last hit of every symbol, in no order.
    pub fn all(&self) -> impl Iterator<Item = (Symbol, LastHit)> {
        self.hits.iter().map(|(symbol, hit)| (*symbol, *hit))
    }

    /// Returns the state in the form of a snapshot.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut hits: Vec<_> = self.hits.iter().map(|(symbol, hit)| (*symbol, *hit)).collect();
        hits.sort_unstable_by_key(|(symbol, _)| *symbol);
        // Memory is the only medium, which cannot fail. An empty state is read as no state.
        let stored = postcard::to_stdvec(&Stored { position: self.position, hits });
        let opens = postcard::to_stdvec(&self.opens.to_list());
        stored.and_then(|stored| Ok([stored, opens?].concat())).unwrap_or_default()
    }

    /// Reads the state of a snapshot. Bytes that are none give an empty state: it would begin the
    /// market again, and loses no money.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Ok((stored, rest)) = postcard::take_from_bytes::<Stored>(bytes) else {
            return Self::default();
        };
        let opens = postcard::from_bytes::<Vec<(Symbol, Open)>>(rest).unwrap_or_default();
        Self {
            position: stored.position,
            hits: stored.hits.into_iter().collect(),
            opens: opens.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::DAY_MS;

    #[test]
    fn the_state_of_all_shards_is_the_newest_price_and_all_hits() {
        let symbol = |text: &str| Symbol::parse(text.as_bytes()).unwrap();
        let (mut one, mut other) = (MarketState::default(), MarketState::default());
        one.hit(symbol("S"), Money::from_cents(500), 10, 1_000);
        one.hit(symbol("S"), Money::from_cents(600), 30, 3_000);
        other.hit(symbol("S"), Money::from_cents(550), 20, 900);
        other.hit(symbol("T"), Money::from_cents(100), 5, 2_000);
        one.position = Some(MarketPosition { market: 7, at: 9 });
        let mut both = other.clone();
        both.merge(&one);
        let last = both.last(symbol("S")).unwrap();
        assert_eq!((last.price.cents(), last.count), (600, 3));
        assert_eq!(both.last(symbol("T")).unwrap().count, 1);
        assert_eq!(both.position, one.position);
        let open = |text: &str, now_ms| both.opens.get(symbol(text), now_ms).map(|open| open.price);
        assert_eq!(open("S", DAY_MS - 1), Some(Money::from_cents(550)), "the first of the day");
        assert_eq!(open("S", DAY_MS), None, "of another day");
        both.hit(symbol("S"), Money::from_cents(700), 40, DAY_MS);
        assert_eq!(both.opens.get(symbol("S"), DAY_MS).unwrap().price.cents(), 700);
        let earlier =
            postcard::to_stdvec(&Stored { position: both.position, hits: both.all().collect() });
        let earlier = MarketState::from_bytes(&earlier.unwrap());
        assert_eq!((earlier.position, earlier.opens), (both.position, Opens::default()));
        assert_eq!(MarketState::from_bytes(&both.to_bytes()), both);
        assert_eq!(MarketState::from_bytes(b"\xff"), MarketState::default());
    }
}

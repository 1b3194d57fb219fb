//! Armed triggers of one shard, sorted so that a price only visits the triggers it fires.
//!
//! This is an index over the accounts, and [`super::Book`] updates it with every event. Arming,
//! moving and cancelling cost O(log n). A price that fires nothing costs two look-ups.

use super::account::UserId;
use daytrade_protocol::{Money, Side, Symbol};
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Position of a trigger in its queue: by the price that fires it first, then by arming order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TriggerKey {
    /// Trigger price in cents, negated for buys, because the highest price fires first.
    rank: i64,
    record: u64,
    /// User who owns the trigger.
    pub user: UserId,
}

impl TriggerKey {
    /// Creates the key of a trigger that `record` armed.
    pub const fn new(side: Side, price: Money, record: u64, user: UserId) -> Self {
        Self { rank: rank(side, price), record, user }
    }
}

const fn rank(side: Side, price: Money) -> i64 {
    match side {
        Side::Buy => -price.cents(),
        Side::Sell => price.cents(),
    }
}

#[derive(Debug, Default)]
struct Queues {
    buys: BTreeSet<TriggerKey>,
    sells: BTreeSet<TriggerKey>,
}

impl Queues {
    const fn of(&mut self, side: Side) -> &mut BTreeSet<TriggerKey> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }
}

/// All armed triggers of a shard, by symbol.
#[derive(Debug, Default)]
pub struct TriggerBook {
    symbols: HashMap<Symbol, Queues>,
    armed: usize,
}

impl TriggerBook {
    /// Adds a trigger. Returns true if it is the first of its symbol.
    pub fn insert(&mut self, symbol: Symbol, side: Side, key: TriggerKey) -> bool {
        let first = !self.symbols.contains_key(&symbol);
        self.armed += usize::from(self.symbols.entry(symbol).or_default().of(side).insert(key));
        first
    }

    /// Removes a trigger. Returns true if it was the last of its symbol.
    pub fn remove(&mut self, symbol: Symbol, side: Side, key: TriggerKey) -> bool {
        let Some(queues) = self.symbols.get_mut(&symbol) else { return false };
        self.armed -= usize::from(queues.of(side).remove(&key));
        let last = queues.buys.is_empty() && queues.sells.is_empty();
        if last {
            self.symbols.remove(&symbol);
        }
        last
    }

    /// Returns the first trigger after `after` in its queue that a market price fires.
    pub fn next(
        &self,
        symbol: Symbol,
        side: Side,
        market: Money,
        after: Option<TriggerKey>,
    ) -> Option<TriggerKey> {
        use std::ops::Bound;
        let queues = self.symbols.get(&symbol)?;
        let queue = match side {
            Side::Buy => &queues.buys,
            Side::Sell => &queues.sells,
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let key = *queue.range((from, Bound::Unbounded)).next()?;
        (key.rank <= rank(side, market)).then_some(key)
    }

    /// Returns true if any trigger waits for the symbol's price.
    pub fn waits_for(&self, symbol: Symbol) -> bool {
        self.symbols.contains_key(&symbol)
    }

    /// Returns the owner of the first trigger on the symbol, and its side. Buys come first.
    pub fn first_user(&self, symbol: Symbol) -> Option<(Side, UserId)> {
        let queues = self.symbols.get(&symbol)?;
        let buy = queues.buys.first().map(|key| (Side::Buy, key.user));
        buy.or_else(|| queues.sells.first().map(|key| (Side::Sell, key.user)))
    }

    /// Returns the symbols that have triggers, sorted.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut symbols: Vec<_> = self.symbols.keys().copied().collect();
        symbols.sort_unstable();
        symbols
    }

    /// Returns the number of armed triggers.
    pub const fn len(&self) -> usize {
        self.armed
    }

    /// Returns true if no trigger is armed.
    pub const fn is_empty(&self) -> bool {
        self.armed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn symbol(n: u8) -> Symbol {
        Symbol::parse(&[b'A' + n]).unwrap()
    }

    proptest! {
        /// Compares the book with a simple list. A price must find exactly the triggers on its
        /// side, in price and then arming order, and no cancelled ones.
        #[test]
        fn a_price_fires_the_same_triggers_as_in_a_list(
            arm in proptest::collection::vec((0..3u8, any::<bool>(), 1..50i64), 1..60),
            cancel in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
            market in 1..50i64,
        ) {
            let mut book = TriggerBook::default();
            let mut list: Vec<(u8, Side, i64, TriggerKey)> = Vec::new();
            for (record, (sym, buy, cents)) in arm.into_iter().enumerate() {
                let side = if buy { Side::Buy } else { Side::Sell };
                let price = Money::from_cents(cents);
                let key = TriggerKey::new(side, price, record as u64, UserId(record as u32));
                let first = book.insert(symbol(sym), side, key);
                prop_assert_eq!(first, !list.iter().any(|(s, ..)| *s == sym));
                list.push((sym, side, cents, key));
            }
            for index in cancel {
                if list.is_empty() { break; }
                let (sym, side, _, key) = list.remove(index.index(list.len()));
                let last = book.remove(symbol(sym), side, key);
                prop_assert_eq!(last, !list.iter().any(|(s, ..)| *s == sym));
            }
            prop_assert_eq!(book.len(), list.len());
            for (sym, side) in (0..3).flat_map(|s| [(s, Side::Buy), (s, Side::Sell)]) {
                let fires = |at: i64| match side {
                    Side::Buy => market <= at,
                    Side::Sell => market >= at,
                };
                let mut want: Vec<_> = list
                    .iter()
                    .filter(|(s, d, cents, _)| *s == sym && *d == side && fires(*cents))
                    .collect();
                want.sort_by_key(|(_, _, cents, key)| {
                    (if side == Side::Buy { -cents } else { *cents }, key.record)
                });
                let (mut got, mut after) = (Vec::new(), None);
                let price = Money::from_cents(market);
                while let Some(key) = book.next(symbol(sym), side, price, after) {
                    got.push(key);
                    after = Some(key);
                }
                prop_assert_eq!(got, want.into_iter().map(|(.., key)| *key).collect::<Vec<_>>());
            }
        }
    }
}

//! Armed triggers of one shard, ordered so that a price touches only those it fires.
//!
//! An index over the accounts: [`super::Book`] keeps it in step with every event. Arming, moving
//! and cancelling cost O(log n); a price that fires nothing costs two look-ups.

use super::book::UserId;
use daytrade_protocol::{Money, Side, Symbol};
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Where a trigger stands in its queue: the price that fires it first comes first, then the earlier
/// armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TriggerKey {
    /// The trigger price in cents, negated for buys, which fire from the highest down.
    rank: i64,
    record: u64,
    /// Whose it is.
    pub user: UserId,
}

impl TriggerKey {
    /// The key of a trigger armed by `record`.
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

/// All armed triggers of a shard.
#[derive(Debug, Default)]
pub struct TriggerBook {
    symbols: HashMap<Symbol, Queues>,
    armed: usize,
}

impl TriggerBook {
    /// Adds a trigger; true if it is the first of its symbol.
    pub fn insert(&mut self, symbol: Symbol, side: Side, key: TriggerKey) -> bool {
        let first = !self.symbols.contains_key(&symbol);
        self.armed += usize::from(self.symbols.entry(symbol).or_default().of(side).insert(key));
        first
    }

    /// Takes a trigger out; true if it was the last of its symbol.
    pub fn remove(&mut self, symbol: Symbol, side: Side, key: TriggerKey) -> bool {
        let Some(queues) = self.symbols.get_mut(&symbol) else { return false };
        self.armed -= usize::from(queues.of(side).remove(&key));
        let last = queues.buys.is_empty() && queues.sells.is_empty();
        if last {
            self.symbols.remove(&symbol);
        }
        last
    }

    /// The first trigger that a market price fires, behind `after` in its queue.
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

    /// Whether any trigger waits for the symbol's price.
    pub fn waits_for(&self, symbol: Symbol) -> bool {
        self.symbols.contains_key(&symbol)
    }

    /// Whose trigger on the symbol stands first in its queue.
    pub fn first_user(&self, symbol: Symbol) -> Option<(Side, UserId)> {
        let queues = self.symbols.get(&symbol)?;
        let buy = queues.buys.first().map(|key| (Side::Buy, key.user));
        buy.or_else(|| queues.sells.first().map(|key| (Side::Sell, key.user)))
    }

    /// The symbols whose prices triggers wait for, in order.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut symbols: Vec<_> = self.symbols.keys().copied().collect();
        symbols.sort_unstable();
        symbols
    }

    /// How many triggers are armed.
    pub const fn len(&self) -> usize {
        self.armed
    }

    /// Whether none is armed.
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
        /// Against a naive list: a price finds exactly the triggers on its side, in price then
        /// arming order, none of them cancelled.
        #[test]
        fn a_price_finds_what_a_list_would(
            arm in proptest::collection::vec((0..3u8, any::<bool>(), 1..50i64), 1..60),
            cancel in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
            market in 1..50i64,
        ) {
            let mut book = TriggerBook::default();
            let mut list: Vec<(u8, Side, i64, TriggerKey)> = Vec::new();
            for (record, (sym, buy, cents)) in arm.into_iter().enumerate() {
                let side = if buy { Side::Buy } else { Side::Sell };
                let key = TriggerKey::new(side, Money::from_cents(cents), record as u64, UserId(record as u32));
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
                let mut want: Vec<_> = list.iter().filter(|(s, d, cents, _)| {
                    *s == sym && *d == side && if side == Side::Buy { market <= *cents } else { market >= *cents }
                }).collect();
                want.sort_by_key(|(_, _, cents, key)| (if side == Side::Buy { -cents } else { *cents }, key.record));
                let (mut got, mut after) = (Vec::new(), None);
                while let Some(key) = book.next(symbol(sym), side, Money::from_cents(market), after) {
                    got.push(key);
                    after = Some(key);
                }
                prop_assert_eq!(got, want.into_iter().map(|(.., key)| *key).collect::<Vec<_>>());
            }
        }
    }
}

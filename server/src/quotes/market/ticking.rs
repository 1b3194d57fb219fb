//! Simulated prices that move by themselves: every tick is one step of every symbol that somebody
//! has asked for.
//!
//! A position is the number of ticks. The price of a symbol at a tick depends on the seed alone, so
//! a restart needs nothing else.

use super::{Market, Shown};
use crate::engine::{DAY_MS, Open, Opens};
use crate::quotes::simulated::{SimulatedSource, Walk};
use daytrade_protocol::{Money, Symbol};
use std::collections::BTreeMap;

/// A simulated market with a clock.
pub struct TickingMarket {
    source: SimulatedSource,
    tick_ms: u64,
    at: u64,
    /// The symbols that were asked for.
    walks: BTreeMap<Symbol, Walk>,
    opens: Opens,
    /// The next symbol to show at the next tick, if a tick is shown in parts.
    after: Option<Symbol>,
}

impl TickingMarket {
    /// Creates a market from the walks of a seed.
    pub fn new(source: SimulatedSource, tick_ms: u64) -> Self {
        Self {
            source,
            tick_ms,
            at: 0,
            walks: BTreeMap::new(),
            opens: Opens::default(),
            after: None,
        }
    }

    fn shown(&self, symbol: Symbol, walk: Walk) -> Shown {
        let price = Money::from_cents(walk.cents);
        Shown { symbol, price, time_ms: self.time_ms(walk.steps) }
    }
}

impl Market for TickingMarket {
    fn fingerprint(&self) -> u32 {
        crc32fast::hash(format!("{}:{}", self.source.seed(), self.tick_ms).as_bytes())
    }

    fn describe(&self) -> String {
        format!("simulated:{}, a step every {} ms", self.source.seed(), self.tick_ms)
    }

    fn seek(&mut self, at: u64) {
        self.at = at;
        self.walks.clear();
        self.opens = Opens::default();
        self.after = None;
    }

    fn position(&self) -> u64 {
        self.at
    }

    fn next_price(&self) -> Option<u64> {
        Some(self.at + 1)
    }

    fn next_after(&self, at: u64) -> Option<u64> {
        Some(self.at.max(at) + 1)
    }

    fn advance(&mut self, to: u64, most: usize, show: &mut dyn FnMut(Shown)) -> u64 {
        let mut left = most;
        while self.at < to {
            let tick = self.at + 1;
            let from = self.after.take();
            let due: Vec<Symbol> = self
                .walks
                .keys()
                .filter(|symbol| from.is_none_or(|from| **symbol > from))
                .copied()
                .collect();
            for symbol in due {
                if left == 0 {
                    return self.at;
                }
                left -= 1;
                let Some(mut walk) = self.walks.get(&symbol).copied() else { continue };
                self.source.walk_to(symbol, &mut walk, tick);
                self.walks.insert(symbol, walk);
                self.after = Some(symbol);
                let shown = self.shown(symbol, walk);
                self.opens.note(symbol, shown.price, shown.time_ms);
                show(shown);
            }
            self.after = None;
            self.at = tick;
        }
        self.at
    }

    fn price(&mut self, symbol: Symbol) -> Option<Shown> {
        let at = self.at;
        let known = self.walks.get(&symbol).copied();
        let walk = known.unwrap_or_else(|| {
            let mut walk = self.source.first(symbol);
            // The first tick of the market's day is on the way.
            let day_ms = self.time_ms(at) / DAY_MS * DAY_MS;
            self.source.walk_to(symbol, &mut walk, day_ms.div_ceil(self.tick_ms.max(1)));
            let open = self.shown(symbol, walk);
            self.opens.note(symbol, open.price, open.time_ms);
            self.source.walk_to(symbol, &mut walk, at);
            walk
        });
        self.walks.insert(symbol, walk);
        Some(self.shown(symbol, walk))
    }

    fn open(&mut self, symbol: Symbol) -> Option<Open> {
        self.price(symbol)?;
        self.opens.get(symbol, self.time_ms(self.at))
    }

    fn kind(&self) -> &'static str {
        "SIMULATED"
    }

    fn time_ms(&self, at: u64) -> u64 {
        at.saturating_mul(self.tick_ms)
    }

    fn at_time(&self, time_ms: u64) -> Option<u64> {
        let at = time_ms / self.tick_ms.max(1);
        // A walk takes its time: a jump is at most a day.
        let most = self.at + 86_400_000 / self.tick_ms.max(1);
        (at >= self.at && at <= most).then_some(at)
    }

    fn unit_milli(&self) -> u64 {
        self.tick_ms.saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn market() -> TickingMarket {
        TickingMarket::new(SimulatedSource::new(7, false, Arc::default()), 1_000)
    }

    #[test]
    fn the_price_at_a_tick_depends_on_the_seed_alone() {
        let symbol = |text: &str| Symbol::parse(text.as_bytes()).unwrap();
        let (s, t) = (symbol("S"), symbol("T"));
        let mut one = market();
        one.price(s);
        let mut prices = Vec::new();
        assert_eq!(one.advance(5, usize::MAX, &mut |shown| prices.push(shown.price)), 5);
        assert_eq!(prices.len(), 5);
        assert!(prices.windows(2).all(|pair| pair[0] != pair[1]));
        let mut other = market();
        other.seek(5);
        assert_eq!(other.price(s), one.price(s));
        assert_eq!(other.price(t), one.price(t));
        // A tick in parts shows every symbol once.
        let mut shown = Vec::new();
        for _ in 0..4 {
            one.advance(6, 1, &mut |one| shown.push(one.symbol));
        }
        assert_eq!((shown, one.position()), (vec![s, t], 6));
    }
}

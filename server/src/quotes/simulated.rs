//! A simulated market. The same seed gives the same prices, regardless of the order of requests for
//! different symbols.

use super::source::{Fetch, QuoteSource, SourceQuote};
use crate::clock::Clock;
use crate::engine::MarketState;
use base64::Engine as _;
use daytrade_protocol::{Money, Symbol, UserName};
use hashbrown::HashMap;
use parking_lot::Mutex;
use rust_decimal::{Decimal, MathematicalOps};
use std::sync::{Arc, LazyLock};

/// Lowest and highest price of a share, in cents: the range of the real quote server.
const PRICE_CENTS_MIN: i64 = 101;
const PRICE_CENTS_MAX: i64 = 499_900;
/// Largest price change at one request, in hundredths of a percent.
const STEP_BASIS_POINTS_MAX: i64 = 150;

/// A simulated market. First prices are log-uniform from 1.01 to 4999.00. Each request is then one
/// step of a random walk.
pub struct SimulatedSource {
    seed: u64,
    frozen: bool,
    clock: Arc<Clock>,
    walks: Mutex<HashMap<Symbol, Walk>>,
}

/// How far a symbol has walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// The price, in cents.
    pub cents: i64,
    /// Steps since the first price.
    pub steps: u64,
}

impl SimulatedSource {
    /// Creates a market from a seed. `frozen` keeps every first price forever, so that the result
    /// of a replay is deterministic.
    pub fn new(seed: u64, frozen: bool, clock: Arc<Clock>) -> Self {
        Self { seed, frozen, clock, walks: Mutex::default() }
    }

    /// Goes on where the hits that were recorded end, so that a restart repeats no price.
    pub fn resume(&self, market: &MarketState) {
        if self.frozen {
            return;
        }
        let mut walks = self.walks.lock();
        for (symbol, last) in market.all() {
            let cents = last.price.cents().clamp(PRICE_CENTS_MIN, PRICE_CENTS_MAX);
            let cents = step(cents, self.draw(symbol, last.count));
            walks.insert(symbol, Walk { cents, steps: last.count });
        }
    }

    /// Returns the seed.
    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the first price of a symbol.
    pub(super) fn first(&self, symbol: Symbol) -> Walk {
        Walk { cents: first_price_cents(self.draw(symbol, 0)), steps: 0 }
    }

    /// Walks on to a step.
    pub(super) fn walk_to(&self, symbol: Symbol, walk: &mut Walk, steps: u64) {
        while walk.steps < steps {
            walk.steps += 1;
            walk.cents = step(walk.cents, self.draw(symbol, walk.steps));
        }
    }

    /// Returns the next price of a symbol.
    pub fn next_quote(&self, symbol: Symbol) -> SourceQuote {
        let (cents, steps) = {
            let mut walks = self.walks.lock();
            let walk = walks.entry(symbol).or_insert_with(|| self.first(symbol));
            let now = *walk;
            walk.steps += 1;
            if !self.frozen {
                walk.cents = step(walk.cents, self.draw(symbol, walk.steps));
            }
            (now.cents, now.steps)
        };
        let key = key_of(|part| self.draw(symbol, steps << 8 | part));
        let (price, time_ms) = (Money::from_cents(cents), self.clock.now_ms());
        SourceQuote { price, time_ms, key }
    }

    /// Returns 64 random bits that depend only on the seed, the symbol and `place`.
    fn draw(&self, symbol: Symbol, place: u64) -> u64 {
        let name = symbol.as_bytes().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        mix(mix(self.seed ^ mix(name)) ^ place)
    }
}

/// Returns a key of the form that the real quote server gives, made of five random numbers.
pub(super) fn key_of(draw: impl Fn(u64) -> u64) -> Box<str> {
    let key: Vec<u8> = (1..=5).flat_map(|part| draw(part).to_le_bytes()).take(33).collect();
    base64::engine::general_purpose::STANDARD.encode(key).into()
}

/// Returns the `SplitMix64` hash of a value. It is the same on every platform.
pub(super) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fraction bits of the ratio of a price to the lowest price. The highest ratio needs the other
/// thirteen bits for its integer part.
const RATIO_BITS: u32 = 51;
/// Fraction bits of a factor of that ratio.
const FACTOR_BITS: u32 = 57;

/// Returns a first price, distributed evenly on a log scale: `min × (max / min) ^ u` for u from 0
/// to 1, a fraction of 32 bits. The power is computed as the product of the factors of all set
/// bits. A 28-digit exponential for every symbol would take far longer.
fn first_price_cents(random: u64) -> i64 {
    static FACTORS: LazyLock<[u64; 32]> =
        LazyLock::new(|| std::array::from_fn(|bit| factor(1 << bit)));
    let part = (random >> 32) as u32;
    let set = |(bit, factor): (usize, &u64)| (part >> bit & 1 == 1).then_some(u128::from(*factor));
    let factors = FACTORS.iter().enumerate().filter_map(set);
    let ratio = factors.fold(1 << RATIO_BITS, |ratio, factor| (ratio * factor) >> FACTOR_BITS);
    let cents = (ratio * PRICE_CENTS_MIN as u128 + (1 << (RATIO_BITS - 1))) >> RATIO_BITS;
    i64::try_from(cents).unwrap_or(PRICE_CENTS_MIN).clamp(PRICE_CENTS_MIN, PRICE_CENTS_MAX)
}

/// Returns `(max / min) ^ (part / (2^32 - 1))` with [`FACTOR_BITS`] fraction bits.
fn factor(part: u32) -> u64 {
    let factor = exact_ratio(part) * Decimal::from(1_u64 << FACTOR_BITS);
    u64::try_from(factor.round()).unwrap_or(1 << FACTOR_BITS)
}

fn exact_ratio(part: u32) -> Decimal {
    let span = Decimal::from(PRICE_CENTS_MAX).ln() - Decimal::from(PRICE_CENTS_MIN).ln();
    (span * (Decimal::from(part) / Decimal::from(u32::MAX))).exp()
}

/// Returns the price after one step: at least a cent and at most 1.5 %, reversed at the ends of the
/// range.
fn step(cents: i64, random: u64) -> i64 {
    let points = (random % STEP_BASIS_POINTS_MAX as u64) as i64 + 1;
    let size = (cents * points / 10_000).max(1);
    let up = random >> 63 == 1;
    let next = if up { cents + size } else { cents - size };
    if (PRICE_CENTS_MIN..=PRICE_CENTS_MAX).contains(&next) { next } else { 2 * cents - next }
}

impl QuoteSource for SimulatedSource {
    fn fetch<'a>(&'a self, symbol: Symbol, _user: &'a UserName) -> Fetch<'a> {
        Box::pin(std::future::ready(Ok(self.next_quote(symbol).into())))
    }

    fn resume(&self, market: &MarketState) {
        Self::resume(self, market);
    }

    fn kind(&self) -> &'static str {
        "SIMULATED"
    }

    fn describe(&self) -> String {
        format!("simulated:{}{}", self.seed, if self.frozen { ":frozen" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(seed: u64, frozen: bool) -> SimulatedSource {
        SimulatedSource::new(seed, frozen, Arc::default())
    }

    fn symbol(text: &str) -> Symbol {
        Symbol::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_walk_regardless_of_other_symbols() {
        let (one, other) = (source(7, false), source(7, false));
        let walk: Vec<_> = (0..50).map(|_| one.next_quote(symbol("ABC")).price).collect();
        let again: Vec<_> = (0..50)
            .map(|_| {
                other.next_quote(symbol("X"));
                other.next_quote(symbol("ABC")).price
            })
            .collect();
        assert_eq!(walk, again);
        assert!(
            walk.windows(2).all(|pair| pair[0] != pair[1]),
            "the price changes at every request"
        );
        let else_where = source(8, false);
        assert_ne!(walk[0], else_where.next_quote(symbol("ABC")).price);
    }

    #[test]
    fn a_restart_goes_on_with_the_walk() {
        let (one, s) = (source(7, false), symbol("S"));
        let mut market = MarketState::default();
        for _ in 0..3 {
            let quote = one.next_quote(s);
            market.hit(s, quote.price, quote.time_ms, quote.time_ms);
        }
        let restarted = source(7, false);
        QuoteSource::resume(&restarted, &market);
        assert_eq!(restarted.next_quote(s).price, one.next_quote(s).price);
        let frozen = source(7, true);
        QuoteSource::resume(&frozen, &market);
        assert_eq!(frozen.next_quote(s).price, source(7, true).next_quote(s).price);
    }

    #[test]
    fn frozen_prices_do_not_change() {
        let source = source(7, true);
        let first = source.next_quote(symbol("S")).price;
        assert!((0..100).all(|_| source.next_quote(symbol("S")).price == first));
    }

    #[test]
    fn first_prices_are_distributed_evenly_on_a_log_scale() {
        // 1.01 to 4999.00 is a factor of 70.35 squared, so half of the prices are below 71.05.
        let prices: Vec<_> = (0..4000).map(|n| first_price_cents(mix(n))).collect();
        assert!(prices.iter().all(|price| (PRICE_CENTS_MIN..=PRICE_CENTS_MAX).contains(price)));
        let below = prices.iter().filter(|price| **price < 7_105).count();
        assert!((1_850..2_150).contains(&below), "{below} of 4000 are in the lower half");
    }

    #[test]
    fn first_prices_equal_the_exact_exponential() {
        let parts = (0..400).map(|n| (mix(n) >> 32) as u32).chain([0, 1, u32::MAX / 2, u32::MAX]);
        for part in parts {
            let exact = Decimal::from(PRICE_CENTS_MIN) * exact_ratio(part);
            assert_eq!(
                Decimal::from(first_price_cents(u64::from(part) << 32)),
                exact.round(),
                "{part}: {exact}"
            );
        }
    }

    #[test]
    fn the_walk_stays_in_the_price_range() {
        for start in [PRICE_CENTS_MIN, PRICE_CENTS_MAX] {
            let end = (0..10_000).fold(start, |cents, n| {
                let next = step(cents, mix(n));
                assert!((PRICE_CENTS_MIN..=PRICE_CENTS_MAX).contains(&next) && next != cents);
                next
            });
            assert_ne!(end, start);
        }
    }

    #[test]
    fn keys_have_the_length_of_real_keys() {
        let key = source(1, true).next_quote(symbol("S")).key;
        assert!((44..=56).contains(&key.len()), "{key}");
    }
}

//! Prices out of a seed: the same seed gives the same prices, whoever asks for what in which order.

use super::source::{Fetch, QuoteSource, SourceQuote};
use crate::clock::Clock;
use base64::Engine as _;
use daytrade_protocol::{Money, Symbol, UserName};
use hashbrown::HashMap;
use parking_lot::Mutex;
use rust_decimal::{Decimal, MathematicalOps};
use std::sync::{Arc, LazyLock};

/// The cheapest and the dearest share, in cents: the range of the real quote server.
const PRICE_CENTS_MIN: i64 = 101;
const PRICE_CENTS_MAX: i64 = 499_900;
/// The most a price moves at one request, in hundredths of a percent.
const STEP_BASIS_POINTS_MAX: i64 = 150;

/// A market of its own: first prices log-uniform from 1.01 to 4999.00, then a random walk, a step a
/// request.
pub struct SimulatedSource {
    seed: u64,
    frozen: bool,
    clock: Arc<Clock>,
    walks: Mutex<HashMap<Symbol, Walk>>,
}

#[derive(Clone, Copy)]
struct Walk {
    cents: i64,
    steps: u64,
}

impl SimulatedSource {
    /// A market from a seed; `frozen` keeps every first price for ever, so that a replay's outcome
    /// is determined.
    pub fn new(seed: u64, frozen: bool, clock: Arc<Clock>) -> Self {
        Self { seed, frozen, clock, walks: Mutex::default() }
    }

    /// The next price of a symbol.
    pub fn next_quote(&self, symbol: Symbol) -> SourceQuote {
        let (cents, steps) = {
            let mut walks = self.walks.lock();
            let first = || Walk { cents: first_price_cents(self.draw(symbol, 0)), steps: 0 };
            let walk = walks.entry(symbol).or_insert_with(first);
            let now = *walk;
            walk.steps += 1;
            if !self.frozen {
                walk.cents = step(walk.cents, self.draw(symbol, walk.steps));
            }
            (now.cents, now.steps)
        };
        let key: Vec<u8> = (0..5)
            .flat_map(|part| self.draw(symbol, steps << 8 | (part + 1)).to_le_bytes())
            .take(33)
            .collect();
        SourceQuote {
            price: Money::from_cents(cents),
            time_ms: self.clock.now_ms(),
            key: base64::engine::general_purpose::STANDARD.encode(key).into(),
        }
    }

    /// 64 bits that depend on nothing but the seed, the symbol and the place.
    fn draw(&self, symbol: Symbol, place: u64) -> u64 {
        let name = symbol.as_bytes().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        mix(mix(self.seed ^ mix(name)) ^ place)
    }
}

/// `SplitMix64`: a step and a scramble, the same everywhere.
pub(super) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Bits behind the point of the ratio of a price to the cheapest: the dearest leaves thirteen for
/// what is before it.
const RATIO_BITS: u32 = 51;
/// Bits behind the point of a factor of that ratio.
const FACTOR_BITS: u32 = 57;

/// A price that is evenly spread on a log scale: `min × (max / min) ^ u` for u from 0 to 1, a
/// fraction of 32 bits. The power is the product of those for the bits that are set: an exponential
/// of 28 digits for every symbol would take far longer.
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

/// `(max / min) ^ (part / (2^32 - 1))`, with [`FACTOR_BITS`] bits behind the point.
fn factor(part: u32) -> u64 {
    let factor = exact_ratio(part) * Decimal::from(1_u64 << FACTOR_BITS);
    u64::try_from(factor.round()).unwrap_or(1 << FACTOR_BITS)
}

fn exact_ratio(part: u32) -> Decimal {
    let span = Decimal::from(PRICE_CENTS_MAX).ln() - Decimal::from(PRICE_CENTS_MIN).ln();
    (span * (Decimal::from(part) / Decimal::from(u32::MAX))).exp()
}

/// One step of the walk: at least a cent, at most 1.5 %, turned back at the ends of the range.
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
    fn a_seed_gives_the_same_walk_whatever_else_is_asked() {
        let (one, other) = (source(7, false), source(7, false));
        let walk: Vec<_> = (0..50).map(|_| one.next_quote(symbol("ABC")).price).collect();
        let again: Vec<_> = (0..50)
            .map(|_| {
                other.next_quote(symbol("X"));
                other.next_quote(symbol("ABC")).price
            })
            .collect();
        assert_eq!(walk, again);
        assert!(walk.windows(2).all(|pair| pair[0] != pair[1]), "prices move at every request");
        let else_where = source(8, false);
        assert_ne!(walk[0], else_where.next_quote(symbol("ABC")).price);
    }

    #[test]
    fn frozen_prices_stay() {
        let source = source(7, true);
        let first = source.next_quote(symbol("S")).price;
        assert!((0..100).all(|_| source.next_quote(symbol("S")).price == first));
    }

    #[test]
    fn first_prices_are_spread_evenly_on_a_log_scale() {
        // 1.01 to 4999.00 is a factor of 70.35 squared: half of the prices lie below 71.05.
        let prices: Vec<_> = (0..4000).map(|n| first_price_cents(mix(n))).collect();
        assert!(prices.iter().all(|price| (PRICE_CENTS_MIN..=PRICE_CENTS_MAX).contains(price)));
        let below = prices.iter().filter(|price| **price < 7_105).count();
        assert!((1_850..2_150).contains(&below), "{below} of 4000 are in the lower half");
    }

    #[test]
    fn first_prices_are_those_of_the_exponential() {
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
    fn the_walk_stays_in_its_range() {
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
    fn keys_have_the_length_of_real_ones() {
        let key = source(1, true).next_quote(symbol("S")).key;
        assert!((44..=56).contains(&key.len()), "{key}");
    }
}

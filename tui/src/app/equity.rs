//! The value of the account over the day: cash, reserves and shares at their last known price.
//!
//! What was before the screen was opened follows from the records of the account, where a share has
//! the price of the newest trade. While the screen runs, the value is sampled once a minute. All
//! calculations saturate: a server may send any amounts.

use super::Clock;
use daytrade_protocol::{Entry, EntryOutcome, Money, Side, Symbol};
use std::collections::{BTreeMap, VecDeque};

/// The interval of the points, milliseconds.
const STEP_MS: u64 = 60_000;
/// The length of a day, milliseconds. Days begin at midnight UTC, like all times on the screen.
const DAY_MS: u64 = 86_400_000;
/// Points of a day.
const POINTS_MAX: usize = (DAY_MS / STEP_MS) as usize;
/// The minimum time between two samples, milliseconds.
const SAMPLE_MS: u64 = 1_000;

/// The last value of each minute of the day in which it is known, with its time, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Equity {
    points: VecDeque<(u64, Money)>,
    /// The lowest and the highest value of the day.
    range: Option<(Money, Money)>,
    sampled_ms: u64,
}

impl Equity {
    /// Returns times, Unix milliseconds, and values, oldest first.
    pub(crate) const fn points(&self) -> &VecDeque<(u64, Money)> {
        &self.points
    }

    /// Returns the lowest and the highest value of the day.
    pub(crate) const fn range(&self) -> Option<(Money, Money)> {
        self.range
    }

    /// Returns true if a sample is due.
    pub(super) const fn wants_sample(&self, clock: Clock) -> bool {
        clock.since_ms(self.sampled_ms) >= SAMPLE_MS
    }

    /// Adds the value of now.
    pub(super) fn sample(&mut self, value: Money, clock: Clock) {
        self.sampled_ms = clock.now_ms();
        self.add(clock.now_ms(), value);
        let midnight_ms = midnight(clock.now_ms());
        if self.points.front().is_some_and(|(at_ms, _)| *at_ms < midnight_ms) {
            self.points.retain(|(at_ms, _)| *at_ms >= midnight_ms);
            self.range = Some((value, value));
        }
    }

    fn add(&mut self, at_ms: u64, value: Money) {
        let (low, high) = self.range.unwrap_or((value, value));
        self.range = Some((low.min(value), high.max(value)));
        match self.points.back_mut() {
            Some((last, point)) if *last / STEP_MS >= at_ms / STEP_MS => {
                (*last, *point) = (at_ms.max(*last), value);
            }
            _ => self.points.push_back((at_ms, value)),
        }
        if self.points.len() > POINTS_MAX {
            self.points.pop_front();
        }
    }

    /// Puts the points from before the first sample of this session before it.
    pub(super) fn set_past(&mut self, past: &PastEquity) {
        let first_ms = past.session_ms - past.session_ms % STEP_MS;
        if let (Some((low, high)), Some(earlier)) = (self.range, past.points.range) {
            self.range = Some((low.min(earlier.0), high.max(earlier.1)));
        } else {
            self.range = self.range.or(past.points.range);
        }
        self.points.retain(|(at_ms, _)| *at_ms >= first_ms);
        for point in past.points.points.iter().rev().filter(|(at_ms, _)| *at_ms < first_ms) {
            self.points.push_front(*point);
        }
        while self.points.len() > POINTS_MAX {
            self.points.pop_front();
        }
    }
}

const fn midnight(now_ms: u64) -> u64 {
    now_ms - now_ms % DAY_MS
}

/// Shares of one stock, and the newest price of a trade in it, in cents.
#[derive(Debug, Default)]
struct Position {
    shares: u64,
    cents: i128,
}

/// The value of the account as its records tell it, from the first one on.
#[derive(Debug)]
pub(super) struct PastEquity {
    /// Time at which the screen was opened, Unix milliseconds.
    session_ms: u64,
    cash: i128,
    reserved: i128,
    positions: BTreeMap<Symbol, Position>,
    points: Equity,
}

impl PastEquity {
    pub(super) fn new(session_ms: u64) -> Self {
        let (positions, points) = (BTreeMap::new(), Equity::default());
        Self { session_ms, cash: 0, reserved: 0, positions, points }
    }

    /// Takes the next record, in the order of time.
    pub(super) fn take(&mut self, entry: &Entry) {
        if matches!(entry.outcome, EntryOutcome::Refused(_)) {
            return;
        }
        self.cash += i128::from(entry.cash.cents());
        self.reserved -= i128::from(entry.released().cents());
        let (bought, sold) = match entry.trade() {
            Some(Side::Buy) => (entry.shares, 0),
            Some(Side::Sell) => (0, entry.shares),
            None => (0, 0),
        };
        if let Some(symbol) = entry.symbol {
            let position = self.positions.entry(symbol).or_default();
            position.shares = position.shares.saturating_add(bought).saturating_sub(sold);
            if entry.price != Money::ZERO {
                position.cents = entry.price.cents().into();
            }
            if position.shares == 0 {
                self.positions.remove(&symbol);
            }
        }
        if entry.at_ms >= midnight(self.session_ms) {
            let value = self.value();
            self.points.add(entry.at_ms, value);
        }
    }

    fn value(&self) -> Money {
        let worth =
            |position: &Position| i128::from(position.shares).saturating_mul(position.cents);
        let shares = self.positions.values().map(worth).fold(0, i128::saturating_add);
        let value = self.cash.saturating_add(self.reserved).saturating_add(shares);
        let max = i128::from(Money::BALANCE_MAX.cents());
        Money::from_cents(i64::try_from(value.clamp(-max, max)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EntryOutcome::{Done, Expired};
    use daytrade_protocol::CommandName;

    const NOON_MS: u64 = 1_795_305_600_000 + DAY_MS / 2;

    #[test]
    fn the_value_of_the_day_follows_from_the_records() {
        let mut past = PastEquity::new(NOON_MS);
        let symbol = Symbol::parse(b"XYZ");
        let cents = Money::from_cents;
        let mut take = |minutes: i64, command, outcome, (shares, price, cash): (u64, i64, i64)| {
            let at_ms = NOON_MS.saturating_add_signed(minutes * 60_000);
            past.take(&Entry {
                at_ms,
                number: 1,
                command,
                outcome,
                symbol,
                amount: None,
                shares,
                price: cents(price),
                total: cents(price * shares as i64),
                basis: Money::ZERO,
                cash: cents(cash),
            });
        };
        take(-2_000, CommandName::Add, Done, (0, 0, 100_000));
        take(-100, CommandName::Buy, Done, (10, 1_000, -10_000));
        take(-99, CommandName::CommitBuy, Done, (10, 1_000, 0));
        take(-50, CommandName::Sell, Done, (5, 1_200, 0));
        take(-49, CommandName::CommitSell, Done, (5, 1_200, 6_000));
        take(-20, CommandName::Buy, Done, (10, 1_300, -13_000));
        take(-19, CommandName::Buy, Expired, (10, 1_300, 13_000));
        let mut equity = Equity::default();
        equity.sample(cents(103_000), Clock::new(NOON_MS));
        equity.set_past(&past);
        let values: Vec<i64> = equity.points().iter().map(|(_, value)| value.cents()).collect();
        assert_eq!(values, [100_000, 100_000, 102_000, 102_000, 102_500, 102_500, 103_000]);
        assert!(equity.points().iter().zip(equity.points().iter().skip(1)).all(|(a, b)| a.0 < b.0));
        assert_eq!(equity.range(), Some((cents(100_000), cents(103_000))));
        equity.sample(cents(5), Clock::new(NOON_MS + DAY_MS));
        assert_eq!(equity.points().len(), 1, "a new day begins");
    }
}

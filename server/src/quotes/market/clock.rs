//! The clock of a market: running, paused, at a speed.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// Speed of real time, in thousandths.
pub const REAL_TIME: u64 = 1_000;

/// How a market's clock runs against the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketClock {
    speed_milli: u64,
    paused: bool,
    /// Position and server time, milliseconds, from which it is counted.
    from: (u64, u64),
    unit_milli: u64,
}

impl MarketClock {
    /// Creates a clock that runs from a position on. `unit_milli` is as in
    /// [`super::Market::unit_milli`].
    pub const fn new(speed_milli: u64, unit_milli: u64, at: u64, now_ms: u64) -> Self {
        Self { speed_milli, paused: false, from: (at, now_ms), unit_milli }
    }

    /// Returns the position that the clock has reached.
    pub fn at(&self, now_ms: u64) -> u64 {
        let (at, from_ms) = self.from;
        if self.paused {
            return at;
        }
        let elapsed = u128::from(now_ms.saturating_sub(from_ms)) * u128::from(self.speed_milli);
        at.saturating_add((elapsed / u128::from(self.unit_milli.max(1))) as u64)
    }

    /// Returns the milliseconds until the clock reaches a position; None if it never will.
    pub fn until(&self, at: u64, now_ms: u64) -> Option<u64> {
        if self.paused {
            return (at <= self.from.0).then_some(0);
        }
        let (from, from_ms) = self.from;
        let units = u128::from(at.saturating_sub(from)) * u128::from(self.unit_milli);
        let ms = units.div_ceil(u128::from(self.speed_milli.max(1)));
        let due = u128::from(from_ms) + ms;
        Some(due.saturating_sub(u128::from(now_ms)).min(u128::from(u32::MAX)) as u64)
    }

    /// Counts from a position on.
    pub const fn set(&mut self, at: u64, now_ms: u64) {
        self.from = (at, now_ms);
    }

    /// Stops the clock, or lets it run again.
    pub fn set_paused(&mut self, paused: bool, now_ms: u64) {
        self.from = (self.at(now_ms), now_ms);
        self.paused = paused;
    }

    /// Changes the speed, in thousandths of real time.
    pub fn set_speed(&mut self, speed_milli: u64, now_ms: u64) {
        self.from = (self.at(now_ms), now_ms);
        self.speed_milli = speed_milli;
    }

    /// Returns true if the clock stands.
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Returns the speed, in thousandths of real time.
    pub const fn speed_milli(&self) -> u64 {
        self.speed_milli
    }
}

/// Parses a speed: a decimal number above 0 with up to three decimals. Returns thousandths.
///
/// # Errors
/// Returns a message for the command line.
pub fn parse_speed(text: &str) -> Result<u64, String> {
    let speed: Option<Decimal> = text.parse().ok();
    speed
        .and_then(|speed| speed.checked_mul(Decimal::ONE_THOUSAND)?.to_u64())
        .filter(|milli| (1..=1_000_000_000).contains(milli))
        .ok_or_else(|| format!("{text:?} is not 0.001 to 1000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_parsed_exactly() {
        assert_eq!((parse_speed("0.001"), parse_speed("60")), (Ok(1), Ok(60_000)));
        let largest = Decimal::MAX.to_string();
        for bad in ["0", "-1", "x", "0.0001", "1000001", &largest] {
            assert!(parse_speed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_clock_stands_while_it_is_paused_and_keeps_its_place_at_every_change() {
        let mut clock = MarketClock::new(60_000, 1_000, 500, 10_000);
        assert_eq!((clock.at(10_000), clock.at(10_100)), (500, 6_500));
        assert_eq!(
            (clock.until(6_500, 10_000), clock.until(6_501, 10_000)),
            (Some(100), Some(101))
        );
        clock.set_paused(true, 10_100);
        assert_eq!((clock.at(99_999), clock.until(6_501, 99_999)), (6_500, None));
        clock.set_paused(false, 20_000);
        clock.set_speed(1_000, 20_010);
        assert_eq!((clock.at(20_010), clock.at(20_020)), (7_100, 7_110));
        clock.set(9_000, 20_020);
        assert_eq!(clock.at(20_021), 9_001);
    }
}

//! The value of an account over time, by minute, hour or day.

use daytrade_protocol::Money;

/// Points that are kept; with more, the interval becomes longer.
const POINTS_MAX: usize = 1_500;
/// The intervals, in milliseconds, and their names.
const INTERVALS: [(u64, &str); 3] = [(60_000, "minute"), (3_600_000, "hour"), (86_400_000, "day")];

/// The value at the end of each interval in which something happened.
#[derive(Debug, Default)]
pub(super) struct Curve {
    interval: usize,
    points: Vec<(u64, Money)>,
    /// Highest profit so far: value less what was paid in.
    peak: Option<Money>,
    /// Largest fall from a peak.
    drawdown: Money,
}

impl Curve {
    /// Adds the value after an entry, and what was paid in so far.
    pub(super) fn add(&mut self, at_ms: u64, value: Money, deposits: Money) {
        let profit = value - deposits;
        let peak = self.peak.map_or(profit, |peak| peak.max(profit));
        self.peak = Some(peak);
        self.drawdown = self.drawdown.max(peak - profit);
        self.point(at_ms, value);
        while self.points.len() > POINTS_MAX && self.interval + 1 < INTERVALS.len() {
            self.interval += 1;
            for (at_ms, value) in std::mem::take(&mut self.points) {
                self.point(at_ms, value);
            }
        }
        if self.points.len() > POINTS_MAX {
            // Many years of days: the first half keeps every other one.
            let mut at = 0;
            self.points.retain(|_| {
                at += 1;
                at % 2 == 0 || at > POINTS_MAX / 2
            });
        }
    }

    fn point(&mut self, at_ms: u64, value: Money) {
        let at_ms = at_ms - at_ms % INTERVALS[self.interval].0;
        match self.points.last_mut() {
            Some((last, point)) if *last == at_ms => *point = value,
            _ => self.points.push((at_ms, value)),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Returns the points: the beginning of the interval, Unix milliseconds, and the value.
    pub(super) fn points(&self) -> &[(u64, Money)] {
        &self.points
    }

    /// Returns the name of the interval.
    pub(super) const fn interval(&self) -> &'static str {
        INTERVALS[self.interval].1
    }

    /// Returns the largest fall of the profit from a peak.
    pub(super) const fn drawdown(&self) -> Money {
        self.drawdown
    }

    /// Returns the curve as at most `width` blocks of eight heights.
    pub(super) fn sparkline(&self, width: usize) -> String {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let count = self.points.len().min(width.max(2));
        let last = self.points.len().saturating_sub(1);
        let cents = |at: usize| self.points[at * last / (count - 1).max(1)].1.cents();
        let values: Vec<i64> = (0..count).map(cents).collect();
        let (Some(low), Some(high)) = (values.iter().min(), values.iter().max()) else {
            return String::new();
        };
        let span = i128::from(*high) - i128::from(*low);
        let block = |value: &i64| {
            let above = i128::from(*value) - i128::from(*low);
            BLOCKS[(above * 7).checked_div(span).unwrap_or(0) as usize]
        };
        values.iter().map(block).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_keeps_its_bound_and_its_last_value() {
        let mut curve = Curve::default();
        for minute in 0..200_000 {
            curve.add(minute * 60_000, Money::from_cents(minute as i64), Money::ZERO);
        }
        assert!(curve.points().len() <= POINTS_MAX);
        assert_eq!((curve.interval(), curve.drawdown()), ("day", Money::ZERO));
        assert_eq!(curve.points().last().unwrap().1, Money::from_cents(199_999));
        assert!(curve.sparkline(8).starts_with('▁') && curve.sparkline(8).ends_with('█'));
    }

    #[test]
    fn a_deposit_is_no_profit_and_hides_no_fall() {
        let mut curve = Curve::default();
        let dollars = |dollars: i64| Money::from_cents(dollars * 100);
        for (at, value, deposits) in
            [(0, 100, 100), (1, 130, 100), (2, 1_110, 1_100), (3, 1_150, 1_100)]
        {
            curve.add(at, dollars(value), dollars(deposits));
        }
        assert_eq!(curve.drawdown(), dollars(20));
    }
}

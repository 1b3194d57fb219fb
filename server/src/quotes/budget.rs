//! The rate limit for fetches that no command waits for. It spreads out the re-quotes of thousands
//! of symbols that become stale at the same time.

/// A token bucket over the server's clock. It allows `per_second` fetches a second, with bursts of
/// a tenth of that, and of at least one fetch.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: u64,
    /// Tokens available at `last_ms`, in thousandths of a fetch.
    tokens_milli: u64,
    last_ms: u64,
}

impl Budget {
    pub(super) fn new(per_second: u64, now_ms: u64) -> Self {
        let mut budget = Self { per_second, tokens_milli: 0, last_ms: now_ms };
        budget.tokens_milli = budget.most_milli();
        budget
    }

    fn most_milli(&self) -> u64 {
        (self.per_second * 100).max(1_000)
    }

    /// Takes one token and returns true, or returns false if none is available.
    pub(super) fn take(&mut self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.last_ms);
        self.tokens_milli = passed
            .saturating_mul(self.per_second)
            .saturating_add(self.tokens_milli)
            .min(self.most_milli());
        self.last_ms = now_ms;
        let allowed = self.tokens_milli >= 1_000;
        self.tokens_milli -= if allowed { 1_000 } else { 0 };
        allowed
    }

    /// Returns the time until the next token is available, milliseconds.
    pub(super) fn wait_ms(&self, now_ms: u64) -> u64 {
        let gained = now_ms.saturating_sub(self.last_ms).saturating_mul(self.per_second);
        1_000_u64
            .saturating_sub(self.tokens_milli.saturating_add(gained))
            .div_ceil(self.per_second.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_limited_and_bursts_are_a_tenth_of_a_second() {
        let mut budget = Budget::new(50, 1_000);
        assert_eq!((0..100).filter(|_| budget.take(1_000)).count(), 5);
        assert_eq!(budget.wait_ms(budget.last_ms), 20);
        assert!(!budget.take(1_019) && budget.take(1_020));
        let over_a_second = (1_020..2_020).filter(|ms| budget.take(*ms)).count();
        assert!((49..=51).contains(&over_a_second), "{over_a_second}");
    }

    #[test]
    fn the_smallest_budget_allows_one_fetch_a_second() {
        let mut budget = Budget::new(1, 0);
        assert!(budget.take(0) && !budget.take(999) && budget.take(1_000));
    }
}

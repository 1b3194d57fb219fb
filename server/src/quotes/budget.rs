//! How fast quotes may be fetched that no command waits for, so that thousands of symbols that grow
//! old together do not burst.

/// A token bucket over the server's clock: so many a second, and no more than a tenth of that (one
/// at least) at once.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: u64,
    /// Thousandths of a fetch that may be made now.
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

    /// Whether a fetch may be made now; it is then counted.
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

    /// How long until the next may be made, in milliseconds.
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
    fn so_many_a_second_and_a_tenth_of_that_at_once() {
        let mut budget = Budget::new(50, 1_000);
        assert_eq!((0..100).filter(|_| budget.take(1_000)).count(), 5);
        assert_eq!(budget.wait_ms(budget.last_ms), 20);
        assert!(!budget.take(1_019) && budget.take(1_020));
        let over_a_second = (1_020..2_020).filter(|ms| budget.take(*ms)).count();
        assert!((49..=51).contains(&over_a_second), "{over_a_second}");
    }

    #[test]
    fn the_smallest_budget_still_lets_one_through() {
        let mut budget = Budget::new(1, 0);
        assert!(budget.take(0) && !budget.take(999) && budget.take(1_000));
    }
}

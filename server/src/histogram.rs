//! How long things took, counted by length: cheap to add to, from any thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, microseconds: two or three for each power of ten.
pub(crate) const BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Durations, counted in buckets.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for what is longer.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_ns: AtomicU64,
}

/// What a histogram has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Number of durations of each bucket.
    pub buckets: [u64; BOUNDS_US.len() + 1],
    /// All durations together, nanoseconds.
    pub sum_ns: u64,
}

impl Histogram {
    /// Counts a duration this many times.
    pub(crate) fn add(&self, took: Duration, times: u64) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(times, Ordering::Relaxed);
        }
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(ns.saturating_mul(times), Ordering::Relaxed);
    }

    /// Returns what has been counted so far.
    pub(crate) fn counted(&self) -> Counted {
        let mut buckets = [0; BOUNDS_US.len() + 1];
        for (count, bucket) in buckets.iter_mut().zip(&self.buckets) {
            *count = bucket.load(Ordering::Relaxed);
        }
        Counted { buckets, sum_ns: self.sum_ns.load(Ordering::Relaxed) }
    }
}

impl Counted {
    /// Returns both together.
    #[must_use]
    pub(crate) fn and(mut self, other: &Self) -> Self {
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.sum_ns += other.sum_ns;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for (us, times) in [(0, 1), (100, 2), (101, 4), (10_000_000, 8), (10_000_001, 16)] {
            histogram.add(Duration::from_micros(us), times);
        }
        let Counted { buckets, sum_ns } = histogram.counted();
        assert_eq!((buckets[0], buckets[1], buckets[15], buckets[16]), (3, 4, 8, 16));
        assert_eq!(sum_ns, (200 + 404 + 80_000_000 + 160_000_016) * 1_000);
        let twice = histogram.counted().and(&histogram.counted());
        assert_eq!((twice.buckets[16], twice.sum_ns), (32, 2 * sum_ns));
    }
}

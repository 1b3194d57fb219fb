//! When a quote may be asked for once more: how many further requests are allowed, and how long to
//! wait before one.
//!
//! A source that answers every request slowly gets slower by further requests. So they are limited
//! to a part of the quotes begun, and wait in proportion to what an answer usually takes.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;

/// Further requests allowed for each quote begun, in tenths.
const TENTHS_PER_QUOTE: u32 = 6;
/// Further requests that may be saved up.
const BURST: u32 = 64;
/// Further requests that may be made before the first answer.
const BLIND_MAX: u32 = 8;
/// Weight of a cut answer against one that is not, their limit, and the sum from which on answers
/// are cut so often that what is allowed is kept for them.
const CUT_WEIGHT: u32 = 2;
const CUTS_MAX: u32 = 16;
const CUTS_MANY: u32 = 4;
/// Number of answers of which the median is taken.
const RECENT: usize = 63;

/// The state of one source.
#[derive(Debug)]
pub(super) struct Hedging {
    /// Pause before another request, at least.
    pause_min: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Requests allowed now, in tenths.
    tenths: u32,
    /// What the last answers took.
    recent: VecDeque<Duration>,
    /// Further requests before the first answer.
    blind: u32,
    /// Quotes that are not yet answered.
    wanted: u32,
    /// Cut answers of late, weighed.
    cuts: u32,
}

/// A quote that is not yet answered.
pub(super) struct Wanted<'a>(&'a Hedging);

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.state.lock().wanted -= 1;
    }
}

impl Hedging {
    pub(super) const fn new(pause_min: Duration) -> Self {
        let state =
            State { tenths: BURST * 10, recent: VecDeque::new(), blind: 0, wanted: 0, cuts: 0 };
        Self { pause_min, state: Mutex::new(state) }
    }

    /// Notes that a quote is wanted. It counts until the value is dropped.
    pub(super) fn want_quote(&self) -> Wanted<'_> {
        self.state.lock().wanted += 1;
        Wanted(self)
    }

    /// Notes that a quote is begun, which allows a part of a further request. What is allowed is
    /// saved up to a burst, and for the quotes that are wanted now: the ones begun last need it as
    /// much as the first.
    pub(super) fn begin_quote(&self) {
        let mut state = self.state.lock();
        let max = BURST * 10 + state.wanted * TENTHS_PER_QUOTE;
        state.tenths = (state.tenths + TENTHS_PER_QUOTE).min(max);
    }

    /// Takes the permission for one further request, if there is one.
    pub(super) fn take(&self) -> bool {
        let mut state = self.state.lock();
        let allowed = state.tenths >= 10;
        state.tenths -= if allowed { 10 } else { 0 };
        allowed
    }

    /// Takes the permission for one further request while the first may still be answered. Before
    /// the first answer of a source, it may be slow for all, so only a few are allowed. While
    /// answers are often cut, what is allowed is kept for their quotes: those have no other chance.
    pub(super) fn take_hedge(&self) -> bool {
        let mut state = self.state.lock();
        if state.cuts >= CUTS_MANY {
            return false;
        }
        if state.recent.is_empty() {
            if state.blind == BLIND_MAX {
                return false;
            }
            state.blind += 1;
        }
        drop(state);
        self.take()
    }

    /// Returns true while further requests are pointless: none is allowed, and the source is slow
    /// for all.
    pub(super) fn rests(&self) -> bool {
        let none_allowed = self.state.lock().tenths < 10;
        none_allowed && self.pause() > self.pause_min
    }

    /// Notes that an answer was cut.
    pub(super) fn note_cut(&self) {
        let mut state = self.state.lock();
        state.cuts = (state.cuts + CUT_WEIGHT).min(CUTS_MAX);
    }

    /// Notes what an answer took.
    pub(super) fn note_answer(&self, took: Duration) {
        let mut state = self.state.lock();
        state.cuts = state.cuts.saturating_sub(1);
        let recent = &mut state.recent;
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(took);
    }

    /// Returns the pause before another request: twice the recent median, but not less than the
    /// minimum.
    pub(super) fn pause(&self) -> Duration {
        let mut recent: Vec<_> = self.state.lock().recent.iter().copied().collect();
        let middle = recent.len() / 2;
        if recent.is_empty() {
            return self.pause_min;
        }
        let (_, median, _) = recent.select_nth_unstable(middle);
        self.pause_min.max(*median * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_further_requests_are_allowed_for_ten_quotes_after_a_burst() {
        let hedging = Hedging::new(Duration::from_millis(30));
        assert_eq!((0..1_000).filter(|_| hedging.take()).count(), 64);
        assert!(!hedging.rests(), "the source may be slow for a few only");
        let allowed = (0..1_000).filter(|_| {
            hedging.begin_quote();
            hedging.take()
        });
        assert_eq!(allowed.count(), 600);
    }

    #[test]
    fn while_answers_are_cut_further_requests_are_kept_for_them() {
        let hedging = Hedging::new(Duration::from_millis(30));
        hedging.note_answer(Duration::from_millis(9));
        for _ in 0..20 {
            hedging.note_cut();
            hedging.note_answer(Duration::from_millis(9));
        }
        assert!(!hedging.take_hedge() && hedging.take());
        (0..20).for_each(|_| hedging.note_answer(Duration::from_millis(9)));
        assert!(hedging.take_hedge(), "once they are not cut any more");
    }

    #[test]
    fn the_pause_follows_the_recent_median() {
        let hedging = Hedging::new(Duration::from_millis(30));
        let ms = Duration::from_millis;
        assert_eq!(hedging.pause(), ms(30));
        for took in [9, 9, 9, 3_000, 9] {
            hedging.note_answer(ms(took));
        }
        assert_eq!(hedging.pause(), ms(30), "a few slow answers change nothing");
        (0..RECENT).for_each(|_| hedging.note_answer(ms(100)));
        assert_eq!(hedging.pause(), ms(200));
        assert!(!hedging.rests());
        while hedging.take() {}
        assert!(hedging.rests());
    }
}

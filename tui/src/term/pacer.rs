//! When the next frame may be drawn: what a key has done is shown at once, what prices have done
//! waits for its turn, and there are never more than sixty frames in any second.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Frames in any second.
const FRAMES_MAX: usize = 60;
/// Frames that no key has asked for are this far apart, which leaves half of all frames to keys.
const UNASKED: Duration = Duration::from_millis(33);
/// Frames are at least this far apart: keys that are held down share one.
const GAP: Duration = Duration::from_millis(4);

/// Keeps the times of the last frames.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    drawn: VecDeque<Instant>,
    wanted: bool,
    asked_for: bool,
}

impl Pacer {
    /// Something visible has changed; because the trader did something, or by itself.
    pub(super) const fn wants_frame(&mut self, asked_for: bool) {
        self.wanted = true;
        self.asked_for |= asked_for;
    }

    /// When a frame is to be drawn; None: when something has changed.
    pub(super) fn next_frame(&self) -> Option<Instant> {
        let now = Instant::now();
        let Some(last) = self.drawn.back().filter(|_| self.wanted) else {
            return self.wanted.then_some(now);
        };
        let gap = *last + if self.asked_for { GAP } else { UNASKED };
        let full = self
            .drawn
            .front()
            .filter(|_| self.drawn.len() == FRAMES_MAX)
            .map(|first| *first + Duration::from_secs(1));
        Some(full.map_or(gap, |full| gap.max(full)))
    }

    /// Whether that is now.
    pub(super) fn is_due(&self) -> bool {
        self.next_frame().is_some_and(|at| at <= Instant::now())
    }

    /// A frame was drawn.
    pub(super) fn has_drawn(&mut self) {
        (self.wanted, self.asked_for) = (false, false);
        if self.drawn.len() == FRAMES_MAX {
            self.drawn.pop_front();
        }
        self.drawn.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws whenever it may for so long; how many frames there were in each second.
    async fn frames(seconds: usize, asked_for: bool) -> Vec<usize> {
        let (mut pacer, began, mut counts) = (Pacer::default(), Instant::now(), vec![0; seconds]);
        loop {
            pacer.wants_frame(asked_for);
            tokio::time::sleep_until(pacer.next_frame().unwrap()).await;
            assert!(pacer.is_due());
            let second = (Instant::now() - began).as_secs() as usize;
            match counts.get_mut(second) {
                Some(count) => *count += 1,
                None => return counts,
            }
            pacer.has_drawn();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_more_than_sixty_frames_a_second_and_none_that_nobody_wants() {
        assert_eq!(frames(4, true).await, [60; 4]);
        let unasked = frames(4, false).await;
        assert!(unasked.iter().all(|count| (28..=32).contains(count)), "{unasked:?}");
        assert_eq!(Pacer::default().next_frame(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_shown_at_once_amid_a_flood_of_prices() {
        let mut pacer = Pacer::default();
        for _ in 0..100 {
            pacer.wants_frame(false);
            tokio::time::sleep_until(pacer.next_frame().unwrap()).await;
            pacer.has_drawn();
        }
        tokio::time::advance(GAP).await;
        pacer.wants_frame(false);
        assert!(!pacer.is_due());
        pacer.wants_frame(true);
        assert!(pacer.is_due());
    }
}

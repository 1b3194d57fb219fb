//! The time of the next frame. The result of a key is displayed at once, changes of prices are
//! displayed at a lower rate, and no second has more than sixty frames.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The maximum number of frames in any second.
const FRAMES_MAX: usize = 60;
/// The minimum time between frames that no key has caused. It leaves half of all frames to keys.
const UPDATE_GAP: Duration = Duration::from_millis(33);
/// The minimum time between frames. The repeats of a held key share one.
const KEY_GAP: Duration = Duration::from_millis(4);

/// The times of the last frames.
#[derive(Debug, Default)]
pub(super) struct FrameTimer {
    drawn: VecDeque<Instant>,
    is_wanted: bool,
    has_input: bool,
}

impl FrameTimer {
    /// Requests a frame: for a key or click of the trader, or for any other change.
    pub(super) const fn request_frame(&mut self, has_input: bool) {
        self.is_wanted = true;
        self.has_input |= has_input;
    }

    /// Returns the time of the next frame; None if no frame is requested.
    pub(super) fn next_frame(&self) -> Option<Instant> {
        let now = Instant::now();
        let Some(last) = self.drawn.back().filter(|_| self.is_wanted) else {
            return self.is_wanted.then_some(now);
        };
        let gap = *last + if self.has_input { KEY_GAP } else { UPDATE_GAP };
        let full = self
            .drawn
            .front()
            .filter(|_| self.drawn.len() == FRAMES_MAX)
            .map(|first| *first + Duration::from_secs(1));
        Some(full.map_or(gap, |full| gap.max(full)))
    }

    /// Returns true if a frame is due now.
    pub(super) fn is_due(&self) -> bool {
        self.next_frame().is_some_and(|at| at <= Instant::now())
    }

    /// Records that a frame was drawn.
    pub(super) fn record_frame(&mut self) {
        (self.is_wanted, self.has_input) = (false, false);
        if self.drawn.len() == FRAMES_MAX {
            self.drawn.pop_front();
        }
        self.drawn.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws at every opportunity for a number of seconds; returns the number of frames in each.
    async fn frames(seconds: usize, has_input: bool) -> Vec<usize> {
        let (mut timer, start, mut counts) =
            (FrameTimer::default(), Instant::now(), vec![0; seconds]);
        loop {
            timer.request_frame(has_input);
            tokio::time::sleep_until(timer.next_frame().unwrap()).await;
            assert!(timer.is_due());
            let second = (Instant::now() - start).as_secs() as usize;
            match counts.get_mut(second) {
                Some(count) => *count += 1,
                None => return counts,
            }
            timer.record_frame();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_than_sixty_frames_and_no_frame_is_drawn_without_a_request() {
        assert_eq!(frames(4, true).await, [60; 4]);
        let updates = frames(4, false).await;
        assert!(updates.iter().all(|count| (28..=32).contains(count)), "{updates:?}");
        assert_eq!(FrameTimer::default().next_frame(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_result_of_a_key_is_displayed_at_once_during_a_burst_of_prices() {
        let mut timer = FrameTimer::default();
        for _ in 0..100 {
            timer.request_frame(false);
            tokio::time::sleep_until(timer.next_frame().unwrap()).await;
            timer.record_frame();
        }
        tokio::time::advance(KEY_GAP).await;
        timer.request_frame(false);
        assert!(!timer.is_due());
        timer.request_frame(true);
        assert!(timer.is_due());
    }
}

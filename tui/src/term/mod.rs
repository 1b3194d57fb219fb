//! The terminal. A guard enters and leaves the screen, a thread reads the keys, and a frame is
//! drawn when something visible has changed.

mod frame_timer;
mod guard;
mod input;
mod run;

pub(crate) use run::{ScreenContent, ScreenOptions, run};

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// The last time of day, and how far it has been set back in total, in milliseconds.
static CLOCK: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Returns the time that the screen displays and calculates with, Unix milliseconds. When the
/// system clock is set back, this one continues from its last value, so that a countdown never
/// stops.
#[expect(
    clippy::disallowed_methods,
    reason = "the screen's one clock; the server's is measured against it"
)]
pub(crate) fn now_ms() -> u64 {
    let mut clock = CLOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let time_of_day =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    clock.1 += clock.0.saturating_sub(time_of_day);
    clock.0 = time_of_day;
    time_of_day + clock.1
}

//! The terminal: entered and left through one guard, read by a thread, drawn when something visible
//! changed.

mod guard;
mod pacer;
mod run;

pub use run::{ScreenOptions, run};

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day that was read last, and how much it has been set back in all.
static CLOCK: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Now, Unix milliseconds: the time of day that the screen shows and reckons with. Where the
/// system's clock is set back, this one goes on from where it was, so that a countdown never stands
/// still.
#[expect(
    clippy::disallowed_methods,
    reason = "the screen's one clock; the server's is measured against it"
)]
pub fn now_ms() -> u64 {
    let mut clock = CLOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let time_of_day =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    clock.1 += clock.0.saturating_sub(time_of_day);
    clock.0 = time_of_day;
    time_of_day + clock.1
}

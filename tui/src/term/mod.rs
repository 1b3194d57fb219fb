//! The terminal: entered and left through one guard, read by a thread, drawn when something visible changed.

mod guard;
mod pacer;
mod run;

pub use run::{ScreenOptions, run};

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, Unix milliseconds: the time of day that the screen shows and reckons with.
#[expect(clippy::disallowed_methods, reason = "the screen's one clock; the server's is measured against it")]
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

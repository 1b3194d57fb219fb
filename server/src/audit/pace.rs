//! Whether others trade while a dump is written. It then writes small pieces with pauses between
//! them, because a sync of a journal waits for the piece before it.

use crate::journal::Positions;
use crate::limits::DUMP_QUIET;
use std::time::Instant;

/// Watches the journals of all shards.
pub(super) struct Pace {
    positions: Vec<Positions>,
    /// Number of frames at the last look.
    frames: u64,
    /// When more frames were seen than at the look before.
    changed: Option<Instant>,
}

impl Pace {
    /// Watches these journals. At first others are taken to trade.
    pub(super) const fn new(positions: Vec<Positions>) -> Self {
        Self { positions, frames: 0, changed: None }
    }

    /// Returns true if a frame was written just now.
    pub(super) fn is_trading(&mut self) -> bool {
        let frames = self.positions.iter().map(|position| position.get().frame).sum();
        if frames != std::mem::replace(&mut self.frames, frames) {
            self.changed = Some(Instant::now());
        }
        self.changed.is_some_and(|changed| changed.elapsed() < DUMP_QUIET)
    }
}

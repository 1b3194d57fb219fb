//! The size of the steps in which a dump writes: large while nobody trades, small while shards
//! commit, because a sync of a journal waits for the step before it.

use crate::journal::Positions;
use crate::limits::{DUMP_PIECE_BYTES, DUMP_QUIET, DUMP_WRITE_BYTES};
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
    /// Watches these journals. The first steps are small.
    pub(super) const fn new(positions: Vec<Positions>) -> Self {
        Self { positions, frames: 0, changed: None }
    }

    /// Returns how many bytes to write at once now.
    pub(super) fn step_bytes(&mut self) -> usize {
        let frames = self.positions.iter().map(|position| position.get().frame).sum();
        if frames != std::mem::replace(&mut self.frames, frames) {
            self.changed = Some(Instant::now());
        }
        let is_quiet = self.changed.is_none_or(|changed| changed.elapsed() >= DUMP_QUIET);
        if is_quiet { DUMP_WRITE_BYTES } else { DUMP_PIECE_BYTES }
    }
}

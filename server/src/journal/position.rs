//! How far each shard's journal is written: shared with whoever reads it meanwhile.

use parking_lot::Mutex;
use std::sync::Arc;

/// A place in a shard's journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The first record of the segment, which names its file; 0 while there is none.
    pub segment: u64,
    /// The byte behind the last frame.
    pub offset: u64,
    /// The last frame.
    pub frame: u64,
    /// The last record.
    pub record: u64,
}

/// The place up to which one shard has written (and, under `--fsync always`, synced) its journal.
#[derive(Clone, Debug, Default)]
pub struct Positions(Arc<Mutex<Position>>);

impl Positions {
    /// Where it is now. Every reply that has left the server is at or before it.
    pub fn get(&self) -> Position {
        *self.0.lock()
    }

    pub(super) fn set(&self, position: Position) {
        *self.0.lock() = position;
    }
}

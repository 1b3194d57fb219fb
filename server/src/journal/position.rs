//! Progress of a shard's journal, shared between its writer and its readers.

use parking_lot::Mutex;
use std::sync::Arc;

/// A position in a shard's journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last frame, 0 if there is none.
    pub frame: u64,
    /// The last record, 0 if there is none.
    pub record: u64,
}

/// The position up to which one shard has written (and, under `--fsync always`, synced) its
/// journal.
#[derive(Clone, Debug, Default)]
pub struct Positions(Arc<Mutex<Position>>);

impl Positions {
    /// Returns the current position. Every reply that has left the server is at or before it.
    pub fn get(&self) -> Position {
        *self.0.lock()
    }

    pub(super) fn set(&self, position: Position) {
        *self.0.lock() = position;
    }
}

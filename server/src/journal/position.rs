//! Progress of a shard's journal, shared between its writer and its readers.

use crate::histogram::{Counted, Histogram};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
pub struct Positions(Arc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    position: Mutex<Position>,
    /// Bytes of frames written since the start.
    bytes: AtomicU64,
    /// Times that frames took until they were durable.
    syncs: Histogram,
}

impl Positions {
    /// Returns the current position. Every reply that has left the server is at or before it.
    pub fn get(&self) -> Position {
        *self.0.position.lock()
    }

    /// Returns the size of the frames written since the start, bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Returns how long frames took until they were durable.
    pub(crate) fn syncs(&self) -> Counted {
        self.0.syncs.counted()
    }

    pub(super) fn set(&self, position: Position) {
        *self.0.position.lock() = position;
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn synced(&self, took: Duration) {
        self.0.syncs.add(took, 1);
    }
}

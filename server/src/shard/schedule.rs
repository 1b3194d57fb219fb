//! When a shard takes snapshots, and the pieces of the one in progress.
//!
//! The accounts are copied between rounds, a slice each time the previous one is on disk, so no
//! round waits for a snapshot.

use crate::engine::Book;
use crate::journal::{
    Anchor, SNAPSHOT_VERSION, SnapshotEvent, SnapshotHeader, SnapshotKeeper, SnapshotPiece,
};
use crate::limits::{
    SNAPSHOT_AT_STOP_RECORDS_MIN, SNAPSHOT_RECORDS_PER_USER, SNAPSHOT_SLICE_BYTES_SOFT,
    SNAPSHOT_USERS_FREE,
};
use std::io;

/// The snapshots of one shard.
#[derive(Debug)]
pub(super) struct SnapshotSchedule {
    shard: u16,
    /// Records between two snapshots.
    every: u64,
    /// Last record that the newest snapshot covers.
    taken_at: u64,
    /// Last record that the snapshot in progress covers.
    in_progress: Option<u64>,
    /// True if the accounts of the snapshot in progress are no longer there.
    abandoned: bool,
}

impl SnapshotSchedule {
    /// Creates a schedule; the newest snapshot covers the records up to `taken_at`.
    pub(super) const fn new(shard: u16, every: u64, taken_at: u64) -> Self {
        Self { shard, every, taken_at, in_progress: None, abandoned: false }
    }

    /// Goes on with other accounts; the newest snapshot covers the records up to `taken_at`.
    pub(super) const fn begin_again(&mut self, taken_at: u64) {
        self.abandoned = self.in_progress.is_some();
        self.taken_at = taken_at;
    }

    /// Returns the last record that the newest snapshot covers.
    pub(super) const fn taken_at(&self) -> u64 {
        self.taken_at
    }

    /// Returns true if a snapshot should begin, in proportion to its cost.
    pub(super) fn is_due(&self, last_record: u64, users: usize) -> bool {
        let written = last_record - self.taken_at;
        let users = (users as u64).saturating_sub(SNAPSHOT_USERS_FREE);
        self.in_progress.is_none() && written >= self.every.max(SNAPSHOT_RECORDS_PER_USER * users)
    }

    /// Returns true if a stopping shard should take a snapshot.
    pub(super) const fn is_due_at_stop(&self, last_record: u64) -> bool {
        last_record - self.taken_at >= SNAPSHOT_AT_STOP_RECORDS_MIN
    }

    /// Begins a snapshot at a frame that is durable.
    pub(super) fn begin(&mut self, anchor: Anchor, book: &mut Book) -> SnapshotPiece {
        self.in_progress = Some(anchor.record);
        book.begin_checkpoint();
        let (users, assigned_max) = (book.len() as u32, book.assigned_max());
        let header = SnapshotHeader {
            version: SNAPSHOT_VERSION,
            shard: self.shard,
            anchor,
            users,
            assigned_max,
        };
        SnapshotPiece::Begin(Box::new(header), book.market.to_bytes())
    }

    /// Continues the snapshot in progress. Returns the next piece.
    pub(super) fn on_event(
        &mut self,
        event: SnapshotEvent,
        book: &mut Book,
        is_degraded: bool,
    ) -> Option<SnapshotPiece> {
        if std::mem::take(&mut self.abandoned) {
            self.in_progress = None;
            return (event == SnapshotEvent::More).then_some(SnapshotPiece::Cancel);
        }
        match event {
            SnapshotEvent::More if is_degraded => Some(SnapshotPiece::Cancel),
            SnapshotEvent::More => {
                book.checkpoint_slice(SNAPSHOT_SLICE_BYTES_SOFT).map(SnapshotPiece::Slice)
            }
            SnapshotEvent::Done => {
                self.taken_at = self.in_progress.take().unwrap_or(self.taken_at);
                None
            }
            SnapshotEvent::Failed => {
                book.cancel_checkpoint();
                // The next attempt comes when it would have come after a successful one.
                self.taken_at = self.in_progress.take().unwrap_or(self.taken_at);
                None
            }
        }
    }

    /// Writes a complete snapshot at once: the shard has ended.
    pub(super) fn write_last(
        &mut self,
        anchor: Anchor,
        book: &mut Book,
        keeper: &mut SnapshotKeeper,
    ) -> io::Result<()> {
        book.cancel_checkpoint();
        keeper.take(self.begin(anchor, book))?;
        while let Some(slice) = book.checkpoint_slice(SNAPSHOT_SLICE_BYTES_SOFT) {
            keeper.take(SnapshotPiece::Slice(slice))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_users_delay_a_snapshot_and_few_do_not() {
        let due_from = |users| {
            let schedule = SnapshotSchedule::new(0, 500, 70);
            (70..100_000).find(|record| schedule.is_due(*record, users)).map(|record| record - 70)
        };
        assert_eq!([0, 1_000, 1_062].map(due_from), [Some(500); 3]);
        assert_eq!([1_063, 3_000].map(due_from), [Some(504), Some(16_000)]);
    }
}

//! When a shard copies its accounts for a snapshot, as owner and as follower.

use super::Shard;
use crate::journal::{AppendError, SnapshotEvent, SnapshotKeeper};
use crate::shard::degraded::Health;
use parking_lot::Mutex;
use std::io;
use std::sync::atomic::Ordering;

impl Shard {
    fn may_take_snapshots(&self) -> bool {
        let is_broken = self.following.as_ref().is_some_and(|following| following.is_broken());
        !is_broken && matches!(self.executor.health, Health::Good | Health::Following)
    }

    /// Continues the snapshot in progress.
    pub(super) fn on_snapshot(&mut self, event: SnapshotEvent) {
        let is_degraded = !self.may_take_snapshots();
        let book = self.executor.ledger.book_mut();
        if let Some(piece) = self.snapshots.on_event(event, book, is_degraded) {
            let _ = self.handles.snapshots.send((self.id, piece));
        }
        if event == SnapshotEvent::Done {
            let covered = self.snapshots.taken_at();
            self.stats.snapshot_record.store(covered, Ordering::Relaxed);
            self.stats.snapshot_ms.store(self.executor.ledger.now_ms(), Ordering::Relaxed);
        }
    }

    /// Begins a snapshot if enough was written since the last one.
    pub(super) fn begin_snapshot_if_due(&mut self) -> Result<(), AppendError> {
        let may_begin = self.may_take_snapshots();
        let ledger = &mut self.executor.ledger;
        if may_begin
            && self.snapshots.is_due(ledger.last_written(), ledger.book().len())
            && let Some(anchor) = ledger.anchor()?
        {
            let piece = self.snapshots.begin(anchor, ledger.book_mut());
            let _ = self.handles.snapshots.send((self.id, piece));
        }
        Ok(())
    }

    /// Writes a last snapshot when the shard has ended, so that the next start is quick.
    ///
    /// # Errors
    /// Returns an error of the file system. Nothing is lost by it.
    pub fn last_snapshot(&mut self, keeper: &Mutex<SnapshotKeeper>) -> io::Result<()> {
        let is_broken = self.following.as_ref().is_some_and(|following| following.is_broken());
        let ledger = &mut self.executor.ledger;
        if is_broken
            || self.executor.health == Health::Failed
            || !self.snapshots.is_due_at_stop(ledger.last_written())
        {
            return Ok(());
        }
        let Some(anchor) = ledger.anchor().map_err(io::Error::other)? else { return Ok(()) };
        self.snapshots.write_last(anchor, ledger.book_mut(), &mut keeper.lock())
    }
}

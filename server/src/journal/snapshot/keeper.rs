//! Writes one shard's snapshots piece by piece and removes old snapshots and old parts of the log.
//!
//! A snapshot only saves time: it must never take the disk space that the journal needs.

use super::file::{
    SnapshotFile, SnapshotHeader, SnapshotReader, remove_unfinished, snapshot_name, snapshots,
};
use crate::engine::Slice;
use crate::journal::frame_log::LogStore;
use crate::limits::{SNAPSHOT_FREE_BYTES_MIN, SNAPSHOTS_KEPT};
use parking_lot::RwLock;
use std::io;
use std::sync::Arc;

/// A part of a snapshot, on its way to the disk.
#[derive(Debug)]
pub enum SnapshotPiece {
    /// A new snapshot begins, with what the engine says of the market.
    Begin(Box<SnapshotHeader>, Vec<u8>),
    /// Some of its accounts.
    Slice(Slice),
    /// The snapshot is cancelled.
    Cancel,
}

/// The result of writing a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotEvent {
    /// The piece is written; the next one may be sent.
    More,
    /// The piece was the last one: the snapshot is durable.
    Done,
    /// The snapshot was given up. Nothing is lost by it.
    Failed,
}

/// A piece of a shard's snapshot for the snapshot thread.
pub type SnapshotJob = (u16, SnapshotPiece);

/// Writes one shard's snapshots and enforces the retention of snapshots and log.
pub struct SnapshotKeeper {
    store: Arc<dyn LogStore>,
    shard: u16,
    /// Bytes of log to keep at least; None keeps all of it.
    retention_bytes: Option<u64>,
    /// Held by readers of the log: nothing is removed meanwhile.
    readers: Arc<RwLock<()>>,
    file: Option<(SnapshotFile, u64)>,
}

impl SnapshotKeeper {
    /// Creates the keeper of a shard's snapshots.
    pub fn new(
        store: Arc<dyn LogStore>,
        shard: u16,
        retention_bytes: Option<u64>,
        readers: Arc<RwLock<()>>,
    ) -> Self {
        Self { store, shard, retention_bytes, readers, file: None }
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// Returns an error of the file system. The snapshot is then cancelled and its temporary file
    /// removed.
    pub fn take(&mut self, piece: SnapshotPiece) -> io::Result<SnapshotEvent> {
        let written = self.write(piece);
        if !matches!(written, Ok(SnapshotEvent::More | SnapshotEvent::Done)) {
            self.file = None;
            remove_unfinished(self.store.folder())?;
        }
        written
    }

    /// Writes a piece and reports a failure as an event.
    pub fn take_or_fail(&mut self, piece: SnapshotPiece) -> SnapshotEvent {
        self.take(piece).unwrap_or_else(|error| {
            tracing::warn!(shard = self.shard, %error, "a snapshot could not be written");
            SnapshotEvent::Failed
        })
    }

    fn write(&mut self, piece: SnapshotPiece) -> io::Result<SnapshotEvent> {
        let folder = self.store.folder();
        let slice = match piece {
            SnapshotPiece::Cancel => return Ok(SnapshotEvent::Failed),
            SnapshotPiece::Begin(header, market) => {
                self.file = None;
                self.file =
                    Some((SnapshotFile::begin(folder, &header, market)?, header.anchor.record));
                return Ok(SnapshotEvent::More);
            }
            SnapshotPiece::Slice(slice) => slice,
        };
        let Some((mut file, record)) = self.file.take() else { return Ok(SnapshotEvent::Failed) };
        let needed = SNAPSHOT_FREE_BYTES_MIN.saturating_add(slice.bytes.len() as u64);
        if folder.free_bytes()? < needed {
            let message = "too little disk space for a snapshot";
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        }
        file.add(&slice.bytes)?;
        let Some(hash) = slice.last else {
            self.file = Some((file, record));
            return Ok(SnapshotEvent::More);
        };
        file.finish(folder, hash.0)?;
        tracing::info!(shard = self.shard, file = snapshot_name(record), "snapshot written");
        if let Err(error) = self.remove_old() {
            tracing::warn!(
                shard = self.shard,
                %error,
                "old snapshots or segments were not removed"
            );
        }
        Ok(SnapshotEvent::Done)
    }

    /// Removes old snapshots, and the log beyond the retention.
    fn remove_old(&self) -> io::Result<()> {
        let folder = self.store.folder();
        let names = snapshots(folder)?;
        for old in names.iter().skip(SNAPSHOTS_KEPT) {
            folder.remove(old)?;
        }
        let (Some(retention), Some(reserve)) =
            (self.retention_bytes, names.get(SNAPSHOTS_KEPT - 1))
        else {
            return Ok(());
        };
        // The log after the oldest snapshot stays, so damage to a newer snapshot costs nothing.
        let Ok(reserve) = SnapshotReader::open(folder, reserve, self.shard)? else {
            return Ok(());
        };
        let Some(_no_readers) = self.readers.try_write() else { return Ok(()) };
        self.store.remove_before(&reserve.header().anchor, retention)
    }
}

//! Snapshots of a shard, taken while it works: a slice at a time, each asked for when the one
//! before is on disk.

use super::batch::Control;
use super::core::Shard;
use crate::engine::Slice;
use crate::journal::{
    SnapshotFile, SnapshotHeader, SnapshotReader, Storage, remove_unfinished, segment_name,
    segment_names, snapshot_name, snapshots,
};
use crate::limits::{
    SNAPSHOT_AT_STOP_RECORDS_MIN, SNAPSHOT_FREE_BYTES_MIN, SNAPSHOT_SLICE_BYTES_SOFT,
    SNAPSHOTS_KEPT,
};
use parking_lot::{Mutex, RwLock};
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// Part of a snapshot, on its way to the disk.
#[derive(Debug)]
pub enum SnapshotPiece {
    /// A new one begins.
    Begin(Box<SnapshotHeader>),
    /// Its accounts, some at a time.
    Slice(Slice),
    /// It is given up.
    GiveUp,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotNews {
    /// It is on disk; the next may come.
    More,
    /// It was the last: the snapshot is durable.
    Done,
    /// The disk failed; the snapshot is given up. Nothing is lost by it.
    Failed,
}

/// A piece for the thread that writes snapshots.
pub type SnapshotJob = (u16, SnapshotPiece);

/// When a shard takes snapshots.
#[derive(Debug)]
pub(super) struct Schedule {
    /// After so many records.
    every: u64,
    /// The last record the newest snapshot stands for.
    taken_at: u64,
    /// The record that the one under way stands for.
    under_way: Option<u64>,
}

impl Schedule {
    pub(super) const fn new(every: u64, taken_at: u64) -> Self {
        Self { every, taken_at, under_way: None }
    }

    pub(super) const fn set_every(&mut self, records: u64) {
        self.every = records;
    }
}

impl Shard {
    /// Begins a snapshot when enough was written since the last, in proportion to what one costs.
    pub(super) fn snapshot_if_due(&mut self) -> io::Result<()> {
        let written = self.journal.next_record() - 1 - self.schedule.taken_at;
        let due = written >= self.schedule.every.max(2 * self.book.len() as u64);
        if due
            && !self.low
            && self.schedule.under_way.is_none()
            && let Some(header) = self.begin_snapshot()?
        {
            let _ = self.links.snapshots.send((self.id, SnapshotPiece::Begin(Box::new(header))));
        }
        Ok(())
    }

    fn begin_snapshot(&mut self) -> io::Result<Option<SnapshotHeader>> {
        let Some(anchor) = self.journal.anchor()? else { return Ok(None) };
        self.schedule.under_way = Some(anchor.record);
        self.book.begin_saving();
        let (users, assigned_max) = (self.book.len() as u32, self.book.assigned_max());
        Ok(Some(SnapshotHeader { shard: self.id, anchor, users, assigned_max }))
    }

    /// Goes on with the snapshot under way.
    pub(super) fn snapshot_news(&mut self, news: SnapshotNews) {
        match news {
            SnapshotNews::More if self.low => {
                let _ = self.links.snapshots.send((self.id, SnapshotPiece::GiveUp));
            }
            SnapshotNews::More => {
                if let Some(slice) = self.book.saved_slice(SNAPSHOT_SLICE_BYTES_SOFT) {
                    let _ = self.links.snapshots.send((self.id, SnapshotPiece::Slice(slice)));
                }
            }
            SnapshotNews::Done => {
                self.schedule.taken_at =
                    self.schedule.under_way.take().unwrap_or(self.schedule.taken_at);
                self.stats
                    .snapshot_record
                    .store(self.schedule.taken_at, std::sync::atomic::Ordering::Relaxed);
            }
            SnapshotNews::Failed => {
                self.book.stop_saving();
                // The next try comes when it would have come after a good one.
                self.schedule.taken_at =
                    self.schedule.under_way.take().unwrap_or(self.schedule.taken_at);
            }
        }
    }

    /// Takes a last snapshot when the shard has ended, so that the next start is quick.
    ///
    /// # Errors
    /// Whatever the file system says; nothing is lost by it.
    pub fn last_snapshot(&mut self, keeper: &Mutex<SnapshotKeeper>) -> io::Result<()> {
        let written = self.journal.next_record() - 1 - self.schedule.taken_at;
        if self.is_failed() || written < SNAPSHOT_AT_STOP_RECORDS_MIN {
            return Ok(());
        }
        self.book.stop_saving();
        let Some(header) = self.begin_snapshot()? else { return Ok(()) };
        let mut keeper = keeper.lock();
        keeper.take(SnapshotPiece::Begin(Box::new(header)))?;
        while let Some(slice) = self.book.saved_slice(SNAPSHOT_SLICE_BYTES_SOFT) {
            keeper.take(SnapshotPiece::Slice(slice))?;
        }
        Ok(())
    }
}

/// Writes one shard's snapshots, and keeps no more of them and of the journal than it should.
pub struct SnapshotKeeper {
    storage: Arc<dyn Storage>,
    shard: u16,
    /// How many bytes of journal to keep at least; None keeps all of it.
    retention_bytes: Option<u64>,
    /// Held by whoever reads the journal: nothing is removed meanwhile.
    readers: Arc<RwLock<()>>,
    file: Option<(SnapshotFile, u64)>,
}

impl SnapshotKeeper {
    /// A keeper of a shard's folder.
    pub fn new(
        storage: Arc<dyn Storage>,
        shard: u16,
        retention_bytes: Option<u64>,
        readers: Arc<RwLock<()>>,
    ) -> Self {
        Self { storage, shard, retention_bytes, readers, file: None }
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// Whatever the file system says; the snapshot is then given up and nothing of it left behind.
    pub fn take(&mut self, piece: SnapshotPiece) -> io::Result<SnapshotNews> {
        let written = self.write(piece);
        if !matches!(written, Ok(SnapshotNews::More | SnapshotNews::Done)) {
            self.file = None;
            remove_unfinished(&*self.storage)?;
        }
        written
    }

    fn write(&mut self, piece: SnapshotPiece) -> io::Result<SnapshotNews> {
        let slice = match piece {
            SnapshotPiece::GiveUp => return Ok(SnapshotNews::Failed),
            SnapshotPiece::Begin(header) => {
                self.file = None;
                self.file =
                    Some((SnapshotFile::begin(&*self.storage, &header)?, header.anchor.record));
                return Ok(SnapshotNews::More);
            }
            SnapshotPiece::Slice(slice) => slice,
        };
        let Some((mut file, record)) = self.file.take() else { return Ok(SnapshotNews::Failed) };
        // A snapshot only saves time: it must not take the room that the journal needs.
        if self.storage.free_bytes()?
            < SNAPSHOT_FREE_BYTES_MIN.saturating_add(slice.bytes.len() as u64)
        {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "too little room on the disk for a snapshot",
            ));
        }
        file.add(&slice.bytes)?;
        let Some(hash) = slice.last else {
            self.file = Some((file, record));
            return Ok(SnapshotNews::More);
        };
        file.finish(&*self.storage, hash.0)?;
        tracing::info!(shard = self.shard, file = snapshot_name(record), "snapshot taken");
        if let Err(error) = self.tidy() {
            tracing::warn!(shard = self.shard, %error, "old snapshots or segments could not be removed");
        }
        Ok(SnapshotNews::Done)
    }

    /// Removes old snapshots, and segments that nobody wants kept.
    fn tidy(&self) -> io::Result<()> {
        let storage = &*self.storage;
        let names = snapshots(storage)?;
        for old in names.iter().skip(SNAPSHOTS_KEPT) {
            storage.remove(old)?;
        }
        let (Some(retention), Some(reserve)) =
            (self.retention_bytes, names.get(SNAPSHOTS_KEPT - 1))
        else {
            return Ok(());
        };
        // What the oldest snapshot that is kept needs behind it stays, so that a damaged newer one
        // costs nothing.
        let Ok(reserve) = SnapshotReader::open(storage, reserve, self.shard)? else {
            return Ok(());
        };
        let needed = segment_name(reserve.header().anchor.segment);
        let Some(_nobody_reads) = self.readers.try_write() else { return Ok(()) };
        let mut segments = Vec::new();
        for name in segment_names(storage)? {
            let bytes = storage.open(&name)?.size()?;
            segments.push((name, bytes));
        }
        let mut kept: u64 = segments.iter().map(|(_, bytes)| bytes).sum();
        for (name, bytes) in segments {
            if name >= needed || kept - bytes < retention {
                break;
            }
            storage.remove(&name)?;
            storage.sync_folder()?;
            kept -= bytes;
            tracing::info!(
                shard = self.shard,
                file = name,
                "a segment beyond the retention is removed"
            );
        }
        Ok(())
    }
}

/// Writes snapshots on a thread of its own until nobody can ask for one any more.
///
/// # Errors
/// When the system has no thread left.
pub fn spawn_snapshots(
    keepers: Vec<Arc<Mutex<SnapshotKeeper>>>,
    shards: Vec<UnboundedSender<Control>>,
    mut jobs: tokio::sync::mpsc::UnboundedReceiver<SnapshotJob>,
) -> io::Result<()> {
    std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
        while let Some((shard, piece)) = jobs.blocking_recv() {
            let at = usize::from(shard);
            let news = keepers[at].lock().take(piece).unwrap_or_else(|error| {
                tracing::warn!(shard, %error, "a snapshot could not be written");
                SnapshotNews::Failed
            });
            let _ = shards[at].send(Control::Snapshot(news));
        }
    })?;
    Ok(())
}

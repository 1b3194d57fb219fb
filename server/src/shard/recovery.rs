//! A shard's accounts from what its folder holds: the newest good snapshot and the journal behind
//! it, or the whole journal.

use crate::engine::{Book, Loader, StateHash};
use crate::journal::decision::{Decision, SeenSnapshot};
use crate::journal::{
    Anchor, Recovered, RecoveryError, SnapshotFault, SnapshotHeader, SnapshotReader, Start,
    Storage, is_anchored, recover, remove_unfinished, snapshots,
};
use std::io;

/// A shard's accounts and where its journal ends.
pub struct RecoveredShard {
    /// The accounts.
    pub book: Book,
    /// Where the journal ends.
    pub end: Recovered,
    /// The record up to which a snapshot stood for the journal; 0 when all of it was read.
    pub snapshot_record: u64,
}

/// Recovers a shard. With `repair`, the traces of interrupted writes are removed.
///
/// # Errors
/// [`RecoveryError`]; the files are then as they were.
pub fn recover_shard(
    storage: &dyn Storage,
    shard: u16,
    repair: bool,
) -> Result<RecoveredShard, RecoveryError> {
    let (mut book, anchor) = match newest_snapshot(storage, shard)? {
        Some((book, anchor)) => (book, Some(anchor)),
        None => (Book::default(), None),
    };
    let start = anchor.as_ref().map_or(Start::First, Start::Behind);
    let end = recover(storage, shard, start, false, |number, time_ms, record| {
        book.replay(&record, number, time_ms);
        // Which triggers are armed matters at the end only.
        book.take_interest();
    })?;
    refuse_lost_records(storage, end.record)?;
    if repair && (end.cut_bytes > 0 || end.segment.is_none()) {
        // Only now that nothing speaks against it.
        recover(storage, shard, start, true, |_, _, _| {})?;
    }
    if repair {
        remove_unfinished(storage)?;
    }
    if end.cut_bytes > 0 {
        tracing::warn!(shard, bytes = end.cut_bytes, "cut off an interrupted last write");
    }
    Ok(RecoveredShard { book, end, snapshot_record: anchor.map_or(0, |anchor| anchor.record) })
}

/// A snapshot, even one that cannot be read, was given its name only after its record was durable:
/// a journal that ends before it has lost something.
fn refuse_lost_records(storage: &dyn Storage, found: u64) -> Result<(), RecoveryError> {
    for name in snapshots(storage)? {
        let record =
            name.split('.').next().and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0);
        if record > found {
            return Err(RecoveryError::Snapshot {
                file: storage.describe(&name),
                fault: SnapshotFault::Unanchored,
            });
        }
    }
    Ok(())
}

/// The newest snapshot that is one, if there is any.
fn newest_snapshot(
    storage: &dyn Storage,
    shard: u16,
) -> Result<Option<(Book, Anchor)>, RecoveryError> {
    for name in snapshots(storage)? {
        let mut seen =
            SeenSnapshot { whole: true, version: true, shard: true, anchored: true, state: true };
        let found = match load(storage, &name, shard, &mut seen)? {
            Ok(book) if seen.decide().decision == Decision::Continue => return Ok(Some(book)),
            Ok(_) => SnapshotFault::Unanchored,
            Err(found) => {
                seen.whole = found != SnapshotFault::Damaged || !seen.state;
                seen.version = !matches!(found, SnapshotFault::Version(_));
                seen.shard = !matches!(found, SnapshotFault::Shard(_));
                found
            }
        };
        let fault = if seen.anchored { found } else { SnapshotFault::Unanchored };
        if seen.decide().decision == Decision::Refuse {
            return Err(RecoveryError::Snapshot { file: storage.describe(&name), fault });
        }
        tracing::warn!(shard, file = name, %fault, "a snapshot is passed over");
    }
    Ok(None)
}

/// Reads a snapshot, and notes in `seen` what only its contents can say.
fn load(
    storage: &dyn Storage,
    name: &str,
    shard: u16,
    seen: &mut SeenSnapshot,
) -> io::Result<Result<(Book, Anchor), SnapshotFault>> {
    let reader = match SnapshotReader::open(storage, name, shard)? {
        Ok(reader) => reader,
        Err(fault) => return Ok(Err(fault)),
    };
    let SnapshotHeader { anchor, users, assigned_max, .. } = *reader.header();
    let mut loader = Loader::new(users);
    let mut loaded = Ok(());
    let hash = match reader.blocks(|bytes| {
        if loaded.is_ok() {
            loaded = loader.take(bytes);
        }
    })? {
        Ok(hash) => hash,
        Err(fault) => return Ok(Err(fault)),
    };
    seen.anchored = is_anchored(storage, shard, &anchor)?;
    let book = loaded.and_then(|()| Book::load(loader, StateHash(hash), assigned_max));
    seen.state = book.is_ok();
    Ok(book.map(|book| (book, anchor)).map_err(|_| SnapshotFault::Damaged))
}

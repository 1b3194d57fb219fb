//! Recovers a shard's accounts: the newest good snapshot and the journal after it, or the whole
//! journal.

use crate::engine::{Book, HistoryForm, Known, Loader, MarketState, Stamp, StateHash};
use crate::journal::decision::{Decision, SeenSnapshot};
use crate::journal::{
    Anchor, Fault, LogStore, ReadError, Recovered, RecoveryError, SegmentFault, SnapshotFault,
    SnapshotHeader, SnapshotReader, Start, cut_at_damage, remove_unfinished, snapshots,
};
use std::io;

/// First version of snapshots whose histories have no command that only reads.
const READS_LEFT_OUT: u16 = 2;
/// First version of snapshots whose histories are packed.
const HISTORIES_PACKED: u16 = 4;

/// The accounts of a shard and the end of its journal.
pub struct RecoveredShard {
    /// The accounts.
    pub book: Book,
    /// The end of the journal.
    pub end: Recovered,
    /// Last record that the snapshot covered; 0 if the whole journal was read.
    pub snapshot_record: u64,
}

/// Recovers a shard. With `repair`, the traces of interrupted writes are removed.
///
/// # Errors
/// Returns a [`RecoveryError`]. The files are then unchanged.
pub fn recover_shard(
    store: &dyn LogStore,
    shard: u16,
    repair: bool,
) -> Result<RecoveredShard, RecoveryError> {
    let (mut book, anchor) = match newest_snapshot(store, shard)? {
        Some((book, anchor)) => (book, Some(anchor)),
        None => (Book::default(), None),
    };
    let start = anchor.as_ref().map_or(Start::First, Start::After);
    let mut unfit = None;
    let end = store.recover(start, false, &mut |number, time_ms, record| {
        if unfit.is_some() || !book.fits(&record) {
            unfit.get_or_insert(number);
            return;
        }
        book.commit(
            &record,
            Stamp { record: number, at_ms: time_ms },
            Known::Nothing,
            |_, _, _| {},
        );
        // Only the triggers armed at the end matter.
        book.take_interest();
    })?;
    if let Some(record) = unfit {
        return Err(RecoveryError::Unfit { folder: store.folder().describe(""), record });
    }
    refuse_lost_records(store, end.record)?;
    if repair && end.needs_repair() {
        // Repaired only now that nothing prevents the start.
        store.recover(start, true, &mut |_, _, _| {})?;
    }
    if repair {
        remove_unfinished(store.folder())?;
    }
    if end.cut_bytes > 0 {
        tracing::warn!(shard, bytes = end.cut_bytes, "cut off an interrupted last write");
    }
    let snapshot_record = anchor.map_or(0, |anchor| anchor.record);
    Ok(RecoveredShard { book, end, snapshot_record })
}

/// Recovers a shard from a copy of its log. Damage is cut off: the log has what was there.
///
/// # Errors
/// Returns a [`RecoveryError`], for example if a record does not fit the accounts.
pub fn recover_copy(store: &dyn LogStore, shard: u16) -> Result<RecoveredShard, RecoveryError> {
    match recover_shard(store, shard, true) {
        Err(RecoveryError::Damaged(error)) if is_damage(&error) => {
            tracing::warn!(shard, %error, "the copy is damaged");
            cut_at_damage(store.folder(), shard)?;
            recover_shard(store, shard, true)
        }
        Err(RecoveryError::Snapshot { file, fault }) => {
            tracing::warn!(shard, file, %fault, "the copy is damaged");
            cut_at_damage(store.folder(), shard)?;
            recover_shard(store, shard, true)
        }
        recovered => recovered,
    }
}

/// Returns true if bytes are missing or wrong. What is whole, and of another shard or of a newer
/// program, is not damage.
fn is_damage(error: &ReadError) -> bool {
    match error {
        ReadError::Io { .. } => false,
        ReadError::Frame { fault, .. } => {
            fault.may_be_torn() || matches!(fault, Fault::Gap(_) | Fault::Chain(_))
        }
        ReadError::Segment { fault, .. } => {
            matches!(fault, SegmentFault::Damaged | SegmentFault::Gap { .. })
        }
    }
}

/// Refuses a journal that ends before a snapshot. Even a snapshot that cannot be read was named
/// only after its last record was durable, so the journal has lost records.
fn refuse_lost_records(store: &dyn LogStore, found: u64) -> Result<(), RecoveryError> {
    for name in snapshots(store.folder())? {
        let digits = name.split('.').next();
        let record = digits.and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0);
        if record > found {
            let file = store.folder().describe(&name);
            return Err(RecoveryError::Snapshot { file, fault: SnapshotFault::Unanchored });
        }
    }
    Ok(())
}

/// Returns the newest good snapshot, if there is one.
fn newest_snapshot(
    store: &dyn LogStore,
    shard: u16,
) -> Result<Option<(Book, Anchor)>, RecoveryError> {
    for name in snapshots(store.folder())? {
        let mut seen =
            SeenSnapshot { whole: true, version: true, shard: true, anchored: true, state: true };
        let found = match load(store, &name, shard, &mut seen)? {
            Ok((version, ..))
                if version < READS_LEFT_OUT
                    && seen.decide().decision == Decision::Continue
                    && store.first_record()? == Some(1) =>
            {
                tracing::info!(shard, file = name, version, "an older snapshot is passed over");
                continue;
            }
            Ok((version, mut book, anchor)) if seen.decide().decision == Decision::Continue => {
                if version < READS_LEFT_OUT {
                    // The journal before it is no longer kept.
                    book.remove_reads_from_history();
                }
                return Ok(Some((book, anchor)));
            }
            Ok(_) => SnapshotFault::Unanchored,
            Err(found) => {
                seen.whole = found != SnapshotFault::Damaged || !seen.state;
                seen.version = !matches!(found, SnapshotFault::Version(_));
                seen.shard = !matches!(found, SnapshotFault::Shard(_));
                found
            }
        };
        let fault = if seen.anchored { found } else { SnapshotFault::Unanchored };
        let row = seen.decide();
        if row.decision == Decision::Refuse {
            let file = store.folder().describe(&name);
            return Err(RecoveryError::Snapshot { file, fault });
        }
        tracing::warn!(shard, file = name, %fault, because = row.reason, "snapshot passed over");
    }
    Ok(None)
}

/// Reads a snapshot with its version, and notes in `seen` what only its content can tell.
fn load(
    store: &dyn LogStore,
    name: &str,
    shard: u16,
    seen: &mut SeenSnapshot,
) -> io::Result<Result<(u16, Book, Anchor), SnapshotFault>> {
    let reader = match SnapshotReader::open(store.folder(), name, shard)? {
        Ok(reader) => reader,
        Err(fault) => return Ok(Err(fault)),
    };
    let SnapshotHeader { version, anchor, users, assigned_max, .. } = *reader.header();
    let is_packed = version >= HISTORIES_PACKED;
    let form = if is_packed { HistoryForm::Packed } else { HistoryForm::Listed };
    let mut loader = Loader::new(users, form);
    let mut loaded = Ok(());
    let (hash, market) = match reader.blocks(|bytes| {
        if loaded.is_ok() {
            loaded = loader.take(bytes);
        }
    })? {
        Ok(read) => read,
        Err(fault) => return Ok(Err(fault)),
    };
    seen.anchored = store.contains(&anchor)?;
    let book = loaded.and_then(|()| Book::load(loader, StateHash(hash), assigned_max));
    seen.state = book.is_ok();
    let market = MarketState::from_bytes(&market);
    let book = book.map(|mut book| {
        book.market = market;
        book
    });
    Ok(book.map(|book| (version, book, anchor)).map_err(|_| SnapshotFault::Damaged))
}

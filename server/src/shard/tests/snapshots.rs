//! Snapshots that are written while accounts change.

use super::*;
use crate::engine::Slice;
use crate::limits::SNAPSHOT_UNSYNCED_BYTES;

fn keeper(storage: &FaultDisk) -> SnapshotKeeper {
    SnapshotKeeper::new(Arc::new(store(storage)), 0, None, Arc::default())
}

/// Returns a shard whose snapshot has begun, and its keeper.
fn begun() -> (World, SnapshotKeeper) {
    let mut world = World::with_snapshots(FaultDisk::default(), 1_000, 2);
    world.execute("[1] ADD,a,1\n[2] ADD,a,1");
    let mut keeper = keeper(&world.storage);
    let (_, begin) = world.snapshots.try_recv().unwrap();
    assert_eq!(keeper.take(begin).unwrap(), SnapshotEvent::More);
    (world, keeper)
}

#[test]
fn a_snapshot_holds_one_moment_while_accounts_change() {
    let mut world = World::with_snapshots(FaultDisk::default(), 1_000, 40_000);
    let adds = |cents: u32| {
        let lines: Vec<_> = (0..5_000).map(|n| format!("[1] ADD,user{n},0.{cents:02}")).collect();
        lines.join("\n")
    };
    for cents in 1..=7 {
        world.execute(&adds(cents));
    }
    assert!(world.snapshots.try_recv().is_err(), "not due yet");
    world.execute(&adds(8));
    let hash_at_start = world.shard.book().state_hash();
    let mut keeper = keeper(&world.storage);
    let (mut slices, mut changed) = (0, 0);
    while let Ok((_, piece)) = world.snapshots.try_recv() {
        slices += usize::from(matches!(piece, SnapshotPiece::Slice(_)));
        let event = keeper.take(piece).unwrap();
        // Accounts change while the snapshot is written, copied ones and others.
        world.execute(&format!(
            "[1] ADD,user{changed},5\n[2] ADD,user{},7\n[3] ADD,new{changed},1",
            4_999 - changed
        ));
        changed += 1;
        world.shard.on_event(ShardEvent::Snapshot(event));
    }
    assert!(slices > 1, "written in several slices");
    let name = "00000000000000040000.snapshot".to_owned();
    assert_eq!(world.storage.files().keys().last(), Some(&name), "the name is its record");
    let live = world.shard.book().state_hash();
    assert_ne!(live, hash_at_start);
    let recovered = recover_shard(&store(&world.storage), 0, false).unwrap();
    assert_eq!(
        (recovered.snapshot_record, recovered.book.state_hash()),
        (40_000, live),
        "from the snapshot and the journal after it"
    );
    let mut files = world.storage.files();
    files.remove(&name);
    let whole = recover_shard(&store(&FaultDisk::with_files(files)), 0, false).unwrap();
    assert_eq!(
        (whole.snapshot_record, whole.book.state_hash()),
        (0, live),
        "from the whole journal"
    );
    assert_eq!(whole.end, recovered.end);
}

#[test]
fn a_snapshot_is_abandoned_and_removed_when_disk_space_is_low() {
    let (mut world, mut keeper) = begun();
    assert!(world.storage.files().keys().any(|name| name.contains(".snapshot.tmp")));
    world.storage.set_free_bytes(FREE_BYTES_MIN - 1);
    world.round();
    world.shard.on_event(ShardEvent::Snapshot(SnapshotEvent::More));
    let (_, abandon) = world.snapshots.try_recv().unwrap();
    assert_eq!(keeper.take(abandon).unwrap(), SnapshotEvent::Failed);
    assert!(!world.storage.files().keys().any(|name| name.contains("snapshot")));
}

/// The sync of a journal would have to wait for all of a snapshot that is synced at its end.
#[test]
fn a_large_snapshot_is_synced_while_it_is_written() {
    let (world, mut keeper) = begun();
    let operations = (0..8).map(|_| {
        let before = world.storage.operations();
        let slice = Slice { bytes: vec![1; SNAPSHOT_UNSYNCED_BYTES as usize / 4], last: None };
        keeper.take(SnapshotPiece::Slice(slice)).unwrap();
        world.storage.operations() - before
    });
    assert_eq!(operations.collect::<Vec<_>>(), [2, 2, 2, 3, 2, 2, 2, 3], "writes and syncs");
}

#[test]
fn a_journal_that_ends_before_a_snapshot_is_refused() {
    let mut world = World::new();
    world.execute("[1] ADD,a,1");
    let mut files = world.storage.files();
    files.insert("00000000000000000002.snapshot".to_owned(), b"damaged".to_vec());
    let refused =
        recover_shard(&store(&FaultDisk::with_files(files)), 0, true).err().unwrap().to_string();
    assert!(refused.contains("00000000000000000002.snapshot"), "{refused}");
}

//! Data folders of earlier versions open and give the accounts that their version had.

use daytrade_server::test_support::journal::{FileOptions, FileStore, FsStorage, LogStore, Start};
use daytrade_server::test_support::shard::recover_shard;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(version)
}

fn store(folder: &Path, shard: u16) -> FileStore {
    let options = FileOptions { segment_bytes_max: 1 << 26, free_bytes_min: 0, fill_bytes: 0 };
    let storage = FsStorage::new(&folder.join(format!("shard-{shard}")));
    FileStore::new(Arc::new(storage), shard, options)
}

/// The folder was written by version 0.1.0 of November 2026. Its snapshots hold histories with
/// commands that only read, so they are passed over and the journal is read instead. The hashes
/// differ from those of that version only by these commands.
#[test]
fn a_folder_of_format_1_gives_the_accounts_of_the_version_that_wrote_it() {
    let folder = folder("format-1");
    // Shard, last record, last frame, highest assigned number, state hash.
    let want: [(u16, u64, u64, u64, u64); 2] =
        [(0, 501, 8, 5, 0x838c_4489_f0e2_530f), (1, 432, 6, 8, 0xaf7a_2f3e_a8fb_e760)];
    for (shard, record, frame, assigned, hash) in want {
        let store = store(&folder, shard);
        let found = recover_shard(&store, shard, false).unwrap();
        assert_eq!((found.end.record, found.end.frame), (record, frame), "shard {shard}");
        assert_eq!((found.book.assigned_max(), found.snapshot_record), (assigned, 0));
        assert_eq!(found.book.state_hash().0, hash, "{:#x}", found.book.state_hash().0);
        // Without the snapshot, the journal alone gives the same accounts.
        let alone = tempfile::tempdir().unwrap();
        let copy = alone.path().join(format!("shard-{shard}"));
        std::fs::create_dir(&copy).unwrap();
        let name = "00000000000000000001.journal";
        let original = folder.join(format!("shard-{shard}")).join(name);
        std::fs::copy(original, copy.join(name)).unwrap();
        let store = self::store(alone.path(), shard);
        let replayed = recover_shard(&store, shard, false).unwrap();
        assert_eq!((replayed.snapshot_record, replayed.book.state_hash().0), (0, hash));
        let mut records = 0;
        store.recover(Start::First, false, &mut |_, _, _| records += 1).unwrap();
        assert_eq!(records, record);
    }
}

/// The real program opens a copy, goes on in it, and verifies it.
#[test]
fn the_server_continues_in_a_folder_of_format_1() {
    let copy = tempfile::tempdir().unwrap();
    let original = folder("format-1");
    std::fs::copy(original.join("manifest.toml"), copy.path().join("manifest.toml")).unwrap();
    for shard in ["shard-0", "shard-1"] {
        std::fs::create_dir(copy.path().join(shard)).unwrap();
        for entry in std::fs::read_dir(original.join(shard)).unwrap() {
            let entry = entry.unwrap();
            let to = copy.path().join(shard).join(entry.file_name());
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
    let server = crate::harness::Daemon::start(copy.path(), &[]);
    let mut client = server.connect();
    assert_eq!(client.ask("ADD,dave,1"), "OK,ADD,8.00");
    assert_eq!(client.ask("[99] CANCEL_SET_BUY,carol,XY"), "[99] OK,CANCEL_SET_BUY,XY,20.00");
    assert!(server.signal("TERM").success());
    let program = crate::harness::program("daytraded");
    let verified = std::process::Command::new(program)
        .args(["journal", "verify"])
        .arg(copy.path())
        .output()
        .unwrap();
    let text = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success() && text.contains("good"), "{text}");
}

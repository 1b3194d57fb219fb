//! Data folders of earlier versions open and give the accounts that their version had.

use crate::harness::{Daemon, program, workload};
use daytrade_server::test_support::engine::{Book, HistoryForm, Loader};
use daytrade_server::test_support::journal::{FileOptions, FileStore, FsStorage, LogStore, Start};
use daytrade_server::test_support::shard::recover_shard;
use std::path::{Path, PathBuf};
use std::process::Command;
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

/// The folder was written by the version that introduced format 2.
#[test]
fn a_folder_of_format_2_gives_the_accounts_of_the_version_that_wrote_it() {
    let folder = folder("format-2");
    // Shard, last record, last frame, highest assigned number, record of the snapshot, state hash.
    let want: [(u16, u64, u64, u64, u64, u64); 2] =
        [(0, 24, 6, 17, 0, 0x0a59_dec5_510b_8283), (1, 191, 7, 13, 106, 0x1ae1_0ed1_13ce_47c9)];
    for (shard, record, frame, assigned, snapshot, hash) in want {
        let found = recover_shard(&store(&folder, shard), shard, false).unwrap();
        assert_eq!((found.end.record, found.end.frame), (record, frame), "shard {shard}");
        assert_eq!((found.book.assigned_max(), found.snapshot_record), (assigned, snapshot));
        assert_eq!(found.book.state_hash().0, hash, "{:#x}", found.book.state_hash().0);
    }
}

/// The folder was written by the last version whose snapshots hold lists of transactions. Among
/// them are an amount of more than 32 bits and numbers 3,000,000,000 apart.
#[test]
fn snapshots_of_version_3_give_the_accounts_of_the_version_that_wrote_them() {
    let folder = folder("snapshot-3");
    // Shard, record of the snapshot, last record, state hash.
    let want: [(u16, u64, u64, u64); 2] =
        [(0, 55, 55, 0xc1db_cfe3_3d93_eff2), (1, 59, 75, 0x99b1_cd02_b4a0_1689)];
    for (shard, snapshot, record, hash) in want {
        let found = recover_shard(&store(&folder, shard), shard, false).unwrap();
        assert_eq!((found.snapshot_record, found.end.record), (snapshot, record), "shard {shard}");
        assert_eq!(found.book.state_hash().0, hash, "{:#x}", found.book.state_hash().0);
    }
}

/// Accounts with holdings, orders, triggers and histories of all kinds are those of the journal
/// after they went through a snapshot of today.
#[test]
fn accounts_are_the_same_after_a_snapshot_of_today() {
    for version in ["format-1", "format-2", "snapshot-3"] {
        for shard in [0, 1] {
            let mut book =
                recover_shard(&store(&folder(version), shard), shard, false).unwrap().book;
            let mut loader = Loader::new(book.len() as u32, HistoryForm::Packed);
            book.begin_checkpoint();
            let hash = loop {
                let slice = book.checkpoint_slice(300).unwrap();
                loader.take(&slice.bytes).unwrap();
                if let Some(hash) = slice.last {
                    break hash;
                }
            };
            let loaded = Book::load(loader, hash, book.assigned_max()).unwrap();
            assert!(!loaded.is_empty() && loaded.accounts().eq(book.accounts()), "{version}");
            assert_eq!(loaded.state_hash(), book.state_hash(), "{version}, shard {shard}");
        }
    }
}

fn copy_of(version: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let original = folder(version);
    std::fs::copy(original.join("manifest.toml"), copy.path().join("manifest.toml")).unwrap();
    for shard in ["shard-0", "shard-1"] {
        std::fs::create_dir(copy.path().join(shard)).unwrap();
        for entry in std::fs::read_dir(original.join(shard)).unwrap() {
            let entry = entry.unwrap();
            let to = copy.path().join(shard).join(entry.file_name());
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
    copy
}

/// Runs `daytraded journal` on a data folder and returns what it prints.
fn journal(action: &str, data: &Path) -> String {
    let output =
        Command::new(program("daytraded")).args(["journal", action]).arg(data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The real program opens a copy and goes on in it with segments of format 2; then both formats are
/// verified, printed and recovered.
#[test]
fn the_server_goes_on_in_format_2_in_a_folder_of_format_1() {
    let copy = copy_of("format-1");
    let before = journal("print", copy.path());
    let server = Daemon::start(copy.path(), &[]);
    let mut client = server.connect();
    assert_eq!(client.ask("ADD,dave,1"), "OK,ADD,8.00");
    assert_eq!(client.ask("[99] CANCEL_SET_BUY,carol,XY"), "[99] OK,CANCEL_SET_BUY,XY,20.00");
    assert!(server.signal("TERM").success());

    let mut versions = Vec::new();
    for shard in ["shard-0", "shard-1"] {
        let mut names: Vec<_> = std::fs::read_dir(copy.path().join(shard))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "journal"))
            .collect();
        names.sort();
        for name in &names {
            versions.push(std::fs::read(name).unwrap()[8]);
        }
        let first = folder("format-1").join(shard).join("00000000000000000001.journal");
        let (was, is) = (std::fs::read(first).unwrap(), std::fs::read(&names[0]).unwrap());
        let zeros = was.strip_prefix(&is[..]).expect("the segment of format 1 is kept as it was");
        assert!(zeros.iter().all(|byte| *byte == 0), "it is only cut to its frames");
    }
    assert_eq!(versions, [1, 2, 1, 2], "a new segment in each shard, in format 2");

    assert_eq!(journal("verify", copy.path()).matches("good").count(), 2);
    let after = journal("print", copy.path());
    assert!(after.lines().count() >= before.lines().count() + 2, "some orders have expired, too");
    assert!(before.lines().all(|line| after.contains(line)), "every record is still printed");
    let server = Daemon::start(copy.path(), &[]);
    assert_eq!(server.connect().ask("ADD,dave,1"), "OK,ADD,9.00");
}

/// A real mix of commands, sent at once: the journal is kept for ever, so size counts.
#[test]
fn a_record_takes_at_most_40_bytes() {
    let data = tempfile::tempdir().unwrap();
    let server = Daemon::start(data.path(), &["--quotes", "simulated:7:frozen", "--shards", "2"]);
    server.talk(&std::fs::read_to_string(workload("10-users.txt")).unwrap());
    assert!(server.signal("TERM").success());
    let (mut bytes, mut records) = (0, 0);
    for shard in 0..2 {
        let store = store(data.path(), shard);
        let mut reader = store.read_from(Start::First, None).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            bytes += frame.header.frame_bytes() as u64;
            records += u64::from(frame.header.records);
        }
    }
    assert!(records > 2_000, "{records} records");
    assert!(bytes <= 40 * records, "{bytes} bytes of {records} records");
}

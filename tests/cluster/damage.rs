//! Damage to what the NATS servers and the copies keep: it is noticed, and never becomes a balance.

use crate::harness::{Daemon, eventually};
use crate::servers::{Nats, owns};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Fills a cluster of one shard with some thousand lines. Returns its server.
fn filled(nats: &mut Nats, data: &Path) -> Daemon {
    nats.init(1);
    let server = nats.member(data);
    eventually("owner", || owns(&server));
    for _ in 0..200 {
        let answered = server.talk(&"ADD,alice,1.00\n".repeat(5));
        assert_eq!(answered.matches("OK,").count(), 5, "{answered}");
    }
    server
}

fn files_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files_in(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

#[test]
fn a_flipped_bit_in_a_replica_never_becomes_a_wrong_balance() {
    let Some(mut nats) = Nats::start() else { return };
    let folder = TempDir::new().unwrap();
    let server = filled(&mut nats, &folder.path().join("d"));
    server.signal("TERM");
    // The replica is damaged while its server does not run.
    nats.kill(0);
    let mut files = Vec::new();
    files_in(&nats.store(0), &mut files);
    let blocks = files.iter().filter(|file| {
        let name = file.to_string_lossy();
        name.ends_with(".blk") && name.contains("DT_daytrade_J0")
    });
    let mut flipped = 0;
    for block in blocks {
        let mut bytes = std::fs::read(block).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(block, bytes).unwrap();
        flipped += 1;
    }
    assert!(flipped > 0, "a block of the stream: {files:?}");
    nats.run(0);
    // A server without a copy reads everything, from whichever replica answers.
    let fresh = nats.member(&folder.path().join("fresh"));
    eventually("owner", || owns(&fresh));
    let summary = fresh.talk("DISPLAY_SUMMARY,alice\n");
    assert!(summary.contains("-ACCOUNT,alice,1000.00,"), "{summary}");
}

#[test]
fn a_lost_stream_is_noticed_and_restored_from_a_copy() {
    let Some(mut nats) = Nats::start() else { return };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("d");
    let server = filled(&mut nats, &data);
    server.signal("TERM");
    nats.delete_stream("DT_daytrade_J0");
    let refused = nats.try_member(&data, &[]).err().unwrap_or_default();
    assert!(refused.contains("the stream of shard 0 is gone: daytraded cluster restore"));
    // Somebody makes it again, and it is empty: it ends before the copy.
    nats.init(1);
    let server = nats.member(&data);
    eventually("word of the loss", || {
        nats.cluster_ok("status", &[]).contains("more: the stream has lost frames")
    });
    eventually("refusal", || server.talk("QUOTE,alice,ABC\n").starts_with("ERR,READ_ONLY,"));
    let running = nats.cluster("restore", &["0", "--from", data.to_str().unwrap()]);
    assert!(!running.status.success(), "not while the server runs");
    server.signal("TERM");
    let restored = nats.cluster_ok("restore", &["0", "--from", data.to_str().unwrap()]);
    assert!(restored.starts_with("shard 0: ") && restored.contains("good"), "{restored}");
    let server = nats.member(&data);
    eventually("owner", || owns(&server));
    let summary = server.talk("DISPLAY_SUMMARY,alice\n");
    assert!(summary.contains("-ACCOUNT,alice,1000.00,"), "{summary}");
}

#[test]
fn a_damaged_copy_is_fetched_again() {
    let Some(mut nats) = Nats::start() else { return };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("d");
    filled(&mut nats, &data).kill();
    let mut files = Vec::new();
    files_in(&data.join("shard-0"), &mut files);
    for file in files {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }
    let server = nats.member(&data);
    eventually("owner", || owns(&server));
    let summary = server.talk("DISPLAY_SUMMARY,alice\n");
    assert!(summary.contains("-ACCOUNT,alice,1000.00,"), "{summary}");
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_shortened_stream_is_noticed_and_filled_up_from_the_longest_copy() {
    let Some(mut nats) = Nats::start() else { return };
    let folder = TempDir::new().unwrap();
    let (data, old) = (folder.path().join("d"), folder.path().join("old"));
    filled(&mut nats, &data).signal("TERM");
    let each = |nats: &mut Nats, change: fn(&mut Nats, usize)| {
        (0..3).for_each(|number| change(nats, number));
    };
    each(&mut nats, Nats::kill);
    (0..3).for_each(|number| copy_folder(&nats.store(number), &old.join(number.to_string())));
    each(&mut nats, Nats::run);
    let server = nats.member(&data);
    eventually("owner", || owns(&server));
    let answered = server.talk(&"ADD,alice,1.00\n".repeat(7));
    assert!(answered.ends_with("OK,ADD,1007.00\n"), "{answered}");
    server.signal("TERM");
    // All three NATS servers come back with what an older copy of their disks has.
    each(&mut nats, Nats::kill);
    for number in 0..3 {
        std::fs::remove_dir_all(nats.store(number)).unwrap();
        copy_folder(&old.join(number.to_string()), &nats.store(number));
    }
    each(&mut nats, Nats::run);
    let server = nats.member(&data);
    // One without a copy knows of the loss from the other, and does not take over either.
    let fresh = nats.member(&folder.path().join("fresh"));
    eventually("word of the loss", || {
        nats.cluster_ok("status", &[]).contains("more: the stream has lost frames")
    });
    for server in [&server, &fresh] {
        eventually("refusal", || server.talk("QUOTE,alice,ABC\n").starts_with("ERR,READ_ONLY,"));
    }
    server.signal("TERM");
    fresh.signal("TERM");
    let restored = nats.cluster_ok("restore", &["0", "--from", data.to_str().unwrap()]);
    assert!(restored.starts_with("shard 0: ") && restored.contains("good"), "{restored}");
    let server = nats.member(&folder.path().join("fresh"));
    eventually("owner", || owns(&server));
    let summary = server.talk("DISPLAY_SUMMARY,alice\n");
    assert!(summary.contains("-ACCOUNT,alice,1007.00,"), "{summary}");
}

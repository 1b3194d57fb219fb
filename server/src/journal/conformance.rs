//! The tests that every implementation of a log must pass.
//!
//! [`check`] runs the suite against an implementation. It is given a factory, so that a log can be
//! opened again on the same medium.

use super::fault_disk::FaultDisk;
use super::frame::FrameBuilder;
use super::frame_log::{Anchor, LogStore, Recovered, Start};
use super::position::Positions;
use super::stream::{FakeStream, StreamStore};
use super::writer::{JournalWriter, SyncMode};
use super::{FileOptions, FileStore, FsStorage};
use crate::engine::{Event, Outcome, Record};
use daytrade_protocol::{Command, Money, UserName};
use smallvec::smallvec;
use std::sync::Arc;

/// The shard of the logs that are tested.
pub(crate) const SHARD: u16 = 5;

fn record(number: u64) -> Record {
    let (user, amount) = (UserName::parse(b"a").unwrap(), Money::from_cents(number as i64));
    let outcome = Outcome::Done(smallvec![Event::CashAdded { amount }]);
    let command = Command::Add { user, amount };
    Record::Transaction { number, assigned: false, command, price: None, outcome }
}

fn writer(store: &dyn LogStore, end: &Recovered) -> JournalWriter {
    let log = store.open(end).unwrap();
    JournalWriter::new(log, SHARD, SyncMode::Always, end, Positions::default())
}

fn append(writer: &mut JournalWriter, records: u64, time_ms: u64) -> Anchor {
    let mut frame = FrameBuilder::default();
    for at in 0..records {
        frame.push(&record(writer.next_record() + at), None);
    }
    writer.commit(&mut frame, time_ms).unwrap();
    writer.anchor().unwrap().expect("a frame was just appended")
}

fn recover(store: &dyn LogStore, start: Start<'_>) -> (Recovered, Vec<u64>) {
    let mut numbers = Vec::new();
    let end = store.recover(start, true, &mut |number, time_ms, got| {
        assert_eq!(got, record(number), "records are returned as they were written");
        assert!(time_ms >= 1_000);
        numbers.push(number);
    });
    (end.unwrap(), numbers)
}

fn frames(store: &dyn LogStore, start: Start<'_>, until: Option<u64>) -> Vec<(u64, u64)> {
    let mut reader = store.read_from(start, until).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push((frame.header.number, u64::from(frame.header.records)));
    }
    frames
}

/// Runs the suite against the logs that `open` opens, always on the same medium.
pub(crate) fn check(open: &dyn Fn() -> Box<dyn LogStore>) {
    // An empty log has no record and no frame.
    let store = open();
    let (end, numbers) = recover(&*store, Start::First);
    assert_eq!((end.frame, end.record, numbers.len()), (0, 0, 0));
    assert_eq!(store.first_record().unwrap(), None);

    // Frames are read back in order, up to any frame, while the log is open for appending.
    let mut writer = writer(&*store, &end);
    let sizes = [3, 1, 4, 1, 5];
    let anchors: Vec<Anchor> =
        sizes.iter().zip(1_000..).map(|(n, at)| append(&mut writer, *n, at)).collect();
    let all: Vec<(u64, u64)> = (1..).zip(sizes).collect();
    assert_eq!(frames(&*store, Start::First, None), all);
    for until in 0..=5 {
        assert_eq!(frames(&*store, Start::First, Some(until)), all[..until as usize]);
    }
    assert_eq!(store.first_record().unwrap(), Some(1));

    // An anchor is found, and reading continues after it.
    for (at, anchor) in anchors.iter().enumerate() {
        assert_eq!(anchor.frame, at as u64 + 1);
        assert!(store.contains(anchor).unwrap());
        assert!(!store.contains(&Anchor { chain: anchor.chain ^ 1, ..*anchor }).unwrap());
        assert_eq!(frames(&*store, Start::After(anchor), None), all[at + 1..]);
        let (end, numbers) = recover(&*store, Start::After(anchor));
        assert_eq!((end.frame, end.record), (5, 14));
        assert!(numbers.into_iter().eq(anchor.record + 1..=14));
    }

    // A log that is opened again continues its chain under the next epoch.
    drop(writer);
    let store = open();
    let (end, numbers) = recover(&*store, Start::First);
    assert!(numbers.into_iter().eq(1..=14));
    assert_eq!((end.frame, end.epoch, end.chain, end.time_ms), (5, 1, anchors[4].chain, 1_004));
    assert!(!end.needs_repair() && end.cut_bytes == 0);
    let mut writer = self::writer(&*store, &end);
    let last = append(&mut writer, 2, 2_000);
    assert_eq!((last.frame, last.record, last.epoch), (6, 16, 2));
    let (end, numbers) = recover(&*open(), Start::First);
    assert!(numbers.into_iter().eq(1..=16));
    assert_eq!((end.epoch, end.chain), (2, last.chain));

    // Old frames can be removed up to an anchor; the rest stays readable from there.
    store.remove_before(&anchors[3], 0).unwrap();
    let first = store.first_record().unwrap().unwrap();
    assert!(first <= anchors[3].record, "the frame of the anchor stays");
    assert!(store.contains(&anchors[3]).unwrap());
    assert_eq!(frames(&*store, Start::After(&anchors[3]), None), [(5, 5), (6, 2)]);
}

/// Sizes of segments that hold one frame, some frames, and all of them.
const SEGMENTS: [u64; 3] = [120, 400, 1 << 20];

/// Returns the sizes of a log in a folder.
pub(crate) fn options(segment_bytes_max: u64) -> FileOptions {
    FileOptions { segment_bytes_max, free_bytes_min: 0, fill_bytes: 512 }
}

#[test]
fn segments_in_memory_conform() {
    for size in SEGMENTS {
        let disk = FaultDisk::default();
        check(&|| Box::new(FileStore::new(Arc::new(disk.clone()), SHARD, options(size))));
    }
}

#[test]
fn segments_in_a_folder_conform() {
    for size in SEGMENTS {
        let folder = tempfile::tempdir().unwrap();
        let storage = || Arc::new(FsStorage::new(folder.path()));
        check(&|| Box::new(FileStore::new(storage(), SHARD, options(size))));
    }
}

#[test]
fn streams_with_a_copy_conform() {
    for size in SEGMENTS {
        let (disk, stream) = (FaultDisk::default(), FakeStream::default());
        check(&|| {
            let copy = FileStore::new(Arc::new(disk.clone()), SHARD, options(size));
            Box::new(StreamStore::new(Arc::new(copy), Arc::new(stream.clone())))
        });
    }
}

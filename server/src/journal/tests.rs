//! Tests of the whole journal on a disk in memory: writing, recovery and damage.

use super::*;
use crate::engine::{Event, Outcome, Record};
use daytrade_protocol::{Command, Money, UserName};
use smallvec::smallvec;
use std::collections::BTreeMap;
use std::sync::Arc;

fn record(cents: i64) -> Record {
    let (user, amount) = (UserName::parse(b"alice").unwrap(), Money::from_cents(cents));
    let outcome = Outcome::Done(smallvec![Event::CashAdded { amount }]);
    Record::Transaction {
        number: 1,
        assigned: false,
        command: Command::Add { user, amount },
        price: None,
        outcome,
    }
}

const BIG: u64 = 1 << 20;

fn store(storage: &FaultDisk, segment_bytes_max: u64) -> FileStore {
    let options = FileOptions { segment_bytes_max, free_bytes_min: 1 << 20, fill_bytes: 1 << 13 };
    FileStore::new(Arc::new(storage.clone()), 3, options)
}

fn open(storage: &FaultDisk, segment_bytes_max: u64) -> (JournalWriter, Recovered, Positions) {
    let store = store(storage, segment_bytes_max);
    let recovered = store.recover(Start::First, true, &mut |_, _, _| {}).unwrap();
    let positions = Positions::default();
    let log = store.open(&recovered).unwrap();
    let writer = JournalWriter::new(log, 3, SyncMode::Always, &recovered, positions.clone());
    (writer, recovered, positions)
}

/// Writes frames with these numbers of records. The amount of a record is its number.
fn write(writer: &mut JournalWriter, frames: &[usize]) -> Result<(), AppendError> {
    let mut builder = FrameBuilder::default();
    for (index, records) in frames.iter().enumerate() {
        for at in 0..*records as u64 {
            builder.push(&record((writer.next_record() + at) as i64), None);
        }
        writer.commit(&mut builder, 1_000 + index as u64)?;
        assert!(builder.is_empty());
    }
    Ok(())
}

/// Recovers the journal and returns its number of records. Fails unless they are numbered 1, 2, 3 …
/// without a gap.
fn read(storage: &FaultDisk) -> Result<(usize, Recovered), RecoveryError> {
    let mut numbers = Vec::new();
    let recovered = recover(storage, 3, Start::First, true, |number, time_ms, got| {
        assert_eq!(got, record(number as i64), "nothing is invented");
        assert!(time_ms >= 1_000);
        numbers.push(number);
    })?;
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "no gap and no duplicate");
    assert_eq!(recovered.record, numbers.len() as u64);
    Ok((numbers.len(), recovered))
}

/// Returns a disk with a journal of these frames.
fn written(segment_bytes_max: u64, frames: &[usize]) -> FaultDisk {
    let storage = FaultDisk::default();
    write(&mut open(&storage, segment_bytes_max).0, frames).unwrap();
    storage
}

/// Returns a copy of the journal without the zeros that are written ahead of the frames.
fn without_fill(storage: &FaultDisk) -> FaultDisk {
    let trimmed = storage.files().into_iter().map(|(name, mut bytes)| {
        while bytes.len() > 1 << 12 && bytes.ends_with(&[0; 1 << 12]) {
            bytes.truncate(bytes.len() - (1 << 12));
        }
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        (name, bytes)
    });
    FaultDisk::with_files(trimmed.collect())
}

#[test]
fn committed_frames_are_recovered_and_writing_continues() {
    let storage = written(BIG, &[1, 5, 2]);
    let (mut writer, recovered, positions) = open(&storage, BIG);
    assert_eq!((recovered.record, recovered.frame, recovered.epoch), (8, 3, 1));
    write(&mut writer, &[4]).unwrap();
    assert_eq!(positions.get().record, 12);
    let (records, recovered) = read(&storage).unwrap();
    assert_eq!((records, recovered.epoch, recovered.cut_bytes), (12, 2, 0));
}

#[test]
fn segments_are_closed_at_their_size_and_a_missing_one_is_refused() {
    let storage = written(150, &[1, 2, 1, 1]);
    assert!(storage.files().len() > 2, "{:?}", storage.files().keys());
    let (mut writer, ..) = open(&storage, 150);
    write(&mut writer, &[3]).unwrap();
    assert_eq!(read(&storage).unwrap().0, 8);
    let mut gap = storage.files();
    let second = gap.keys().nth(1).unwrap().clone();
    gap.remove(&second);
    let refused = read(&FaultDisk::with_files(gap)).unwrap_err().to_string();
    assert!(refused.contains("does not follow"), "{refused}");
}

#[test]
fn a_reader_stops_at_its_end_position() {
    let storage = FaultDisk::default();
    let (mut writer, _, positions) = open(&storage, 200);
    write(&mut writer, &[2, 2]).unwrap();
    let until = positions.get();
    write(&mut writer, &[3, 3]).unwrap();
    let store = store(&storage, 200);
    let mut reader = store.read_from(Start::First, Some(until.frame)).unwrap();
    let mut records = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        frame.each_record(|_, _| records += 1).unwrap();
    }
    assert_eq!(records, 4);
}

#[test]
fn a_reader_since_a_time_passes_over_the_segments_before_it_and_over_nothing_else() {
    // One frame a segment, at 1,000, 1,001 and so on.
    let storage = written(150, &[1, 1, 1, 1, 1]);
    let store = store(&storage, 150);
    let times = |since_ms: u64| {
        let mut reader = store.read_from(Start::Since(since_ms), None).unwrap();
        let mut times = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            times.push(frame.header.time_ms);
        }
        times
    };
    assert_eq!(times(0), [1_000, 1_001, 1_002, 1_003, 1_004]);
    assert_eq!(times(1_000), times(0), "frames of that very time may stand further ahead");
    assert_eq!(times(1_003), [1_002, 1_003, 1_004]);
    assert_eq!(times(9_999), [1_004]);
    // An empty segment at the end, as a killed server leaves it, hides nothing.
    let mut files = storage.files();
    let (name, bytes) = files.iter().next_back().unwrap();
    // The header of a segment has 40 bytes.
    let (name, header) = (name.clone(), bytes[..40].to_vec());
    files.insert(name, header);
    let storage = FaultDisk::with_files(files);
    let cut = self::store(&storage, 150);
    let mut reader = cut.read_from(Start::Since(9_999), None).unwrap();
    assert_eq!(reader.next_frame().unwrap().unwrap().header.time_ms, 1_003);
}

#[test]
fn a_journal_cut_at_any_byte_gives_a_prefix_and_accepts_writes() {
    let whole = without_fill(&written(BIG, &[1, 2, 1])).files();
    let (name, bytes) = whole.into_iter().next().unwrap();
    let mut counts = std::collections::BTreeSet::new();
    for length in 0..bytes.len() {
        let storage =
            FaultDisk::with_files(BTreeMap::from([(name.clone(), bytes[..length].to_vec())]));
        let (records, recovered) = read(&storage).unwrap();
        counts.insert(records);
        let (mut writer, again, _) = open(&storage, BIG);
        assert_eq!(
            again.cut_bytes, 0,
            "cut at {length}: the incomplete frame is removed, {recovered:?}"
        );
        write(&mut writer, &[1]).unwrap();
        assert_eq!(read(&storage).unwrap().0, records + 1, "cut at {length}");
    }
    assert_eq!(Vec::from_iter(counts), [0, 1, 3], "all frames before the cut are kept");
}

#[test]
fn any_flipped_bit_gives_a_prefix_or_an_error_that_names_the_file() {
    let whole = without_fill(&written(180, &[1, 1, 1])).files();
    assert_eq!(whole.len(), 3, "three segments");
    for (name, bytes) in &whole {
        for bit in 0..bytes.len() * 8 {
            let mut files = whole.clone();
            files.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            match read(&FaultDisk::with_files(files)) {
                // Only damage in the last segment can look like an interrupted write.
                Ok((records, _)) => {
                    assert!(records == 2 && Some(name) == whole.keys().last(), "{name} bit {bit}");
                }
                Err(error) => assert!(error.to_string().contains(name), "{error}"),
            }
        }
    }
}

#[test]
fn damage_before_a_valid_frame_is_refused_with_file_and_offset_and_changes_nothing() {
    let storage = written(BIG, &[1, 1, 1]);
    let (name, mut bytes) = storage.files().into_iter().next().unwrap();
    bytes[100] ^= 1;
    let damaged = FaultDisk::with_files(BTreeMap::from([(name.clone(), bytes)]));
    let before = damaged.files();
    let refused = read(&damaged).unwrap_err().to_string();
    assert!(
        refused.contains(&format!("{name} at byte 40: the frame's checksum does not match")),
        "{refused}"
    );
    assert_eq!(damaged.files(), before);
}

#[test]
fn frames_that_were_not_yet_durable_may_be_lost_in_any_order() {
    let damage_second = |mode| {
        let storage = FaultDisk::default();
        let store = store(&storage, BIG);
        let end = store.recover(Start::First, true, &mut |_, _, _| {}).unwrap();
        let log = store.open(&end).unwrap();
        let mut writer = JournalWriter::new(log, 3, mode, &end, Positions::default());
        write(&mut writer, &[1]).unwrap();
        writer.sync().unwrap();
        write(&mut writer, &[1, 1]).unwrap();
        let (name, mut bytes) = storage.files().into_iter().next().unwrap();
        let frame_bytes = (end_of_frames(&bytes) - 40) / 3;
        bytes[40 + frame_bytes..40 + 2 * frame_bytes].fill(0);
        read(&FaultDisk::with_files(BTreeMap::from([(name, bytes)])))
    };
    assert_eq!(
        damage_second(SyncMode::Never).unwrap().0,
        1,
        "the synced frame is kept and the others are cut off"
    );
    assert!(
        damage_second(SyncMode::Always).is_err(),
        "a durable frame is missing before a valid one"
    );
}

/// Returns the offset of the end of the last frame. Zeros follow it in the file.
fn end_of_frames(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1
}

#[test]
fn another_shards_journal_and_a_newer_format_are_refused() {
    let storage = written(BIG, &[1]);
    let refused = recover(&storage, 4, Start::First, true, |_, _, _| {}).unwrap_err().to_string();
    assert!(refused.contains("belongs to shard 3"), "{refused}");
    let (name, mut bytes) = without_fill(&storage).files().into_iter().next().unwrap();
    bytes[44] = 3;
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[40..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    let refused =
        read(&FaultDisk::with_files(BTreeMap::from([(name, bytes)]))).unwrap_err().to_string();
    assert!(refused.contains("format version 3; this program knows up to 2"), "{refused}");
}

#[test]
fn after_a_failure_the_writer_is_poisoned_and_acknowledged_records_are_kept() {
    for operations in 0..12 {
        let storage = FaultDisk::default();
        let (mut writer, _, positions) = open(&storage, 200);
        storage.fail_after(operations, DiskFault::ForEver);
        let failed = (0..6).map(|_| write(&mut writer, &[1])).position(|done| done.is_err());
        let Some(acknowledged) = failed else { continue };
        assert_eq!(positions.get().record, acknowledged as u64, "after {operations} operations");
        let repaired = FaultDisk::with_files(storage.files());
        let before = storage.files();
        assert!(write(&mut writer, &[1]).is_err() && writer.sync().is_err(), "poisoned");
        assert_eq!(storage.files(), before);
        let recovered = read(&repaired).unwrap().0;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&recovered),
            "{acknowledged} acknowledged, {recovered} recovered"
        );
    }
}

/// The process ended between the making of a segment and its first frame, and the next start is a
/// later version.
#[test]
fn a_segment_of_format_1_without_frames_is_begun_again_in_format_2() {
    let (name, bytes) = without_fill(&written(BIG, &[1])).files().into_iter().next().unwrap();
    let mut header = bytes[..40].to_vec();
    header[8] = 1;
    let checksum = crc32fast::hash(&header[..36]);
    header[36..].copy_from_slice(&checksum.to_le_bytes());
    let storage = FaultDisk::with_files(BTreeMap::from([(name.clone(), header)]));
    let (mut writer, recovered, _) = open(&storage, BIG);
    assert_eq!((recovered.record, recovered.cut_bytes), (0, 0));
    write(&mut writer, &[2]).unwrap();
    assert_eq!(storage.files()[&name][8], 2, "the segment has the version of its frames");
    assert_eq!(read(&storage).unwrap().0, 2);
}

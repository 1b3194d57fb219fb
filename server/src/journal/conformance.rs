//! The tests that every implementation of a log must pass.
//!
//! [`check`] runs the suite against an implementation. It is given a factory, so that a log can be
//! opened again on the same medium.

use super::fault_disk::FaultDisk;
use super::frame::{FrameBuilder, FrameHeader};
use super::frame_log::{
    Anchor, AppendError, Frame, FrameLog, FrameReader, LogStore, Place, Recovered, SegmentEnd,
    Start, TakeRecord,
};
use super::position::Positions;
use super::storage::Storage;
use super::writer::{JournalWriter, SyncMode};
use super::{FileOptions, FileStore, FsStorage, ReadError, RecoveryError};
use crate::engine::{Event, Outcome, Record};
use daytrade_protocol::{Command, Money, UserName};
use parking_lot::Mutex;
use smallvec::smallvec;
use std::io;
use std::sync::Arc;

const SHARD: u16 = 5;

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
fn check(open: &dyn Fn() -> Box<dyn LogStore>) {
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

fn options(segment_bytes_max: u64) -> FileOptions {
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

/// A second implementation: a list of frames, whose place is the frame number.
#[derive(Clone, Default)]
struct ListLog {
    frames: Arc<Mutex<Vec<Vec<u8>>>>,
    folder: FaultDisk,
}

struct ListReader {
    frames: Vec<Vec<u8>>,
    next: usize,
}

impl FrameReader for ListReader {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        let Some(bytes) = self.frames.get(self.next) else { return Ok(None) };
        self.next += 1;
        let (header, payload, _) = FrameHeader::parse(bytes).expect("only whole frames are kept");
        Ok(Some(Frame::new(header, payload)))
    }
}

impl LogStore for ListLog {
    fn recover(
        &self,
        start: Start<'_>,
        _: bool,
        take: TakeRecord<'_>,
    ) -> Result<Recovered, RecoveryError> {
        let mut end = Recovered::default();
        if let Start::After(anchor) = start {
            (end.frame, end.record, end.chain) = (anchor.frame, anchor.record, anchor.chain);
            (end.epoch, end.time_ms) = (anchor.epoch, anchor.time_ms);
        }
        let first = end.frame as usize;
        // The list has no segments; any value says that nothing has to be created.
        end.segment = Some(SegmentEnd { name: String::new(), durable: 0, end: 0 });
        for bytes in &self.frames.lock()[first..] {
            let (header, payload, chain) = FrameHeader::parse(bytes).expect("whole");
            let time_ms = header.time_ms;
            let frame = Frame::new(header, payload);
            frame.each_record(|number, record| take(number, time_ms, record)).expect("records");
            (end.frame, end.epoch, end.chain) = (header.number, header.epoch, chain);
            (end.record, end.time_ms) =
                (header.first_record + u64::from(header.records) - 1, time_ms);
        }
        Ok(end)
    }

    fn open(&self, _: &Recovered) -> io::Result<Box<dyn FrameLog>> {
        Ok(Box::new(self.clone()))
    }

    fn read_from<'a>(
        &'a self,
        start: Start<'_>,
        until: Option<u64>,
    ) -> Result<Box<dyn FrameReader + 'a>, ReadError> {
        let mut frames = self.frames.lock().clone();
        frames.truncate(until.map_or(usize::MAX, |until| until as usize));
        let next = if let Start::After(anchor) = start { anchor.frame as usize } else { 0 };
        Ok(Box::new(ListReader { frames, next }))
    }

    fn first_record(&self) -> io::Result<Option<u64>> {
        Ok((!self.frames.lock().is_empty()).then_some(1))
    }

    fn contains(&self, anchor: &Anchor) -> io::Result<bool> {
        let frames = self.frames.lock();
        let frame = frames.get(anchor.frame as usize - 1);
        Ok(frame.is_some_and(|bytes| FrameHeader::parse(bytes).expect("whole").2 == anchor.chain))
    }

    fn remove_before(&self, _: &Anchor, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn folder(&self) -> &dyn Storage {
        &self.folder
    }
}

impl FrameLog for ListLog {
    fn prepare(&mut self, _: &FrameHeader) -> Result<bool, AppendError> {
        Ok(true)
    }

    fn append(&mut self, header: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError> {
        let mut frames = self.frames.lock();
        assert_eq!(header.number, frames.len() as u64 + 1, "frames arrive in order");
        frames.push(sealed.to_vec());
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AppendError> {
        Ok(())
    }

    fn last_place(&self) -> Option<Place> {
        Some(Place::default())
    }

    fn check_free_space(&mut self) -> Result<bool, AppendError> {
        Ok(false)
    }
}

#[test]
fn a_list_of_frames_conforms() {
    let list = ListLog::default();
    check(&|| Box::new(list.clone()));
}

//! Tests of what the answers of a stream mean, and of copies.

use super::*;
use crate::engine::{Event, Outcome, Owner, Record};
use crate::journal::fault_disk::FaultDisk;
use crate::journal::{
    AppendError, CheckedFrame, FileOptions, FileStore, FrameBuilder, JournalWriter, LogStore,
    Positions, Recovered, Start, Storage as _, Tip,
};
use crate::limits::LOG_PATIENCE;
use bytes::Bytes;
use daytrade_protocol::{Command, Money, UserName};
use smallvec::smallvec;
use std::sync::Arc;

const OPTIONS: FileOptions =
    FileOptions { segment_bytes_max: 300, free_bytes_min: 0, fill_bytes: 512 };

fn record(number: u64) -> Record {
    let (user, amount) = (UserName::parse(b"a").unwrap(), Money::from_cents(number as i64));
    let outcome = Outcome::Done(smallvec![Event::CashAdded { amount }]);
    let command = Command::Add { user, amount };
    Record::Transaction { number, assigned: false, command, price: None, outcome }
}

fn owner(node: &str) -> Record {
    let address = format!("{node}:4462").into();
    let (cluster, node) = ("c".into(), node.into());
    Record::Owner(Box::new(Owner { cluster, node, address, incarnation: 7 }))
}

/// A server with its copy of a stream.
struct Node {
    disk: FaultDisk,
    stream: FakeStream,
    writer: JournalWriter,
    tip: Tip,
}

impl Node {
    fn new(stream: &FakeStream, seed: u64) -> Self {
        let disk = FaultDisk::with_seed(seed);
        let store = store(&disk, stream);
        let end = Recovered::default();
        let log = store.open(&end).unwrap();
        let writer = JournalWriter::following(log, 0, &end, Positions::default());
        Self { disk, stream: stream.clone(), writer, tip: Tip::default() }
    }

    fn commit(&mut self, record: &Record) -> Result<(), AppendError> {
        let mut frame = FrameBuilder::default();
        frame.push(record, None);
        self.writer.commit(&mut frame, 1_000)
    }

    /// Takes everything that the stream has and this server has not.
    fn follow(&mut self) {
        self.tip = self.writer.tip();
        for message in self.stream.messages().into_iter().skip(self.tip.frame as usize) {
            let frame = CheckedFrame::after(&self.tip, 0, Bytes::from(message)).unwrap();
            self.writer.follow(&frame).unwrap();
            self.tip = frame.tip();
        }
    }

    fn take_over(&mut self, name: &str) -> Result<(), AppendError> {
        self.follow();
        self.writer.begin_epoch();
        self.commit(&owner(name))
    }
}

fn store(disk: &FaultDisk, stream: &FakeStream) -> StreamStore {
    let copy = FileStore::new(Arc::new(disk.clone()), 0, OPTIONS);
    StreamStore::new(Arc::new(copy), Arc::new(stream.clone()))
}

fn script(stream: &FakeStream, faults: &[StreamFault]) {
    let mut faults = faults.to_vec();
    faults.reverse();
    stream.set_faults(Box::new(move || faults.pop().unwrap_or_default()));
}

#[test]
fn a_frame_whose_answer_was_lost_is_stored_once() {
    for faults in [
        &[StreamFault::AnswerLost][..],
        &[StreamFault::MessageLost, StreamFault::MessageLost],
        &[StreamFault::StoredLater],
        &[StreamFault::AnswerLost, StreamFault::StaleLast, StreamFault::Hole],
        &[StreamFault::StaleLast, StreamFault::StaleLast],
    ] {
        let stream = FakeStream::default();
        let mut node = Node::new(&stream, 1);
        node.commit(&owner("a")).unwrap();
        script(&stream, faults);
        node.commit(&record(1)).unwrap();
        node.commit(&record(2)).unwrap();
        assert_eq!(stream.messages().len(), 3, "{faults:?}");
    }
}

#[test]
fn of_two_owners_the_earlier_is_refused_and_learns_who_is_the_later() {
    let stream = FakeStream::default();
    let (mut one, mut other) = (Node::new(&stream, 1), Node::new(&stream, 2));
    one.take_over("a").unwrap();
    one.commit(&record(1)).unwrap();
    other.take_over("b").unwrap();
    let refused = one.commit(&record(2)).unwrap_err();
    let AppendError::Fenced(fence) = refused else { panic!("{refused}") };
    assert_eq!(fence.epoch, 2);
    assert_eq!(&*fence.owner.unwrap().address, "b:4462");
    assert!(one.commit(&record(3)).is_err(), "nothing is tried again");
    other.commit(&record(2)).unwrap();
    assert_eq!(stream.messages().len(), 4);
}

#[test]
fn a_message_that_arrives_after_a_takeover_is_not_stored() {
    let stream = FakeStream::default();
    let (mut one, mut other) = (Node::new(&stream, 1), Node::new(&stream, 2));
    one.take_over("a").unwrap();
    script(&stream, &[StreamFault::StoredLater; 1_000]);
    assert!(matches!(one.commit(&record(1)), Err(AppendError::GaveUp)));
    script(&stream, &[]);
    other.take_over("b").unwrap();
    stream.settle();
    other.commit(&record(2)).unwrap();
    assert_eq!(stream.messages().len(), if other.writer.tip().frame == 4 { 4 } else { 3 });
    other.follow();
}

#[test]
fn a_stream_that_says_nothing_is_asked_for_a_while() {
    let stream = FakeStream::default();
    let mut node = Node::new(&stream, 1);
    script(&stream, &[StreamFault::MessageLost; 1_000]);
    let before = stream.now();
    assert!(matches!(node.commit(&record(1)), Err(AppendError::GaveUp)));
    let took = stream.now().saturating_sub(before);
    assert!(took >= LOG_PATIENCE && took < LOG_PATIENCE * 2, "{took:?}");
}

#[test]
fn a_copy_is_cut_at_its_first_damage_and_fetched_again() {
    let stream = FakeStream::default();
    let mut node = Node::new(&stream, 1);
    node.take_over("a").unwrap();
    for number in 1..=20 {
        node.commit(&record(number)).unwrap();
    }
    node.writer.sync().unwrap();
    let names: Vec<_> = node.disk.list().unwrap();
    assert!(names.len() > 3, "several segments: {names:?}");
    for name in &names {
        let size = node.disk.open(name).unwrap().size().unwrap();
        let mut at = 3;
        while at < size {
            let disk = FaultDisk::with_files(node.disk.files());
            let file = disk.open(name).unwrap();
            let mut byte = [0];
            file.read_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 4], at).unwrap();
            let kept = cut_at_damage(&disk, 0).unwrap();
            let copy = store(&disk, &stream);
            let end = copy.recover(Start::First, true, &mut |_, _, _| {}).unwrap();
            assert_eq!(end.frame, kept, "{name} at {at}");
            let log = copy.open(&end).unwrap();
            let writer = JournalWriter::following(log, 0, &end, Positions::default());
            let mut again = Node { disk, stream: stream.clone(), writer, tip: Tip::default() };
            again.follow();
            assert_eq!(again.tip.frame, 21, "{name} at {at}");
            at += 17;
        }
    }
}

#[test]
fn frames_out_of_place_are_faults() {
    let stream = FakeStream::default();
    let mut node = Node::new(&stream, 1);
    node.take_over("a").unwrap();
    node.commit(&record(1)).unwrap();
    node.commit(&record(2)).unwrap();
    let messages: Vec<_> = stream.messages().into_iter().map(Bytes::from).collect();
    let tip = Tip::default();
    let first = CheckedFrame::after(&tip, 0, messages[0].clone()).unwrap();
    assert!(CheckedFrame::after(&tip, 1, messages[0].clone()).is_err(), "of another shard");
    assert!(CheckedFrame::after(&tip, 0, messages[1].clone()).is_err(), "a hole at the start");
    assert!(CheckedFrame::after(&first.tip(), 0, messages[2].clone()).is_err(), "a hole");
    assert!(CheckedFrame::after(&first.tip(), 0, messages[0].clone()).is_err(), "twice");
    for at in 0..messages[1].len() {
        let mut bytes = messages[1].to_vec();
        bytes[at] ^= 1;
        let read = CheckedFrame::after(&first.tip(), 0, Bytes::from(bytes));
        assert!(read.is_err(), "byte {at}");
    }
}

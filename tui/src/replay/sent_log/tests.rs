//! What a replay may send again.

use super::*;
use crate::replay::reorder_buffer::Answer;

/// A log and the reorder buffer with the same lines, over one connection.
struct Sent {
    log: SentLog,
    buffer: ReorderBuffer,
    expected: u64,
}

impl Sent {
    fn new() -> Self {
        Self { log: SentLog::new(1), buffer: ReorderBuffer::default(), expected: 0 }
    }

    fn push(&mut self, file_line: u64, text: &[u8]) {
        let position = self.buffer.next_position();
        self.log.push(SentLines { position, file_line, lines: 1 }, text);
        self.buffer.register_tag(Some(file_line));
        self.buffer.push(Some(file_line), None, file_line, 0);
        self.expected += 1;
    }

    fn push_noreply(&mut self, file_line: u64, wire_bytes: usize) {
        let position = self.buffer.next_position();
        self.log.push_noreply(0, (position, file_line), self.expected, wire_bytes);
    }

    fn answer(&mut self, position: u64) {
        let answer = Answer { refused: None, reply: bytes::Bytes::new() };
        self.buffer.store_reply(position, answer, 0).unwrap();
        self.log.added = FORGET_INTERVAL;
        self.log.forget(&self.buffer);
    }
}

#[test]
fn lines_are_kept_until_they_and_all_before_them_are_answered() {
    let mut sent = Sent::new();
    sent.push(1, b"[1] PING\n");
    sent.push_noreply(2, 16);
    sent.push_noreply(3, 16);
    sent.push(4, b"[4] HELP\n");
    sent.push_noreply(5, 16);
    assert_eq!(sent.log.find(0, 1), Some((4, "[4] HELP".to_owned())));
    sent.answer(1);
    assert_eq!(sent.log.find(0, 0), Some((1, "[1] PING".to_owned())));
    assert_eq!(sent.log.find(0, 1), Some((4, "[4] HELP".to_owned())));
    sent.answer(0);
    assert_eq!((sent.log.find(0, 0), sent.log.find(0, 1)), (None, None));
    let (entries, text) = take(&mut sent.log, 0);
    assert_eq!((entries.len(), entries[0].file_lines, text.len()), (1, (5, 5), 0));
}

/// Removes the lines of a connection; returns their text apart.
fn take(log: &mut SentLog, connection: usize) -> (Vec<Entry>, Vec<u8>) {
    let entries: Vec<Entry> = log.take(connection).into();
    let text = entries.iter().flat_map(|entry| &entry.text).copied().collect();
    (entries, text)
}

/// The first user that this many connections send over one of them.
fn user_of(connection: usize, connections: usize) -> String {
    let mut names = (0..).map(|number| format!("user{number}"));
    let is_sent_there = |name: &String| {
        connection_of(format!("ADD,{name},1.00\n").as_bytes(), connections) == connection
    };
    names.find(is_sent_there).unwrap()
}

#[test]
fn the_lines_of_one_connection_are_removed_and_those_of_others_stay() {
    let mut log = SentLog::new(2);
    let users = [user_of(0, 2), user_of(1, 2)];
    let lines = [0, 1, 0, 0, 1].map(|of| format!("ADD,{},1.00\n", users[of]));
    log.push(SentLines { position: 0, file_line: 1, lines: 3 }, lines[..3].concat().as_bytes());
    log.push_noreply(0, (3, 4), 2, 16);
    log.push_noreply(1, (3, 5), 1, 16);
    log.push(SentLines { position: 3, file_line: 6, lines: 2 }, lines[3..].concat().as_bytes());
    let parts = |entries: &[Entry]| -> Vec<_> {
        entries.iter().map(|part| (part.file_lines.0, part.noreply)).collect()
    };
    let (entries, text) = take(&mut log, 0);
    assert_eq!(parts(&entries), [(1, false), (3, false), (4, true), (6, false)]);
    assert_eq!(text, [&lines[0][..], &lines[2], &lines[3]].concat().as_bytes());
    assert!(log.runs.is_empty(), "lines are divided once, however many connections end");
    // The last one is sent again, and then another one without a reply.
    let again = entries.into_iter().next_back().unwrap();
    log.push_again(0, again);
    log.push_noreply(0, (5, 8), 1, 16);
    assert_eq!(log.find(0, 3), Some((6, lines[3].trim().to_owned())));
    assert_eq!((log.find(0, 0), log.find(0, 2)), (None, None));
    assert_eq!(log.find(1, 1), Some((2, lines[1].trim().to_owned())));
    let (entries, text) = take(&mut log, 1);
    assert_eq!(parts(&entries), [(2, false), (5, true), (7, false)]);
    assert_eq!(text, [&lines[1][..], &lines[4]].concat().as_bytes());
    let (entries, text) = take(&mut log, 0);
    assert_eq!(parts(&entries), [(6, false), (8, true)]);
    assert_eq!(text, lines[3].as_bytes());
    assert!(log.text.is_empty() && log.apart.iter().all(VecDeque::is_empty));
}

#[test]
fn lines_of_a_connection_that_goes_on_are_found_and_forgotten_after_another_has_ended() {
    let mut sent = Sent { log: SentLog::new(2), ..Sent::new() };
    let [one, two] = [0, 1].map(|of| format!("ADD,{},1.00\n", user_of(of, 2)));
    sent.push(1, one.as_bytes());
    sent.push(2, two.as_bytes());
    sent.log.push_noreply(1, (2, 3), 1, 16);
    assert_eq!(take(&mut sent.log, 0).1, one.as_bytes());
    assert_eq!(sent.log.find(1, 1), Some((2, two.trim().to_owned())));
    sent.push(4, two.as_bytes());
    assert_eq!(sent.log.find(1, 2), Some((4, two.trim().to_owned())));
    sent.answer(1);
    assert_eq!((sent.log.find(1, 1), sent.log.apart[1].len()), (None, 1));
    sent.answer(2);
    assert!(sent.log.apart[1].is_empty(), "a later line is answered");
}

#[test]
fn the_reply_of_another_connection_says_nothing_of_a_line_without_one() {
    let mut sent = Sent { log: SentLog::new(2), ..Sent::new() };
    let [one, two] = [0, 1].map(|of| format!("ADD,{},1.00\n", user_of(of, 2)));
    sent.push_noreply(1, 16);
    sent.push(2, two.as_bytes());
    sent.push(3, one.as_bytes());
    sent.answer(0);
    assert_eq!(sent.log.noreply[0].entries.len(), 1);
    sent.answer(1);
    assert!(sent.log.noreply[0].entries.is_empty() && sent.log.runs.is_empty());
}

#[test]
fn lines_without_a_reply_are_one_entry_until_their_connection_sends_another() {
    let mut sent = Sent { log: SentLog::new(2), ..Sent::new() };
    let other = format!("ADD,{},1.00\n", user_of(1, 2));
    for line in 0..100 {
        sent.log.push_noreply(0, (line, 2 * line + 1), 0, 16);
        sent.push(2 * line + 2, other.as_bytes());
    }
    let (entries, _) = take(&mut sent.log, 0);
    assert_eq!((entries.len(), entries[0].file_lines, entries[0].lines), (1, (1, 199), 100));
}

#[test]
fn what_follows_the_answered_lines_is_kept() {
    let mut sent = Sent::new();
    sent.push(1, b"[1] PING\n");
    sent.push_noreply(2, 16);
    sent.push(3, b"[3] STATS\n");
    sent.push_noreply(4, 20);
    sent.push(5, b"[5] HELP\n");
    sent.answer(0);
    assert_eq!(sent.log.find(0, 0), None);
    assert_eq!(sent.log.find(0, 1), Some((3, "[3] STATS".to_owned())));
    assert_eq!(sent.log.find(0, 2), Some((5, "[5] HELP".to_owned())));
    let (entries, text) = take(&mut sent.log, 0);
    let parts: Vec<_> =
        entries.iter().map(|part| (part.file_lines.0, part.noreply, part.wire_bytes)).collect();
    assert_eq!(parts, [(2, true, 16), (3, false, 10), (4, true, 20), (5, false, 9)]);
    assert_eq!(text, b"[3] STATS\n[5] HELP\n");
}

#[test]
fn no_more_lines_are_joined_than_are_forgotten_together() {
    let mut sent = Sent::new();
    (1..=RUN_LINES_MAX + 1).for_each(|line| sent.push(line, b"PING\n"));
    assert_eq!(sent.log.runs.len(), 2);
    (0..RUN_LINES_MAX).for_each(|position| sent.answer(position));
    assert_eq!(sent.log.runs.len(), 1);
    assert_eq!(sent.log.find(0, RUN_LINES_MAX), Some((RUN_LINES_MAX + 1, "PING".to_owned())));
}

#[test]
fn lines_in_a_row_are_told_apart() {
    let mut log = SentLog::new(1);
    let text = b"[1] PING\n[2] STATS\n[3] HELP\n";
    log.push(SentLines { position: 7, file_line: 1, lines: 3 }, text);
    log.push(SentLines { position: 10, file_line: 4, lines: 1 }, b"[4] TIME\n");
    log.push(SentLines { position: 15, file_line: 9, lines: 1 }, b"[9] PING\n");
    assert_eq!(log.runs.len(), 2);
    let found = |position| log.find(0, position);
    assert_eq!(found(8), Some((2, "[2] STATS".to_owned())));
    assert_eq!(found(10), Some((4, "[4] TIME".to_owned())));
    assert_eq!(found(15), Some((9, "[9] PING".to_owned())));
    assert_eq!((found(6), found(11), found(16)), (None, None, None));
    let (entries, _) = take(&mut log, 0);
    let parts: Vec<_> =
        entries.iter().map(|part| (part.position, part.file_lines.0, part.wire_bytes)).collect();
    assert_eq!(parts, [(7, 1, 9), (8, 2, 10), (9, 3, 9), (10, 4, 9), (15, 9, 9)]);
}

#[test]
fn what_is_left_is_in_the_order_in_which_it_was_sent() {
    let mut sent = Sent::new();
    sent.push_noreply(1, 16);
    sent.push(2, b"[2] PING\n");
    sent.push(3, b"[3] STATS\n");
    sent.push_noreply(4, 16);
    sent.push_noreply(6, 20);
    sent.push(7, b"[7] HELP\n");
    sent.answer(0);
    let (entries, text) = take(&mut sent.log, 0);
    let parts: Vec<_> =
        entries.iter().map(|part| (part.file_lines, part.lines, part.wire_bytes)).collect();
    let lines = [((1, 1), 1, 16), ((2, 2), 1, 9), ((3, 3), 1, 10), ((4, 6), 2, 36)];
    assert_eq!(parts, [lines.as_slice(), &[((7, 7), 1, 9)]].concat());
    assert_eq!(text, b"[2] PING\n[3] STATS\n[7] HELP\n");
}

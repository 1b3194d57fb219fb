//! The lines that are sent and may have to be sent again: what a server of a cluster has not carried
//! out is sent to the one that has the accounts now.
//!
//! It owns the text of these lines, of all connections in the order in which they were sent. It must
//! never decide what became of a line, or send one.

use super::line::classify_line;
use super::reorder_buffer::{Fate, ReorderBuffer};
use std::collections::VecDeque;
use std::ops::Range;

/// A part of what a connection has sent: a line that waits for its reply, or several in a row that
/// want none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Position of the line, or of the next one that has a reply.
    pub position: u64,
    /// True for lines that want no reply. Their text is not kept, and there may be many.
    pub noreply: bool,
    /// Number of the first line in the file, and of the last.
    pub file_lines: (u64, u64),
    /// Number of lines.
    pub lines: u64,
    /// Bytes on the connection.
    pub wire_bytes: usize,
    /// Where its text begins, among all text so far.
    text_at: u64,
}

/// Lines in a row that have replies, with consecutive positions and numbers in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentLines {
    /// Position of the first line.
    pub position: u64,
    /// Its number in the file.
    pub file_line: u64,
    pub lines: u64,
}

impl SentLines {
    /// Returns the position after the last line.
    const fn end(&self) -> u64 {
        self.position + self.lines
    }
}

/// Such lines, and where their text is, among all text so far.
#[derive(Debug)]
struct Run {
    lines: SentLines,
    text: Range<u64>,
}

impl Run {
    /// Adds other lines if they follow these and are few together. Returns true if they are added.
    const fn join(&mut self, next: &Self) -> bool {
        let (lines, other) = (&mut self.lines, &next.lines);
        let follows = other.position == lines.end()
            && other.file_line == lines.file_line + lines.lines
            && next.text.start == self.text.end;
        let joins = follows && lines.lines + other.lines <= RUN_LINES_MAX;
        if joins {
            lines.lines += other.lines;
            self.text.end = next.text.end;
        }
        joins
    }
}

/// Lines of one connection that want no reply, oldest first.
#[derive(Debug, Default)]
struct WithoutReply {
    entries: VecDeque<Entry>,
    /// Lines with a reply that the connection had sent before the last entry.
    after: u64,
}

/// The lines of all connections.
#[derive(Debug)]
pub(super) struct SentLog {
    /// Lines that have replies, in the order in which they were sent.
    runs: VecDeque<Run>,
    /// Lines that want no reply, for each connection.
    noreply: Vec<WithoutReply>,
    /// The text of the lines that have a reply, as it is sent.
    text: VecDeque<u8>,
    /// Bytes of text that are forgotten.
    forgotten: u64,
    /// Lines added since [`SentLog::forget`] last did something.
    added: u64,
}

/// Lines added between two calls of [`SentLog::forget`] that do something: many at once cost less.
const FORGET_INTERVAL: u64 = 256;
/// Most lines in a row that are forgotten together. A line is found by counting those before it.
pub(super) const RUN_LINES_MAX: u64 = 256;

impl SentLog {
    /// Creates the log of this number of connections.
    pub(super) fn new(connections: usize) -> Self {
        Self {
            runs: VecDeque::new(),
            noreply: (0..connections).map(|_| WithoutReply::default()).collect(),
            text: VecDeque::new(),
            forgotten: 0,
            added: 0,
        }
    }

    /// Adds lines that have replies, at most [`RUN_LINES_MAX`], with their text. Each may be of
    /// another connection.
    pub(super) fn push(&mut self, lines: SentLines, with_lf: &[u8]) {
        let text_at = self.text_end();
        self.text.extend(with_lf);
        self.added += lines.lines;
        let text = text_at..self.text_end();
        join(&mut self.runs, Run { lines, text });
    }

    /// Adds a line that wants no reply, before the line at this position. Before it, its connection
    /// has sent `after` lines with a reply.
    pub(super) fn push_noreply(
        &mut self,
        connection: usize,
        (position, file_line): (u64, u64),
        after: u64,
        wire_bytes: usize,
    ) {
        let text_at = self.text_end();
        let Some(noreply) = self.noreply.get_mut(connection) else { return };
        let is_next = noreply.after == after;
        noreply.after = after;
        if let Some(last) = noreply.entries.back_mut().filter(|_| is_next) {
            last.position = position;
            last.file_lines.1 = file_line;
            last.lines += 1;
            last.wire_bytes += wire_bytes;
            return;
        }
        let file_lines = (file_line, file_line);
        let entry = Entry { position, noreply: true, file_lines, lines: 1, wire_bytes, text_at };
        noreply.entries.push_back(entry);
    }

    fn text_end(&self) -> u64 {
        self.forgotten + self.text.len() as u64
    }

    /// Forgets the oldest lines as long as they are answered, now and then. Lines without a reply
    /// are forgotten with the next ones of their connection that are.
    pub(super) fn forget(&mut self, buffer: &ReorderBuffer) {
        if self.added < FORGET_INTERVAL {
            return;
        }
        self.added = 0;
        let is_answered = |run: &&Run| {
            (run.lines.position.max(buffer.first_position())..run.lines.end())
                .all(|position| buffer.fate(position) == Fate::Answered)
        };
        let answered = self.runs.iter().take_while(is_answered).count();
        if self.noreply.iter().any(|noreply| !noreply.entries.is_empty()) {
            let connections = self.noreply.len();
            for (line, text) in lines_of(&self.runs, answered, self.forgotten, &mut self.text) {
                if let Some(noreply) = self.noreply.get_mut(connection_of(text, connections)) {
                    let is_before = |entry: &mut Entry| entry.text_at <= line.text_at;
                    while noreply.entries.pop_front_if(is_before).is_some() {}
                }
            }
        }
        self.runs.drain(..answered);
        let kept_from = self.runs.front().map_or_else(|| self.text_end(), |run| run.text.start);
        self.text.drain(..(kept_from - self.forgotten) as usize);
        self.forgotten = kept_from;
    }

    /// Returns the line at a position: its number in the file and its text.
    pub(super) fn find(&self, position: u64) -> Option<(u64, String)> {
        let run = self
            .runs
            .iter()
            .find(|run| (run.lines.position..run.lines.end()).contains(&position))?;
        let before = position - run.lines.position;
        let mut text = self.text.range((run.text.start - self.forgotten) as usize..).copied();
        for _ in 0..before {
            text.by_ref().find(|byte| *byte == b'\n');
        }
        let line: Vec<u8> = text.take_while(|byte| *byte != b'\n').collect();
        Some((run.lines.file_line + before, text_of(&line)))
    }

    /// Removes all lines of a connection. Returns them in the order in which they were sent, and
    /// the text of those that have a reply, one after the other.
    pub(super) fn take(&mut self, connection: usize) -> (Vec<Entry>, Vec<u8>) {
        let (mut entries, mut taken, mut kept) = (Vec::new(), Vec::new(), VecDeque::new());
        let connections = self.noreply.len();
        for (line, text) in lines_of(&self.runs, self.runs.len(), self.forgotten, &mut self.text) {
            if connection_of(text, connections) == connection {
                entries.push(line);
                taken.extend_from_slice(text);
            } else {
                let (position, file_line) = (line.position, line.file_lines.0);
                let text = line.text_at..line.text_at + text.len() as u64;
                join(&mut kept, Run { lines: SentLines { position, file_line, lines: 1 }, text });
            }
        }
        // The text of what is removed is forgotten with that of the lines before it.
        self.runs = kept;
        let noreply = self.noreply.get_mut(connection).map(std::mem::take).unwrap_or_default();
        entries.extend(noreply.entries);
        // Lines without a reply were sent before the one whose text begins there.
        entries.sort_by_key(|entry| (entry.text_at, !entry.noreply));
        (entries, taken)
    }
}

/// Appends lines, to the last ones if they follow them.
fn join(runs: &mut VecDeque<Run>, next: Run) {
    // A line without a reply between them has a number in the file, so that these do not join.
    if !runs.back_mut().is_some_and(|last| last.join(&next)) {
        runs.push_back(next);
    }
}

/// Returns each line of the first runs with its text. The first byte of `text` is the one after
/// those that are forgotten.
fn lines_of<'a>(
    runs: &'a VecDeque<Run>,
    first: usize,
    forgotten: u64,
    text: &'a mut VecDeque<u8>,
) -> impl Iterator<Item = (Entry, &'a [u8])> {
    let text = &*text.make_contiguous();
    runs.iter().take(first).flat_map(move |run| {
        let range = (run.text.start - forgotten) as usize..(run.text.end - forgotten) as usize;
        let mut text_end = run.text.start;
        let lines = text.get(range).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
        lines.zip(0..run.lines.lines).map(move |(text, line)| {
            let text_at = text_end;
            text_end += text.len() as u64;
            let (position, file_line) = (run.lines.position + line, run.lines.file_line + line);
            let (file_lines, wire_bytes) = ((file_line, file_line), text.len());
            (Entry { position, noreply: false, file_lines, lines: 1, wire_bytes, text_at }, text)
        })
    })
}

/// Returns the connection that has sent a line.
fn connection_of(with_lf: &[u8], connections: usize) -> usize {
    let line = with_lf.strip_suffix(b"\n").unwrap_or(with_lf);
    classify_line(line, connections).map_or(0, |line| line.connection)
}

/// Returns a line as it is shown.
pub(super) fn text_of(with_lf: &[u8]) -> String {
    crate::net::clean(String::from_utf8_lossy(with_lf).trim())
}

#[cfg(test)]
mod tests {
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
        assert_eq!(sent.log.find(1), Some((4, "[4] HELP".to_owned())));
        sent.answer(1);
        assert_eq!(sent.log.find(0), Some((1, "[1] PING".to_owned())));
        assert_eq!(sent.log.find(1), Some((4, "[4] HELP".to_owned())));
        sent.answer(0);
        assert_eq!((sent.log.find(0), sent.log.find(1)), (None, None));
        let (entries, text) = sent.log.take(0);
        assert_eq!((entries.len(), entries[0].file_lines, text.len()), (1, (5, 5), 0));
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
        let (entries, text) = log.take(0);
        assert_eq!(parts(&entries), [(1, false), (3, false), (4, true), (6, false)]);
        assert_eq!(text, [&lines[0][..], &lines[2], &lines[3]].concat().as_bytes());
        // What is sent again is found where it is now.
        log.push(SentLines { position: 3, file_line: 6, lines: 1 }, lines[3].as_bytes());
        assert_eq!(log.find(3), Some((6, lines[3].trim().to_owned())));
        assert_eq!((log.find(0), log.find(2)), (None, None));
        assert_eq!(log.find(1), Some((2, lines[1].trim().to_owned())));
        let (entries, text) = log.take(1);
        assert_eq!(parts(&entries), [(2, false), (5, true), (7, false)]);
        assert_eq!(text, [&lines[1][..], &lines[4]].concat().as_bytes());
        let (entries, text) = log.take(0);
        assert_eq!((parts(&entries), text), (vec![(6, false)], lines[3].as_bytes().to_vec()));
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
        let (entries, _) = sent.log.take(0);
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
        assert_eq!(sent.log.find(0), None);
        assert_eq!(sent.log.find(1), Some((3, "[3] STATS".to_owned())));
        assert_eq!(sent.log.find(2), Some((5, "[5] HELP".to_owned())));
        let (entries, text) = sent.log.take(0);
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
        assert_eq!(sent.log.find(RUN_LINES_MAX), Some((RUN_LINES_MAX + 1, "PING".to_owned())));
    }

    #[test]
    fn lines_in_a_row_are_told_apart() {
        let mut log = SentLog::new(1);
        let text = b"[1] PING\n[2] STATS\n[3] HELP\n";
        log.push(SentLines { position: 7, file_line: 1, lines: 3 }, text);
        log.push(SentLines { position: 10, file_line: 4, lines: 1 }, b"[4] TIME\n");
        log.push(SentLines { position: 15, file_line: 9, lines: 1 }, b"[9] PING\n");
        assert_eq!(log.runs.len(), 2);
        let found = |position| log.find(position);
        assert_eq!(found(8), Some((2, "[2] STATS".to_owned())));
        assert_eq!(found(10), Some((4, "[4] TIME".to_owned())));
        assert_eq!(found(15), Some((9, "[9] PING".to_owned())));
        assert_eq!((found(6), found(11), found(16)), (None, None, None));
        let (entries, _) = log.take(0);
        let parts: Vec<_> = entries
            .iter()
            .map(|part| (part.position, part.file_lines.0, part.wire_bytes))
            .collect();
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
        let (entries, text) = sent.log.take(0);
        let parts: Vec<_> =
            entries.iter().map(|part| (part.file_lines, part.lines, part.wire_bytes)).collect();
        let lines = [((1, 1), 1, 16), ((2, 2), 1, 9), ((3, 3), 1, 10), ((4, 6), 2, 36)];
        assert_eq!(parts, [lines.as_slice(), &[((7, 7), 1, 9)]].concat());
        assert_eq!(text, b"[2] PING\n[3] STATS\n[7] HELP\n");
    }
}

//! The lines that one connection has sent and that may have to be sent again: what a server of a
//! cluster has not carried out is sent to the one that has the accounts now.
//!
//! It owns the text of these lines. It must never decide what became of a line, or send one.

use super::reorder_buffer::{Fate, ReorderBuffer};
use std::collections::VecDeque;

/// A part of what was sent: a line that waits for its reply, or several in a row that want none.
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

    /// Adds other lines if they follow these and are few together. Returns true if they are added.
    const fn join(&mut self, next: &Self) -> bool {
        let follows = next.position == self.end() && next.file_line == self.file_line + self.lines;
        let joins = follows && self.lines + next.lines <= RUN_LINES_MAX;
        if joins {
            self.lines += next.lines;
        }
        joins
    }
}

/// The lines of one connection.
#[derive(Debug, Default)]
pub(super) struct SentLog {
    /// Lines that have replies, each with the place at which their text begins, among all text so
    /// far.
    runs: VecDeque<(SentLines, u64)>,
    /// Lines that want no reply, with the place in the text at which they were sent.
    noreply: VecDeque<Entry>,
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
    /// Adds lines that have replies, at most [`RUN_LINES_MAX`], with their text.
    pub(super) fn push(&mut self, lines: SentLines, with_lf: &[u8]) {
        let text_at = self.text_end();
        self.text.extend(with_lf);
        self.added += lines.lines;
        // A line without a reply between them has a number in the file, so that these do not join.
        let joins = self.runs.back_mut().is_some_and(|(last, _)| last.join(&lines));
        if !joins {
            self.runs.push_back((lines, text_at));
        }
    }

    /// Adds a line that wants no reply, before the line at this position.
    pub(super) fn push_noreply(&mut self, position: u64, file_line: u64, wire_bytes: usize) {
        let text_at = self.text_end();
        if let Some(last) = self.noreply.back_mut().filter(|last| last.text_at == text_at) {
            last.position = position;
            last.file_lines.1 = file_line;
            last.lines += 1;
            last.wire_bytes += wire_bytes;
            return;
        }
        let file_lines = (file_line, file_line);
        let entry = Entry { position, noreply: true, file_lines, lines: 1, wire_bytes, text_at };
        self.noreply.push_back(entry);
    }

    fn text_end(&self) -> u64 {
        self.forgotten + self.text.len() as u64
    }

    /// Forgets the oldest lines as long as they are answered, now and then. Lines without a reply
    /// are forgotten with the next ones that are.
    pub(super) fn forget(&mut self, buffer: &ReorderBuffer) {
        if self.added < FORGET_INTERVAL {
            return;
        }
        self.added = 0;
        let is_answered = |(lines, _): &(SentLines, u64)| {
            (lines.position.max(buffer.first_position())..lines.end())
                .all(|position| buffer.fate(position) == Fate::Answered)
        };
        let answered = self.runs.iter().take_while(|run| is_answered(run)).count();
        let Some((_, last_at)) = self.runs.drain(..answered).next_back() else { return };
        let kept_from = self.runs.front().map_or_else(|| self.text_end(), |(_, at)| *at);
        self.text.drain(..(kept_from - self.forgotten) as usize);
        self.forgotten = kept_from;
        while self.noreply.pop_front_if(|entry| entry.text_at <= last_at).is_some() {}
    }

    /// Returns the line at a position: its number in the file and its text.
    pub(super) fn find(&self, position: u64) -> Option<(u64, String)> {
        let after = self.runs.partition_point(|(lines, _)| lines.position <= position);
        let (lines, text_at) = self.runs.get(after.checked_sub(1)?)?;
        let before = Some(position - lines.position).filter(|before| *before < lines.lines)?;
        let mut text = self.text.range((text_at - self.forgotten) as usize..).copied();
        for _ in 0..before {
            text.by_ref().find(|byte| *byte == b'\n');
        }
        let line: Vec<u8> = text.take_while(|byte| *byte != b'\n').collect();
        Some((lines.file_line + before, text_of(&line)))
    }

    /// Removes all lines. Returns them, and their text one after the other.
    pub(super) fn take(&mut self) -> (Vec<Entry>, Vec<u8>) {
        let mut log = std::mem::take(self);
        let text = log.text.make_contiguous();
        let lines = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len);
        let runs = log.runs.iter().flat_map(|(run, _)| {
            (0..run.lines).map(|line| (run.position + line, run.file_line + line))
        });
        let mut text_end = log.forgotten;
        let with_reply = runs.zip(lines).map(|((position, file_line), wire_bytes)| {
            let text_at = text_end;
            text_end += wire_bytes as u64;
            let file_lines = (file_line, file_line);
            Entry { position, noreply: false, file_lines, lines: 1, wire_bytes, text_at }
        });
        let mut entries: Vec<Entry> = with_reply.chain(log.noreply.iter().copied()).collect();
        // Lines without a reply were sent before the one whose text begins there.
        entries.sort_by_key(|entry| (entry.text_at, !entry.noreply));
        (entries, log.text.into())
    }
}

/// Returns a line as it is shown.
pub(super) fn text_of(with_lf: &[u8]) -> String {
    crate::net::clean(String::from_utf8_lossy(with_lf).trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::reorder_buffer::Answer;

    /// A log and the reorder buffer with the same lines.
    #[derive(Default)]
    struct Sent {
        log: SentLog,
        buffer: ReorderBuffer,
    }

    impl Sent {
        fn push(&mut self, file_line: u64, text: &[u8]) {
            let position = self.buffer.next_position();
            self.log.push(SentLines { position, file_line, lines: 1 }, text);
            self.buffer.register_tag(Some(file_line));
            self.buffer.push(Some(file_line), None, file_line, 0);
        }

        fn push_noreply(&mut self, file_line: u64, wire_bytes: usize) {
            self.log.push_noreply(self.buffer.next_position(), file_line, wire_bytes);
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
        let mut sent = Sent::default();
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
        let (entries, text) = sent.log.take();
        assert_eq!((entries.len(), entries[0].file_lines, text.len()), (1, (5, 5), 0));
    }

    #[test]
    fn a_line_is_forgotten_although_one_of_another_connection_waits() {
        let (mut sent, mut other) = (Sent::default(), SentLog::default());
        sent.push(1, b"[1] PING\n");
        other.push(SentLines { position: 1, file_line: 2, lines: 1 }, b"[2] HELP\n");
        sent.buffer.register_tag(Some(2));
        sent.buffer.push(Some(2), None, 2, 0);
        sent.answer(1);
        other.added = FORGET_INTERVAL;
        other.forget(&sent.buffer);
        assert!(sent.log.find(0).is_some() && other.find(1).is_none());
    }

    #[test]
    fn what_follows_the_answered_lines_is_kept() {
        let mut sent = Sent::default();
        sent.push(1, b"[1] PING\n");
        sent.push_noreply(2, 16);
        sent.push(3, b"[3] STATS\n");
        sent.push_noreply(4, 20);
        sent.push(5, b"[5] HELP\n");
        sent.answer(0);
        assert_eq!(sent.log.find(0), None);
        assert_eq!(sent.log.find(1), Some((3, "[3] STATS".to_owned())));
        assert_eq!(sent.log.find(2), Some((5, "[5] HELP".to_owned())));
        let (entries, text) = sent.log.take();
        let parts: Vec<_> =
            entries.iter().map(|part| (part.file_lines.0, part.noreply, part.wire_bytes)).collect();
        assert_eq!(parts, [(2, true, 16), (3, false, 10), (4, true, 20), (5, false, 9)]);
        assert_eq!(text, b"[3] STATS\n[5] HELP\n");
    }

    #[test]
    fn no_more_lines_are_joined_than_are_forgotten_together() {
        let mut sent = Sent::default();
        (1..=RUN_LINES_MAX + 1).for_each(|line| sent.push(line, b"PING\n"));
        assert_eq!(sent.log.runs.len(), 2);
        (0..RUN_LINES_MAX).for_each(|position| sent.answer(position));
        assert_eq!(sent.log.runs.len(), 1);
        assert_eq!(sent.log.find(RUN_LINES_MAX), Some((RUN_LINES_MAX + 1, "PING".to_owned())));
    }

    #[test]
    fn lines_in_a_row_are_told_apart() {
        let mut log = SentLog::default();
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
        let (entries, _) = log.take();
        let parts: Vec<_> = entries
            .iter()
            .map(|part| (part.position, part.file_lines.0, part.wire_bytes))
            .collect();
        assert_eq!(parts, [(7, 1, 9), (8, 2, 10), (9, 3, 9), (10, 4, 9), (15, 9, 9)]);
    }

    #[test]
    fn what_is_left_is_in_the_order_in_which_it_was_sent() {
        let mut sent = Sent::default();
        sent.push_noreply(1, 16);
        sent.push(2, b"[2] PING\n");
        sent.push(3, b"[3] STATS\n");
        sent.push_noreply(4, 16);
        sent.push_noreply(6, 20);
        sent.push(7, b"[7] HELP\n");
        sent.answer(0);
        let (entries, text) = sent.log.take();
        let parts: Vec<_> =
            entries.iter().map(|part| (part.file_lines, part.lines, part.wire_bytes)).collect();
        let lines = [((1, 1), 1, 16), ((2, 2), 1, 9), ((3, 3), 1, 10), ((4, 6), 2, 36)];
        assert_eq!(parts, [lines.as_slice(), &[((7, 7), 1, 9)]].concat());
        assert_eq!(text, b"[2] PING\n[3] STATS\n[7] HELP\n");
    }
}

//! The lines that one connection has sent and that may have to be sent again: what a server of a
//! cluster has not carried out is sent to the one that has the accounts now.
//!
//! It owns the text of these lines. It must never decide what became of a line, or send one.

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

/// A line that waits for its reply. There are tens of thousands of them at a time, so it is short.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    position: u64,
    file_line: u64,
    text_at: u64,
}

/// The lines of one connection.
#[derive(Debug, Default)]
pub(super) struct SentLog {
    lines: VecDeque<Awaited>,
    /// Lines that want no reply, with the place in the text at which they were sent.
    noreply: VecDeque<Entry>,
    /// The text of the lines that have a reply, as it is sent.
    text: VecDeque<u8>,
    /// Bytes of text that are forgotten.
    forgotten: u64,
    /// Calls of [`SentLog::forget`] since it last did something.
    skipped: usize,
}

/// Calls of [`SentLog::forget`] between two that do something. So many answered lines are kept.
const CALLS_SKIPPED: usize = 256;

impl SentLog {
    /// Adds a line that has a reply.
    pub(super) fn push(&mut self, position: u64, file_line: u64, with_lf: &[u8]) {
        let text_at = self.text_end();
        self.text.extend(with_lf);
        self.lines.push_back(Awaited { position, file_line, text_at });
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

    /// Forgets the oldest lines as long as they are answered, now and then: many at once cost less.
    /// Lines without a reply are forgotten with the next one that is answered.
    pub(super) fn forget(&mut self, is_answered: impl Fn(u64) -> bool) {
        self.skipped += 1;
        if self.skipped < CALLS_SKIPPED {
            return;
        }
        self.skipped = 0;
        let answered = self.lines.iter().take_while(|line| is_answered(line.position)).count();
        let Some(last) = answered.checked_sub(1).and_then(|last| self.lines.get(last)).copied()
        else {
            return;
        };
        let kept_from = self.end_of(answered - 1);
        self.lines.drain(..answered);
        self.text.drain(..(kept_from - self.forgotten) as usize);
        self.forgotten = kept_from;
        while self.noreply.pop_front_if(|entry| entry.text_at <= last.text_at).is_some() {}
    }

    /// Returns where the text of a line ends.
    fn end_of(&self, line: usize) -> u64 {
        self.lines.get(line + 1).map_or_else(|| self.text_end(), |next| next.text_at)
    }

    /// Returns the line at a position: its number in the file and its text.
    pub(super) fn find(&self, position: u64) -> Option<(u64, String)> {
        let at = self.lines.partition_point(|line| line.position < position);
        let line = self.lines.get(at).filter(|line| line.position == position)?;
        let [begin, end] =
            [line.text_at, self.end_of(at)].map(|place| (place - self.forgotten) as usize);
        let text: Vec<u8> = self.text.range(begin..end).copied().collect();
        Some((line.file_line, text_of(&text)))
    }

    /// Removes all lines. Returns them, and their text one after the other.
    pub(super) fn take(&mut self) -> (Vec<Entry>, Vec<u8>) {
        let log = std::mem::take(self);
        let with_reply = log.lines.iter().enumerate().map(|(at, line)| Entry {
            position: line.position,
            noreply: false,
            file_lines: (line.file_line, line.file_line),
            lines: 1,
            wire_bytes: (log.end_of(at) - line.text_at) as usize,
            text_at: line.text_at,
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

    #[test]
    fn lines_are_kept_until_they_and_all_before_them_are_answered() {
        let mut log = SentLog::default();
        log.push(0, 1, b"[1] PING\n");
        log.push_noreply(1, 2, 16);
        log.push_noreply(1, 3, 16);
        log.push(1, 4, b"[4] HELP\n");
        log.push_noreply(2, 5, 16);
        assert_eq!(log.find(1), Some((4, "[4] HELP".to_owned())));
        let forget = |log: &mut SentLog, is_answered: fn(u64) -> bool| {
            (0..CALLS_SKIPPED).for_each(|_| log.forget(is_answered));
        };
        forget(&mut log, |position| position == 1);
        assert_eq!(log.find(0), Some((1, "[1] PING".to_owned())));
        forget(&mut log, |position| position == 0);
        assert_eq!(log.find(1), Some((4, "[4] HELP".to_owned())));
        forget(&mut log, |_| true);
        assert_eq!(log.find(1), None);
        let (entries, text) = log.take();
        assert_eq!((entries.len(), entries[0].file_lines, text.len()), (1, (5, 5), 0));
    }

    #[test]
    fn what_is_left_is_in_the_order_in_which_it_was_sent() {
        let mut log = SentLog::default();
        log.push_noreply(0, 1, 16);
        log.push(0, 2, b"[2] PING\n");
        log.push(1, 3, b"[3] STATS\n");
        log.push_noreply(2, 4, 16);
        log.push_noreply(2, 6, 20);
        log.push(2, 7, b"[7] HELP\n");
        (0..CALLS_SKIPPED).for_each(|_| log.forget(|position| position == 0));
        let (entries, text) = log.take();
        let parts: Vec<_> =
            entries.iter().map(|part| (part.file_lines, part.lines, part.wire_bytes)).collect();
        assert_eq!(parts, [((3, 3), 1, 10), ((4, 6), 2, 36), ((7, 7), 1, 9)]);
        assert_eq!(text, b"[3] STATS\n[7] HELP\n");
    }
}

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

/// The lines of one connection.
#[derive(Debug, Default)]
pub(super) struct SentLog {
    entries: VecDeque<Entry>,
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
        let (file_lines, wire_bytes) = ((file_line, file_line), with_lf.len());
        let entry = Entry { position, noreply: false, file_lines, lines: 1, wire_bytes, text_at };
        self.entries.push_back(entry);
    }

    /// Adds a line that wants no reply, before the line at this position.
    pub(super) fn push_noreply(&mut self, position: u64, file_line: u64, wire_bytes: usize) {
        if let Some(last) = self.entries.back_mut().filter(|last| last.noreply) {
            last.position = position;
            last.file_lines.1 = file_line;
            last.lines += 1;
            last.wire_bytes += wire_bytes;
            return;
        }
        let (file_lines, text_at) = ((file_line, file_line), self.text_end());
        let entry = Entry { position, noreply: true, file_lines, lines: 1, wire_bytes, text_at };
        self.entries.push_back(entry);
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
        let (mut done, mut bytes) = (0, 0);
        for (at, entry) in self.entries.iter().enumerate().filter(|(_, entry)| !entry.noreply) {
            if !is_answered(entry.position) {
                break;
            }
            done = at + 1;
            bytes += entry.wire_bytes;
        }
        self.entries.drain(..done);
        self.text.drain(..bytes);
        self.forgotten += bytes as u64;
    }

    /// Returns the line at a position: its number in the file and its text.
    pub(super) fn find(&self, position: u64) -> Option<(u64, String)> {
        let at = self.entries.partition_point(|entry| entry.position < position);
        let mut entries = self.entries.range(at..).filter(|entry| !entry.noreply);
        let entry = entries.next().filter(|entry| entry.position == position)?;
        let begin = (entry.text_at - self.forgotten) as usize;
        let text = self.text.range(begin..begin + entry.wire_bytes);
        let text: Vec<u8> = text.copied().collect();
        Some((entry.file_lines.0, text_of(&text)))
    }

    /// Removes all lines. Returns them, and their text one after the other.
    pub(super) fn take(&mut self) -> (Vec<Entry>, Vec<u8>) {
        let Self { entries, text, .. } = std::mem::take(self);
        (entries.into(), text.into())
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
}

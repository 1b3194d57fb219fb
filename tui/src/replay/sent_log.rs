//! The lines that are sent and may have to be sent again: what a server of a cluster has not
//! carried out is sent to the one that has the accounts now.
//!
//! It owns the text of these lines, of all connections in the order in which they were sent. It
//! must never decide what became of a line, or send one.

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
mod tests;

//! The lines that are sent and may have to be sent again: what a server of a cluster has not
//! carried out is sent to the one that has the accounts now.
//!
//! It owns the text of these lines, of all connections in the order in which they were sent. It
//! must never decide what became of a line, or send one.

use super::line::classify_line;
use super::reorder_buffer::{Fate, ReorderBuffer};
use std::collections::VecDeque;
use std::ops::Range;

/// A part of what a connection has sent: a line that expects a reply, or several in a row that want
/// none.
#[derive(Debug)]
pub(super) struct Entry {
    /// Position of the line; of lines that want no reply, the position of the next one after them.
    pub position: u64,
    /// True for lines that want no reply. There may be many.
    pub noreply: bool,
    /// Number of the first line in the file, and of the last.
    pub file_lines: (u64, u64),
    /// Number of lines.
    pub lines: u64,
    /// Bytes on the connection.
    pub wire_bytes: usize,
    /// The line as it is sent. Empty for lines that want no reply.
    pub text: Vec<u8>,
}

/// Consecutive lines that expect replies: their positions and numbers in the file are consecutive,
/// too.
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
    /// Adds the lines of another run if it continues this one and both are few lines. Returns true
    /// if they are added.
    const fn join(&mut self, next: &Self) -> bool {
        let (lines, other) = (&mut self.lines, &next.lines);
        let follows =
            other.position == lines.end() && other.file_line == lines.file_line + lines.lines;
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
    /// Each with the place in the text at which it was sent.
    entries: VecDeque<(u64, Entry)>,
    /// Number of lines that expect a reply and were sent before the last entry.
    after: u64,
}

/// The lines of all connections. Their number is bounded by that of the reorder buffer: a line is
/// kept until it and all before it are answered.
#[derive(Debug)]
pub(super) struct SentLog {
    /// Lines that expect a reply, in the order of their positions.
    runs: VecDeque<Run>,
    /// Lines that want no reply, for each connection.
    noreply: Vec<WithoutReply>,
    /// The text of the runs.
    text: VecDeque<u8>,
    /// Bytes of text that are forgotten.
    forgotten: u64,
    /// Lines added since [`SentLog::forget`] last did something.
    added: u64,
    /// Older lines of each connection, in the order in which it sent them. They are there only
    /// after a connection has ended.
    apart: Vec<VecDeque<Entry>>,
}

/// Lines added between two calls of [`SentLog::forget`] that do something: many at once cost less.
const FORGET_INTERVAL: u64 = 256;
/// Most lines that are sent and forgotten together. A line is found by counting those before it.
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
            apart: (0..connections).map(|_| VecDeque::new()).collect(),
        }
    }

    /// Adds lines that expect replies, at most [`RUN_LINES_MAX`], with their text. They may belong
    /// to different connections.
    pub(super) fn push(&mut self, lines: SentLines, with_lf: &[u8]) {
        let text_at = self.text_end();
        self.text.extend(with_lf);
        self.added += lines.lines;
        let next = Run { lines, text: text_at..self.text_end() };
        // A skipped line, or one that wants no reply, leaves a gap in the numbers of the file.
        if !self.runs.back_mut().is_some_and(|last| last.join(&next)) {
            self.runs.push_back(next);
        }
    }

    /// Adds a line that wants no reply, before the line at this position. Before it, its connection
    /// has sent `after` lines that expect one.
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
        if let Some((_, last)) = noreply.entries.back_mut().filter(|_| is_next) {
            last.position = position;
            last.file_lines.1 = file_line;
            last.lines += 1;
            last.wire_bytes += wire_bytes;
            return;
        }
        let (file_lines, text) = ((file_line, file_line), Vec::new());
        let entry = Entry { position, noreply: true, file_lines, lines: 1, wire_bytes, text };
        noreply.entries.push_back((text_at, entry));
    }

    /// Adds a line of [`SentLog::take`] that its connection sends again, before any other.
    pub(super) fn push_again(&mut self, connection: usize, line: Entry) {
        if let Some(apart) = self.apart.get_mut(connection) {
            apart.push_back(line);
        }
    }

    fn text_end(&self) -> u64 {
        self.forgotten + self.text.len() as u64
    }

    /// Forgets the oldest lines as long as they are answered, now and then. Lines that want no
    /// reply are forgotten with the next ones of their connection that are answered.
    pub(super) fn forget(&mut self, buffer: &ReorderBuffer) {
        if self.added < FORGET_INTERVAL {
            return;
        }
        self.added = 0;
        let is_answered = |position: u64| buffer.fate(position) == Fate::Answered;
        for apart in self.apart.iter_mut().filter(|apart| !apart.is_empty()) {
            let answered = |entry: &&Entry| entry.noreply || is_answered(entry.position);
            let first = apart.iter().take_while(answered).count();
            let last = apart.iter().take(first).rposition(|entry| !entry.noreply);
            apart.drain(..last.map_or(0, |last| last + 1));
        }
        let all_answered = |run: &&Run| {
            (run.lines.position.max(buffer.first_position())..run.lines.end()).all(is_answered)
        };
        let answered = self.runs.iter().take_while(all_answered).count();
        if answered > 0 && self.has_noreply() {
            self.forget_noreply(answered);
        }
        self.runs.drain(..answered);
        let kept_from = self.runs.front().map_or_else(|| self.text_end(), |run| run.text.start);
        self.text.drain(..(kept_from - self.forgotten) as usize);
        self.forgotten = kept_from;
    }

    fn has_noreply(&self) -> bool {
        let is_noreply = |entry: &Entry| entry.noreply;
        self.noreply.iter().any(|noreply| !noreply.entries.is_empty())
            || self.apart.iter().any(|apart| apart.back().is_some_and(is_noreply))
    }

    /// Forgets the lines that want no reply and were sent before the lines of the first runs.
    fn forget_noreply(&mut self, runs: usize) {
        let connections = self.noreply.len();
        for (text_at, line) in lines_of(&self.runs, runs, self.forgotten, &mut self.text) {
            let connection = connection_of(&line.text, connections);
            if let Some(noreply) = self.noreply.get_mut(connection) {
                while noreply.entries.pop_front_if(|(at, _)| *at <= text_at).is_some() {}
            }
            if let Some(apart) = self.apart.get_mut(connection) {
                while apart.pop_back_if(|entry| entry.noreply).is_some() {}
            }
        }
    }

    /// Returns the line of a connection at a position: its number in the file and its text.
    pub(super) fn find(&self, connection: usize, position: u64) -> Option<(u64, String)> {
        let apart = self.apart.get(connection)?;
        let from = apart.partition_point(|entry| entry.position < position);
        let mut same = apart.range(from..).take_while(|entry| entry.position == position);
        if let Some(line) = same.find(|entry| !entry.noreply) {
            return Some((line.file_lines.0, text_of(&line.text)));
        }
        let after = self.runs.partition_point(|run| run.lines.position <= position);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let before = Some(position - run.lines.position).filter(|line| *line < run.lines.lines)?;
        let mut text = self.text.range((run.text.start - self.forgotten) as usize..).copied();
        for _ in 0..before {
            text.by_ref().find(|byte| *byte == b'\n');
        }
        let line: Vec<u8> = text.take_while(|byte| *byte != b'\n').collect();
        Some((run.lines.file_line + before, text_of(&line)))
    }

    /// Removes and returns all lines of a connection, in the order in which it sent them.
    pub(super) fn take(&mut self, connection: usize) -> VecDeque<Entry> {
        self.part();
        self.apart.get_mut(connection).map(std::mem::take).unwrap_or_default()
    }

    /// Moves all lines to those of their connections. When a server moves, every connection ends,
    /// one after the other; to search all lines for those of each would take too long.
    fn part(&mut self) {
        let connections = self.apart.len();
        let mut parts: Vec<Vec<(u64, Entry)>> = (0..connections).map(|_| Vec::new()).collect();
        for (text_at, line) in lines_of(&self.runs, self.runs.len(), self.forgotten, &mut self.text)
        {
            if let Some(part) = parts.get_mut(connection_of(&line.text, connections)) {
                part.push((text_at, line));
            }
        }
        for ((mut part, noreply), apart) in
            parts.into_iter().zip(&mut self.noreply).zip(&mut self.apart)
        {
            part.extend(std::mem::take(noreply).entries);
            // Lines that want no reply were sent before the one whose text begins there.
            part.sort_by_key(|(text_at, entry)| (*text_at, !entry.noreply));
            apart.extend(part.into_iter().map(|(_, entry)| entry));
        }
        self.forgotten = self.text_end();
        self.runs.clear();
        self.text.clear();
    }
}

/// Returns each line of the first runs, and where its text begins. The first byte of `text` is the
/// one after those that are forgotten.
fn lines_of<'a>(
    runs: &'a VecDeque<Run>,
    count: usize,
    forgotten: u64,
    text: &'a mut VecDeque<u8>,
) -> impl Iterator<Item = (u64, Entry)> {
    let text = &*text.make_contiguous();
    runs.iter().take(count).flat_map(move |run| {
        let range = (run.text.start - forgotten) as usize..(run.text.end - forgotten) as usize;
        let mut text_end = run.text.start;
        let lines = text.get(range).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
        lines.zip(0..run.lines.lines).map(move |(text, line)| {
            let text_at = text_end;
            text_end += text.len() as u64;
            let (position, file_line) = (run.lines.position + line, run.lines.file_line + line);
            let (file_lines, wire_bytes, text) =
                ((file_line, file_line), text.len(), text.to_vec());
            (text_at, Entry { position, noreply: false, file_lines, lines: 1, wire_bytes, text })
        })
    })
}

/// Returns the connection that has sent a line.
fn connection_of(with_lf: &[u8], connections: usize) -> usize {
    if connections == 1 {
        return 0;
    }
    let line = with_lf.strip_suffix(b"\n").unwrap_or(with_lf);
    classify_line(line, connections).map_or(0, |line| line.connection)
}

/// Returns a line as it is shown.
pub(super) fn text_of(with_lf: &[u8]) -> String {
    crate::net::clean(String::from_utf8_lossy(with_lf).trim())
}

#[cfg(test)]
mod tests;

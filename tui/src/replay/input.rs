//! The part of the workload file that is read and not yet sent.
//!
//! It owns the blocks and the position in the file. It must never read the file or interpret a
//! line.

use super::source::Block;
use std::collections::VecDeque;
use std::ops::Range;

/// Blocks of whole lines, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct InputQueue {
    blocks: VecDeque<Block>,
    /// Blocks whose lines are all taken.
    used: Vec<Block>,
    /// Offset of the next line in the first block.
    offset: usize,
    /// Lines taken so far.
    lines: u64,
    /// True after the last block.
    ended: bool,
}

impl InputQueue {
    /// Adds a block; None marks the end of the file.
    pub(super) fn push(&mut self, block: Option<Block>) {
        match block {
            Some(block) => self.blocks.push_back(block),
            None => self.ended = true,
        }
    }

    /// Returns the number of blocks in the queue.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Returns true if the whole file is in the queue or has left it.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes the blocks whose lines are all taken.
    pub(super) fn take_used(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.used)
    }

    /// Returns the range of the next line in the first block, without its LF. Puts blocks aside
    /// that are used up.
    pub(super) fn next_line(&mut self) -> Option<Range<usize>> {
        loop {
            let block = self.blocks.front()?;
            if let Some(length) = memchr::memchr(b'\n', &block.lines()[self.offset..]) {
                return Some(self.offset..self.offset + length);
            }
            self.used.extend(self.blocks.pop_front());
            self.offset = 0;
        }
    }

    /// Returns the lines of the first block that are not taken yet.
    pub(super) fn lines_ahead(&self) -> &[u8] {
        self.bytes(self.offset..self.blocks.front().map_or(0, |block| block.lines().len()))
    }

    /// Moves past the first lines of [`Self::lines_ahead`]; `bytes` is their length.
    pub(super) const fn advance_lines(&mut self, lines: u64, bytes: usize) {
        self.offset += bytes;
        self.lines += lines;
    }

    /// Returns the number of lines taken so far.
    pub(super) const fn lines_taken(&self) -> u64 {
        self.lines
    }

    /// Returns bytes of the first block; empty if there is none.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.blocks.front().and_then(|block| block.lines().get(range)).unwrap_or_default()
    }

    /// Moves past a line that [`Self::next_line`] returned; returns its number in the file, from 1.
    pub(super) const fn advance(&mut self, line: &Range<usize>) -> u64 {
        self.offset = line.end + 1;
        self.lines += 1;
        self.lines
    }
}

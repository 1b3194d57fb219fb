//! Replies on standard output, in the order of the file.
//!
//! It owns the bytes that are not yet written. It must never reorder or count replies.

use super::expect::mask_line;
use std::io::{self, Write as _};

/// Buffered standard output.
#[derive(Debug)]
pub(super) struct ReplyPrinter {
    /// True if fields that differ from run to run are printed as `*`.
    mask: bool,
    buffer: Vec<u8>,
}

impl ReplyPrinter {
    pub(super) const fn new(mask: bool) -> Self {
        Self { mask, buffer: Vec::new() }
    }

    /// Adds a reply, without control characters: they could change the state of a terminal.
    pub(super) fn print(&mut self, reply: &[u8]) {
        if !self.mask {
            self.buffer.extend(
                reply.iter().filter(|byte| **byte >= b' ' && **byte != 0x7f || **byte == b'\n'),
            );
            return;
        }
        for line in String::from_utf8_lossy(reply).lines() {
            self.buffer.extend_from_slice(mask_line(line).as_bytes());
            self.buffer.push(b'\n');
        }
    }

    /// Writes the buffer to standard output.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.buffer)?;
        self.buffer.clear();
        stdout.flush()
    }
}

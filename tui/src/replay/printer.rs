//! Replies on standard output, in the order of the file.
//!
//! It owns the bytes that are not yet written. It must never reorder or count replies.

use super::expect::mask_line;
use std::io::{self, Write};

/// Bytes that are written at once: they are then still in the processor's cache.
const FLUSH_BYTES: usize = 128 << 10;

/// Buffered standard output.
#[derive(Debug)]
pub(super) struct ReplyPrinter {
    /// True if fields that differ from run to run are printed as `*`.
    mask: bool,
    buffer: Vec<u8>,
    /// The error of a write, until [`ReplyPrinter::flush`] returns it. Nothing is written after it.
    failure: Option<io::Error>,
}

/// Returns true for every byte but control characters other than LF.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, many bytes are checked at once"
)]
const fn is_printed(byte: u8) -> bool {
    (byte >= b' ') & (byte != 0x7f) | (byte == b'\n')
}

impl ReplyPrinter {
    pub(super) const fn new(mask: bool) -> Self {
        Self { mask, buffer: Vec::new(), failure: None }
    }

    /// Adds a reply.
    pub(super) fn print(&mut self, reply: &[u8]) {
        if self.mask {
            for line in String::from_utf8_lossy(reply).lines() {
                self.buffer.extend_from_slice(mask_line(line).as_bytes());
                self.buffer.push(b'\n');
            }
        } else {
            self.buffer.extend_from_slice(reply);
        }
        if self.buffer.len() >= FLUSH_BYTES && self.failure.is_none() {
            self.failure = self.write_to(&mut io::stdout().lock()).err();
        }
        if self.failure.is_some() {
            self.buffer.clear();
        }
    }

    /// Writes what is left to standard output.
    ///
    /// # Errors
    /// The error of this write, or of one since the last flush.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut stdout = io::stdout().lock();
        self.write_to(&mut stdout)?;
        stdout.flush()
    }

    /// Writes what is in the buffer, without control characters: they could change the state of a
    /// terminal.
    fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        // One look without branches at all bytes: hardly any reply has control characters.
        if !self.buffer.iter().fold(true, |clean, byte| clean & is_printed(*byte)) {
            self.buffer.retain(|byte| is_printed(*byte));
        }
        let written = out.write_all(&self.buffer);
        self.buffer.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_not_printed() {
        for mask in [false, true] {
            let (mut printer, mut out) = (ReplyPrinter::new(mask), Vec::new());
            printer.print("[1]-HELP\u{1b}[2J \u{e9}\r\n\u{7f}[1] OK\n".as_bytes());
            printer.write_to(&mut out).unwrap();
            printer.print(b"[2] OK\x07\n");
            printer.write_to(&mut out).unwrap();
            assert_eq!(out, "[1]-HELP[2J \u{e9}\n[1] OK\n[2] OK\n".as_bytes());
        }
    }
}

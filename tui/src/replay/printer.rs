//! Replies on standard output, in the order of the file.
//!
//! It owns the bytes that are not yet written. It must never reorder or count replies.

use super::expect::mask_line;
use std::io::{self, Write as _};

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
        if self.buffer.len() >= FLUSH_BYTES {
            self.clean();
            if self.failure.is_none() {
                self.failure = io::stdout().lock().write_all(&self.buffer).err();
            }
            self.buffer.clear();
        }
    }

    /// Removes control characters: they could change the state of a terminal.
    fn clean(&mut self) {
        // One look without branches at all bytes: hardly any reply has control characters.
        if !self.buffer.iter().fold(true, |clean, byte| clean & is_printed(*byte)) {
            self.buffer.retain(|byte| is_printed(*byte));
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
        self.clean();
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.buffer)?;
        self.buffer.clear();
        stdout.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_not_printed() {
        let mut printer = ReplyPrinter::new(false);
        printer.print("[1]-HELP\u{1b}[2J \u{e9}\r\n\u{7f}[1] OK\n".as_bytes());
        printer.print(b"[2] OK\n");
        printer.clean();
        assert_eq!(printer.buffer, "[1]-HELP[2J \u{e9}\n[1] OK\n[2] OK\n".as_bytes());
    }
}

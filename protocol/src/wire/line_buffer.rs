//! The buffer of lines that are being written: longer than its contents, so that writing a field
//! needs no growing, clearing or truncating.

use super::decimal::FIELD_BYTES;
use super::fields::Fields;
use super::short_copy;
use crate::refusal::Refusal;
use crate::types::Money;

/// Spare bytes added at once.
const SPARE_BYTES: usize = 1024;
/// Longest short line in bytes, without its line end.
pub(crate) const SHORT_LINE_BYTES: usize = 192;
/// A field of a short line begins below this offset. It is a power of two above the length of a
/// short line: an offset reduced by it needs no bounds check.
const OFFSETS: usize = 256;
/// Spare bytes that a short line needs: its last field begins within its length.
const SHORT_LINE_SPARE_BYTES: usize = OFFSETS + FIELD_BYTES;

/// Lines that are being written, and spare capacity after them.
#[derive(Clone, Default)]
pub struct LineBuffer {
    /// The lines, then zeros or remains.
    bytes: Vec<u8>,
    /// Bytes of the lines.
    used: usize,
}

impl LineBuffer {
    /// Creates an empty buffer with capacity for `bytes` of lines.
    pub fn with_capacity(bytes: usize) -> Self {
        // Spare bytes are always added for more than the last line.
        Self { bytes: Vec::with_capacity(bytes + SPARE_BYTES), used: 0 }
    }

    /// Creates an empty buffer that uses the memory of another one. What that contains is never
    /// shown.
    pub const fn reusing(bytes: Vec<u8>) -> Self {
        Self { bytes, used: 0 }
    }

    /// Returns the number of bytes of the lines.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Returns how many bytes the memory of the buffer has.
    pub const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Returns true if there is no line.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Returns the lines.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Returns the lines without the spare capacity.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.used);
        self.bytes
    }

    /// Removes the lines and keeps the capacity.
    pub const fn clear(&mut self) {
        self.used = 0;
    }

    /// Removes everything after the first `bytes` bytes.
    pub fn truncate(&mut self, bytes: usize) {
        self.used = self.used.min(bytes);
    }

    /// Appends text.
    #[inline]
    pub fn append(&mut self, text: &[u8]) -> &mut Self {
        self.put(text)
    }

    /// Appends an integer in decimal digits.
    #[inline]
    pub fn append_integer(&mut self, value: u64) -> &mut Self {
        self.bare_int(value)
    }

    /// Appends an amount with exactly two decimals.
    #[inline]
    pub fn append_money(&mut self, amount: Money) -> &mut Self {
        self.bare_money(amount)
    }

    /// Appends `CODE: message`.
    #[inline]
    pub fn append_refusal(&mut self, refusal: &Refusal) -> &mut Self {
        self.put(refusal.code().as_str().as_bytes()).put(b": ");
        refusal.write_message(self);
        self
    }

    /// Appends lines that are already written.
    pub fn extend_from_slice(&mut self, lines: &[u8]) {
        self.bytes.truncate(self.used);
        self.bytes.extend_from_slice(lines);
        self.used = self.bytes.len();
    }

    /// Appends a line of at most [`SHORT_LINE_BYTES`]: the capacity is checked once.
    #[inline]
    pub(crate) fn short_line(&mut self, write: impl FnOnce(&mut ShortLine<'_>)) {
        if self.bytes.len() - self.used < SHORT_LINE_SPARE_BYTES {
            self.grow();
        }
        if let Some(space) = self.bytes.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut) {
            let mut line = ShortLine { space, at: 0 };
            write(&mut line);
            line.byte(b'\n');
            self.used += line.at;
        }
    }

    /// Appends a line of any length: the capacity is checked for each field.
    pub(crate) fn line(&mut self, write: impl FnOnce(&mut Self)) {
        write(self);
        self.byte(b'\n');
    }

    #[inline(never)]
    fn grow(&mut self) {
        // Often there is only one line, and a thousand connections have one each.
        let empty = self.bytes.capacity() == 0;
        let spare = if empty { SHORT_LINE_SPARE_BYTES } else { SPARE_BYTES };
        self.bytes.resize(self.bytes.len() + spare, 0);
    }
}

impl Fields for LineBuffer {
    #[inline]
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self {
        if self.bytes.len() - self.used < FIELD_BYTES {
            self.grow();
        }
        if let Some(field) = self.bytes.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut) {
            self.used += write(field).min(FIELD_BYTES);
        }
        self
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= FIELD_BYTES {
            return self.field(|field| short_copy::copy(field, bytes));
        }
        while self.bytes.len() - self.used < bytes.len() {
            self.grow();
        }
        if let Some(space) = self.bytes.get_mut(self.used..self.used + bytes.len()) {
            space.copy_from_slice(bytes);
            self.used += bytes.len();
        }
        self
    }
}

/// Writes into a vector through a line buffer, without copying what the vector holds.
pub(crate) fn append_line(out: &mut Vec<u8>, write: impl FnOnce(&mut LineBuffer)) {
    let bytes = std::mem::take(out);
    let mut buffer = LineBuffer { used: bytes.len(), bytes };
    buffer.line(write);
    *out = buffer.into_bytes();
}

impl std::fmt::Debug for LineBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LineBuffer").field(&String::from_utf8_lossy(self.as_bytes())).finish()
    }
}

/// A line of bounded length that is being written: its offset stays in a register.
pub(crate) struct ShortLine<'a> {
    space: &'a mut [u8; SHORT_LINE_SPARE_BYTES],
    at: usize,
}

impl Fields for ShortLine<'_> {
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "every field is written with the spare bytes of the one before"
    )]
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self {
        debug_assert!(self.at <= SHORT_LINE_BYTES, "a short line is longer than its bound");
        let at = self.at % OFFSETS;
        if let Some(field) = self.space[at..at + FIELD_BYTES].first_chunk_mut() {
            self.at = at + write(field);
        }
        self
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= FIELD_BYTES {
            return self.field(|field| short_copy::copy(field, bytes));
        }
        debug_assert!(
            self.at + bytes.len() <= SHORT_LINE_BYTES,
            "a short line is longer than its bound"
        );
        if let Some(space) = self.space.get_mut(self.at..self.at + bytes.len()) {
            space.copy_from_slice(bytes);
            self.at += bytes.len();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Money, Symbol, Tag};
    use proptest::prelude::*;
    use std::fmt::Write as _;

    #[test]
    fn short_and_copied_lines_follow_each_other() {
        let (mut lines, mut want) = (LineBuffer::default(), String::new());
        assert!(lines.is_empty());
        for n in 1..200 {
            let text = "x".repeat(n % 150);
            let money = Money::from_cents(1_234_567 * n as i64);
            lines.short_line(|line| {
                line.begin(Tag::new(n as u64))
                    .put(b"OK,QUOTE")
                    .symbol(Symbol::parse(b"S").unwrap())
                    .money(money)
                    .text(&text);
            });
            lines.extend_from_slice(&vec![b'y'; 7 * n]);
            write!(want, "[{n}] OK,QUOTE,S,{money},{text}\n{}", "y".repeat(7 * n)).unwrap();
            assert_eq!((lines.len(), lines.as_bytes()), (want.len(), want.as_bytes()));
        }
        assert_eq!(lines.clone().into_bytes(), want.as_bytes());
        lines.clear();
        lines.short_line(|line| {
            line.put(b"again");
        });
        assert_eq!(lines.as_bytes(), b"again\n");
    }

    proptest! {
        /// Fields of any length give the line that `format!` gives.
        #[test]
        fn a_line_of_any_length_holds_its_fields(
            head in "[A-Z]{0,250}",
            texts in prop::collection::vec("[a-z]{0,250}", 0..5),
            ints in prop::collection::vec(any::<u64>(), 0..12),
            cents in any::<i64>(),
            tag in (1..u64::MAX / 4).prop_map(|n| Tag::new(n).unwrap()),
        ) {
            let mut want = format!("before {tag}{head}");
            for text in &texts {
                write!(want, ",{text}").unwrap();
            }
            for int in &ints {
                write!(want, ",{int},{},{}", int % 100, int % 10_001).unwrap();
            }
            writeln!(want, ",{},XY", Money::from_cents(cents)).unwrap();
            let mut out = b"before ".to_vec();
            append_line(&mut out, |line| {
                line.tag(tag).put(head.as_bytes());
                for text in &texts {
                    line.text(text);
                }
                for int in ints {
                    line.int(int).int(int % 100).int(int % 10_001);
                }
                line.money(Money::from_cents(cents)).symbol(Symbol::parse(b"XY").unwrap());
            });
            prop_assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}

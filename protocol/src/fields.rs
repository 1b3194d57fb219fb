//! Lines written field by field, without `fmt` on the way: put together in a place of fixed size, then appended at once.

use crate::{Money, Symbol, Tag};

/// Most lines are shorter; a longer one is appended in pieces.
const LINE_BYTES: usize = 192;
/// Lines that belong together are appended in pieces of about this size.
pub(crate) const LINES_BYTES: usize = 4096;
/// The decimals of an `u64`, and a sign or a point.
const NUMBER_BYTES: usize = 32;

/// Writes one line: a head, then fields with a comma before each; dropping it ends the line.
#[must_use]
pub struct LineWriter<'a, const N: usize = LINE_BYTES> {
    out: &'a mut Vec<u8>,
    line: [u8; N],
    at: usize,
    /// A line has been begun and not ended.
    open: bool,
}

impl<'a> LineWriter<'a> {
    /// Begins a line that carries no tag: a pushed line or a request.
    pub fn plain(out: &'a mut Vec<u8>, head: &str) -> Self {
        let mut line = Self::begun(out);
        line.put(head.as_bytes());
        line
    }

    /// Begins the last (or only) line of a reply.
    pub fn last(out: &'a mut Vec<u8>, tag: Option<Tag>, head: &str) -> Self {
        let mut line = Self::begun(out);
        if let Some(tag) = tag {
            line.tag(tag);
            line.byte(b' ');
        }
        line.put(head.as_bytes());
        line
    }

    /// Begins a line of a reply that more lines follow; its head is the first thing to be written.
    pub(crate) fn continued(out: &'a mut Vec<u8>, tag: Option<Tag>) -> Self {
        let mut line = Self::begun(out);
        if let Some(tag) = tag {
            line.tag(tag);
        }
        line.byte(b'-');
        line
    }

    fn begun(out: &'a mut Vec<u8>) -> Self {
        Self { out, line: [0; LINE_BYTES], at: 0, open: true }
    }
}

impl<'a, const N: usize> LineWriter<'a, N> {
    /// A writer that has begun no line.
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, line: [0; N], at: 0, open: false }
    }

    /// A field of text; the caller knows that it holds neither line ends nor, unless it is the last, commas.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.byte(b',');
        self.put(text.as_bytes());
        self
    }

    /// A symbol.
    pub fn symbol(&mut self, symbol: Symbol) -> &mut Self {
        self.byte(b',');
        for &letter in symbol.as_bytes() {
            self.byte(letter);
        }
        self
    }

    /// Money with two decimals.
    pub fn money(&mut self, money: Money) -> &mut Self {
        self.make_room(NUMBER_BYTES);
        self.byte(b',');
        if money.cents() < 0 {
            self.byte(b'-');
        }
        let cents = money.cents().unsigned_abs();
        self.digits(cents / 100);
        let rest = (cents % 100) as u8;
        self.put(&[b'.', b'0' + rest / 10, b'0' + rest % 10]);
        self
    }

    /// A whole number: shares, milliseconds, a count.
    pub fn int(&mut self, value: u64) -> &mut Self {
        self.make_room(NUMBER_BYTES);
        self.byte(b',');
        self.digits(value);
        self
    }

    /// A field left empty where there is nothing to say.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> &mut Self) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => self.text(""),
        }
    }

    pub(crate) fn tag(&mut self, tag: Tag) {
        self.byte(b'[');
        self.digits(tag.get());
        self.byte(b']');
    }

    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.make_room(1);
        self.line[self.at] = byte;
        self.at += 1;
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > N - self.at {
            self.flush();
            if bytes.len() > N {
                self.out.extend_from_slice(bytes);
                return;
            }
        }
        self.line[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// The first `length` of 32 bytes: a copy of a known size is cheaper than one of the size that is wanted.
    #[inline]
    pub(crate) fn put_short(&mut self, bytes: &[u8; 32], length: usize) {
        self.make_room(32);
        self.line[self.at..self.at + 32].copy_from_slice(bytes);
        self.at += length.min(32);
    }

    /// Decimal digits, without zeros in front.
    #[inline]
    fn digits(&mut self, value: u64) {
        const EIGHT: u64 = 100_000_000;
        self.make_room(NUMBER_BYTES);
        let (high, low) = (value / EIGHT, (value % EIGHT) as u32);
        if high == 0 {
            let digits = eight_digits(low);
            // The first digit is in the lowest byte; a lone zero stays.
            let zeros = (digits.trailing_zeros() / 8).min(7);
            self.eight(digits >> (8 * zeros), 8 - zeros as usize);
        } else {
            self.digits(high);
            self.eight(eight_digits(low), 8);
        }
    }

    #[inline]
    fn eight(&mut self, digits: u64, count: usize) {
        let letters = digits | 0x3030_3030_3030_3030;
        self.line[self.at..self.at + 8].copy_from_slice(&letters.to_le_bytes());
        self.at += count;
    }

    #[inline]
    fn make_room(&mut self, bytes: usize) {
        if N - self.at < bytes {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.out.extend_from_slice(&self.line[..self.at]);
        self.at = 0;
    }
}

/// The eight decimal digits of a number below 10^8, a byte each, the first in the lowest byte: halves, quarters and single
/// digits are told apart for all of them at once, by multiplications in the place of divisions.
#[inline]
const fn eight_digits(value: u32) -> u64 {
    let value = value as u64;
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - 10 * tens) << 8)
}

/// What is formatted goes into the line as it is.
impl<const N: usize> std::fmt::Write for LineWriter<'_, N> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

impl<const N: usize> Drop for LineWriter<'_, N> {
    fn drop(&mut self) {
        if self.open {
            self.byte(b'\n');
        }
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    proptest! {
        /// Whatever the lengths, the line is what `format!` would have made of it.
        #[test]
        fn a_line_says_what_it_is_given(
            head in "[A-Z]{0,250}",
            texts in prop::collection::vec("[a-z]{0,250}", 0..5),
            ints in prop::collection::vec(any::<u64>(), 0..12),
            cents in any::<i64>(),
            tag in prop::option::of(1..u64::MAX / 4),
        ) {
            let mut out = b"before ".to_vec();
            let mut line = LineWriter::continued(&mut out, tag.and_then(Tag::new));
            line.put(head.as_bytes());
            let mut want = format!("before {}-{head}", tag.map_or(String::new(), |tag| format!("[{tag}]")));
            for text in &texts {
                line.text(text);
                write!(want, ",{text}").unwrap();
            }
            for int in ints {
                line.int(int).int(int % 100);
                write!(want, ",{int},{}", int % 100).unwrap();
            }
            line.money(Money::from_cents(cents)).symbol(Symbol::parse(b"XY").unwrap());
            writeln!(want, ",{},XY", Money::from_cents(cents)).unwrap();
            drop(line);
            prop_assert_eq!(String::from_utf8(out).unwrap(), want);
        }

        #[test]
        fn eight_digits_are_those_of_the_number(value in 0..100_000_000_u32) {
            let digits = (eight_digits(value) | 0x3030_3030_3030_3030).to_le_bytes();
            prop_assert_eq!(String::from_utf8(digits.to_vec()).unwrap(), format!("{value:08}"));
        }
    }
}

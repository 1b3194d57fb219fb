//! Lines written field by field into the buffer they belong to, without `fmt` on the way.
//!
//! The buffer is made longer than the line beforehand, and cut to it in the end. So a field is written into a piece of known
//! size: its bytes are stored by whole words, and the room is looked at once a field.

use crate::{Money, Symbol, Tag, TradeTerms, UserName, short};

/// The room a line begins with, and grows by: most lines are shorter.
const LINE_BYTES: usize = 128;
/// The room that is made for many lines at once.
const LINES_BYTES: usize = 1024;
/// The longest short line, without its line end.
const SHORT_LINE_BYTES: usize = 192;
/// A field of a short line begins before this place. A power of two, more than a short line has bytes: cut to it, a place needs no
/// check against the end of the room.
const PLACES: usize = 256;
/// Where a short line is written: its last field begins within its length.
const PLACE_BYTES: usize = PLACES + FIELD_BYTES;
/// Longer than a comma, a sign, the decimals of a `u64` and a point, with room behind them for whole words.
const FIELD_BYTES: usize = 32;

/// Writes fields one behind the other.
pub(crate) trait Fields: Sized {
    /// Has `write` fill in the next piece; it returns how many bytes of it it has taken.
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self;

    /// A field of text; the caller knows that it holds neither line ends nor, unless it is the last, commas.
    #[inline]
    fn text(&mut self, text: &str) -> &mut Self {
        self.byte(b',').put(text.as_bytes())
    }

    /// A user's name.
    #[inline]
    fn user(&mut self, user: &UserName) -> &mut Self {
        self.byte(b',').put(user.as_bytes())
    }

    /// A symbol.
    #[inline]
    fn symbol(&mut self, symbol: Symbol) -> &mut Self {
        self.field(|field| {
            let [first, second, third] = symbol.into();
            field[..4].copy_from_slice(&[b',', first, second, third]);
            1 + symbol.len()
        })
    }

    /// Money with two decimals.
    #[inline]
    fn money(&mut self, money: Money) -> &mut Self {
        self.byte(b',').bare_money(money)
    }

    /// A whole number: shares, milliseconds, a count.
    #[inline]
    fn int(&mut self, value: u64) -> &mut Self {
        self.field(|field| {
            field[0] = b',';
            1 + digits_at(field, 1, value)
        })
    }

    /// The terms of a trade.
    #[inline]
    fn terms(&mut self, terms: &TradeTerms) -> &mut Self {
        self.symbol(terms.symbol).int(terms.shares).money(terms.price).money(terms.total)
    }

    /// A field left empty where there is nothing to say.
    #[inline]
    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> &mut Self) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => self.byte(b','),
        }
    }

    /// Money without a comma before it.
    #[inline]
    fn bare_money(&mut self, money: Money) -> &mut Self {
        self.field(|field| money_at(field, money))
    }

    /// A whole number without a comma before it.
    #[inline]
    fn bare_int(&mut self, value: u64) -> &mut Self {
        self.field(|field| digits_at(field, 0, value))
    }

    #[inline]
    fn tag(&mut self, tag: Tag) -> &mut Self {
        self.field(|field| {
            field[0] = b'[';
            let digits = digits_at(field, 1, tag.get());
            field[1 + digits] = b']';
            digits + 2
        })
    }

    #[inline]
    fn byte(&mut self, byte: u8) -> &mut Self {
        self.field(|field| {
            field[0] = byte;
            1
        })
    }

    /// Bytes of any number.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= FIELD_BYTES {
            return self.field(|field| short::copy(field, bytes));
        }
        bytes.chunks(FIELD_BYTES).fold(self, |line, piece| line.field(|field| short::copy(field, piece)))
    }

    /// The first `length` of 32 bytes: a copy of a known size is cheaper than one of the size that is wanted.
    #[inline]
    fn put_short(&mut self, bytes: &[u8; FIELD_BYTES], length: usize) -> &mut Self {
        self.field(|field| {
            *field = *bytes;
            length.min(FIELD_BYTES)
        })
    }
}

/// Writes one line of any length: a head, then fields with a comma before each; dropping it ends the line.
#[must_use]
pub(crate) struct LineWriter<'a> {
    /// What was there before, what has been written, and room.
    out: &'a mut Vec<u8>,
    /// Where the next byte goes.
    at: usize,
}

impl<'a> LineWriter<'a> {
    /// Begins a line that carries no tag: a pushed line or a request.
    #[inline]
    pub(crate) fn plain(out: &'a mut Vec<u8>, head: &str) -> Self {
        let mut line = Self::begun(out);
        line.put(head.as_bytes());
        line
    }

    /// Begins the last (or only) line of a reply.
    #[inline]
    pub(crate) fn last(out: &'a mut Vec<u8>, tag: Option<Tag>, head: &str) -> Self {
        let mut line = Self::begun(out);
        if let Some(tag) = tag {
            line.tag(tag).byte(b' ');
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

    #[inline]
    fn begun(out: &'a mut Vec<u8>) -> Self {
        let at = out.len();
        out.resize(at + LINE_BYTES, 0);
        Self { out, at }
    }
}

impl Fields for LineWriter<'_> {
    #[inline]
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self {
        if self.out.len() - self.at < FIELD_BYTES {
            self.out.resize(self.at + LINE_BYTES, 0);
        }
        if let Some(field) = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            self.at += write(field);
        }
        self
    }
}

impl Drop for LineWriter<'_> {
    #[inline]
    fn drop(&mut self) {
        self.byte(b'\n');
        self.out.truncate(self.at);
    }
}

/// Writes many lines of bounded length; dropping it cuts the buffer to them.
pub(crate) struct LinesWriter<'a> {
    out: &'a mut Vec<u8>,
    at: usize,
}

/// A line of bounded length while it is written: where its bytes go stays in registers.
pub(crate) struct ShortLine<'a> {
    place: &'a mut [u8; PLACE_BYTES],
    at: usize,
}

impl<'a> LinesWriter<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { at: out.len(), out }
    }

    /// Appends a line that has at most [`SHORT_LINE_BYTES`].
    #[inline]
    pub(crate) fn short(&mut self, write: impl FnOnce(&mut ShortLine<'_>)) {
        if self.out.len() - self.at < PLACE_BYTES {
            self.out.resize(self.at + LINES_BYTES, 0);
        }
        if let Some(place) = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            let mut line = ShortLine { place, at: 0 };
            write(&mut line);
            line.byte(b'\n');
            self.at += line.at;
        }
    }

    /// Appends whatever `write` appends.
    pub(crate) fn any(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.truncate(self.at);
        write(self.out);
        self.at = self.out.len();
    }
}

impl Drop for LinesWriter<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.at);
    }
}

impl Fields for ShortLine<'_> {
    #[inline]
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self {
        debug_assert!(self.at <= SHORT_LINE_BYTES, "a short line is none");
        let at = self.at % PLACES;
        if let Some(field) = self.place[at..at + FIELD_BYTES].first_chunk_mut() {
            self.at = at + write(field);
        }
        self
    }
}

/// Ten to the power of four: most whole numbers are shares, and below it.
const FOUR: u64 = 10_000;
/// Ten to the power of eight: so many digits are worked out at once.
const EIGHT: u64 = 100_000_000;
/// A word of digits begins before this place of its field. A power of two: cut to it, a place needs no check.
const WORD_PLACES: usize = 16;
/// Makes digits of numbers, eight at once.
const ASCII: u64 = 0x3030_3030_3030_3030;

/// Writes decimal digits, without zeros in front; returns how many.
#[inline]
fn digits_at(field: &mut [u8; FIELD_BYTES], at: usize, value: u64) -> usize {
    if value < FOUR {
        let digits = four_digits(value as u32);
        let zeros = (digits | 1 << 24).trailing_zeros() / 8;
        let letters = (digits | ASCII as u32) >> (8 * zeros);
        let at = at % WORD_PLACES;
        field[at..at + 4].copy_from_slice(&letters.to_le_bytes());
        return 4 - zeros as usize;
    }
    if value >= EIGHT {
        return long_digits_at(field, at, value);
    }
    let digits = eight_digits(value as u32);
    // The first digit is in the lowest byte; the last one stays.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    word_at(field, at, (digits | ASCII) >> (8 * zeros));
    8 - zeros as usize
}

#[inline(never)]
fn long_digits_at(field: &mut [u8; FIELD_BYTES], at: usize, value: u64) -> usize {
    let head = digits_at(field, at, value / EIGHT);
    word_at(field, at + head, eight_digits((value % EIGHT) as u32) | ASCII);
    head + 8
}

/// Writes an amount with two decimals; returns how many bytes it took.
#[inline]
fn money_at(field: &mut [u8; FIELD_BYTES], money: Money) -> usize {
    match u64::try_from(money.cents()) {
        Ok(cents) if cents < EIGHT => {
            let digits = eight_digits(cents as u32);
            // One digit at least stands before the point.
            let zeros = (digits | 1 << 40).trailing_zeros() / 8;
            let letters = digits | ASCII;
            word_at(field, 0, letters >> (8 * zeros));
            let point = (6 - zeros as usize) % WORD_PLACES;
            let [.., tens, ones] = letters.to_le_bytes();
            field[point..point + 3].copy_from_slice(&[b'.', tens, ones]);
            point + 3
        }
        _ => long_money_at(field, money),
    }
}

#[inline(never)]
fn long_money_at(field: &mut [u8; FIELD_BYTES], money: Money) -> usize {
    field[0] = b'-';
    let sign = usize::from(money.cents() < 0);
    let cents = money.cents().unsigned_abs();
    let point = sign + digits_at(field, sign, cents / 100);
    let rest = (cents % 100) as u8;
    field[point..point + 3].copy_from_slice(&[b'.', b'0' + rest / 10, b'0' + rest % 10]);
    point + 3
}

#[inline]
fn word_at(field: &mut [u8; FIELD_BYTES], at: usize, letters: u64) {
    let at = at % WORD_PLACES;
    field[at..at + 8].copy_from_slice(&letters.to_le_bytes());
}

/// The eight decimal digits of a number below 10^8, a byte each, the first in the lowest byte: halves, quarters and single
/// digits are told apart for all of them at once, by multiplications in the place of divisions.
#[inline]
const fn eight_digits(value: u32) -> u64 {
    let value = value as u64;
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    // Nothing here can overflow; saying so spares the checks.
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours.wrapping_sub(hundreds.wrapping_mul(100)) << 16);
    let tens = (twos.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos.wrapping_sub(tens.wrapping_mul(10)) << 8)
}

/// The same for the four digits of a number below 10^4.
#[inline]
const fn four_digits(value: u32) -> u32 {
    let hundreds = value.wrapping_mul(10_486) >> 20;
    let twos = hundreds | (value.wrapping_sub(hundreds.wrapping_mul(100)) << 16);
    let tens = (twos.wrapping_mul(103) >> 10) & 0x000f_000f;
    tens | (twos.wrapping_sub(tens.wrapping_mul(10)) << 8)
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
                line.int(int).int(int % 100).int(int % 10_001);
                write!(want, ",{int},{},{}", int % 100, int % 10_001).unwrap();
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

    #[test]
    fn four_digits_are_those_of_the_number() {
        for value in 0..10_000 {
            let digits = (four_digits(value) | 0x3030_3030).to_le_bytes();
            assert_eq!(String::from_utf8(digits.to_vec()).unwrap(), format!("{value:04}"));
        }
    }
}

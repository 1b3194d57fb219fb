//! Text of replies. Every copy has a size that the compiler knows, and the end is cut off after it.

use super::account::Symbol;

/// Longest text that is copied at once, bytes.
pub(super) const SHORT: usize = 24;

/// A text of at most [`SHORT`] bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Short {
    bytes: [u8; SHORT],
    length: usize,
}

impl Short {
    pub(super) fn new(text: &[u8]) -> Self {
        let (mut bytes, length) = ([0; SHORT], text.len());
        bytes[..length].copy_from_slice(text);
        Self { bytes, length }
    }

    pub(super) const fn bytes(&self) -> &[u8; SHORT] {
        &self.bytes
    }
}

/// Appends fields to a buffer.
pub(super) struct Line<'a>(pub(super) &'a mut Vec<u8>);

impl Line<'_> {
    #[inline]
    pub(super) fn put<const N: usize>(self, bytes: &[u8; N]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    #[inline]
    pub(super) fn short(self, text: &Short) -> Self {
        let end = self.0.len() + text.length;
        self.0.extend_from_slice(&text.bytes);
        self.0.truncate(end);
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    #[inline]
    pub(super) fn int(self, value: u64) -> Self {
        self.put(b",").bare_int(value)
    }

    #[inline]
    pub(super) fn bare_int(self, value: u64) -> Self {
        if value >= EIGHT {
            let (head, tail) = (value / EIGHT, value % EIGHT);
            return self.bare_int(head).put(&(eight_digits(tail) | ASCII).to_le_bytes());
        }
        let digits = eight_digits(value);
        let zeros = ((digits | 1 << 56).trailing_zeros() / 8) as usize;
        let end = self.0.len() + 8 - zeros;
        self.0.extend_from_slice(&((digits | ASCII) >> (8 * zeros)).to_le_bytes());
        self.0.truncate(end);
        self
    }

    #[inline]
    pub(super) fn symbol(self, symbol: Symbol) -> Self {
        let [_, first, second, third] = symbol.0.to_be_bytes();
        let zeros = usize::from(second == 0) + usize::from(third == 0);
        let end = self.0.len() + 4 - zeros;
        self.0.extend_from_slice(&[b',', first, second, third]);
        self.0.truncate(end);
        self
    }

    #[inline]
    pub(super) fn money(self, cents: i64) -> Self {
        self.put(b",").bare_money(cents)
    }

    #[inline]
    pub(super) fn bare_money(self, cents: i64) -> Self {
        let line = if cents < 0 { self.put(b"-") } else { self };
        let cents = cents.unsigned_abs();
        let rest = (cents % 100) as u8;
        line.bare_int(cents / 100).put(&[b'.', b'0' + rest / 10, b'0' + rest % 10])
    }
}

/// Numbers below this have eight digits.
const EIGHT: u64 = 100_000_000;
/// The letter 0 in every byte.
const ASCII: u64 = 0x3030_3030_3030_3030;

/// Returns eight decimal digits, one in each byte, the first in the lowest.
const fn eight_digits(value: u64) -> u64 {
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 5_243) >> 19) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos - tens * 10) << 8
}

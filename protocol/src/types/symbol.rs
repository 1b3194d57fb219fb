//! Stock symbols.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A stock symbol: 1 to 3 letters or digits, in upper case and padded with zero bytes. Symbols sort
/// by their text. The last of the four bytes is always zero: a symbol is one word to the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[u8; 3]", into = "[u8; 3]")]
pub struct Symbol([u8; 4]);

impl Hash for Symbol {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.letters());
    }
}

impl Ord for Symbol {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Symbol {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Symbol {
    /// Number of different symbols: 36 + 36² + 36³.
    pub const COUNT: usize = 47_988;

    /// Parses a symbol and converts it to upper case. Returns None if the form is invalid.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let bytes = match *field {
            [first, second, third] => [first, second, third],
            [first, second] => [first, second, 0],
            [first] => [first, 0, 0],
            _ => return None,
        };
        let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
        let upper = bytes.map(|byte| byte.to_ascii_uppercase());
        (letters == field.len()).then_some(Self::of_letters(upper))
    }

    /// Returns the symbol with these letters, which the caller has checked.
    #[inline]
    pub(crate) const fn of_letters([first, second, third]: [u8; 3]) -> Self {
        Self([first, second, third, 0])
    }

    /// Returns the letters as one number, the first in the lowest byte.
    #[inline]
    pub(crate) const fn letters(self) -> u32 {
        u32::from_le_bytes(self.0)
    }

    /// Returns a number that sorts like the symbol. It is faster to compare than the letters.
    #[inline]
    pub const fn rank(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    /// Number of bits of [`Symbol::packed`].
    pub const PACKED_BITS: u32 = 18;

    /// Returns the symbol in 18 bits: the lower six bits of each character, which are different for
    /// every letter and digit and zero for padding. The result is never 0.
    #[inline]
    pub const fn packed(self) -> u32 {
        let letters = self.letters();
        (letters & 0x3f) | (letters >> 2 & 0xfc0) | (letters >> 4 & 0x3_f000)
    }

    /// Returns the symbol of a number that [`Symbol::packed`] has returned. It does not check the
    /// number: a caller that reads numbers from a file must validate the result.
    #[inline]
    pub const fn of_packed(packed: u32) -> Self {
        let low = (packed & 0x3f) | (packed << 2 & 0x3f00) | (packed << 4 & 0x3f_0000);
        // Digits have the bit 0x20; letters have 0x40 instead, which was cut off.
        let used = (low + 0x3f_3f3f) & 0x40_4040;
        let digits = (low & 0x20_2020) << 1;
        Self((low | (used & !digits)).to_le_bytes())
    }

    /// Returns the number of letters.
    #[inline]
    pub(crate) const fn len(self) -> usize {
        4 - self.letters().leading_zeros() as usize / 8
    }

    /// Returns the letters of the symbol.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.get(..self.len()).unwrap_or_default()
    }

    /// Returns the symbol as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<[u8; 3]> for Symbol {
    type Error = &'static str;
    #[expect(clippy::indexing_slicing, reason = "a symbol has three bytes")]
    fn try_from(bytes: [u8; 3]) -> Result<Self, Self::Error> {
        let length = bytes.iter().position(|&b| b == 0).unwrap_or(3);
        Self::parse(&bytes[..length])
            .filter(|symbol| <[u8; 3]>::from(*symbol) == bytes)
            .ok_or("not a symbol")
    }
}

impl From<Symbol> for [u8; 3] {
    fn from(symbol: Symbol) -> Self {
        let [first, second, third, _] = symbol.0;
        [first, second, third]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_unpacked_as_it_was() {
        let one = || (b'0'..=b'9').chain(b'A'..=b'Z').map(Some);
        let (mut texts, mut count) = (Vec::new(), 0);
        for first in one() {
            for second in one().chain([None]) {
                let third = one().filter(|_| second.is_some()).chain([None]);
                texts.extend(third.map(|third| [first, second, third]));
            }
        }
        for text in texts {
            let text: Vec<_> = text.into_iter().flatten().collect();
            let symbol = Symbol::parse(&text).unwrap();
            assert!((1..1 << Symbol::PACKED_BITS).contains(&symbol.packed()));
            assert_eq!(Symbol::of_packed(symbol.packed()), symbol);
            count += 1;
        }
        assert_eq!(count, Symbol::COUNT);
    }

    #[test]
    fn symbols_fold_to_upper_case_and_sort_as_text() {
        assert_eq!(Symbol::parse(b"abc").unwrap().as_str(), "ABC");
        assert!(Symbol::parse(b"a").unwrap() < Symbol::parse(b"AA").unwrap());
        for bad in [&b""[..], b"ABCD", b"A-", b"A B", b"\0"] {
            assert_eq!(Symbol::parse(bad), None);
        }
        assert!(Symbol::try_from(*b"abc").is_err() && Symbol::try_from([b'A', 0, b'B']).is_err());
    }
}

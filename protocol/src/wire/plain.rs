//! Reads the plain form of a request: `[tag] NAME,user,symbol,amount`, as a client writes it that
//! sends many, a word at a time and in one pass.
//!
//! Plain is what needs no second look: one blank after the tag and at most one before the line end,
//! none elsewhere, capital letters, a name of at most 20 bytes, two decimals. A method returns None
//! for anything else, and the general parser reads the line instead. Both must give the same
//! request for every plain line; nothing here may accept what the general parser refuses.

use super::scanner::{eight, number_at_head};

/// Returns the last bytes of a block, padded with zeros.
#[inline(never)]
fn last_word(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

const HIGH: u64 = eight(0x80);
/// Longest name of a user that is read here, bytes.
const USER_BYTES: usize = 20;
/// Longest name of a command, bytes.
const NAME_BYTES: usize = 16;

/// Position in a block of lines.
pub(crate) struct PlainReader<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> PlainReader<'a> {
    /// Creates a reader of the line at the head of a block. Other lines may follow it.
    pub(crate) const fn new(block: &'a [u8]) -> Self {
        Self { block, at: 0 }
    }

    /// Returns the bytes not yet read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.block.get(self.at..).unwrap_or_default()
    }

    /// Returns the next eight bytes. Zeros follow the end of the block, which are no part of a
    /// plain line.
    #[inline]
    fn word(&self, ahead: usize) -> Option<u64> {
        let rest = self.block.get(self.at + ahead..)?;
        Some(rest.first_chunk().map_or_else(|| last_word(rest), |word| u64::from_le_bytes(*word)))
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        let found = *self.block.get(self.at)? == byte;
        self.at += 1;
        found.then_some(())
    }

    /// Reads `[number] `; returns 0 if the line does not begin with a bracket.
    #[inline]
    pub(crate) fn tag(&mut self) -> Option<u64> {
        if *self.block.first()? != b'[' {
            return Some(0);
        }
        let (number, digits @ 1..) = number_at_head(self.word(1)?) else { return None };
        self.at += 1 + digits;
        self.take(b']')?;
        self.take(b' ')?;
        (number > 0).then_some(number)
    }

    /// Reads a name up to its comma, as one number, the first letter in the lowest byte.
    #[inline]
    pub(crate) fn name(&mut self) -> Option<u128> {
        let low = self.word(0)?;
        let in_low = equal(low, b',');
        if in_low != 0 {
            let length = first(in_low);
            self.at += length;
            return Some(u128::from(head(low, length)));
        }
        let high = self.word(8)?;
        let in_high = equal(high, b',');
        let length = if in_high == 0 { NAME_BYTES } else { 8 + first(in_high) };
        let high = if in_high == 0 { high } else { head(high, first(in_high)) };
        let letters = u128::from(low) | u128::from(high) << 64;
        self.at += length;
        Some(letters)
    }

    /// Reads a comma and the name of a user. Returns its bytes, padded with zeros.
    #[inline]
    pub(crate) fn user(&mut self) -> Option<[u64; 3]> {
        self.take(b',')?;
        let (one, mut length) = self.name_word(0)?;
        let (mut two, mut three) = (0, 0);
        if length == 8 {
            let (word, bytes) = self.name_word(8)?;
            (two, length) = (word, 8 + bytes);
        }
        if length == 16 {
            let (word, bytes) = self.name_word(16)?;
            (three, length) = (word, 16 + bytes);
        }
        self.at += length;
        (1..=USER_BYTES).contains(&length).then_some([one, two, three])
    }

    /// Returns the next bytes of a name, at most eight, padded with zeros, and how many they are.
    #[inline]
    fn name_word(&self, ahead: usize) -> Option<(u64, usize)> {
        let word = self.word(ahead)?;
        let others = !name_bytes(word) & HIGH;
        let bytes = first(others);
        Some((if others == 0 { word } else { head(word, bytes) }, bytes))
    }

    /// Reads a comma and a symbol: one to three capital letters or digits, padded with zeros.
    #[inline]
    pub(crate) fn symbol(&mut self) -> Option<[u8; 3]> {
        self.take(b',')?;
        let word = self.word(0)?;
        let others = !(within(word, b'A', b'Z') | within(word, b'0', b'9')) & HIGH;
        let length = first(others);
        self.at += length;
        let [first, second, third, ..] = head(word, length & 3).to_le_bytes();
        (1..=3).contains(&length).then_some([first, second, third])
    }

    /// Reads a comma and an amount with two decimals, in cents.
    #[inline]
    pub(crate) fn cents(&mut self) -> Option<u64> {
        self.take(b',')?;
        let (dollars, digits @ 1..) = number_at_head(self.word(0)?) else { return None };
        let [point, tens, ones, ..] = self.word(digits)?.to_le_bytes();
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        self.at += digits + 3;
        // Eight digits of dollars are far below the largest amount.
        let cents = dollars * 100 + u64::from(tens) * 10 + u64::from(ones);
        (point == b'.' && tens < 10 && ones < 10 && cents > 0).then_some(cents)
    }

    /// Reads an argument that may be left out, which shows only at the end of the line: always left
    /// to the general parser.
    pub(crate) const fn optional<T>() -> Option<T> {
        None
    }

    /// Reads the end of the line. Returns the length of the whole line.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<usize> {
        if *self.block.get(self.at)? == b' ' {
            self.at += 1;
        }
        if *self.block.get(self.at)? == b'\r' {
            self.at += 1;
        }
        self.take(b'\n')?;
        Some(self.at)
    }
}

/// Returns the position of the first marked byte in the word, or 8 if no byte is marked.
const fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

/// Returns the first bytes of a word, fewer than eight.
const fn head(word: u64, bytes: usize) -> u64 {
    word & ((1 << (8 * (bytes & 7))) - 1)
}

/// Marks a byte that equals `byte`, in its highest bit. After the first one, other bytes may be
/// marked, too.
const fn equal(word: u64, byte: u8) -> u64 {
    let other = word ^ eight(byte);
    other.wrapping_sub(eight(1)) & !other & HIGH
}

/// Marks the ASCII bytes from `least` to `most`, in their highest bit.
const fn within(word: u64, least: u8, most: u8) -> u64 {
    let low = word & !HIGH;
    // No sum exceeds a byte, because each part is below 0x80.
    let reaches = low.wrapping_add(eight(0x80 - least));
    let passes = low.wrapping_add(eight(0x7f - most));
    reaches & !passes & !word & HIGH
}

/// Marks the bytes that a user name may have.
const fn name_bytes(word: u64) -> u64 {
    let letters = within(word | eight(0x20), b'a', b'z');
    // From the dash to the digits, without the slash between them.
    let others = within(word, b'-', b'9') & !within(word, b'/', b'/');
    letters | others | within(word, b'_', b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_classified_as_the_general_parser_does() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = [b'~'; 8];
                bytes[place] = byte;
                let (word, mark) = (u64::from_le_bytes(bytes), 0x80 << (8 * place));
                let allowed = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
                assert_eq!(name_bytes(word) == mark, allowed, "{byte} at {place}");
                assert!(name_bytes(word) & !mark == 0);
                let upper = within(word, b'A', b'Z') == mark;
                assert_eq!(upper, byte.is_ascii_uppercase(), "{byte} at {place}");
                assert_eq!(equal(word, b',') != 0, byte == b',');
            }
        }
    }
}

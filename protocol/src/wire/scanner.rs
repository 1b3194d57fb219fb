//! One pass over a line, eight bytes at a time: finds its commas and any byte that is not printable
//! ASCII.

use super::short_copy;

/// Number of commas whose offsets are kept: one more than the fields of the longest command.
const COMMAS_KEPT: usize = 4;

/// Returns a word with `byte` in all eight places.
pub(super) const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Result of scanning a line.
pub(crate) struct Scan {
    /// Offsets of the first commas.
    at: [usize; COMMAS_KEPT],
    commas: usize,
    /// Non-zero if the line holds a byte that is not printable ASCII.
    odd: u64,
}

impl Scan {
    /// Scans a line.
    #[inline]
    pub(crate) fn of(line: &[u8]) -> Self {
        let mut scan = Self { at: [0; COMMAS_KEPT], commas: 0, odd: 0 };
        let (words, rest) = line.as_chunks::<8>();
        for (n, word) in words.iter().enumerate() {
            scan.take_word(u64::from_le_bytes(*word), 8 * n);
        }
        if !rest.is_empty() {
            // The padding is neither a comma nor odd.
            let mut word = [b'x'; 8];
            short_copy::copy(&mut word, rest);
            scan.take_word(u64::from_le_bytes(word), 8 * words.len());
        }
        scan
    }

    #[inline]
    fn take_word(&mut self, word: u64, from: usize) {
        const HIGH: u64 = eight(0x80);
        // A printable ASCII byte does not reach 0x80, neither as it is, nor plus 1, nor minus 0x20;
        // any other byte does. A borrow or carry into the next byte comes from an odd byte.
        self.odd |= (word | word.wrapping_add(eight(1)) | word.wrapping_sub(eight(0x20))) & HIGH;
        // A byte is a comma if the difference is zero: adding 0x7f to it does not reach 0x80.
        let other = word ^ eight(b',');
        let mut found = !((other & !HIGH).wrapping_add(!HIGH) | other) & HIGH;
        while found != 0 {
            if let Some(at) = self.at.get_mut(self.commas) {
                *at = from + found.trailing_zeros() as usize / 8;
            }
            self.commas += 1;
            found &= found - 1;
        }
    }

    /// Returns the number of commas.
    pub(crate) const fn commas(&self) -> usize {
        self.commas
    }

    /// Returns true if the whole line is printable ASCII.
    pub(crate) const fn is_plain(&self) -> bool {
        self.odd == 0
    }

    /// Returns a field of the line that was scanned, counted from 0. Returns None past the last
    /// field and past the commas that are kept.
    #[inline]
    pub(crate) fn field<'a>(&self, line: &'a [u8], index: usize) -> Option<&'a [u8]> {
        if index > self.commas {
            return None;
        }
        let from = match index.checked_sub(1) {
            Some(before) => self.at.get(before)? + 1,
            None => 0,
        };
        let to = if index < self.commas { *self.at.get(index)? } else { line.len() };
        line.get(from..to)
    }
}

/// Returns the number at the head of a word and how many digits it has: 0 to 8.
#[inline]
pub(crate) fn number_at_head(word: u64) -> (u64, usize) {
    let digits = word ^ eight(b'0');
    // A digit's value does not reach 0x80, neither as it is nor plus 0x76. A carry into the next
    // byte comes from a byte that is not a digit, and the first of those ends the number.
    let other = (digits | digits.wrapping_add(eight(0x76))) & eight(0x80);
    let count = other.trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    // The digits move to the end of the word, zeros before them; then tens and ones are combined
    // into pairs, fours and eights.
    let ones = digits << (64 - 8 * count);
    let twos = ones.wrapping_mul(10).wrapping_add(ones >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = twos.wrapping_mul(100).wrapping_add(twos >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff, count)
}

/// Returns true for a space or a tab.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns the bytes without blanks (spaces and tabs) at either end.
#[inline]
#[expect(clippy::indexing_slicing, reason = "the pattern has at least three bytes")]
pub fn trim(bytes: &[u8]) -> &[u8] {
    match bytes {
        // Most fields begin and end with something else; only a tag is followed by a blank.
        [b'!'..=0xff, .., b'!'..=0xff] => bytes,
        [b' ', b'!'..=0xff, .., b'!'..=0xff] => &bytes[1..],
        // Lines of workload files end with a blank.
        [b'!'..=0xff, .., b'!'..=0xff, b' '] => &bytes[..bytes.len() - 1],
        _ => trim_all(bytes),
    }
}

fn trim_all(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blanks_are_removed_at_either_end(line in "[ \ta-c!\u{7f}-\u{81}]{0,6}") {
            prop_assert_eq!(trim(line.as_bytes()), line.trim_matches([' ', '\t']).as_bytes());
        }

        #[test]
        fn fields_are_those_that_splitting_gives(line in prop_oneof![
            "[a-z,]{0,40}".prop_map(String::into_bytes),
            prop::collection::vec(
                prop_oneof![4 => 0x20..0x7f_u8, 2 => Just(b','), 1 => any::<u8>()],
                0..70,
            ),
        ]) {
            let scan = Scan::of(&line);
            let fields: Vec<_> = line.split(|byte| *byte == b',').collect();
            prop_assert_eq!(scan.commas(), fields.len() - 1);
            prop_assert_eq!(scan.is_plain(), line.iter().all(|byte| (0x20..0x7f).contains(byte)));
            for index in 0..COMMAS_KEPT {
                prop_assert_eq!(scan.field(&line, index), fields.get(index).copied());
            }
        }

        #[test]
        fn the_number_at_the_head_is_that_of_its_digits(
            digits in "[0-9]{0,8}",
            other in any::<[u8; 8]>(),
        ) {
            let text: Vec<u8> = digits.bytes().chain(other).collect();
            let count = text[..8].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = String::from_utf8(text[..count].to_vec()).unwrap().parse().unwrap_or(0);
            let head = u64::from_le_bytes(text[..8].try_into().unwrap());
            prop_assert_eq!(number_at_head(head), (number, count));
        }
    }
}

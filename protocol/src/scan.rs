//! One look at a line, eight bytes at a time: where its commas are, and whether it holds anything
//! but printable ASCII.

/// As many commas are told apart: one more than the most fields any command takes.
const COMMAS_KEPT: usize = 4;

/// A byte in all eight places of a word.
const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// What a look at a line tells.
pub(crate) struct Scan {
    /// Where the first commas are.
    at: [usize; COMMAS_KEPT],
    commas: usize,
    /// Not zero if there is anything but printable ASCII.
    odd: u64,
}

impl Scan {
    #[inline]
    pub(crate) fn of(line: &[u8]) -> Self {
        let mut scan = Self { at: [0; COMMAS_KEPT], commas: 0, odd: 0 };
        let (words, rest) = line.as_chunks::<8>();
        for (n, word) in words.iter().enumerate() {
            scan.look_at(u64::from_le_bytes(*word), 8 * n);
        }
        if !rest.is_empty() {
            // Filled up with what is neither a comma nor odd.
            let mut word = [b'x'; 8];
            crate::short::copy(&mut word, rest);
            scan.look_at(u64::from_le_bytes(word), 8 * words.len());
        }
        scan
    }

    #[inline]
    fn look_at(&mut self, word: u64, from: usize) {
        const HIGH: u64 = eight(0x80);
        // Printable ASCII reaches 0x80 neither by itself, nor with 1 more, nor with 0x20 less;
        // whatever does is odd. What one byte borrows from the next, or carries to it, comes from
        // an odd one.
        self.odd |= (word | word.wrapping_add(eight(1)) | word.wrapping_sub(eight(0x20))) & HIGH;
        // A byte is a comma if nothing is left of it, and 0x7f more does not reach 0x80 then.
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

    /// How many commas there are.
    pub(crate) const fn commas(&self) -> usize {
        self.commas
    }

    /// Whether all of the line is printable ASCII.
    pub(crate) const fn is_plain(&self) -> bool {
        self.odd == 0
    }

    /// What is between the commas of the line that was looked at, from 0. None: there are not so
    /// many, or more than are told apart.
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

/// The number that a word begins with, and how many digits it has: 0 to 8.
#[inline]
pub(crate) fn number_at_head(word: u64) -> (u64, usize) {
    let digits = word ^ eight(b'0');
    // A digit's value reaches 0x80 neither by itself nor with 0x76 more. What a byte carries to the
    // next comes from no digit, and the first of those ends the number.
    let other = (digits | digits.wrapping_add(eight(0x76))) & eight(0x80);
    let count = other.trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    // The digits moved to the end of the word, zeros before them; then tens and ones of twos, fours
    // and eights of them together.
    let ones = digits << (64 - 8 * count);
    let twos = ones.wrapping_mul(10).wrapping_add(ones >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = twos.wrapping_mul(100).wrapping_add(twos >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_tells_what_splitting_would(line in prop_oneof![
            "[a-z,]{0,40}".prop_map(String::into_bytes),
            prop::collection::vec(prop_oneof![4 => 0x20..0x7f_u8, 2 => Just(b','), 1 => any::<u8>()], 0..70),
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
        fn the_number_at_the_head_is_that_of_its_digits(digits in "[0-9]{0,8}", other in any::<[u8; 8]>()) {
            let text: Vec<u8> = digits.bytes().chain(other).collect();
            let count = text[..8].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = String::from_utf8(text[..count].to_vec()).unwrap().parse().unwrap_or(0);
            prop_assert_eq!(number_at_head(u64::from_le_bytes(text[..8].try_into().unwrap())), (number, count));
        }
    }
}

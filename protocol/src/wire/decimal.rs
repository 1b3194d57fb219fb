//! Decimal digits of integers and money. The only printer of numbers: eight digits are computed at
//! once, without a division for each.
//!
//! The printers are not inline: they are long and called from many places, and the code that a
//! command needs has hardly room in the processor's cache.

#![expect(clippy::indexing_slicing, reason = "the field is longer than any number")]

/// Longest field: a comma, a sign, the decimals of a `u64`, a point, and space for whole words.
pub(crate) const FIELD_BYTES: usize = 32;
/// Most integers are share counts below this.
const FOUR: u64 = 10_000;
/// Numbers below this have at most eight digits, which are computed at once.
const EIGHT: u64 = 100_000_000;
/// A word of digits begins below this offset of its field. It is a power of two: an offset reduced
/// by it needs no bounds check.
const WORD_OFFSETS: usize = 16;
/// Turns eight digit values into ASCII.
const ASCII: u64 = 0x3030_3030_3030_3030;

/// Writes an integer at an offset, without leading zeros. Returns the number of digits.
#[inline(never)]
pub(crate) fn digits_at(field: &mut [u8; FIELD_BYTES], at: usize, value: u64) -> usize {
    if value < FOUR {
        let digits = four_digits(value as u32);
        let zeros = (digits | 1 << 24).trailing_zeros() / 8;
        let letters = (digits | ASCII as u32) >> (8 * zeros);
        let at = at % WORD_OFFSETS;
        field[at..at + 4].copy_from_slice(&letters.to_le_bytes());
        return 4 - zeros as usize;
    }
    if value >= EIGHT {
        return long_digits_at(field, at, value);
    }
    let digits = eight_digits(value as u32);
    // The first digit is in the lowest byte; the last digit always stays.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    word_at(field, at, (digits | ASCII) >> (8 * zeros));
    8 - zeros as usize
}

#[inline(never)]
fn long_digits_at(field: &mut [u8; FIELD_BYTES], at: usize, value: u64) -> usize {
    let (head, tail) = (value / EIGHT, value % EIGHT);
    let head = if head < EIGHT {
        // Times in milliseconds are of this size.
        let digits = eight_digits(head as u32);
        let zeros = (digits | 1 << 56).trailing_zeros() / 8;
        word_at(field, at, (digits | ASCII) >> (8 * zeros));
        8 - zeros as usize
    } else {
        digits_at(field, at, head)
    };
    word_at(field, at + head, eight_digits(tail as u32) | ASCII);
    head + 8
}

/// The first digits of a time in milliseconds, which change once in 28 hours. They are kept from
/// one time to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeHead {
    /// The number that these digits are.
    value: u64,
    letters: u64,
    digits: usize,
}

impl TimeHead {
    /// Writes a time as [`digits_at`] does.
    #[inline]
    pub(crate) fn digits_at(
        &mut self,
        field: &mut [u8; FIELD_BYTES],
        at: usize,
        time: u64,
    ) -> usize {
        let value = time / EIGHT;
        if value == 0 || value >= EIGHT {
            return digits_at(field, at, time);
        }
        if value != self.value {
            *self = Self::of(value as u32);
        }
        word_at(field, at, self.letters);
        word_at(field, at + self.digits, eight_digits((time % EIGHT) as u32) | ASCII);
        self.digits + 8
    }

    fn of(value: u32) -> Self {
        let digits = eight_digits(value);
        let zeros = (digits | 1 << 56).trailing_zeros() / 8;
        let letters = (digits | ASCII) >> (8 * zeros);
        Self { value: value.into(), letters, digits: 8 - zeros as usize }
    }
}

/// Writes an amount of cents at an offset, with two decimals. Returns the number of bytes.
#[inline(never)]
pub(crate) fn cents_at(field: &mut [u8; FIELD_BYTES], at: usize, cents: i64) -> usize {
    match u64::try_from(cents) {
        Ok(cents) if cents < EIGHT => {
            let digits = eight_digits(cents as u32);
            // At least one digit precedes the point.
            let zeros = (digits | 1 << 40).trailing_zeros() / 8;
            let letters = digits | ASCII;
            word_at(field, at, letters >> (8 * zeros));
            let point = (at + 6 - zeros as usize) % WORD_OFFSETS;
            let [.., tens, ones] = letters.to_le_bytes();
            field[point..point + 3].copy_from_slice(&[b'.', tens, ones]);
            9 - zeros as usize
        }
        _ => long_cents_at(field, at, cents),
    }
}

#[inline(never)]
fn long_cents_at(field: &mut [u8; FIELD_BYTES], at: usize, cents: i64) -> usize {
    field[at] = b'-';
    let sign = usize::from(cents < 0);
    let cents = cents.unsigned_abs();
    let digits = sign + digits_at(field, at + sign, cents / 100);
    let (point, rest) = (at + digits, (cents % 100) as u8);
    field[point..point + 3].copy_from_slice(&[b'.', b'0' + rest / 10, b'0' + rest % 10]);
    digits + 3
}

/// Writes `[number]`. Returns the number of bytes.
#[inline]
pub(crate) fn tag_at(field: &mut [u8; FIELD_BYTES], number: u64) -> usize {
    field[0] = b'[';
    let digits = digits_at(field, 1, number);
    field[1 + digits] = b']';
    digits + 2
}

#[inline]
fn word_at(field: &mut [u8; FIELD_BYTES], at: usize, letters: u64) {
    let at = at % WORD_OFFSETS;
    field[at..at + 8].copy_from_slice(&letters.to_le_bytes());
}

/// Computes the eight decimal digits of a number below 10^8, one byte each, the first digit in the
/// lowest byte. Halves, quarters and single digits are split for all of them at once, by
/// multiplications instead of divisions.
#[inline]
const fn eight_digits(value: u32) -> u64 {
    let value = value as u64;
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    // Nothing here can overflow; wrapping operations avoid the checks.
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours.wrapping_sub(hundreds.wrapping_mul(100)) << 16);
    let tens = (twos.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos.wrapping_sub(tens.wrapping_mul(10)) << 8)
}

/// Computes the four decimal digits of a number below 10^4 in the same form.
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

    proptest! {
        #[test]
        fn eight_digits_are_those_of_the_number(value in 0..100_000_000_u32) {
            let digits = (eight_digits(value) | 0x3030_3030_3030_3030).to_le_bytes();
            prop_assert_eq!(String::from_utf8(digits.to_vec()).unwrap(), format!("{value:08}"));
        }

        #[test]
        fn integers_print_as_the_standard_library_prints_them(
            value in any::<u64>(),
            bits in 0..64,
        ) {
            let value = value >> bits;
            let mut field = [0; FIELD_BYTES];
            let bytes = digits_at(&mut field, 0, value);
            prop_assert_eq!(std::str::from_utf8(&field[..bytes]), Ok(&*value.to_string()));
        }

        #[test]
        fn times_print_as_other_integers(
            first in any::<u64>(),
            bits in 0..64,
            more in prop_oneof![0..1_000_u64, 0..1_000_000_000_000_u64],
        ) {
            let mut head = TimeHead::default();
            let first: u64 = first >> bits;
            for time in [first, first.saturating_add(more)] {
                let mut field = [0; FIELD_BYTES];
                let bytes = head.digits_at(&mut field, 0, time);
                prop_assert_eq!(std::str::from_utf8(&field[..bytes]), Ok(&*time.to_string()));
            }
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

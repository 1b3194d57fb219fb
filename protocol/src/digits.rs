//! Numbers and money in decimal digits, eight of them worked out at once.

use crate::Money;
use crate::fields::FIELD_BYTES;

/// Ten to the power of four: most whole numbers are shares, and below it.
const FOUR: u64 = 10_000;
/// Ten to the power of eight: so many digits are worked out at once.
const EIGHT: u64 = 100_000_000;
/// A word of digits begins before this place of its field. A power of two: cut to it, a place needs
/// no check.
const WORD_PLACES: usize = 16;
/// Makes digits of numbers, eight at once.
const ASCII: u64 = 0x3030_3030_3030_3030;

/// Writes decimal digits, without zeros in front; returns how many.
#[inline]
pub(crate) fn digits_at(field: &mut [u8; FIELD_BYTES], at: usize, value: u64) -> usize {
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
    let (head, tail) = (value / EIGHT, value % EIGHT);
    let head = if head < EIGHT {
        // Times are of this kind.
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

/// Writes an amount with two decimals; returns how many bytes it took.
#[inline]
pub(crate) fn money_at(field: &mut [u8; FIELD_BYTES], money: Money) -> usize {
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

/// The eight decimal digits of a number below 10^8, a byte each, the first in the lowest byte:
/// halves, quarters and single digits are told apart for all of them at once, by multiplications in
/// the place of divisions.
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

    proptest! {
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

//! Exact money: whole cents in an `i64`, with checked arithmetic.
//!
//! The wire, the journal and the audit log use whole cents only. Nothing is therefore rounded
//! except an average cost ([`Money::share_of`], half to even). Floating point is never used.

use crate::wire::decimal::{FIELD_BYTES, cents_at};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Maximum number of shares in one holding (`LIMIT_EXCEEDED`).
pub const SHARES_MAX: u64 = 1_000_000_000_000_000;

/// An amount of dollars, in cents.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(i64);

/// Reason why a field is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The field does not have the form `digits[.d[d]]`.
    #[error("not digits with at most two decimals")]
    Form,
    /// The form is valid, but the amount is zero or above [`Money::AMOUNT_MAX`].
    #[error("outside 0.01 to 999999999999.99")]
    Range,
}

impl Money {
    /// Zero dollars.
    pub const ZERO: Self = Self(0);
    /// Largest amount in a request: 999999999999.99 dollars.
    pub const AMOUNT_MAX: Self = Self(99_999_999_999_999);
    /// Limit of a user's cash and reserves together, of a cost basis and of a realised profit:
    /// about a thousand of the largest amounts. The sum of ninety such balances fits in an `i64`.
    pub const BALANCE_MAX: Self = Self(100_000_000_000_000_000);

    /// Creates an amount from whole cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents)
    }

    /// Returns the amount in whole cents.
    pub const fn cents(self) -> i64 {
        self.0
    }

    /// Returns true if the amount is above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Parses an amount of a request: digits with at most two decimals after a point, no sign, from
    /// 0.01 to [`Money::AMOUNT_MAX`].
    ///
    /// # Errors
    /// Returns [`MoneyError::Form`] or [`MoneyError::Range`].
    pub fn parse_amount(field: &[u8]) -> Result<Self, MoneyError> {
        let cents = parse_unsigned_cents(field).ok_or(MoneyError::Form)?;
        if cents == 0 || cents > Self::AMOUNT_MAX.0 as u64 {
            return Err(MoneyError::Range);
        }
        Ok(Self(cents as i64))
    }

    /// Parses money as replies and the audit log print it: an optional `-`, and digits with at most
    /// two decimals, of any size.
    pub fn parse_signed(field: &[u8]) -> Option<Self> {
        let (negative, digits) = match field.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, field),
        };
        let cents = i64::try_from(parse_unsigned_cents(digits)?).ok()?;
        Some(Self(if negative { -cents } else { cents }))
    }

    /// Returns the sum, or None if it is outside the range of `i64`.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Returns the sum, or the nearest amount that can be represented: for views of amounts that
    /// somebody else reports. An account never uses it.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the difference as [`Money::saturating_add`] returns the sum.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns the sum, or None if its absolute value is above [`Money::BALANCE_MAX`], the limit of
    /// an account.
    pub fn add_within_balance(self, other: Self) -> Option<Self> {
        self.checked_add(other).filter(|sum| sum.0.abs() <= Self::BALANCE_MAX.0)
    }

    /// Returns the cost of `shares` at this price, or None if it is above [`Money::BALANCE_MAX`].
    pub fn times(self, shares: u64) -> Option<Self> {
        let cents = i128::from(self.0) * i128::from(shares);
        i64::try_from(cents).ok().map(Self).filter(|total| total.0 <= Self::BALANCE_MAX.0)
    }

    /// Returns the number of whole shares this amount buys at `price`: `floor(amount / price)`.
    /// Returns 0 if the price or the amount is not positive.
    pub fn whole_shares(self, price: Self) -> u64 {
        if self.0 <= 0 || price.0 <= 0 { 0 } else { (self.0 / price.0) as u64 }
    }

    /// Returns the part of this cost basis that belongs to `part` of `whole` shares, rounded to the
    /// cent, half to even. Returns all of it if `part` is `whole`, so that an emptied holding keeps
    /// exactly zero.
    pub fn share_of(self, part: u64, whole: u64) -> Self {
        if part >= whole {
            return self;
        }
        let (dividend, divisor) = (i128::from(self.0) * i128::from(part), i128::from(whole));
        let (quotient, rest) = (dividend / divisor, dividend % divisor);
        let up = match (rest * 2).cmp(&divisor) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => quotient % 2 == 1,
        };
        Self((quotient + i128::from(up)) as i64)
    }

    /// Returns the amount as a decimal of dollars with scale 2.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// Converts a decimal of dollars, rounded half to even to the cent. Returns None if it is
    /// outside the range of `i64`.
    pub fn from_decimal(dollars: Decimal) -> Option<Self> {
        let cents = dollars.checked_mul(Decimal::ONE_HUNDRED)?.round();
        i64::try_from(cents).ok().map(Self)
    }

    /// Appends the amount with exactly two decimals.
    #[expect(clippy::indexing_slicing, reason = "the field is longer than any number")]
    pub fn write_to(self, out: &mut Vec<u8>) {
        let mut field = [0; FIELD_BYTES];
        let bytes = cents_at(&mut field, 0, self.0);
        out.extend_from_slice(&field[..bytes]);
    }
}

/// Parses `digits[.d[d]]` to cents. Returns None for any other form; large numbers saturate.
fn parse_unsigned_cents(field: &[u8]) -> Option<u64> {
    // Fast path: nearly all amounts have two decimals and too few digits to overflow.
    if let [whole @ .., b'.', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = field
        && (1..=SHORT_DIGITS).contains(&whole.len())
        && let Some(dollars) = short_number(whole)
    {
        return Some(dollars * 100 + u64::from(tens - b'0') * 10 + u64::from(ones - b'0'));
    }
    parse_any_cents(field)
}

/// Maximum number of digits of the fast path, far below the range of `u64`.
const SHORT_DIGITS: usize = 15;

/// Returns the number with these digits, or None if a byte is not a digit.
fn short_number(digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    Some(number)
}

fn parse_any_cents(field: &[u8]) -> Option<u64> {
    let mut cents: u64 = 0;
    let mut decimals: Option<u32> = None;
    if !field.first()?.is_ascii_digit() {
        return None;
    }
    for &byte in field {
        match (byte, decimals) {
            (b'0'..=b'9', None) => {}
            (b'0'..=b'9', Some(n)) if n < 2 => decimals = Some(n + 1),
            (b'.', None) => {
                decimals = Some(0);
                continue;
            }
            _ => return None,
        }
        // Saturating is sufficient: every caller refuses a number at the end of `u64` for its
        // range.
        cents = cents.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    match decimals {
        None => Some(cents.saturating_mul(100)),
        Some(0) => None,
        Some(1) => Some(cents.saturating_mul(10)),
        Some(_) => Some(cents),
    }
}

impl fmt::Display for Money {
    #[expect(clippy::indexing_slicing, reason = "the field is longer than any number")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut field = [0; FIELD_BYTES];
        let bytes = cents_at(&mut field, 0, self.0);
        f.pad(std::str::from_utf8(&field[..bytes]).unwrap_or_default())
    }
}

// The operators panic on overflow (overflow checks are enabled in release builds). `decide` limits
// every operand to BALANCE_MAX before an event exists, so only a defect can cause an overflow.
// Stopping is then better than a wrong amount.
impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_accept_only_the_documented_forms() {
        let good = [("5", 500), ("5.0", 500), ("5.00", 500), ("0.01", 1), ("007.5", 750)];
        for (text, cents) in good {
            assert_eq!(
                Money::parse_amount(text.as_bytes()),
                Ok(Money::from_cents(cents)),
                "{text}"
            );
        }
        assert_eq!(Money::parse_amount(b"999999999999.99"), Ok(Money::AMOUNT_MAX));
        for text in [
            "", ".", "5.", ".5", "-5", "+5", "1e5", "1,000", "5.001", "5 ", "0x5", "NaN", "5.0.0",
            "5.-1",
        ] {
            assert_eq!(Money::parse_amount(text.as_bytes()), Err(MoneyError::Form), "{text}");
        }
        for text in
            ["0", "0.00", "1000000000000", "1000000000000.00", "99999999999999999999999999999999"]
        {
            assert_eq!(Money::parse_amount(text.as_bytes()), Err(MoneyError::Range), "{text}");
        }
    }

    #[test]
    fn share_of_rounds_half_to_even_and_the_whole_is_exact() {
        let cases = [
            (5, 1, 2, 2),
            (15, 1, 2, 8),
            (7, 1, 3, 2),
            (8, 1, 3, 3),
            (1, 1, 2, 0),
            (3, 1, 2, 2),
            (9, 5, 5, 9),
        ];
        for (basis, part, whole, want) in cases {
            assert_eq!(Money(basis).share_of(part, whole), Money(want), "{basis}*{part}/{whole}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_parses_like_the_general_path(field in "[0-9]{0,20}\\.?[0-9]{0,3}[a/:-]?") {
            let field = field.as_bytes();
            prop_assert_eq!(parse_unsigned_cents(field), parse_any_cents(field));
        }

        #[test]
        fn money_prints_and_parses_to_the_same_value(
            cents in any::<i64>().prop_filter("abs", |c| *c != i64::MIN),
        ) {
            let money = Money(cents);
            let mut bytes = Vec::new();
            money.write_to(&mut bytes);
            prop_assert_eq!(String::from_utf8(bytes.clone()).unwrap(), money.to_string());
            prop_assert_eq!(Money::parse_signed(&bytes), Some(money));
            prop_assert_eq!(Money::from_decimal(money.to_decimal()), Some(money));
        }

        #[test]
        fn whole_shares_never_cost_more_than_the_amount(
            amount in 1..=Money::AMOUNT_MAX.0,
            price in 1..=Money::AMOUNT_MAX.0,
        ) {
            let shares = Money(amount).whole_shares(Money(price));
            let cost = Money(price).times(shares).unwrap();
            prop_assert!(cost.0 <= amount && amount - cost.0 < price);
        }

        #[test]
        fn share_of_is_the_nearest_cent(
            basis in 0..=Money::BALANCE_MAX.0,
            whole in 1..SHARES_MAX,
            part in 0..SHARES_MAX,
        ) {
            let part = part % (whole + 1);
            let taken = Money(basis).share_of(part, whole);
            let exact = i128::from(basis) * i128::from(part);
            let twice_off = (i128::from(taken.0) * i128::from(whole) - exact).abs() * 2;
            prop_assert!(twice_off <= i128::from(whole) && taken.0 <= basis);
        }
    }
}

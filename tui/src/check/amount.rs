//! Dollars as another program may have written them: exact to a hundredth of a cent.
//!
//! A log is judged by these numbers, so they never touch floating point and never round silently.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

/// Units of a dollar.
const UNITS: i64 = 10_000;
/// Units of a cent.
const CENT: i64 = 100;
/// Largest amount on either side of 0, so that the sums of a whole log stay within i64.
const UNITS_MAX: i64 = 10_000_000_000_000_000;

/// An amount of dollars in hundredths of a cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Amount(i64);

/// A number of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// Its value, rounded toward 0 after four decimals.
    pub amount: Amount,
    /// True if it is a whole number of cents.
    pub to_the_cent: bool,
}

impl Amount {
    pub(crate) const ZERO: Self = Self(0);
    /// No amount is larger.
    pub(crate) const MOST: Self = Self(i64::MAX);
    /// Stands for no amount where an Option takes too much space. No number is parsed as it.
    pub(crate) const NONE: Self = Self(i64::MIN);

    /// Creates an amount from cents.
    pub(crate) const fn from_cents(cents: i64) -> Self {
        Self(cents.saturating_mul(CENT))
    }

    /// Parses a decimal number of XML Schema: a sign, digits and a point, in any usual form, but no
    /// exponent. Returns None for any other text and for amounts above 10^12 dollars.
    pub(crate) fn parse(text: &[u8]) -> Option<Parsed> {
        let (negative, digits) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, text),
        };
        let (mut units, mut decimals, mut seen, mut exact) = (0_i64, None::<u32>, false, true);
        for byte in digits {
            match (byte, decimals) {
                (b'.', None) => decimals = Some(0),
                (b'0'..=b'9', _) => {
                    let digit = i64::from(byte - b'0');
                    seen = true;
                    match &mut decimals {
                        Some(count) if *count >= 4 => exact &= digit == 0,
                        place => {
                            units = units * 10 + digit;
                            if units > UNITS_MAX {
                                return None;
                            }
                            if let Some(count) = place {
                                *count += 1;
                            }
                        }
                    }
                }
                _ => return None,
            }
        }
        if !seen {
            return None;
        }
        let units = units.checked_mul(10_i64.pow(4 - decimals.unwrap_or(0).min(4)))?;
        if units > UNITS_MAX {
            return None;
        }
        let amount = Self(if negative { -units } else { units });
        Some(Parsed { amount, to_the_cent: exact && units % CENT == 0 })
    }

    /// Returns how many whole shares the amount pays for at a price; None if a factor is not
    /// positive.
    pub(crate) fn whole_shares(self, price: Self) -> Option<i64> {
        (self.0 >= 0 && price.0 > 0).then(|| self.0 / price.0)
    }

    /// Returns the price of a number of shares.
    pub(crate) fn times(self, shares: i64) -> Option<Self> {
        self.0.checked_mul(shares).map(Self)
    }

    /// Returns the cost of the whole shares that the amount pays for at a price.
    pub(crate) fn cost_of_whole_shares(self, price: Self) -> Option<Self> {
        price.times(self.whole_shares(price)?)
    }

    /// Returns the price of a number of shares that is written as an amount: 12.00 are 12 shares.
    pub(crate) fn of_written_shares(self, price: Self) -> Option<Self> {
        let units = i128::from(self.0) * i128::from(price.0) / i128::from(UNITS);
        i64::try_from(units).ok().map(Self)
    }

    pub(crate) const fn is_negative(self) -> bool {
        self.0 < 0
    }

    pub(crate) const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Returns the amount without its sign.
    pub(crate) const fn size(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let units = self.0.unsigned_abs();
        let (dollars, rest) = (units / UNITS as u64, units % UNITS as u64);
        if rest.is_multiple_of(CENT as u64) {
            write!(f, "{sign}{dollars}.{:02}", rest / CENT as u64)
        } else {
            write!(f, "{sign}{dollars}.{rest:04}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_decimal_is_read_exactly() {
        for (text, shown, cents) in [
            ("5", "5.00", true),
            ("5.", "5.00", true),
            (".5", "0.50", true),
            ("+5.5", "5.50", true),
            ("-0.01", "-0.01", true),
            ("100.500", "100.50", true),
            ("1.005", "1.0050", false),
            ("1.00001", "1.00", false),
            ("1.000000", "1.00", true),
            ("1000000000000", "1000000000000.00", true),
        ] {
            let parsed = Amount::parse(text.as_bytes()).unwrap();
            assert_eq!((parsed.amount.to_string().as_str(), parsed.to_the_cent), (shown, cents));
        }
        for text in ["", "-", ".", "1e3", "1,000", "$5", " 5", "5-", "1.2.3", "1000000000000.01"] {
            assert_eq!(Amount::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn whole_shares_cost_their_price() {
        let amount = |text: &str| Amount::parse(text.as_bytes()).unwrap().amount;
        assert_eq!(amount("100").whole_shares(amount("27.73")), Some(3));
        assert_eq!(amount("100").cost_of_whole_shares(amount("27.73")), Some(amount("83.19")));
        assert_eq!(amount("100").whole_shares(Amount::ZERO), None);
        assert_eq!(amount("12").of_written_shares(amount("2.50")), Some(amount("30")));
    }
}

//! Times and prices as people's files have them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};

/// Unix milliseconds of the last moment that a number is read as seconds, milliseconds or
/// microseconds: the year 5138 in seconds is 1973 in milliseconds.
const LARGEST: i64 = 100_000_000_000;

/// Ways to write a date.
const DATES: [&str; 6] = ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%b %d, %Y"];

/// Parses a price above 0, rounded to the cent: thousands separators and a currency sign are left
/// out.
pub(super) fn price(text: &str) -> Option<Decimal> {
    let text = text.trim_start_matches(['$', '€', '£']).replace([',', '\u{a0}', '\''], "");
    let price: Decimal = text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())?;
    let cents = price.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
    (cents > Decimal::ZERO).then_some(cents)
}

/// Parses a date in one of several forms, a date and time (UTC without an offset), or Unix seconds,
/// milliseconds or microseconds; returns Unix milliseconds. Of 01/02/2024, the month is first.
pub(crate) fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            19_000_101..=21_991_231 => midnight(Date::strptime("%Y%m%d", text).ok()?),
            _ if number.abs() < LARGEST => Some(number * 1_000),
            _ if number.abs() < LARGEST * 1_000 => Some(number),
            _ => Some(number / 1_000),
        };
    }
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp.as_millisecond());
    }
    if let Ok(stamp) = jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S%:z", text) {
        return Some(stamp.as_millisecond());
    }
    if let Some(date) = DATES.iter().find_map(|form| Date::strptime(form, text).ok()) {
        return midnight(date);
    }
    let time = text.parse::<DateTime>().ok().or_else(|| {
        ["%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"]
            .iter()
            .find_map(|form| DateTime::strptime(form, text).ok())
    })?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn midnight(date: Date) -> Option<i64> {
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_every_form_are_parsed() {
        for text in [
            "2024-01-02",
            "2024-01-02T00:00:00Z",
            "2024-01-02 00:00:00",
            "2024-01-02 00:00",
            "2024-01-01 19:00:00-05:00",
            "01/02/2024",
            "02.01.2024",
            "2024/01/02",
            "Jan 02, 2024",
            "20240102",
            "1704153600",
            "1704153600000",
            "1704153600000000",
        ] {
            assert_eq!(time(text), Some(1_704_153_600_000), "{text}");
        }
        assert_eq!(time("13/01/2024"), time("2024-01-13"));
        for text in ["yesterday", "", "2024-13-01", "99/99/2024"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn prices_in_every_form_are_parsed() {
        for (text, want) in [
            ("$181.91", "181.91"),
            ("37,440.34", "37440.34"),
            ("183.885", "183.88"),
            ("44179.55000000", "44179.55"),
            ("1e2", "100"),
        ] {
            assert_eq!(
                price(text).map(|price| price.normalize().to_string()).as_deref(),
                Some(want)
            );
        }
        for text in ["", "null", "-1", "0", "0.004", "12.3.4"] {
            assert_eq!(price(text), None, "{text}");
        }
    }
}

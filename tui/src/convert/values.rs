//! Times and prices as people's files have them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};

/// Unix milliseconds of the last moment that a number is read as seconds, milliseconds or
/// microseconds: the year 5138 in seconds is 1973 in milliseconds.
const LARGEST: i64 = 100_000_000_000;

/// Ways to write a date that say by themselves what is the day.
const DATES: [&str; 5] = ["%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%b %d, %Y", "%Y%m%d"];
/// Ways to write a date and a time.
const TIMES: [&str; 4] = ["%Y-%m-%d %H:%M", "%Y%m%d %H%M%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"];

/// Which of two numbers is the day in dates with slashes: 31/01/2024 or 01/31/2024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DayOrder {
    #[default]
    MonthFirst,
    DayFirst,
}

impl DayOrder {
    /// Returns the order of a file: the day is first if a date of the file has no other meaning.
    pub(super) fn of(times: impl IntoIterator<Item = String>) -> Self {
        let by_month = |text: &str| time_in(Self::MonthFirst, text).is_some();
        let by_day = |text: &str| time_in(Self::DayFirst, text).is_some();
        let is_day_first =
            times.into_iter().any(|text| text.contains('/') && !by_month(&text) && by_day(&text));
        if is_day_first { Self::DayFirst } else { Self::MonthFirst }
    }

    const fn forms(self) -> [&'static str; 3] {
        match self {
            Self::MonthFirst => ["%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"],
            Self::DayFirst => ["%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S"],
        }
    }
}

/// Parses a price above 0, rounded to the cent. A currency sign, and a comma or an apostrophe
/// between groups of three digits, are left out; anything else is no price: a comma may be meant as
/// a decimal point.
pub(super) fn price(text: &str) -> Option<Decimal> {
    let text = text.trim_start_matches(['$', '€', '£']);
    let (whole, decimals) = text.split_once('.').map_or((text, ""), |(whole, rest)| (whole, rest));
    let mut groups = whole.split([',', '\u{a0}', '\'']);
    let first = groups.next()?.len();
    let is_grouped = whole.contains([',', '\u{a0}', '\'']);
    if is_grouped && (!(1..=3).contains(&first) || groups.any(|group| group.len() != 3)) {
        return None;
    }
    if decimals.contains([',', '\u{a0}', '\'']) {
        return None;
    }
    let text = text.replace([',', '\u{a0}', '\''], "");
    let price: Decimal = text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())?;
    let cents = price.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
    (cents > Decimal::ZERO).then_some(cents)
}

/// As [`time_in`], with the month first; a date that has no such meaning has its day first.
pub(crate) fn time(text: &str) -> Option<i64> {
    time_in(DayOrder::MonthFirst, text).or_else(|| time_in(DayOrder::DayFirst, text))
}

/// Parses a date in one of several forms, a date and time (UTC without an offset), or Unix seconds,
/// milliseconds or microseconds; returns Unix milliseconds.
pub(super) fn time_in(order: DayOrder, text: &str) -> Option<i64> {
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
    let [date, times @ ..] = order.forms();
    if let Some(date) = DATES.iter().chain([&date]).find_map(|form| Date::strptime(form, text).ok())
    {
        return midnight(date);
    }
    let forms = || TIMES.iter().chain(&times);
    let time = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| forms().find_map(|form| DateTime::strptime(form, text).ok()))?;
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
        let order = |texts: &[&str]| DayOrder::of(texts.iter().map(|text| (*text).to_owned()));
        assert_eq!(order(&["01/02/2024", "12/02/2024", "31/01/2024"]), DayOrder::DayFirst);
        assert_eq!(order(&["01/02/2024", "01/31/2024", "2024-01-31"]), DayOrder::MonthFirst);
        assert_eq!(time_in(DayOrder::DayFirst, "01/02/2024"), time("2024-02-01"));
        assert_eq!(time_in(DayOrder::DayFirst, "01/31/2024"), None);
        assert_eq!(time("20240102 153000"), time("2024-01-02 15:30:00"));
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
            ("1,234,567.5", "1234567.5"),
            ("1'234.50", "1234.5"),
        ] {
            assert_eq!(
                price(text).map(|price| price.normalize().to_string()).as_deref(),
                Some(want)
            );
        }
        for text in
            ["", "null", "-1", "0", "0.004", "12.3.4", "37.440,34", "12,5", "1,23,456.00", ",5"]
        {
            assert_eq!(price(text), None, "{text}");
        }
    }
}

//! Numbers and times as traders read them. All calculations use integers.

use daytrade_protocol::Money;

/// Formats dollars with separators: `12,480.15`.
pub(crate) fn dollars(money: Money) -> String {
    let cents = money.cents();
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", thousands(cents / 100), cents % 100)
}

/// Formats dollars as they are typed: without separators, and without cents if there are none.
pub(crate) fn amount(money: Money) -> String {
    let text = money.to_string();
    text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
}

/// Formats dollars with a sign: `+412.66`, `0.00`.
pub(crate) fn signed(money: Money) -> String {
    let plus = if money.cents() > 0 { "+" } else { "" };
    format!("{plus}{}", dollars(money))
}

/// Formats a whole number with separators.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns `part` as a share of `whole`, in hundredths of a percent, rounded to the nearest; None
/// if `whole` is zero.
pub(crate) fn basis_points(part: Money, whole: Money) -> Option<i64> {
    let (part, whole) = (i128::from(part.cents()), i128::from(whole.cents()));
    if whole == 0 {
        return None;
    }
    let doubled = part * 20_000 / whole;
    i64::try_from(i128::midpoint(doubled, doubled.signum())).ok()
}

/// Formats hundredths of a percent with a sign: `+1.35%`.
pub(crate) fn percent(basis_points: i64) -> String {
    let sign = match basis_points {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    let size = basis_points.unsigned_abs();
    format!("{sign}{}.{:02}%", thousands(size / 100), size % 100)
}

/// Formats a count with its noun: `1 trade`, `2 trades`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// Formats milliseconds as `m:ss`, with tenths in the last ten seconds.
pub(crate) fn countdown(left_ms: u64) -> String {
    if left_ms < 10_000 {
        return format!("0:{:02}.{}", left_ms / 1_000, left_ms % 1_000 / 100);
    }
    let seconds = left_ms.div_ceil(1_000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Formats the time of day in UTC: `14:02:37`.
pub(crate) fn clock(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Formats a day in UTC: `2026-11-28`.
pub(crate) fn date(unix_ms: u64) -> String {
    let moment =
        i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map_or(String::new(), |moment| moment.strftime("%Y-%m-%d").to_string())
}

/// Formats a moment in UTC: the time of day, with the date if it is not today.
pub(crate) fn moment(unix_ms: u64, now_ms: u64) -> String {
    let time = clock(unix_ms);
    let (day, today) = (date(unix_ms), date(now_ms));
    match day {
        day if day == today => time,
        day if day.get(..4) == today.get(..4) => format!("{} {time}", day.get(5..).unwrap_or(&day)),
        day => format!("{day} {time}"),
    }
}

/// Formats microseconds as milliseconds: `0.4 ms`.
pub(crate) fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_as_traders_write_them() {
        let money = Money::from_cents;
        assert_eq!(
            [dollars(money(1_248_015)), dollars(money(-5)), dollars(money(99_999_999))],
            ["12,480.15", "-0.05", "999,999.99"]
        );
        assert_eq!(
            [signed(money(41_266)), signed(money(0)), signed(money(-100))],
            ["+412.66", "0.00", "-1.00"]
        );
        assert_eq!([amount(money(55_000)), amount(money(1_450))], ["550", "14.50"]);
        assert_eq!(
            [percent(135), percent(0), percent(-5), percent(1_234_567)],
            ["+1.35%", "0.00%", "-0.05%", "+12,345.67%"]
        );
        assert_eq!(
            [countdown(60_000), countdown(35_100), countdown(9_950), countdown(0)],
            ["1:00", "0:36", "0:09.9", "0:00.0"]
        );
        assert_eq!(basis_points(money(82), money(1_420)), Some(577));
        assert_eq!(
            basis_points(money(-256), money(99_728)),
            Some(-26),
            "a loss is not made smaller"
        );
        assert_eq!(
            (clock(1_795_334_400_123), millis(412)),
            ("08:00:00".to_owned(), "0.4 ms".to_owned())
        );
    }
}

//! Durations and sizes of options, with a unit or as the plain number that an option began with.

use std::time::Duration;

/// Returns a parser of a duration in milliseconds: `1500`, `1500ms` or `1.5s`.
pub(super) fn milliseconds(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| within(parse_duration(text, Duration::from_millis(1))?, least, most, "ms")
}

/// Returns a parser of a duration in seconds: `300`, `300s` or `5m`.
pub(super) fn seconds(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| within(parse_duration(text, Duration::from_secs(1))?, least, most, "s")
}

/// Parses a duration. Returns how many units it is, which is a whole number; a plain number has
/// that unit.
fn parse_duration(text: &str, unit: Duration) -> Result<u64, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let wrong = || format!("{text:?} is not a duration such as 500ms, 5s or 10m");
    let duration = humantime::parse_duration(text).map_err(|_| wrong())?;
    if duration.as_nanos() % unit.as_nanos() != 0 {
        return Err(format!("{text:?} is not a whole number of {unit:?}"));
    }
    u64::try_from(duration.as_nanos() / unit.as_nanos()).map_err(|_| wrong())
}

fn within(number: u64, least: u64, most: u64, unit: &str) -> Result<u64, String> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(match most {
        u64::MAX => format!("{number}{unit} is less than {least}{unit}"),
        _ => format!("{number}{unit} is not within {least}{unit} and {most}{unit}"),
    })
}

/// Parses a number of bytes with an optional binary or decimal unit.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| format!("{text:?} is not a size such as 512MiB or 10GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_that_of_its_option() {
        let ms = milliseconds(1, u64::MAX);
        assert_eq!(ms("30"), Ok(30));
        assert_eq!(ms("5s"), Ok(5_000));
        assert_eq!(ms("1500us"), Err("\"1500us\" is not a whole number of 1ms".to_owned()));
        assert_eq!(ms("0"), Err("0ms is less than 1ms".to_owned()));
        assert!(ms("soon").is_err() && ms("-1").is_err() && ms("").is_err());
        let s = seconds(0, 3_600);
        assert_eq!(s("5m"), Ok(300));
        assert_eq!(s("300"), Ok(300));
        assert!(s("500ms").is_err() && s("2h").is_err());
    }

    #[test]
    fn a_size_has_a_unit_or_is_bytes() {
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("1000"), Ok(1_000));
        assert!(bytes("much").is_err());
    }
}

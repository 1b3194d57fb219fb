//! Converter from downloaded price histories to the format of `--quotes csv:FILE`.
//!
//! A download has one row per day (or hour, or minute) with open, high, low and close. Each row
//! becomes four prices, spread evenly over the time to the next row.

use anyhow::{Context as _, ensure};
use clap::Args;
use daytrade_protocol::Symbol;
use rust_decimal::{Decimal, RoundingStrategy};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// Options of `daytrade convert-prices`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Files with a header that names date (or time, timestamp), open, high, low and close; `-` is
    /// standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Symbol, for files without a symbol (or ticker) column
    #[arg(long)]
    pub symbol: Option<String>,
}

/// Interval between rows if there is only one row, in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// One row: the prices of an interval.
struct Bar {
    time_ms: i64,
    symbol: Symbol,
    prices: [Decimal; 4],
}

/// Converts files to one file of prices in order of time.
///
/// # Errors
/// An error with a message that names file and line.
pub(crate) fn convert(args: &ConvertArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let fixed = match &args.symbol {
        None => None,
        Some(name) => Some(
            Symbol::parse(name.as_bytes()).with_context(|| format!("{name:?} is not a symbol"))?,
        ),
    };
    let mut bars = Vec::new();
    for path in &args.files {
        let input: Box<dyn Read> = match path.to_str() {
            Some("-") => Box::new(io::stdin()),
            _ => Box::new(
                File::open(path).with_context(|| format!("cannot read {}", path.display()))?,
            ),
        };
        read_bars(input, fixed, &mut bars).with_context(|| path.display().to_string())?;
    }
    bars.sort_by_key(|bar| (bar.symbol, bar.time_ms));
    let gap = |pair: &[Bar]| {
        (pair[0].symbol == pair[1].symbol).then(|| pair[1].time_ms - pair[0].time_ms)
    };
    let step = bars.windows(2).filter_map(gap).filter(|ms| *ms > 0).min().unwrap_or(DAY_MS);
    let mut rows: Vec<(i64, Symbol, Decimal)> = Vec::new();
    for bar in &bars {
        for (at, price) in (0..).zip(bar.prices) {
            rows.push((bar.time_ms + at * step / 4, bar.symbol, price));
        }
    }
    rows.sort_by_key(|(time, symbol, _)| (*time, *symbol));
    writeln!(out, "time,symbol,price")?;
    for (time, symbol, price) in rows {
        writeln!(out, "{time},{symbol},{price:.2}")?;
    }
    Ok(())
}

/// Reads the rows of a file. `fixed` is the symbol of a file without a column of symbols.
fn read_bars(input: impl Read, fixed: Option<Symbol>, bars: &mut Vec<Bar>) -> anyhow::Result<()> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(input);
    let headers = reader.headers()?.clone();
    let column = |names: &[&str]| {
        headers.iter().position(|header| {
            names
                .iter()
                .any(|name| header.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
        })
    };
    let time = column(&["date", "datetime", "time", "timestamp"])
        .context("no column date, time or timestamp")?;
    let symbol = column(&["symbol", "ticker", "name"]);
    ensure!(symbol.is_some() || fixed.is_some(), "no column symbol or ticker; use --symbol");
    let mut price_columns = [0; 4];
    for (at, name) in price_columns.iter_mut().zip(["open", "high", "low", "close"]) {
        *at = column(&[name]).with_context(|| format!("no column {name}"))?;
    }
    for (index, row) in reader.records().enumerate() {
        let line = index + 2;
        let row = row.with_context(|| format!("line {line}"))?;
        let field = |at: usize| row.get(at).unwrap_or_default();
        let time_ms = parse_time(field(time))
            .with_context(|| format!("line {line}: {:?} is not a date", field(time)))?;
        let symbol = match (fixed, symbol) {
            (Some(symbol), _) => symbol,
            (None, Some(at)) => Symbol::parse(field(at).as_bytes()).with_context(|| {
                format!("line {line}: {:?} is not a symbol: 1 to 3 letters or digits", field(at))
            })?,
            (None, None) => continue,
        };
        // Downloads contain null for days without a trade.
        let Some(prices) =
            price_columns.iter().map(|at| price(field(*at))).collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        let prices =
            prices.try_into().map_err(|_| anyhow::anyhow!("line {line}: expected four prices"))?;
        bars.push(Bar { time_ms, symbol, prices });
    }
    Ok(())
}

/// Parses a price above 0, rounded to the cent.
fn price(text: &str) -> Option<Decimal> {
    let price: Decimal = text.trim_start_matches('$').parse().ok()?;
    let cents = price.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
    (cents > Decimal::ZERO).then_some(cents)
}

/// Parses a date, a date and time (UTC without an offset), Unix seconds or Unix milliseconds;
/// returns Unix milliseconds.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(if number.abs() < 100_000_000_000 { number * 1_000 } else { number });
    }
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp.as_millisecond());
    }
    let local = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| jiff::civil::DateTime::strptime("%m/%d/%Y", text))
        .ok()?;
    Some(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(text: &str, symbol: Option<&str>) -> Result<String, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let args =
            ConvertArgs { files: vec![file.path().to_owned()], symbol: symbol.map(str::to_owned) };
        let mut out = Vec::new();
        convert(&args, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_row_becomes_four_prices() {
        let daily = "Date,Open,High,Low,Close,Adj Close,Volume\n\
                     2024-01-02,10,12.345,9.5,11,11,1000\n\
                     2024-01-03,null,null,null,null,null,0\n\
                     2024-01-04,11,11,11,11,11,5\n";
        let want = "time,symbol,price\n\
                    1704153600000,XYZ,10.00\n\
                    1704196800000,XYZ,12.34\n\
                    1704240000000,XYZ,9.50\n\
                    1704283200000,XYZ,11.00\n\
                    1704326400000,XYZ,11.00\n\
                    1704369600000,XYZ,11.00\n\
                    1704412800000,XYZ,11.00\n\
                    1704456000000,XYZ,11.00\n";
        assert_eq!(converted(daily, Some("xyz")).unwrap(), want);
    }

    #[test]
    fn times_in_every_format_are_parsed() {
        for text in [
            "2024-01-02",
            "2024-01-02T00:00:00Z",
            "2024-01-02 00:00:00",
            "01/02/2024",
            "1704153600",
            "1704153600000",
        ] {
            assert_eq!(parse_time(text), Some(1_704_153_600_000), "{text}");
        }
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn errors_name_the_problem() {
        for (text, want) in [
            ("Date,Open\n", "symbol"),
            ("Open,High\n", "no column date"),
            ("Date,Open,High,Low,Close\nsoon,1,1,1,1\n", "line 2: \"soon\" is not a date"),
            ("Date,Open,High,Low\n", "no column close"),
        ] {
            let symbol = if want == "symbol" { None } else { Some("S") };
            assert!(converted(text, symbol).unwrap_err().contains(want), "{text}");
        }
    }
}

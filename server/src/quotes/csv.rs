//! Prices from a file: a recorded market is played again, so that people can practise on it.
//!
//! The file has a header and rows of `time,symbol,price`. The time is in Unix milliseconds and the
//! price in dollars; rows may be in any order. The file may be gzipped. Playback begins when the
//! server starts. Before a symbol's first row its first price applies; after its last row its last
//! price applies, unless the file is looped.

use super::source::{Fetch, QuoteSource, SourceError, SourceQuote};
use crate::clock::Clock;
use crate::limits::CSV_ROWS_MAX;
use anyhow::{Context as _, ensure};
use daytrade_protocol::{Money, Symbol, UserName};
use hashbrown::HashMap;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Playback settings of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playback {
    /// Speed of market time relative to real time, in thousandths.
    pub speed_milli: u64,
    /// True to restart from the beginning at the end of the file.
    pub looped: bool,
}

/// A source that plays a file.
pub struct CsvSource {
    path: PathBuf,
    playback: Playback,
    clock: Arc<Clock>,
    started_ms: u64,
    first_ms: u64,
    /// Time from the first row to the last, at least 1.
    length_ms: u64,
    /// Prices with their times, by symbol, sorted by time.
    prices: HashMap<Symbol, Vec<(u64, Money)>>,
}

#[derive(serde::Deserialize)]
struct Row {
    time: u64,
    symbol: String,
    price: String,
}

impl CsvSource {
    /// Reads the whole file.
    ///
    /// # Errors
    /// Returns an error with a message that names the faulty line.
    pub fn open(path: &Path, playback: Playback, clock: Arc<Clock>) -> anyhow::Result<Self> {
        let rows = read_prices(path)?;
        let times = || rows.iter().map(|row| row.time_ms);
        let (first_ms, last_ms) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let mut prices: HashMap<Symbol, Vec<(u64, Money)>> = HashMap::new();
        for row in &rows {
            prices.entry(row.symbol).or_default().push((row.time_ms, row.price));
        }
        for rows in prices.values_mut() {
            rows.sort_by_key(|(time, _)| *time);
        }
        let (length_ms, started_ms) = ((last_ms - first_ms).max(1), clock.now_ms());
        Ok(Self { path: path.to_owned(), playback, clock, started_ms, first_ms, length_ms, prices })
    }

    /// Returns the current playback position, as a time of the file.
    fn market_ms(&self) -> u64 {
        let elapsed = u128::from(self.clock.now_ms().saturating_sub(self.started_ms));
        let played = elapsed * u128::from(self.playback.speed_milli) / 1_000;
        let length = u128::from(self.length_ms);
        let at = if self.playback.looped { played % length } else { played.min(length) };
        self.first_ms + at as u64
    }

    /// Returns the current price of a symbol, with the time of its row.
    fn price(&self, symbol: Symbol) -> Option<(u64, Money)> {
        let rows = self.prices.get(&symbol)?;
        let now = self.market_ms();
        let behind = rows.partition_point(|(time, _)| *time <= now);
        rows.get(behind.saturating_sub(1)).copied()
    }
}

/// One row of a price file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRow {
    /// Time of the row, Unix milliseconds.
    pub time_ms: u64,
    /// Stock symbol.
    pub symbol: Symbol,
    /// Dollars a share.
    pub price: Money,
}

/// Reads a price file, gzipped or plain: its rows in the order of the file.
///
/// # Errors
/// Returns an error with a message that names the file and the faulty line.
pub fn read_prices(path: &Path) -> anyhow::Result<Vec<PriceRow>> {
    let file =
        File::open(path).with_context(|| format!("cannot read the prices {}", path.display()))?;
    let mut head = [0; 2];
    let gzipped = (&file).read(&mut head)? == 2 && head == [0x1f, 0x8b];
    let file = File::open(path)?;
    let plain: Box<dyn Read> = if gzipped {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else {
        Box::new(BufReader::new(file))
    };
    let rows = read_rows(plain).with_context(|| format!("the prices {}", path.display()))?;
    ensure!(!rows.is_empty(), "the prices {}: no rows", path.display());
    Ok(rows)
}

/// Reads rows of `time,symbol,price` after their header, at most [`CSV_ROWS_MAX`].
fn read_rows(from: impl Read) -> anyhow::Result<Vec<PriceRow>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(from);
    let headers = reader.headers()?;
    ensure!(
        ["time", "symbol", "price"].iter().all(|name| headers.iter().any(|header| header == *name)),
        "the first line must name the columns: time,symbol,price; \
         daytrade convert-prices makes such files"
    );
    let mut rows = Vec::new();
    for (index, row) in reader.deserialize().enumerate() {
        let line = index + 2;
        ensure!(index < CSV_ROWS_MAX, "more than {CSV_ROWS_MAX} rows");
        let row: Row = row.with_context(|| format!("line {line}"))?;
        let symbol = Symbol::parse(row.symbol.as_bytes()).with_context(|| {
            format!("line {line}: {:?} is not a symbol: 1 to 3 letters or digits", row.symbol)
        })?;
        let price = Money::parse_amount(row.price.as_bytes()).ok().with_context(|| {
            format!("line {line}: {:?} is not a price: dollars, at most two decimals", row.price)
        })?;
        rows.push(PriceRow { time_ms: row.time, symbol, price });
    }
    Ok(rows)
}

impl QuoteSource for CsvSource {
    fn fetch<'a>(&'a self, symbol: Symbol, _user: &'a UserName) -> Fetch<'a> {
        let found = self.price(symbol);
        Box::pin(std::future::ready(match found {
            Some((time_ms, price)) => {
                Ok(SourceQuote { price, time_ms, key: "played".into() }.into())
            }
            None => Err(SourceError::Unknown),
        }))
    }

    fn describe(&self) -> String {
        format!("csv:{}", self.path.display())
    }
}

/// Speed of real time, in thousandths.
pub const REAL_TIME: u64 = 1_000;

/// Parses `--speed`: a decimal number above 0 with up to three decimals. Returns thousandths.
///
/// # Errors
/// Returns a message for the command line.
pub fn parse_speed(text: &str) -> Result<u64, String> {
    let speed: Option<Decimal> = text.parse().ok();
    speed
        .and_then(|speed| speed.checked_mul(Decimal::ONE_THOUSAND)?.to_u64())
        .filter(|milli| (1..=1_000_000_000).contains(milli))
        .ok_or_else(|| format!("{text:?} is not 0.001 to 1000000"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Times;
    use parking_lot::Mutex;
    use std::io::Write as _;
    use std::time::Duration;

    const FILE: &str = "time,symbol,price\n1000,S,10.00\n3000,S,12.5\n2000, t ,7\n5000,S,11\n";

    /// Returns the prices of S and T at the given real milliseconds.
    fn played(bytes: &[u8], speed: &str, looped: bool, at: &[u64]) -> Vec<(u64, i64, i64)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let now = Arc::new(Mutex::new(0));
        let clock = Clock::new({
            let now = Arc::clone(&now);
            move || Times { steady: Duration::from_millis(*now.lock()), system_ms: 0 }
        });
        let playback = Playback { speed_milli: parse_speed(speed).unwrap(), looped };
        let source = CsvSource::open(file.path(), playback, Arc::new(clock)).unwrap();
        let cents = |name: &[u8]| source.price(Symbol::parse(name).unwrap()).unwrap().1.cents();
        at.iter()
            .map(|ms| {
                *now.lock() = *ms;
                (*ms, cents(b"S"), cents(b"T"))
            })
            .collect()
    }

    #[test]
    fn prices_follow_the_times_in_the_file() {
        let want = [
            (0, 1000, 700),
            (1999, 1000, 700),
            (2000, 1250, 700),
            (3999, 1250, 700),
            (4000, 1100, 700),
            (9000, 1100, 700),
        ];
        assert_eq!(played(FILE.as_bytes(), "1", false, &want.map(|(at, ..)| at)), want);
        assert_eq!(
            played(FILE.as_bytes(), "2.5", false, &[799, 800]),
            [(799, 1000, 700), (800, 1250, 700)]
        );
        let around = [(3999, 1250, 700), (4000, 1000, 700), (6000, 1250, 700)];
        assert_eq!(played(FILE.as_bytes(), "1", true, &around.map(|(at, ..)| at)), around);
    }

    #[test]
    fn a_gzipped_file_gives_the_same_prices() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(FILE.as_bytes()).unwrap();
        assert_eq!(played(&gzip.finish().unwrap(), "1", false, &[2000]), [(2000, 1250, 700)]);
    }

    #[test]
    fn errors_in_a_file_name_the_line() {
        for (text, want) in [
            ("", "time,symbol,price"),
            ("a,b\n1,2\n", "time,symbol,price"),
            ("time,symbol,price\n", ""),
            ("time,symbol,price\n1,LONG,5\n", "line 2: \"LONG\""),
            ("time,symbol,price\n1,S,5\n1,S,-5\n", "line 3: \"-5\""),
            ("time,symbol,price\nx,S,5\n", "line 2"),
        ] {
            let error = read_rows(text.as_bytes()).map(|rows| assert!(rows.is_empty()));
            let said = error.err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(said.contains(want), "{text:?}: {said}");
        }
    }

    #[test]
    fn speeds_are_parsed_exactly() {
        assert_eq!((parse_speed("0.001"), parse_speed("60")), (Ok(1), Ok(60_000)));
        let largest = Decimal::MAX.to_string();
        for bad in ["0", "-1", "x", "0.0001", "1000001", &largest] {
            assert!(parse_speed(bad).is_err(), "{bad}");
        }
    }
}

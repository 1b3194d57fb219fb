//! Price files: rows of `time,symbol,price` under a header, gzipped or plain.
//!
//! The time is in Unix milliseconds and the price in dollars; rows may be in any order.

use crate::limits::CSV_ROWS_MAX;
use anyhow::{Context as _, ensure};
use daytrade_protocol::{Money, Symbol};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

#[derive(serde::Deserialize)]
struct Row {
    time: u64,
    symbol: String,
    price: String,
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
///
/// # Errors
/// Returns an error with a message that names the faulty line.
pub fn read_rows(from: impl Read) -> anyhow::Result<Vec<PriceRow>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const FILE: &str = "time,symbol,price\n1000,S,10.00\n2000, t ,7\n";

    #[test]
    fn a_gzipped_file_gives_the_same_prices() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(FILE.as_bytes()).unwrap();
        let bytes = gzip.finish().unwrap();
        let read = |bytes: &[u8]| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(bytes).unwrap();
            read_prices(file.path()).unwrap()
        };
        assert_eq!(read(&bytes), read(FILE.as_bytes()));
        assert_eq!(read(&bytes)[1].symbol.as_str(), "T");
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
}

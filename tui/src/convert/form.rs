//! The forms of downloaded price files, told apart by their columns.

use super::values;
use anyhow::{Context as _, bail, ensure};
use rust_decimal::Decimal;

/// Where the values of one stock are in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stock {
    /// Symbol of these columns, if the file names it above them.
    pub symbol: Option<String>,
    /// Columns of the prices, in the order in which they held.
    pub prices: Vec<usize>,
}

/// What the columns of a file mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Name of the form.
    pub name: &'static str,
    /// Column of the time.
    pub time: usize,
    /// Column of the time of day, if that stands apart from the date.
    pub clock: Option<usize>,
    /// Column of the symbol, if there is one.
    pub symbol: Option<usize>,
    /// The stocks of each row: one, but for files with several side by side.
    pub stocks: Vec<Stock>,
    /// Rows before the first one with prices.
    pub header_rows: usize,
}

impl Form {
    /// Returns the date of a row, with its time of day if that stands apart.
    pub(super) fn time_of(&self, row: &[String]) -> String {
        let cell = |at: usize| row.get(at).map_or("", String::as_str);
        match self.clock.map(cell).filter(|clock| !clock.is_empty()) {
            Some(clock) => format!("{} {clock}", cell(self.time)),
            None => cell(self.time).to_owned(),
        }
    }
}

/// Columns that somebody names on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    time: String,
    symbol: Option<String>,
    price: String,
}

impl std::str::FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut columns = Self::default();
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("time", name)) => name.clone_into(&mut columns.time),
                Some(("symbol", name)) => columns.symbol = Some(name.to_owned()),
                Some(("price", name)) => name.clone_into(&mut columns.price),
                _ => return Err(format!("{part:?} is not time=…, symbol=… or price=…")),
            }
        }
        if columns.time.is_empty() || columns.price.is_empty() {
            return Err(
                "time=… and price=… are needed: a name of the header, or 1, 2, …".to_owned()
            );
        }
        Ok(columns)
    }
}

const TIMES: [&str; 6] = ["date", "datetime", "time", "timestamp", "open_time", "open time"];
const SYMBOLS: [&str; 3] = ["symbol", "ticker", "name"];

/// Returns the form of a file by its first rows.
///
/// # Errors
/// An error that names the columns, if no form fits, or more than one.
pub(super) fn detect(rows: &[Vec<String>], columns: Option<&Columns>) -> anyhow::Result<Form> {
    let first = rows.first().context("the file is empty")?;
    if let Some(columns) = columns {
        return named(first, columns);
    }
    if is_klines(first) {
        return Ok(single("Binance klines", 0, None, vec![1, 2, 3, 4], 0));
    }
    if first.first().is_some_and(|cell| is(cell, &["price"]))
        && rows.get(1).and_then(|row| row.first()).is_some_and(|cell| is(cell, &["ticker"]))
    {
        return by_ticker(rows);
    }
    let find = |names: &[&str]| first.iter().position(|cell| is(cell, names));
    let time = find(&["date"])
        .or_else(|| find(&TIMES))
        .with_context(|| found(first, "no column date, time or timestamp"))?;
    let symbol = find(&SYMBOLS);
    let closes: Vec<usize> =
        ["close", "close/last", "price"].iter().filter_map(|name| find(&[name])).collect();
    ensure!(closes.len() < 2, found(first, "it fits two forms, with close and with price"));
    let close = *closes.first().with_context(|| found(first, "no column close or price"))?;
    let is_price = is(&first[close], &["price"]);
    let others = ["open", "high", "low"].map(|name| find(&[name]));
    let (name, prices) = match others {
        [Some(open), Some(high), Some(low)] if is_price => {
            ("Investing.com", vec![open, high, low, close])
        }
        [Some(open), Some(high), Some(low)] if is(&first[close], &["close/last"]) => {
            ("Nasdaq.com", vec![open, high, low, close])
        }
        [Some(open), Some(high), Some(low)] => {
            ("open, high, low, close", vec![open, high, low, close])
        }
        [None, None, None] if is_price => ("time, symbol, price", vec![close]),
        _ => bail!(found(first, "no columns open, high, low and close")),
    };
    // Stooq has the time of day in a column of its own.
    let clock = is(&first[time], &["date"]).then(|| find(&["time"])).flatten();
    Ok(Form { clock, ..single(name, time, symbol, prices, 1) })
}

fn single(
    name: &'static str,
    time: usize,
    symbol: Option<usize>,
    prices: Vec<usize>,
    header_rows: usize,
) -> Form {
    let stocks = vec![Stock { symbol: None, prices }];
    Form { name, time, clock: None, symbol, stocks, header_rows }
}

fn found(row: &[String], what: &str) -> String {
    let names: Vec<&str> = row.iter().map(|cell| cell.trim()).take(20).collect();
    format!("{what}; the columns are {}; --columns names others", names.join(", "))
}

/// Returns true if a cell of a header is one of the names; Stooq writes them as <DATE>.
fn is(cell: &str, names: &[&str]) -> bool {
    let name = cell.trim().trim_start_matches('<').trim_end_matches('>');
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// Returns true for a row of klines, which have no header: times, then prices.
fn is_klines(row: &[String]) -> bool {
    let digits =
        |cell: &String| matches!(cell.len(), 13 | 16) && cell.bytes().all(|b| b.is_ascii_digit());
    let number = |cell: &String| cell.parse::<Decimal>().is_ok();
    row.len() >= 6 && row.first().is_some_and(digits) && row[1..6].iter().all(number)
}

/// Columns under tickers, as yfinance writes them: a row of kinds, a row of tickers, and perhaps a
/// row that names the index.
fn by_ticker(rows: &[Vec<String>]) -> anyhow::Result<Form> {
    let (kinds, tickers) = (&rows[0], &rows[1]);
    let mut stocks: Vec<Stock> = Vec::new();
    for ticker in tickers.iter().skip(1).filter(|ticker| !ticker.trim().is_empty()) {
        if stocks.iter().any(|stock| stock.symbol.as_deref() == Some(ticker.trim())) {
            continue;
        }
        let column = |kind: &str| {
            kinds.iter().zip(tickers).position(|(cell, of)| is(cell, &[kind]) && of == ticker)
        };
        let prices = ["open", "high", "low", "close"].map(column);
        let prices: Option<Vec<usize>> = prices.into_iter().collect();
        let prices = prices
            .with_context(|| found(kinds, "no columns open, high, low and close of a ticker"))?;
        stocks.push(Stock { symbol: Some(ticker.trim().to_owned()), prices });
    }
    ensure!(!stocks.is_empty(), found(tickers, "no ticker"));
    let named = rows.get(2).and_then(|row| row.first()).is_some_and(|cell| is(cell, &TIMES));
    let header_rows = if named { 3 } else { 2 };
    Ok(Form { name: "yfinance", time: 0, clock: None, symbol: None, stocks, header_rows })
}

/// Columns that were named on the command line, by their names or numbers.
fn named(first: &[String], columns: &Columns) -> anyhow::Result<Form> {
    let number = |name: &str| name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let by_number = number(&columns.time).is_some();
    let find = |name: &str| {
        let at = number(name).or_else(|| first.iter().position(|cell| is(cell, &[name])));
        at.filter(|at| *at < first.len())
            .with_context(|| found(first, &format!("no column {name:?}")))
    };
    let (time, price) = (find(&columns.time)?, find(&columns.price)?);
    let symbol = columns.symbol.as_deref().map(find).transpose()?;
    // With numbers, a first row that is no price is a header.
    let is_header = !by_number || first.get(price).is_none_or(|cell| values::price(cell).is_none());
    Ok(single("named columns", time, symbol, vec![price], usize::from(is_header)))
}

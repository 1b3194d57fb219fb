//! Converter from downloaded price histories to the format of `--quotes csv:FILE`.
//!
//! A download has one row per day (or hour, or minute) with open, high, low and close. Each row
//! becomes four prices, spread evenly over the time to the next row.

mod aliases;
mod form;
mod values;

pub(crate) use aliases::Aliases;
pub(crate) use values::time as parse_time;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use daytrade_protocol::Symbol;
use form::{Columns, Form};
use rust_decimal::Decimal;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use values::DayOrder;

/// Options of `daytrade convert-prices`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Downloaded files, CSV or zip; SYMBOL=FILE names the symbol; - is standard input
    #[arg(required = true, value_name = "[SYMBOL=]FILE")]
    pub files: Vec<String>,
    /// Symbol, for files that do not name theirs
    #[arg(long)]
    pub symbol: Option<String>,
    /// Columns, by name or number, for files of a form of their own
    #[arg(long, value_name = "time=…,symbol=…,price=…")]
    pub columns: Option<Columns>,
    /// Leave out rows that cannot be read, and count them
    #[arg(long)]
    pub skip_bad: bool,
    /// Write the prices here, and the aliases of long symbols beside them [default: standard
    /// output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Interval between rows if there is only one row, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Rows of a file whose errors are named with `--skip-bad`.
const BAD_SHOWN: u64 = 3;
/// Largest file that a zip may hold.
const UNZIPPED_BYTES_MAX: u64 = 4 << 30;

/// One row: the prices of an interval.
struct Bar {
    time_ms: i64,
    symbol: Symbol,
    prices: Vec<Decimal>,
}

/// Converts files to one file of prices in order of time. Notes for the user go to `notes`.
///
/// # Errors
/// An error with a message that names file and line.
pub(crate) fn convert(
    args: &ConvertArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> anyhow::Result<Aliases> {
    let mut aliases = Aliases::default();
    if let Some(path) = args.output.as_deref().map(Aliases::path_beside)
        && path.exists()
    {
        // A symbol keeps its short form when more files are converted.
        aliases = Aliases::read(&path)?;
    }
    let mut bars = Vec::new();
    for file in &args.files {
        let (symbol, path) = match file.split_once('=') {
            Some((symbol, path)) if !Path::new(file).exists() => (Some(symbol.to_owned()), path),
            _ => (args.symbol.clone(), file.as_str()),
        };
        let mut source = Source { path: Path::new(path), symbol, args, aliases: &mut aliases };
        source.read(&mut bars, notes).with_context(|| path.to_owned())?;
    }
    ensure!(!bars.is_empty(), "no prices in {}", args.files.join(", "));
    write_prices(bars, out)?;
    Ok(aliases)
}

/// Writes the prices of all bars in order of time.
fn write_prices(mut bars: Vec<Bar>, out: &mut dyn Write) -> anyhow::Result<()> {
    bars.sort_by_key(|bar| (bar.symbol, bar.time_ms));
    let gap = |pair: &[Bar]| pair[1].time_ms - pair[0].time_ms;
    let mut rows: Vec<(i64, Symbol, Decimal)> = Vec::new();
    // Bars of several files may be of different lengths.
    for bars in bars.chunk_by(|one, other| one.symbol == other.symbol) {
        let step = bars.windows(2).map(gap).filter(|ms| *ms > 0).min().unwrap_or(DAY_MS);
        for bar in bars {
            let parts = bar.prices.len().max(1) as i64;
            for (at, price) in (0..).zip(&bar.prices) {
                rows.push((bar.time_ms + at * step / parts, bar.symbol, *price));
            }
        }
    }
    rows.sort_by_key(|(time, symbol, _)| (*time, *symbol));
    writeln!(out, "time,symbol,price")?;
    for (time, symbol, price) in rows {
        writeln!(out, "{time},{symbol},{price:.2}")?;
    }
    Ok(())
}

/// A file that is being read.
struct Source<'a> {
    path: &'a Path,
    symbol: Option<String>,
    args: &'a ConvertArgs,
    aliases: &'a mut Aliases,
}

impl Source<'_> {
    fn read(&mut self, bars: &mut Vec<Bar>, notes: &mut dyn Write) -> anyhow::Result<()> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(io::Cursor::new(bytes_of(self.path)?));
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        for row in reader.records() {
            let row = row?;
            let line = row.position().map_or(0, csv::Position::line);
            rows.push((line, row.iter().map(str::to_owned).collect()));
        }
        let head: Vec<Vec<String>> = rows.iter().take(3).map(|(_, row)| row.clone()).collect();
        let form = form::detect(&head, self.args.columns.as_ref())?;
        let needs_symbol =
            form.symbol.is_none() && form.stocks.iter().any(|stock| stock.symbol.is_none());
        if needs_symbol && self.symbol.is_none() {
            let name = aliases::symbol_in_name(self.path).with_context(|| {
                "no column of symbols, and none in the file's name; use --symbol".to_owned()
            })?;
            writeln!(notes, "{}: {}, symbol {name}", self.path.display(), form.name)?;
            self.symbol = Some(name);
        }
        let cells = rows.iter().skip(form.header_rows).map(|(_, row)| form.time_of(row));
        let order = DayOrder::of(cells);
        let mut bad = 0;
        for (line, row) in rows.iter().skip(form.header_rows) {
            if let Err(error) = self.row(&form, order, row, bars) {
                let error = error.context(format!("line {line}"));
                if !self.args.skip_bad {
                    return Err(error);
                }
                bad += 1;
                if bad <= BAD_SHOWN {
                    writeln!(notes, "{}: {error:#}", self.path.display())?;
                }
            }
        }
        if bad > 0 {
            writeln!(notes, "{}: {bad} rows left out", self.path.display())?;
        }
        Ok(())
    }

    /// Reads one row.
    fn row(
        &mut self,
        form: &Form,
        order: DayOrder,
        row: &[String],
        bars: &mut Vec<Bar>,
    ) -> anyhow::Result<()> {
        let cell = |at: usize| row.get(at).map_or("", String::as_str);
        let time = form.time_of(row);
        let time_ms =
            values::time_in(order, &time).with_context(|| format!("{time:?} is not a date"))?;
        for stock in &form.stocks {
            let name = match (&stock.symbol, form.symbol, &self.symbol) {
                (Some(name), ..) | (None, None, Some(name)) => name.as_str(),
                (None, Some(at), _) => cell(at),
                (None, None, None) => "",
            };
            // Downloads have empty cells or null for days without a trade.
            let is_empty =
                |at: &usize| matches!(cell(*at), "" | "null" | "N/A" | "nan" | "NaN" | "-");
            if stock.prices.iter().all(is_empty) {
                continue;
            }
            let symbol = self
                .aliases
                .symbol_of(name)
                .with_context(|| format!("{name:?} is not a symbol"))?;
            let price = |at: &usize| {
                values::price(cell(*at)).with_context(|| format!("{:?} is not a price", cell(*at)))
            };
            let prices = stock.prices.iter().map(price).collect::<anyhow::Result<_>>()?;
            bars.push(Bar { time_ms, symbol, prices });
        }
        Ok(())
    }
}

/// Reads a file as UTF-8 without its mark; of a zip, the one file in it.
fn bytes_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        File::open(path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .context("cannot read")?;
    }
    if bytes.starts_with(b"PK\x03\x04") {
        let mut archive = zip::ZipArchive::new(io::Cursor::new(std::mem::take(&mut bytes)))?;
        let names = archive.file_names().collect::<Result<Vec<_>, _>>()?;
        let is_file = |name: &String| !name.ends_with('/') && !name.starts_with("__MACOSX/");
        let names: Vec<String> = names.into_iter().map(Into::into).filter(is_file).collect();
        let [name] = names.as_slice() else {
            bail!("the zip holds {} files; unpack it, and name those to convert", names.len());
        };
        let file = archive.by_name(name)?;
        file.take(UNZIPPED_BYTES_MAX).read_to_end(&mut bytes)?;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    ensure!(!text.contains(&0), "the file is not text in UTF-8");
    Ok(text.to_vec())
}

#[cfg(test)]
mod tests;

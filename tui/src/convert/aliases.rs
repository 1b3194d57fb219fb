//! Symbols of more than three letters: the exchange allows three, so a table gives each a short
//! one. People see the long one, the wire and the log have the short one.

use anyhow::{Context as _, ensure};
use daytrade_protocol::Symbol;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Most entries of a table.
const ALIASES_MAX: usize = 46_656;

/// A table of long symbols and the short ones that stand for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aliases {
    short: BTreeMap<String, Symbol>,
    names: BTreeMap<Symbol, (String, String)>,
}

impl Aliases {
    /// Returns the file beside a price file: `prices.aliases.csv` for `prices.csv`.
    pub(crate) fn path_beside(prices: &Path) -> PathBuf {
        prices.with_extension("aliases.csv")
    }

    /// Reads a table with a header `alias,symbol,name`.
    ///
    /// # Errors
    /// Returns an error that names file and line.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .flexible(true)
            .from_path(path)
            .with_context(|| format!("cannot read the aliases {name}"))?;
        let mut table = Self::default();
        for (index, row) in reader.records().enumerate() {
            let line = index + 2;
            ensure!(index < ALIASES_MAX, "{name}: more than {ALIASES_MAX} rows");
            let row = row.with_context(|| format!("{name}: line {line}"))?;
            let alias = row.get(0).unwrap_or_default().to_uppercase();
            let short = row.get(1).unwrap_or_default();
            let symbol = Symbol::parse(short.as_bytes()).with_context(|| {
                format!("{name}: line {line}: {short:?} is not a symbol: 1 to 3 letters or digits")
            })?;
            ensure!(!alias.is_empty(), "{name}: line {line}: no alias");
            table.add(alias, symbol, row.get(2).unwrap_or_default());
        }
        Ok(table)
    }

    fn add(&mut self, alias: String, symbol: Symbol, name: &str) {
        self.names.insert(symbol, (alias.clone(), name.to_owned()));
        self.short.insert(alias, symbol);
    }

    /// Returns the short symbol of a name, which is the name itself if it is short enough. A new
    /// one gets the next that is free; None if the name holds no letter or digit, or none is free.
    pub(crate) fn symbol_of(&mut self, name: &str) -> Option<Symbol> {
        let long = name.to_uppercase();
        if let Some(symbol) = self.short.get(&long) {
            return Some(*symbol);
        }
        if let Some(symbol) = Symbol::parse(long.as_bytes())
            && !self.names.contains_key(&symbol)
        {
            return Some(symbol);
        }
        let symbol = candidates(&long).find(|symbol| !self.names.contains_key(symbol))?;
        self.add(long, symbol, "");
        Some(symbol)
    }

    /// Returns what people see for a symbol.
    pub(crate) fn shown(&self, symbol: Symbol) -> Option<&str> {
        self.names.get(&symbol).map(|(alias, _)| alias.as_str())
    }

    /// Returns the symbol that an alias stands for.
    pub(crate) fn find(&self, alias: &str) -> Option<Symbol> {
        self.short.get(&alias.to_uppercase()).copied()
    }

    /// Returns true if no symbol has an alias.
    pub(crate) fn is_empty(&self) -> bool {
        self.short.is_empty()
    }

    /// Writes the table.
    ///
    /// # Errors
    /// Returns the error of the output.
    pub(crate) fn write(&self, out: impl Write) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(["alias", "symbol", "name"])?;
        for (alias, symbol) in &self.short {
            let name = self.names.get(symbol).map_or("", |(_, name)| name);
            writer.write_record([alias.as_str(), symbol.as_str(), name])?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// Returns short symbols for a long one, the most natural first: without doubled letters, without
/// vowels, its first three, any three of it in order, and three with a number at the end.
fn candidates(long: &str) -> impl Iterator<Item = Symbol> {
    let letters: Vec<char> = long.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut single = letters.clone();
    single.dedup();
    let is_vowel = |c: char| matches!(c, 'A' | 'E' | 'I' | 'O' | 'U');
    let skeleton: Vec<char> = single
        .iter()
        .enumerate()
        .filter(|(at, c)| *at == 0 || !is_vowel(**c))
        .map(|(_, c)| *c)
        .collect();
    let mut texts: Vec<String> = Vec::new();
    if single.len() == 3 {
        texts.push(single.iter().collect());
    }
    if skeleton.len() >= 3 {
        texts.push(skeleton.iter().take(3).collect());
    }
    texts.push(letters.iter().take(3).collect());
    let first = letters.first().copied();
    for (at, second) in letters.iter().enumerate().skip(1).take(16) {
        for third in letters.iter().skip(at + 1).take(16) {
            texts.extend(first.map(|first| [first, *second, *third].iter().collect::<String>()));
        }
    }
    for number in 0..100 {
        texts.extend(first.map(|first| format!("{first}{number:02}")));
    }
    texts.into_iter().filter_map(|text| Symbol::parse(text.as_bytes()))
}

/// Returns the symbol that a file name suggests: its first part that is not the name of a source, a
/// market or an interval.
pub(super) fn symbol_in_name(path: &Path) -> Option<String> {
    const OTHER: [&str; 22] = [
        "nasdaq",
        "stooq",
        "yfinance",
        "yahoo",
        "investing",
        "alphavantage",
        "binance",
        "daily",
        "weekly",
        "monthly",
        "hourly",
        "intraday",
        "historicaldata",
        "historical",
        "history",
        "data",
        "prices",
        "us",
        "uk",
        "csv",
        "download",
        "klines",
    ];
    let name = path.file_name()?.to_str()?;
    let stem = name.split('.').next()?;
    let is_interval = |part: &str| {
        part.len() <= 3 && part.starts_with(|c: char| c.is_ascii_digit())
            || part.len() == 1 && "dwmh".contains(part)
    };
    stem.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|part| {
            let lower = part.to_ascii_lowercase();
            part.contains(|c: char| c.is_ascii_alphabetic())
                && !OTHER.contains(&lower.as_str())
                && !is_interval(&lower)
        })
        .map(str::to_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_symbols_get_short_ones_that_differ() {
        let mut aliases = Aliases::default();
        let mut short = |long: &str| aliases.symbol_of(long).unwrap().to_string();
        assert_eq!(
            ["AAPL", "BTCUSDT", "US30", "ABC", "googl"].map(&mut short),
            ["APL", "BTC", "US3", "ABC", "GGL"]
        );
        assert_eq!(["BTCEUR", "aapl", "APL"].map(&mut short), ["BTE", "APL", "A00"]);
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let mut aliases = Aliases::default();
        aliases.symbol_of("AAPL");
        let file = tempfile::NamedTempFile::new().unwrap();
        aliases.write(file.reopen().unwrap()).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, "alias,symbol,name\nAAPL,APL,\n");
        let read = Aliases::read(file.path()).unwrap();
        assert_eq!(read, aliases);
        let apple = Symbol::parse(b"APL").unwrap();
        assert_eq!((read.shown(apple), read.find("aapl")), (Some("AAPL"), Some(apple)));
    }

    #[test]
    fn file_names_of_the_usual_sources_hold_the_symbol() {
        for (name, want) in [
            ("nasdaq-AAPL.csv", "AAPL"),
            ("stooq-aapl_us_d.csv", "AAPL"),
            ("aapl_us_d.csv", "AAPL"),
            ("BTCUSDT-1m-2024-01-02.csv", "BTCUSDT"),
            ("BTCUSDT-1m-2024-01-02.zip", "BTCUSDT"),
            ("investing-US30.csv", "US30"),
            ("alphavantage-daily_AAPL.csv", "AAPL"),
        ] {
            assert_eq!(symbol_in_name(Path::new(name)).as_deref(), Some(want), "{name}");
        }
        assert_eq!(symbol_in_name(Path::new("data/2024.csv")), None);
    }
}

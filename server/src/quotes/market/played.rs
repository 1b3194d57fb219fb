//! Prices from a file: a recorded market is played again, so that people can practise on it.
//!
//! A position is the market time played, in milliseconds from the first row. A looped file is
//! played backward in every other pass, so that no price jumps at its ends.

use super::prices::{PriceRow, read_prices};
use super::{Market, Shown};
use crate::engine::{Open, Opens};
use daytrade_protocol::Symbol;
use hashbrown::HashMap;
use std::path::{Path, PathBuf};

/// A market that plays a file.
pub struct PlayedMarket {
    path: PathBuf,
    looped: bool,
    first_ms: u64,
    /// Time from the first row to the last, at least 1.
    length_ms: u64,
    /// In order of time; rows of the same time in the order of the file.
    rows: Vec<PriceRow>,
    fingerprint: u32,
    at: u64,
    /// Number of the next row, counted over all passes.
    next: u64,
    prices: HashMap<Symbol, Shown>,
    opens: Opens,
}

impl PlayedMarket {
    /// Reads a file and stands at its first row.
    ///
    /// # Errors
    /// Returns an error with a message that names the faulty line.
    pub fn open(path: &Path, looped: bool) -> anyhow::Result<Self> {
        let mut rows = read_prices(path)?;
        rows.sort_by_key(|row| row.time_ms);
        let first_ms = rows.first().map_or(0, |row| row.time_ms);
        let last_ms = rows.last().map_or(0, |row| row.time_ms);
        let mut hash = crc32fast::Hasher::new();
        for row in &rows {
            add_row(&mut hash, row);
        }
        let mut market = Self {
            path: path.to_owned(),
            looped,
            first_ms,
            length_ms: (last_ms - first_ms).max(1),
            rows,
            fingerprint: hash.finalize(),
            at: 0,
            next: 0,
            prices: HashMap::new(),
            opens: Opens::default(),
        };
        market.seek(0);
        Ok(market)
    }

    fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Returns a row by its number over all passes, with its position.
    fn row(&self, number: u64) -> Option<(u64, PriceRow)> {
        let pass = number / self.count().max(1);
        if pass > 0 && !self.looped {
            return None;
        }
        let within = (number % self.count().max(1)) as usize;
        let backward = pass % 2 == 1;
        let index = if backward { self.rows.len() - 1 - within } else { within };
        let row = *self.rows.get(index)?;
        let since = row.time_ms - self.first_ms;
        let within_ms = if backward { self.length_ms - since } else { since };
        Some((pass.saturating_mul(self.length_ms).saturating_add(within_ms), row))
    }

    /// Takes note of the first price of a day. A pass backward has its days in the other order.
    fn note_open(&mut self, shown: Shown) {
        let last = self.opens.get(shown.symbol, shown.time_ms);
        if last.is_none() {
            self.opens.begin(shown.symbol, shown.price, shown.time_ms);
        }
    }

    fn shown(&self, at: u64, row: PriceRow) -> Shown {
        Shown { symbol: row.symbol, price: row.price, time_ms: self.time_ms(at) }
    }
}

fn add_row(hash: &mut crc32fast::Hasher, row: &PriceRow) {
    hash.update(&row.time_ms.to_le_bytes());
    hash.update(row.symbol.as_bytes());
    hash.update(&row.price.cents().to_le_bytes());
}

impl Market for PlayedMarket {
    fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// A file that has got more rows at its end is still the same market.
    fn continues(&self, fingerprint: u32) -> bool {
        if fingerprint == self.fingerprint {
            return true;
        }
        let mut hash = crc32fast::Hasher::new();
        // A pass is longer now, so a position of a later one would be another time.
        !self.looped
            && self.rows.iter().any(|row| {
                add_row(&mut hash, row);
                hash.clone().finalize() == fingerprint
            })
    }

    fn describe(&self) -> String {
        format!("csv:{}", self.path.display())
    }

    fn seek(&mut self, at: u64) {
        // Every symbol of a pass has its price by the end of it, so the pass before is enough.
        let pass = if self.looped { at / self.length_ms } else { 0 };
        self.next = pass.saturating_sub(1) * self.count();
        self.at = 0;
        self.prices.clear();
        self.opens = Opens::default();
        self.advance(at, usize::MAX, &mut |_| {});
    }

    fn position(&self) -> u64 {
        self.at
    }

    fn next_price(&self) -> Option<u64> {
        self.row(self.next).map(|(at, _)| at)
    }

    fn next_after(&self, at: u64) -> Option<u64> {
        let later = (self.next..).map_while(|number| self.row(number));
        later.map(|(position, _)| position).find(|position| *position > at)
    }

    fn advance(&mut self, to: u64, most: usize, show: &mut dyn FnMut(Shown)) -> u64 {
        let mut shown = 0;
        while let Some((at, row)) = self.row(self.next)
            && at <= to
        {
            if shown == most {
                // More rows of this time follow: the clock waits for them.
                self.at = self.at.max(at.saturating_sub(1));
                return self.at;
            }
            shown += 1;
            self.next += 1;
            let price = self.shown(at, row);
            self.prices.insert(row.symbol, price);
            self.note_open(price);
            self.at = self.at.max(at);
            show(price);
        }
        let end = if self.looped { u64::MAX } else { self.length_ms };
        self.at = self.at.max(to.min(end));
        self.at
    }

    fn price(&mut self, symbol: Symbol) -> Option<Shown> {
        self.prices.get(&symbol).copied()
    }

    fn open(&mut self, symbol: Symbol) -> Option<Open> {
        self.opens.get(symbol, self.time_ms(self.at))
    }

    fn kind(&self) -> &'static str {
        "REPLAYED"
    }

    fn time_ms(&self, at: u64) -> u64 {
        let pass = if self.looped { at / self.length_ms } else { 0 };
        let within = at - pass * self.length_ms;
        let within = within.min(self.length_ms);
        self.first_ms + if pass % 2 == 1 { self.length_ms - within } else { within }
    }

    fn at_time(&self, time_ms: u64) -> Option<u64> {
        let since = time_ms.checked_sub(self.first_ms).filter(|since| *since <= self.length_ms)?;
        let pass = if self.looped { self.at / self.length_ms } else { 0 };
        let within = if pass % 2 == 1 { self.length_ms - since } else { since };
        let at = pass * self.length_ms + within;
        (at >= self.at).then_some(at)
    }

    fn unit_milli(&self) -> u64 {
        1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const FILE: &str = "time,symbol,price\n1000,S,10.00\n3000,S,12.5\n2000, t ,7\n5000,S,11\n";

    fn market(bytes: &[u8], looped: bool) -> PlayedMarket {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        PlayedMarket::open(file.path(), looped).unwrap()
    }

    /// Runs to a position; returns what was shown: time, symbol and cents.
    fn run(market: &mut PlayedMarket, to: u64) -> Vec<(u64, String, i64)> {
        let mut shown = Vec::new();
        market.advance(to, usize::MAX, &mut |one| {
            shown.push((one.time_ms, one.symbol.to_string(), one.price.cents()));
        });
        shown
    }

    #[test]
    fn every_row_is_shown_once_at_its_time_and_none_before() {
        let mut market = market(FILE.as_bytes(), false);
        let t = Symbol::parse(b"T").unwrap();
        assert_eq!((market.position(), market.price(t)), (0, None));
        assert_eq!(run(&mut market, 999), []);
        assert_eq!(
            run(&mut market, 2_000),
            [(2_000, "T".to_owned(), 700), (3_000, "S".to_owned(), 1_250)]
        );
        assert_eq!(market.price(t).unwrap().price.cents(), 700);
        assert_eq!(market.next_price(), Some(4_000));
        assert_eq!(run(&mut market, 99_000), [(5_000, "S".to_owned(), 1_100)]);
        assert_eq!((market.position(), market.next_price()), (4_000, None));
        assert_eq!((market.at_time(5_000), market.at_time(2_000)), (Some(4_000), None));
        assert_eq!(market.at_time(5_001), None, "after the last row");
    }

    #[test]
    fn a_file_with_more_rows_is_the_same_market_and_another_file_is_not() {
        let (short, long) = (market(FILE.as_bytes(), false), format!("{FILE}6000,T,8\n"));
        let longer = market(long.as_bytes(), false);
        assert!(longer.continues(short.fingerprint()) && longer.continues(longer.fingerprint()));
        assert!(!short.continues(longer.fingerprint()), "rows are missing");
        let other = market(long.replace("10.00", "10.01").as_bytes(), false);
        assert!(!other.continues(short.fingerprint()));
        assert!(!market(long.as_bytes(), true).continues(short.fingerprint()), "other passes");
    }

    #[test]
    fn a_looped_file_turns_at_its_ends_without_a_jump() {
        let mut market = market(FILE.as_bytes(), true);
        let shown: Vec<_> = run(&mut market, 12_000).into_iter().map(|(at, ..)| at).collect();
        assert_eq!(shown, [2000, 3000, 5000, 5000, 3000, 2000, 1000, 1000, 2000, 3000, 5000, 5000]);
        assert_eq!((market.time_ms(5_000), market.time_ms(9_000)), (4_000, 2_000));
        for at in [0, 1, 3_999, 4_000, 5_500, 8_000, 9_100, 12_345] {
            let mut other = super::tests::market(FILE.as_bytes(), true);
            run(&mut other, at);
            let mut jumped = super::tests::market(FILE.as_bytes(), true);
            jumped.seek(at);
            assert_eq!((jumped.next, jumped.at, &jumped.prices), (other.next, at, &other.prices));
        }
    }

    #[test]
    fn rows_of_one_time_are_shown_in_parts_without_losing_one() {
        let rows: Vec<String> = (0..10).map(|n| format!("1000,S,{}.00\n", n + 1)).collect();
        let rows = rows.concat();
        let mut market = market(format!("time,symbol,price\n999,S,50\n{rows}").as_bytes(), false);
        let mut shown = Vec::new();
        for _ in 0..5 {
            market.advance(1, 3, &mut |one| shown.push(one.price.cents() / 100));
        }
        assert_eq!(shown, (1..=10).collect::<Vec<_>>());
        assert_eq!(market.position(), 1);
    }
}

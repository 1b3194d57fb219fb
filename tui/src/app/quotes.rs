//! The quotes that the screen has received, with up to an hour of past prices per symbol.

use super::{Clock, QUOTE_LIFETIME_MS, text};
use daytrade_protocol::{Money, Symbol};
use std::collections::{BTreeMap, VecDeque};

/// The maximum number of past prices per symbol: an hour of them.
const HISTORY_MAX: usize = 7_200;
/// Prices within one step are stored as one, the last of them, so that an hour of a busy symbol
/// fits.
const HISTORY_STEP_MS: u64 = 500;
/// The length of a day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// The newest quote of one symbol and its past prices.
#[derive(Clone, Debug)]
pub(crate) struct SymbolQuote {
    /// The newest price.
    pub(crate) price: Money,
    /// Time of the newest price by the server's clock, Unix milliseconds.
    pub(crate) at_ms: u64,
    /// Local time of the last change of the price, Unix milliseconds.
    pub(crate) changed_ms: u64,
    /// The first price received.
    first: Money,
    /// The price is from before the screen was opened.
    is_old: bool,
    /// The first price of the day, as the server has it.
    open: Option<Open>,
    /// Server times and prices, newest last.
    pub(crate) history: VecDeque<(u64, Money)>,
}

impl SymbolQuote {
    /// Returns the change since the first price of the day, in hundredths of a percent. As long as
    /// the server has not said that price, the change is the one since the first price received.
    pub(crate) fn change_basis_points(&self) -> Option<i64> {
        let from = self.open.map_or(self.first, |open| open.price);
        text::basis_points(self.price.saturating_sub(from), from)
    }

    /// Returns the age of the quote, in milliseconds.
    pub(crate) const fn age_ms(&self, clock: Clock) -> u64 {
        clock.server_ms().saturating_sub(self.at_ms)
    }

    /// Returns true while the quote is valid.
    pub(crate) const fn is_fresh(&self, clock: Clock) -> bool {
        self.age_ms(clock) <= QUOTE_LIFETIME_MS
    }
}

/// The first price of a day.
#[derive(Clone, Copy, Debug)]
struct Open {
    price: Money,
    /// Day of the server's clock, in days since 1970; None where the market has days of its own.
    day: Option<u64>,
}

/// The quotes of all symbols.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotes {
    quotes: BTreeMap<Symbol, SymbolQuote>,
    /// The first price of the day, by symbol.
    opens: BTreeMap<Symbol, Open>,
}

impl Quotes {
    /// Returns the quote of a symbol.
    pub(crate) fn get(&self, symbol: Symbol) -> Option<&SymbolQuote> {
        self.quotes.get(&symbol)
    }

    /// Returns the newest price of a symbol.
    pub(crate) fn price(&self, symbol: Symbol) -> Option<Money> {
        self.get(symbol).map(|quote| quote.price)
    }

    /// Stores the last known price of a symbol that has none yet.
    pub(super) fn record_old(&mut self, symbol: Symbol, price: Money, at_ms: u64) {
        if self.get(symbol).is_none() {
            self.record(symbol, price, at_ms, 0);
            if let Some(quote) = self.quotes.get_mut(&symbol) {
                quote.is_old = true;
            }
        }
    }

    /// Stores a price; one that is older than the newest is ignored.
    pub(crate) fn record(&mut self, symbol: Symbol, price: Money, at_ms: u64, now_ms: u64) {
        if !(Money::from_cents(1)..=Money::AMOUNT_MAX).contains(&price) {
            return;
        }
        let open = self.opens.get(&symbol).copied();
        let quote = self.quotes.entry(symbol).or_insert_with(|| {
            let (first, history) = (price, VecDeque::new());
            SymbolQuote { price, at_ms, changed_ms: 0, first, is_old: false, open, history }
        });
        if at_ms < quote.at_ms {
            return;
        }
        // The first price of another day is its opening price.
        if let Some(open) = &mut quote.open
            && open.day.is_some_and(|day| day < at_ms / DAY_MS)
        {
            *open = Open { price, day: Some(at_ms / DAY_MS) };
            self.opens.insert(symbol, *open);
        }
        if std::mem::take(&mut quote.is_old) {
            quote.first = price;
            quote.history.clear();
        }
        if quote.price != price {
            quote.changed_ms = now_ms;
        }
        (quote.price, quote.at_ms) = (price, at_ms);
        match quote.history.back_mut() {
            Some(last) if last.0 / HISTORY_STEP_MS == at_ms / HISTORY_STEP_MS => {
                *last = (at_ms, price);
            }
            _ => quote.history.push_back((at_ms, price)),
        }
        if quote.history.len() > HISTORY_MAX {
            quote.history.pop_front();
        }
    }

    /// Stores the first price of the day.
    ///
    /// `at_ms` is its time by the server's clock, None where the market has days of its own.
    pub(super) fn set_open(&mut self, symbol: Symbol, price: Money, at_ms: Option<u64>) {
        let open = Open { price, day: at_ms.map(|at_ms| at_ms / DAY_MS) };
        self.opens.insert(symbol, open);
        if let Some(quote) = self.quotes.get_mut(&symbol) {
            quote.open = Some(open);
        }
    }

    /// Returns true if the change of every one of these symbols that has a price is the one of the
    /// day.
    pub(crate) fn know_opens(&self, symbols: &[Symbol]) -> bool {
        symbols.iter().filter_map(|symbol| self.get(*symbol)).all(|quote| quote.open.is_some())
    }

    /// Returns the server time of the newest price of all, Unix milliseconds.
    pub(crate) fn newest_ms(&self) -> Option<u64> {
        self.quotes.values().map(|quote| quote.at_ms).max()
    }

    /// Returns how many of these symbols have a fresh quote, and how many do not.
    pub(crate) fn freshness(&self, symbols: &[Symbol], clock: Clock) -> (usize, usize) {
        let is_fresh = |symbol: &&Symbol| self.get(**symbol).is_some_and(|q| q.is_fresh(clock));
        let fresh = symbols.iter().filter(is_fresh).count();
        (fresh, symbols.len() - fresh)
    }
}

//! The market as the screen shows it.
//!
//! Owns the quotes, the frozen copy of them, the watchlist with its filter and sort order, the
//! symbols that the server sends prices of, and the price alerts. It must never send a request or
//! change the account.

mod source;

pub(crate) use source::MarketClock;

use super::text::dollars;
use super::{Account, Alert, Clock, Filter, Quotes, Sort, SymbolQuote};
use crate::convert::Aliases;
use daytrade_protocol::{Money, Symbol};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of active alerts.
const ALERTS_MAX: usize = 100;
/// Time that a quote source may take to answer, in milliseconds.
pub(crate) const ANSWER_MS: u64 = 6_000;

/// Symbols to stop and to start watching on the server.
pub(super) struct WatchChanges {
    pub(super) unwatch: Vec<Symbol>,
    pub(super) watch: Vec<Symbol>,
}

/// Quotes, watchlist and alerts.
#[derive(Debug, Default)]
pub(crate) struct Market {
    quotes: Quotes,
    /// The quotes at the time the trader froze them.
    frozen_quotes: Option<Quotes>,
    /// The watchlist in the trader's own order.
    watchlist: Vec<Symbol>,
    filter: Filter,
    sort: Sort,
    reversed: bool,
    /// Symbols that the server sends prices of.
    watched: BTreeSet<Symbol>,
    /// Watched symbols that have had no price yet, with the local time since which.
    without_price: BTreeMap<Symbol, u64>,
    /// Local time of the newest price of any symbol, or of the first watch.
    last_price_ms: u64,
    /// Local time of the newest refusal for want of a price.
    unavailable_ms: u64,
    clock: MarketClock,
    /// SIMULATED or REPLAYED, if the market is.
    kind: Option<Box<str>>,
    /// Local time at which the server was last asked for the opening prices.
    opens_asked_ms: u64,
    /// The server has refused to send prices of some symbols.
    is_limited: bool,
    alerts: Vec<Alert>,
    /// What people see for symbols that stand for longer ones.
    aliases: Aliases,
}

impl Market {
    pub(super) fn new(watchlist: Vec<Symbol>) -> Self {
        Self { watchlist, ..Self::default() }
    }

    /// Sets what people see for symbols that stand for longer ones.
    pub(crate) fn set_aliases(&mut self, aliases: Aliases) {
        self.aliases = aliases;
    }

    /// Returns what people see for a symbol: its alias, or itself.
    pub(crate) fn shown_name(&self, symbol: Symbol) -> String {
        self.aliases.shown(symbol).map_or_else(|| symbol.to_string(), str::to_owned)
    }

    /// Replaces the aliases among the words of a line by their symbols.
    pub(super) fn without_aliases(&self, line: &str) -> String {
        if self.aliases.is_empty() {
            return line.to_owned();
        }
        let word = |word: &str| {
            self.aliases.find(word).map_or_else(|| word.to_owned(), |symbol| symbol.to_string())
        };
        line.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }

    /// Replaces the symbols among the words of a text by what people see for them.
    pub(crate) fn with_aliases(&self, text: &str) -> String {
        if self.aliases.is_empty() {
            return text.to_owned();
        }
        let word = |word: &str| {
            let name = word.trim_end_matches([',', '.', ':']);
            let shown = Symbol::parse(name.as_bytes())
                .filter(|symbol| symbol.as_str() == name)
                .and_then(|symbol| self.aliases.shown(symbol));
            shown.map_or_else(|| word.to_owned(), |shown| word.replacen(name, shown, 1))
        };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }

    /// Returns the newest quotes.
    pub(crate) const fn quotes(&self) -> &Quotes {
        &self.quotes
    }

    /// Returns the quotes to display: the frozen ones, or else the newest.
    pub(crate) fn shown_quotes(&self) -> &Quotes {
        self.frozen_quotes.as_ref().unwrap_or(&self.quotes)
    }

    /// Returns the displayed quote of a symbol.
    pub(crate) fn shown_quote(&self, symbol: Symbol) -> Option<&SymbolQuote> {
        self.shown_quotes().get(symbol)
    }

    /// Returns true while the displayed quotes are frozen.
    pub(crate) const fn is_frozen(&self) -> bool {
        self.frozen_quotes.is_some()
    }

    pub(super) fn toggle_frozen(&mut self) {
        self.frozen_quotes =
            if self.frozen_quotes.is_some() { None } else { Some(self.quotes.clone()) };
    }

    pub(super) fn record_quote(&mut self, symbol: Symbol, price: Money, at_ms: u64, now_ms: u64) {
        self.without_price.remove(&symbol);
        self.last_price_ms = now_ms;
        self.quotes.record(symbol, price, at_ms, now_ms);
    }

    /// Stores the last known price of a symbol that has none yet.
    pub(super) fn record_old_quote(&mut self, symbol: Symbol, price: Money, at_ms: u64) {
        self.quotes.record_old(symbol, price, at_ms);
    }

    /// Returns the watchlist in the trader's own order.
    pub(crate) fn watchlist(&self) -> &[Symbol] {
        &self.watchlist
    }

    pub(super) fn add_symbol(&mut self, symbol: Symbol) {
        if !self.watchlist.contains(&symbol) {
            self.watchlist.push(symbol);
        }
    }

    pub(super) fn remove_symbol(&mut self, symbol: Symbol) {
        self.watchlist.retain(|listed| *listed != symbol);
    }

    /// Returns the filter of the watchlist.
    pub(crate) const fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(super) const fn filter_mut(&mut self) -> &mut Filter {
        &mut self.filter
    }

    /// Returns the sort order of the watchlist.
    pub(crate) const fn sort(&self) -> Sort {
        self.sort
    }

    /// Returns true if the watchlist is displayed in reverse order.
    pub(crate) const fn is_reversed(&self) -> bool {
        self.reversed
    }

    pub(super) const fn next_sort(&mut self) {
        self.sort = self.sort.next();
    }

    pub(super) const fn reverse(&mut self) {
        self.reversed = !self.reversed;
    }

    /// Sorts by a column; a second call for the same column reverses the order.
    pub(super) fn sort_by(&mut self, sort: Sort) {
        if self.sort == sort {
            self.reverse();
        } else {
            (self.sort, self.reversed) = (sort, false);
        }
    }

    /// Returns the watchlist as it is displayed: filtered and sorted.
    pub(crate) fn shown_symbols(&self, account: Option<&Account>, clock: Clock) -> Vec<Symbol> {
        let quotes = self.shown_quotes();
        let passes = |symbol: &Symbol| self.filter.matches(*symbol, account, quotes, clock);
        let mut symbols: Vec<_> = self.watchlist.iter().copied().filter(passes).collect();
        let quote = |symbol: &Symbol| quotes.get(*symbol);
        match self.sort {
            Sort::Own => {}
            Sort::Name => symbols.sort_unstable(),
            Sort::Last => symbols.sort_by_key(|symbol| Reverse(quote(symbol).map(|q| q.price))),
            Sort::Change => symbols.sort_by_key(|symbol| {
                Reverse(quote(symbol).and_then(SymbolQuote::change_basis_points))
            }),
            Sort::Age => symbols.sort_by_key(|symbol| Reverse(quote(symbol).map(|q| q.at_ms))),
            Sort::Mine => symbols.sort_by_key(|symbol| {
                let marks = account.map_or([false; 3], |account| account.marks(*symbol));
                marks.map(Reverse)
            }),
            Sort::Profit => {
                let profit = |symbol: &Symbol| account?.profit(*symbol, quotes);
                symbols.sort_by_key(|symbol| Reverse(profit(symbol)));
            }
        }
        if self.reversed {
            symbols.reverse();
        }
        symbols
    }

    /// Forgets which symbols the server sends prices of: a new connection starts with none.
    pub(super) fn clear_watched(&mut self) {
        self.watched.clear();
        self.without_price.clear();
        self.clock = MarketClock::Unknown;
    }

    /// Adds the alerts of an earlier session.
    pub(crate) fn restore_alerts(&mut self, alerts: impl IntoIterator<Item = Alert>) {
        self.alerts.extend(alerts.into_iter().take(ALERTS_MAX));
    }

    /// Restores the sort order of an earlier session.
    pub(crate) const fn restore_sort(&mut self, sort: Sort, reversed: bool) {
        (self.sort, self.reversed) = (sort, reversed);
    }

    /// Stores the symbols to watch and returns the difference to the ones watched before.
    pub(super) fn set_watched(&mut self, wanted: BTreeSet<Symbol>, clock: Clock) -> WatchChanges {
        let unwatch: Vec<Symbol> = self.watched.difference(&wanted).copied().collect();
        let watch: Vec<Symbol> = wanted.difference(&self.watched).copied().collect();
        if self.watched.is_empty() {
            self.last_price_ms = clock.now_ms();
        }
        self.without_price.retain(|symbol, _| !unwatch.contains(symbol));
        for symbol in watch.iter().filter(|symbol| self.quotes.get(**symbol).is_none()) {
            self.without_price.insert(*symbol, clock.now_ms());
        }
        self.watched = wanted;
        WatchChanges { unwatch, watch }
    }

    /// Returns the active alerts, oldest first.
    pub(crate) fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// Adds an alert; the current price decides in which direction it is crossed.
    ///
    /// # Errors
    /// The message to display.
    pub(super) fn add_alert(&mut self, symbol: Symbol, price: Money) -> Result<Alert, String> {
        let last = self.quotes.price(symbol);
        let last = last.ok_or_else(|| {
            format!("{symbol} has no price yet, so it is unknown whether it rises or falls to that")
        })?;
        if last == price {
            return Err(format!("{symbol} is {} now", dollars(price)));
        }
        let alert = Alert { symbol, price, up: price > last };
        if self.alerts.len() >= ALERTS_MAX {
            return Err(format!("{ALERTS_MAX} alerts wait already: remove one first"));
        }
        if !self.alerts.contains(&alert) {
            self.alerts.push(alert);
        }
        Ok(alert)
    }

    pub(super) fn remove_alert(&mut self, index: usize) -> Alert {
        self.alerts.remove(index)
    }

    /// Removes and returns the alerts that a price has crossed.
    pub(super) fn take_crossed_alerts(&mut self, symbol: Symbol, price: Money) -> Vec<Alert> {
        self.alerts.extract_if(.., |alert| alert.is_crossed_by(symbol, price)).collect()
    }
}

//! The prices that a shard knows.

use crate::engine::{Hit, Price, PriceUsed};
use crate::limits::PREFETCH_JOBS;
use crate::message::{Quote, is_fresh};
use crate::prefetch::{prefetch, prefetch_lines};
use daytrade_protocol::{Command, Money, Symbol, UserName};
use hashbrown::HashMap;
use std::cell::Cell;

/// Lines of the processor's cache that the key of a quote takes, or most of it.
const QUOTE_KEY_LINES: usize = 2;

/// What a decision needs of a symbol's newest quote. It is small, so that the prices of thousands
/// of symbols stay in the processor's cache.
#[derive(Clone, Copy, Debug)]
struct KnownPrice {
    price: Money,
    arrived_ms: u64,
    /// Index of the quote.
    index: u32,
    /// True until the first use.
    is_new: bool,
}

/// The newest quote of a symbol.
#[derive(Debug)]
struct KnownQuote {
    quote: Quote,
    /// Transaction for which it was fetched, until that transaction has used it. For any other
    /// transaction the price comes from the cache.
    fetched_for: Option<(UserName, u64)>,
    /// Time of the market's clock, if a market has shown the price and no hit is recorded yet.
    unrecorded: Option<u64>,
}

/// The newest quote of each symbol. It must never use a quote that is older than 60 s.
#[derive(Debug, Default)]
pub(super) struct PriceTable {
    prices: HashMap<Symbol, KnownPrice>,
    quotes: Vec<KnownQuote>,
}

impl PriceTable {
    /// Stores a quote that has arrived.
    pub(super) fn insert(&mut self, quote: Quote, fetched_for: Option<(UserName, u64)>) {
        self.store(KnownQuote { quote, fetched_for, unrecorded: None });
    }

    /// Stores a price that a market has shown, at this time of its clock.
    pub(super) fn insert_shown(&mut self, quote: Quote, time_ms: u64) {
        self.store(KnownQuote { quote, fetched_for: None, unrecorded: Some(time_ms) });
    }

    fn store(&mut self, known: KnownQuote) {
        let Quote { symbol, price, arrived_ms, .. } = known.quote;
        let is_new = known.fetched_for.is_some() || known.unrecorded.is_some();
        let next = self.quotes.len() as u32;
        let index = self.prices.get(&symbol).map_or(next, |known| known.index);
        self.prices.insert(symbol, KnownPrice { price, arrived_ms, index, is_new });
        match self.quotes.get_mut(index as usize) {
            Some(quote) => *quote = known,
            None => self.quotes.push(known),
        }
    }

    fn known(&self, symbol: Symbol) -> Option<&KnownQuote> {
        self.quotes.get(self.prices.get(&symbol)?.index as usize)
    }

    /// Prefetches the prices that BUY, SELL and QUOTE will need, and the quotes that are shown.
    #[inline]
    pub(super) fn prefetch<'a>(&self, commands: impl Iterator<Item = &'a Command>) {
        let mut shown = [None; PREFETCH_JOBS];
        for (shown, command) in shown.iter_mut().zip(commands) {
            match command {
                Command::Quote { symbol, .. } => {
                    *shown = self.prices.get(symbol).map(|known| known.index);
                }
                Command::Buy { symbol, .. } | Command::Sell { symbol, .. } => {
                    self.prices.get(symbol).inspect(|known| prefetch(*known));
                }
                _ => {}
            }
        }
        let quotes = || shown.iter().flatten().filter_map(|at| self.quotes.get(*at as usize));
        for known in quotes() {
            prefetch(known);
            prefetch(&known.quote.key);
        }
        for known in quotes() {
            prefetch_lines(known.quote.key.as_bytes(), QUOTE_KEY_LINES);
        }
    }

    /// Returns the hit to record when a transaction uses a price that a market has shown; None if
    /// it is recorded, or a quote server has given it.
    pub(super) fn take_unrecorded(
        &mut self,
        symbol: Symbol,
        user: &UserName,
        number: u64,
    ) -> Option<Hit> {
        let price = self.prices.get_mut(&symbol)?;
        let known = self.quotes.get_mut(price.index as usize)?;
        let source_time_ms = known.unrecorded.take()?;
        price.is_new = known.fetched_for.is_some();
        let (price, key) = (known.quote.price, known.quote.key.as_ref().into());
        Some(Hit { number, user: user.clone(), symbol, price, source_time_ms, key })
    }

    /// Returns the symbol's quote if it is fresh.
    pub(super) fn fresh(&self, symbol: Symbol, now_ms: u64) -> Option<&Quote> {
        self.quote(symbol).filter(|quote| quote.is_fresh(now_ms))
    }

    /// Returns the symbol's quote of any age.
    pub(super) fn quote(&self, symbol: Symbol) -> Option<&Quote> {
        self.known(symbol).map(|known| &known.quote)
    }

    /// Returns the symbol's price if it is fresh.
    #[inline]
    fn fresh_price(&self, symbol: Symbol, now_ms: u64) -> Option<KnownPrice> {
        self.prices.get(&symbol).copied().filter(|known| is_fresh(known.arrived_ms, now_ms))
    }

    /// Returns the prices for a decision at this time. `given` is what became of the request for
    /// the price, if there was one.
    pub(super) const fn at(&self, now_ms: u64, given: Price) -> PricesAt<'_> {
        PricesAt { prices: self, given, now_ms, found: Cell::new(None) }
    }

    /// Notes that a transaction uses a price. Returns it as the transaction's record has it.
    #[inline]
    pub(super) fn note_use(
        &mut self,
        found: &FoundPrice,
        user: Option<&UserName>,
        number: u64,
    ) -> PriceUsed {
        let KnownPrice { price, is_new, .. } = found.known;
        let cached = !is_new || self.note_first_use(found.symbol, user, number);
        PriceUsed { price, cached }
    }

    /// Notes that a transaction has used a price that is new. Returns true if the price comes from
    /// the cache for this transaction.
    fn note_first_use(&mut self, symbol: Symbol, user: Option<&UserName>, number: u64) -> bool {
        let Some(known) = self.prices.get_mut(&symbol) else { return true };
        let Some(quote) = self.quotes.get_mut(known.index as usize) else { return true };
        let cached = !quote.is_used_by(user, number);
        // A price that a market has shown stays new until its hit is recorded.
        known.is_new = cached || quote.unrecorded.is_some();
        cached
    }
}

impl KnownQuote {
    /// Notes the use by a transaction. Returns true if the price was fetched for it, or if a market
    /// has shown the price and this is its first use.
    fn is_used_by(&mut self, user: Option<&UserName>, number: u64) -> bool {
        // The first to use a market's price is the one for whom it is recorded.
        if self.unrecorded.is_some() {
            return true;
        }
        let is_here = self
            .fetched_for
            .as_ref()
            .is_some_and(|(for_user, fetched)| Some(for_user) == user && *fetched == number);
        if is_here {
            self.fetched_for = None;
        }
        is_here
    }
}

/// Prices for one decision, which notes the one that it asks for.
pub(super) struct PricesAt<'a> {
    prices: &'a PriceTable,
    /// What became of the request for the price, if there was one.
    given: Price,
    now_ms: u64,
    found: Cell<Option<(Symbol, KnownPrice)>>,
}

impl PricesAt<'_> {
    /// Returns the shard's price if it is fresh. Otherwise returns [`Price::Unasked`], so that the
    /// price is requested, or [`Price::Unavailable`] if that request has failed.
    #[inline]
    pub(super) fn price_of(&self, symbol: Symbol) -> Price {
        match self.prices.fresh_price(symbol, self.now_ms) {
            Some(known) => {
                self.found.set(Some((symbol, known)));
                Price::Known(known.price)
            }
            // The price that was fetched is too old by now, so it is requested again.
            None if matches!(self.given, Price::Known(_)) => Price::Unasked,
            None => self.given,
        }
    }

    /// Returns the price of the shard that was asked for.
    pub(super) fn found(self) -> Option<FoundPrice> {
        self.found.get().map(|(symbol, known)| FoundPrice { symbol, known })
    }
}

/// The price that a decision has asked for.
pub(super) struct FoundPrice {
    symbol: Symbol,
    known: KnownPrice,
}

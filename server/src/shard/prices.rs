//! The prices that a shard knows, and commands decided at them.

use super::ledger::Ledger;
use crate::engine::{Events, Hit, Price, PriceUsed, Rejection, UserId, decide};
use crate::message::Quote;
use daytrade_protocol::{Command, Refusal, Symbol, UserName};
use hashbrown::HashMap;

#[derive(Debug)]
struct KnownPrice {
    quote: Quote,
    /// Transaction for which it was fetched, until that transaction has used it. For any other
    /// transaction the price comes from the cache.
    fetched_for: Option<(UserName, u64)>,
    /// Time of the market's clock, if a market has shown the price and no hit is recorded yet.
    unrecorded: Option<u64>,
}

/// The newest quote of each symbol. It must never use a quote that is older than 60 s.
#[derive(Debug, Default)]
pub(super) struct PriceTable(HashMap<Symbol, KnownPrice>);

impl PriceTable {
    /// Stores a quote that has arrived.
    pub(super) fn insert(&mut self, quote: Quote, fetched_for: Option<(UserName, u64)>) {
        self.0.insert(quote.symbol, KnownPrice { quote, fetched_for, unrecorded: None });
    }

    /// Stores a price that a market has shown, at this time of its clock.
    pub(super) fn insert_shown(&mut self, quote: Quote, time_ms: u64) {
        let (fetched_for, unrecorded) = (None, Some(time_ms));
        self.0.insert(quote.symbol, KnownPrice { quote, fetched_for, unrecorded });
    }

    /// Returns the hit to record when a transaction uses a price that a market has shown; None if
    /// it is recorded, or a quote server has given it.
    pub(super) fn take_unrecorded(
        &mut self,
        symbol: Symbol,
        user: &UserName,
        number: u64,
    ) -> Option<Hit> {
        let known = self.0.get_mut(&symbol)?;
        let source_time_ms = known.unrecorded.take()?;
        let (price, key) = (known.quote.price, known.quote.key.as_ref().into());
        Some(Hit { number, user: user.clone(), symbol, price, source_time_ms, key })
    }

    /// Returns the symbol's quote if it is fresh.
    pub(super) fn fresh(&self, symbol: Symbol, now_ms: u64) -> Option<&Quote> {
        self.0.get(&symbol).map(|known| &known.quote).filter(|quote| quote.is_fresh(now_ms))
    }

    /// Returns the symbol's quote of any age.
    pub(super) fn quote(&self, symbol: Symbol) -> Option<&Quote> {
        self.0.get(&symbol).map(|known| &known.quote)
    }

    /// Returns the symbol's fresh price for a transaction, and notes its use.
    pub(super) fn take(
        &mut self,
        symbol: Symbol,
        now_ms: u64,
        user: Option<&UserName>,
        number: u64,
    ) -> Option<PriceUsed> {
        let known = self.0.get_mut(&symbol).filter(|known| known.quote.is_fresh(now_ms))?;
        let is_here =
            |(for_user, fetched): &(UserName, u64)| Some(for_user) == user && *fetched == number;
        // The first to use a market's price is the one for whom it is recorded.
        let shown = known.unrecorded.is_some();
        let fetched = shown || known.fetched_for.as_ref().is_some_and(is_here);
        if fetched && !shown {
            known.fetched_for = None;
        }
        Some(PriceUsed { price: known.quote.price, cached: !fetched })
    }
}

/// A decision and the price it used.
pub(super) type Decision = (Result<Events, Refusal>, Option<PriceUsed>);

/// Decides a command at the price given, or at one the shard knows. Returns the symbol if the
/// command has to wait for its price.
pub(super) fn decide_at(
    ledger: &Ledger,
    prices: &mut PriceTable,
    id: Option<UserId>,
    command: &Command,
    price: Price,
    number: u64,
) -> Result<Decision, Symbol> {
    let now_ms = ledger.now_ms();
    let account = id.map(|id| ledger.book().account(id));
    // First without a price, so that one is only requested, or recorded as used, if needed.
    let symbol = match decide(account, command, Price::Unasked, now_ms, number) {
        Ok(events) => return Ok((Ok(events), None)),
        Err(Rejection::Refused(refusal)) => return Ok((Err(refusal), None)),
        Err(Rejection::NeedsPrice(symbol)) => symbol,
    };
    let used = prices.take(symbol, now_ms, command.user(), number);
    let price = match used {
        Some(used) => Price::Known(used.price),
        // The price that was fetched is too old by now, so it is requested again.
        None if matches!(price, Price::Known(_)) => return Err(symbol),
        None => price,
    };
    match decide(account, command, price, now_ms, number) {
        Ok(events) => Ok((Ok(events), used)),
        Err(Rejection::Refused(refusal)) => Ok((Err(refusal), used)),
        Err(Rejection::NeedsPrice(symbol)) => Err(symbol),
    }
}

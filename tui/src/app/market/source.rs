//! What the screen knows of the source of the prices: whether it has a clock of its own, whether it
//! answers, when the next price comes, and what the day opened with.

use super::{ANSWER_MS, Market};
use crate::app::{Clock, QUOTE_LIFETIME_MS};
use daytrade_protocol::{Money, Symbol};

/// The minimum time between two requests for the opening prices, in milliseconds.
const OPENS_MS: u64 = 60_000;

/// Whether the market has a clock of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MarketClock {
    /// The server has not said.
    #[default]
    Unknown,
    /// There is no connection.
    Offline,
    /// It has none: a quote source is asked.
    None,
    /// It has one, and this was its time, Unix milliseconds, at a local time.
    At(u64, u64),
}

impl Market {
    /// Records that there is no connection: no source is to blame for old prices.
    pub(in crate::app) const fn set_offline(&mut self) {
        self.clock = MarketClock::Offline;
    }

    /// Records what the server says about the market's clock.
    pub(in crate::app) const fn set_clock(&mut self, clock: MarketClock) {
        self.clock = clock;
    }

    /// Returns what the server has said about the market's clock.
    pub(crate) const fn market_clock(&self) -> MarketClock {
        self.clock
    }

    /// Stores the opening price of a symbol, if it is known, and what kind of a market it is.
    pub(in crate::app) fn set_open(
        &mut self,
        symbol: Symbol,
        price: Money,
        at_ms: u64,
        kind: &str,
    ) {
        self.kind = (kind != "LIVE").then(|| kind.into());
        if price.is_positive() {
            let has_own_days = matches!(self.clock, MarketClock::At(..)) || kind == "REPLAYED";
            self.quotes.set_open(symbol, price, (!has_own_days).then_some(at_ms));
        }
    }

    /// Returns SIMULATED or REPLAYED, if the market is.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Returns the watched symbols whose opening price may have changed, once a minute at most: a
    /// market with a clock has days of its own.
    pub(in crate::app) fn take_stale_opens(&mut self, clock: Clock) -> Vec<Symbol> {
        let has_own_days = matches!(self.clock, MarketClock::At(..));
        if !has_own_days || clock.since_ms(self.opens_asked_ms) < OPENS_MS {
            return Vec::new();
        }
        self.opens_asked_ms = clock.now_ms();
        self.watched.iter().copied().collect()
    }

    /// Returns the milliseconds until the server asks for a new price of a symbol, if its source
    /// has to be asked and the price is not due yet.
    pub(crate) fn next_price_ms(&self, symbol: Symbol, clock: Clock) -> Option<u64> {
        let age_ms = self.quotes.get(symbol)?.age_ms(clock);
        let left_ms = QUOTE_LIFETIME_MS.checked_sub(age_ms)?;
        (self.clock == MarketClock::None && self.watched.contains(&symbol)).then_some(left_ms)
    }

    /// Records that the server does not send prices of a symbol. Returns true the first time.
    pub(in crate::app) const fn note_unwatched(&mut self) -> bool {
        !std::mem::replace(&mut self.is_limited, true)
    }

    /// Returns the local time at which [`Self::source_silence`] may change without an event.
    pub(crate) fn silence_change_ms(&self, clock: Clock) -> Option<u64> {
        if self.clock != MarketClock::None || self.watched.is_empty() {
            return None;
        }
        let since_ms = self.last_price_ms;
        let first_ms = self.without_price.values().min().map(|first| (*first).max(since_ms));
        let late = first_ms.map(|first| first + ANSWER_MS);
        let old = since_ms + QUOTE_LIFETIME_MS + ANSWER_MS;
        late.into_iter().chain([old]).filter(|at| *at > clock.now_ms()).min()
    }

    /// Returns the time for which a symbol has waited for its first price, in milliseconds.
    pub(crate) fn waits_ms(&self, symbol: Symbol, clock: Clock) -> Option<u64> {
        self.without_price.get(&symbol).map(|since_ms| clock.since_ms(*since_ms))
    }

    /// Records that an order was refused because there was no price.
    pub(in crate::app) const fn set_unavailable(&mut self, clock: Clock) {
        self.unavailable_ms = clock.now_ms();
    }

    /// Returns the local time since which a quote source has not answered, if it should have: a
    /// watched symbol waits for its first price, all prices are older than they may be, or an order
    /// was refused for want of one. A market with a clock is not asked for prices.
    pub(crate) fn source_silence(&self, clock: Clock) -> Option<u64> {
        if self.clock != MarketClock::None || self.watched.is_empty() {
            return None;
        }
        let since_ms = self.last_price_ms;
        let first_ms = self.without_price.values().min().copied();
        let waits = first_ms.is_some_and(|first| clock.since_ms(first.max(since_ms)) >= ANSWER_MS);
        let is_old = clock.since_ms(since_ms) >= QUOTE_LIFETIME_MS + ANSWER_MS;
        let is_refused = self.unavailable_ms > since_ms;
        (waits || is_old || is_refused).then_some(since_ms)
    }
}

#[cfg(test)]
mod tests {
    use crate::app::tests::World;
    use daytrade_protocol::Symbol;

    #[test]
    fn the_change_is_the_one_of_the_day_once_the_server_has_said_its_first_price() {
        let mut world = World::live();
        let xyz = Symbol::parse(b"XYZ").unwrap();
        let change = |world: &World| {
            world.app.market.shown_quote(xyz).and_then(crate::app::SymbolQuote::change_basis_points)
        };
        assert_eq!((change(&world), world.app.market.kind()), (Some(0), None));
        let tag = world.tag("OPEN");
        let opened_ms = world.now_ms;
        world.receive(&format!("[{tag}] OK,OPEN,XYZ,10.00,{opened_ms},SIMULATED"));
        assert_eq!((change(&world), world.app.market.kind()), (Some(5_020), Some("SIMULATED")));
        world.wait(1_000);
        world.receive(&format!("* QUOTE,XYZ,11.00,{}", world.now_ms));
        assert_eq!(change(&world), Some(1_000));
        // The first price of the next day is its opening price.
        world.wait(86_400_000);
        world.receive(&format!("* QUOTE,XYZ,12.00,{}", world.now_ms));
        assert_eq!(change(&world), Some(0));
    }

    #[test]
    fn asking_for_a_price_says_how_old_it_is_and_when_the_next_one_comes() {
        let mut world = World::live();
        let tag = world.tag("MARKET");
        world.receive(&format!("[{tag}] ERR,BAD_ARGUMENTS,no clock"));
        let at_ms = world.now_ms;
        world.wait(38_000);
        world.press("r");
        let tag = world.tag("QUOTE");
        world.receive(&format!("[{tag}] OK,QUOTE,XYZ,15.02,{at_ms},key"));
        let notice = world.app.activity.notice();
        assert_eq!(notice, Some("XYZ is 15.02, 38 s old; a new one in 22 s"));
    }
}

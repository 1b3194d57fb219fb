//! Markets that move by themselves: a file of prices that is played, and ticking simulated prices.
//!
//! A market has a clock, which runs only while the server runs and its position is recorded: the
//! quote manager records how far the clock has run before it shows a price up to there. So a
//! restart goes on where the market stood, and a price that is still to come is never seen.

mod clock;
mod played;
pub mod prices;
mod ticking;

pub use crate::message::MarketControl;
pub use clock::{MarketClock, REAL_TIME, parse_speed};
pub use played::PlayedMarket;
pub use ticking::TickingMarket;

use crate::engine::Open;
use daytrade_protocol::{Money, Symbol};

/// A price that a market shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Stock symbol.
    pub symbol: Symbol,
    /// Dollars a share.
    pub price: Money,
    /// Time of the price by the market's clock, Unix milliseconds.
    pub time_ms: u64,
}

/// A market with a clock of its own.
pub trait Market: Send {
    /// Returns a number that other prices do not have: a position is only good for its market.
    fn fingerprint(&self) -> u32;

    /// Returns true if a position of the market with this fingerprint is good for this one.
    fn continues(&self, fingerprint: u32) -> bool {
        fingerprint == self.fingerprint()
    }

    /// Returns the name of the market for the log.
    fn describe(&self) -> String;

    /// Goes to a position at once, without showing the prices on the way.
    fn seek(&mut self, at: u64);

    /// Returns how far the market has run.
    fn position(&self) -> u64;

    /// Returns the position of the next price; None after the last one.
    fn next_price(&self) -> Option<u64>;

    /// Returns the position of the first price after a position that the market has not shown.
    fn next_after(&self, at: u64) -> Option<u64>;

    /// Runs to a position and shows every price on the way, in order, at most `most` of them.
    /// Returns the position it has come to.
    fn advance(&mut self, to: u64, most: usize, show: &mut dyn FnMut(Shown)) -> u64;

    /// Returns the price of a symbol now; None if the market has shown none so far.
    fn price(&mut self, symbol: Symbol) -> Option<Shown>;

    /// Returns the first price of a symbol on the market's day, if the market has shown one.
    fn open(&mut self, symbol: Symbol) -> Option<Open>;

    /// Returns a word for people: SIMULATED or REPLAYED.
    fn kind(&self) -> &'static str;

    /// Returns a position as a time of the market's clock, Unix milliseconds.
    fn time_ms(&self, at: u64) -> u64;

    /// Returns the position at a time of the market's clock; None if it is not ahead.
    fn at_time(&self, time_ms: u64) -> Option<u64>;

    /// Returns the real milliseconds that one unit of the position takes at real time, in
    /// thousandths.
    fn unit_milli(&self) -> u64;
}

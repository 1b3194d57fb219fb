//! A market between its clock and its journal: what it may show by now.
//!
//! How far the clock has run is recorded first; only then are the prices up to there shown. So what
//! somebody has seen is never still to come after a restart.

use super::market::{Market, MarketClock, MarketControl, Shown};
use super::simulated::{key_of, mix};
use crate::engine::{MarketPosition, Open};
use crate::limits::{MARKET_IDLE_RECORD_MS, MARKET_RECORD_PAUSE_MS, MARKET_ROWS_AT_ONCE};
use crate::message::Quote;
use daytrade_protocol::{Refusal, Symbol};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The state of a market's clock, for STATS.
#[derive(Debug, Default)]
pub struct MarketStats {
    /// 1 if there is a market with a clock.
    pub exists: AtomicU64,
    /// Time of its clock, Unix milliseconds.
    pub time_ms: AtomicU64,
    /// Speed in thousandths of real time.
    pub speed_milli: AtomicU64,
    /// 1 if it is paused.
    pub paused: AtomicU64,
    /// 1 if no price is left.
    pub ended: AtomicU64,
}

/// A market that is being played.
pub(super) struct Playing {
    market: Box<dyn Market>,
    clock: MarketClock,
    /// Position that is recorded: everything up to there may be shown.
    recorded: u64,
    /// True while a position is on its way to the journal and back.
    recording: bool,
    /// When the last position was sent to the journal.
    sent_ms: u64,
    stats: Arc<MarketStats>,
}

impl Playing {
    /// Lets a market run from where it stands.
    pub(super) fn new(
        market: Box<dyn Market>,
        speed_milli: u64,
        now_ms: u64,
        stats: Arc<MarketStats>,
    ) -> Self {
        let at = market.position();
        let clock = MarketClock::new(speed_milli, market.unit_milli(), at, now_ms);
        stats.exists.store(1, Ordering::Relaxed);
        let playing = Self { market, clock, recorded: at, recording: false, sent_ms: 0, stats };
        playing.tell(now_ms);
        playing
    }

    /// Returns the milliseconds until there is something to do; None if it waits for the journal,
    /// or for its owner.
    pub(super) fn due_in(&self, now_ms: u64) -> Option<u64> {
        if self.recording {
            return None;
        }
        let next = self.market.next_price().and_then(|at| self.clock.until(at, now_ms));
        let pause = (self.sent_ms + MARKET_RECORD_PAUSE_MS).saturating_sub(now_ms);
        let idle = (self.sent_ms + MARKET_IDLE_RECORD_MS).saturating_sub(now_ms);
        let runs = !self.clock.is_paused() && self.market.next_price().is_some();
        next.map(|next| next.max(pause)).into_iter().chain(runs.then_some(idle)).min()
    }

    /// Returns the position to record now, if the clock has moved.
    pub(super) fn begin(&mut self, now_ms: u64) -> Option<MarketPosition> {
        self.tell(now_ms);
        if self.recording {
            return None;
        }
        let at = self.clock.at(now_ms).max(self.recorded);
        self.sent_ms = now_ms;
        if at == self.market.position() && at == self.recorded {
            return None;
        }
        self.recorded = at;
        self.recording = true;
        Some(MarketPosition { market: self.market.fingerprint(), at })
    }

    /// Shows the next prices up to the position that is recorded now. If it was not recorded, the
    /// clock goes back to where the market stands.
    pub(super) fn recorded(&mut self, is: bool, now_ms: u64, show: &mut dyn FnMut(Shown)) {
        self.recording = false;
        if is {
            self.market.advance(self.recorded, MARKET_ROWS_AT_ONCE, show);
            if self.market.next_price().is_none() {
                self.clock.set(self.market.position(), now_ms);
            }
        } else {
            self.recorded = self.market.position();
            self.clock.set(self.recorded, now_ms);
        }
        self.tell(now_ms);
    }

    /// Goes on from a recorded position of this market, or from where it stands.
    pub(super) fn resume(&mut self, position: Option<MarketPosition>, now_ms: u64) {
        if let Some(last) = position.filter(|last| self.market.continues(last.market)) {
            self.market.seek(last.at);
        }
        self.recorded = self.market.position();
        self.recording = false;
        self.clock.set(self.recorded, now_ms);
        self.tell(now_ms);
    }

    /// Returns the price of a symbol.
    pub(super) fn price(&mut self, symbol: Symbol) -> Option<Shown> {
        self.market.price(symbol)
    }

    /// Returns the first price of a symbol on the market's day.
    pub(super) fn open(&mut self, symbol: Symbol) -> Option<Open> {
        self.market.open(symbol)
    }

    /// Returns the fingerprint of the market.
    pub(super) fn fingerprint(&self) -> u32 {
        self.market.fingerprint()
    }

    /// Carries out a command of the owner.
    ///
    /// # Errors
    /// A refusal if the market cannot do that.
    pub(super) fn control(&mut self, control: MarketControl, now_ms: u64) -> Result<(), Refusal> {
        match control {
            MarketControl::Show => {}
            MarketControl::Pause => self.clock.set_paused(true, now_ms),
            MarketControl::Resume => self.clock.set_paused(false, now_ms),
            MarketControl::Speed(speed_milli) => self.clock.set_speed(speed_milli, now_ms),
            MarketControl::Step => {
                // Earlier steps may still be on their way to the journal.
                let at = self.clock.at(now_ms).max(self.recorded);
                let next = self.market.next_after(at).ok_or(Refusal::MarketEnded)?;
                self.clock.set(next, now_ms);
            }
            MarketControl::Seek(time_ms) => {
                let at = self.market.at_time(time_ms).ok_or(Refusal::MarketBehind)?;
                self.clock.set(at, now_ms);
            }
        }
        // The owner sees at once what he has done.
        self.sent_ms = 0;
        self.tell(now_ms);
        Ok(())
    }

    /// Returns the time of the market's clock, its speed and what it does.
    pub(super) fn state(&self, now_ms: u64) -> (u64, u64, &'static str) {
        let at = self.clock.at(now_ms).max(self.market.position());
        let word = if self.market.next_price().is_none() {
            "ENDED"
        } else if self.clock.is_paused() {
            "PAUSED"
        } else {
            "RUNNING"
        };
        (self.market.time_ms(at), self.clock.speed_milli(), word)
    }

    fn tell(&self, now_ms: u64) {
        let (time_ms, speed_milli, word) = self.state(now_ms);
        self.stats.time_ms.store(time_ms, Ordering::Relaxed);
        self.stats.speed_milli.store(speed_milli, Ordering::Relaxed);
        self.stats.paused.store(u64::from(word == "PAUSED"), Ordering::Relaxed);
        self.stats.ended.store(u64::from(word == "ENDED"), Ordering::Relaxed);
    }
}

/// Returns a price of a market as a quote, with a key of the usual form.
pub(super) fn quote_of(fingerprint: u32, shown: Shown, now_ms: u64) -> Quote {
    let Shown { symbol, price, time_ms } = shown;
    let name = symbol.as_bytes().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let seed = mix(u64::from(fingerprint) << 32 ^ name) ^ mix(time_ms);
    let key = key_of(|part| mix(seed ^ part));
    Quote { symbol, price, arrived_ms: now_ms, key: key.into() }
}

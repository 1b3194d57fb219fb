//! The manager's part for a market that shows its prices by itself.

use super::{Manager, push};
use crate::message::{MarketControl, Quote, QuoteEvent, ShardEvent};
use crate::quotes::playing::quote_of;
use daytrade_protocol::{Money, Refusal, ReplyBody, Symbol};
use rust_decimal::Decimal;

impl Manager {
    /// Carries out a command to the market's clock; returns the reply.
    pub(super) fn control_market(&mut self, control: MarketControl) -> ReplyBody {
        let now_ms = self.handles.clock.now_ms();
        let done = match &mut self.market {
            None => Err(Refusal::NoMarketClock),
            Some(market) => market.control(control, now_ms).map(|()| market.state(now_ms)),
        };
        match done {
            Err(refusal) => ReplyBody::refused(&refusal),
            Ok((time_ms, speed_milli, state)) => {
                let speed = Decimal::new(speed_milli as i64, 3).normalize().to_string();
                ReplyBody::Market { time_ms, speed: speed.into(), state: state.into() }
            }
        }
    }

    /// Returns the reply with the opening price of a symbol.
    pub(super) fn open_of(&mut self, symbol: Symbol) -> ReplyBody {
        let now_ms = self.handles.clock.now_ms();
        let open = match &mut self.market {
            Some(market) => market.open(symbol),
            None => self.handles.opens.get(symbol, now_ms),
        };
        let (price, at_ms) = open.map_or((Money::ZERO, 0), |open| (open.price, open.at_ms));
        ReplyBody::Open { symbol, price, at_ms, market: self.kind.into() }
    }

    /// Returns the milliseconds until the market has something to do.
    pub(super) fn market_due_in(&self) -> u64 {
        let now_ms = self.handles.clock.now_ms();
        let due = self.market.as_ref().filter(|_| self.paused.is_empty());
        due.and_then(|market| market.due_in(now_ms)).unwrap_or(u64::from(u32::MAX))
    }

    /// Sends how far the market's clock has run to the journal of the first shard.
    pub(super) fn run_market(&mut self) {
        let now_ms = self.handles.clock.now_ms();
        if !self.paused.is_empty() {
            return;
        }
        let Some(market) = &mut self.market else { return };
        if market.due_in(now_ms) == Some(0)
            && let Some(position) = market.begin(now_ms)
            && let Some(first) = self.handles.shards.first()
        {
            let _ = first.send(ShardEvent::Market(position));
        }
    }

    /// Shows the prices that the market may show now, to every shard and to the watchers.
    pub(super) fn show_market(&mut self, is_recorded: bool) {
        let now_ms = self.handles.clock.now_ms();
        let Some(market) = &mut self.market else { return };
        let fingerprint = market.fingerprint();
        let (shards, entries) = (&self.handles.shards, &mut self.entries);
        market.recorded(is_recorded, now_ms, &mut |shown| {
            let quote = quote_of(fingerprint, shown, now_ms);
            for control in shards {
                let event = QuoteEvent::Shown(quote.clone(), shown.time_ms);
                let _ = control.send(ShardEvent::Quote(event));
            }
            if let Some(entry) = entries.get_mut(&shown.symbol) {
                for target in entry.watchers.values() {
                    target.sink().push_quote(shown.symbol, push(&quote));
                }
            }
        });
    }

    /// Returns the market's price of a symbol, and its time by the market's clock.
    pub(super) fn market_price(&mut self, symbol: Symbol) -> Option<(Quote, u64)> {
        let now_ms = self.handles.clock.now_ms();
        let market = self.market.as_mut()?;
        let shown = market.price(symbol)?;
        Some((quote_of(market.fingerprint(), shown, now_ms), shown.time_ms))
    }
}

//! The manager's part when this server becomes the owner of a cluster: it goes on where the owner
//! before it stood.

use super::Manager;
use crate::engine::MarketState;
use crate::message::Quote;

impl Manager {
    /// Takes a price that another server has fetched, if it is still fresh.
    pub(super) fn know(&mut self, quote: Quote) {
        if self.source.is_none() || !quote.is_fresh(self.handles.clock.now_ms()) {
            return;
        }
        self.handles.opens.note(quote.symbol, quote.price, quote.arrived_ms);
        let symbol = quote.symbol;
        let known = &mut self.entries.entry(symbol).or_default().quote;
        if known.as_ref().is_none_or(|known| known.arrived_ms < quote.arrived_ms) {
            *known = Some(quote);
            self.reschedule(symbol);
        }
    }

    /// Goes on where the journal of a shard says that the market stood.
    pub(super) fn resume(&mut self, shard: u16, state: MarketState) {
        self.handles.opens.merge(&state.opens);
        self.states.insert(shard, state);
        let mut all = MarketState::default();
        for state in self.states.values() {
            all.merge(state);
        }
        if let Some(source) = &self.source {
            source.resume(&all);
        }
        let now_ms = self.handles.clock.now_ms();
        if let (0, Some(market)) = (shard, &mut self.market) {
            market.resume(all.position, now_ms);
        }
    }
}

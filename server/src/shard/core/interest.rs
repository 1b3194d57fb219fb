//! What a shard tells the quote manager about itself.

use super::Shard;
use crate::message::QuoteRequest;
use daytrade_protocol::Symbol;

impl Shard {
    /// Tells the quote manager which symbols the recovered triggers wait for.
    pub fn announce_interest(&mut self) {
        self.executor.ledger.book_mut().take_interest();
        for symbol in self.book().triggers().symbols() {
            self.send_interest(symbol, true);
        }
    }

    /// Tells the quote manager whether the shard can record prices.
    pub(super) fn send_pause(&self, paused: bool) {
        let _ = self.handles.quotes.send(QuoteRequest::Pause { shard: self.id, paused });
    }

    pub(super) fn send_interest(&self, symbol: Symbol, armed: bool) {
        let asker = if armed { self.book().first_waiting(symbol) } else { None };
        let _ = self.handles.quotes.send(QuoteRequest::Interest { shard: self.id, symbol, asker });
    }

    /// Tells the quote manager that this shard waits for no symbol any more.
    pub(super) fn withdraw_interest(&self) {
        for symbol in self.book().triggers().symbols() {
            let interest = QuoteRequest::Interest { shard: self.id, symbol, asker: None };
            let _ = self.handles.quotes.send(interest);
        }
    }
}

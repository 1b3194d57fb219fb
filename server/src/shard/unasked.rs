//! What happens to accounts without a command: fills and expiries.

use super::agenda::{ShownPrice, Task};
use super::execute::Executor;
use crate::engine::{Event, Hit, Known, Record, TriggerKey, UserId, expire_oldest, fill};
use daytrade_protocol::{Money, Side, Symbol};

impl Executor {
    /// Fires the triggers that a price reaches on one side, at most `budget` of them. Returns the
    /// task that is left if the round is full.
    pub(super) fn fire(
        &mut self,
        symbol: Symbol,
        price: Money,
        side: Side,
        mut after: Option<TriggerKey>,
        mut shown: Option<ShownPrice>,
        budget: &mut usize,
    ) -> Option<Task> {
        while let Some(key) = self.ledger.book().triggers().next(symbol, side, price, after) {
            if self.is_full() || *budget == 0 {
                return Some(Task::Fire { symbol, price, side, after, shown });
            }
            after = Some(key);
            let account = self.ledger.book().account(key.user);
            if let Some(event) = fill(account, side, symbol, price) {
                if let Some(shown) = shown.take() {
                    self.record_shown(key.user, &event, price, &shown);
                }
                self.record_event(key.user, event);
                *budget -= 1;
            }
        }
        None
    }

    /// Records the price of a market that fires a trigger, unless it is recorded already.
    fn record_shown(&mut self, id: UserId, event: &Event, price: Money, shown: &ShownPrice) {
        let Event::Filled { symbol, number, .. } = *event else { return };
        let user = self.ledger.book().name(id).clone();
        let is_newest = self.prices.quote(symbol).is_some_and(|quote| quote.key == shown.key);
        let hit = if is_newest {
            self.prices.take_unrecorded(symbol, &user, number)
        } else {
            let (source_time_ms, key) = (shown.time_ms, shown.key.as_ref().into());
            Some(Hit { number, user, symbol, price, source_time_ms, key })
        };
        if let Some(hit) = hit {
            self.record_hit(hit);
        }
    }

    /// Expires the user's orders that are due.
    pub(super) fn expire_user(&mut self, id: UserId) {
        let now_ms = self.ledger.now_ms();
        while let Some(event) = expire_oldest(self.ledger.book().account(id), now_ms) {
            self.record_event(id, event);
        }
    }

    /// Records an event that no command caused.
    fn record_event(&mut self, id: UserId, event: Event) {
        let user = self.ledger.book().name(id).clone();
        let record = match event {
            Event::Filled { .. } => Record::Filled { user, event },
            _ => Record::Expired { user, event },
        };
        let subscribers = &mut self.subscribers;
        self.ledger.record(&record, Known::Account(id), |book, id, event| {
            subscribers.note(book, id, event);
        });
    }
}

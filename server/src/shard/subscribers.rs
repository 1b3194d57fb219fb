//! Who wants to hear of which account.

use crate::engine::{Book, Event, UserId};
use crate::session::Outbox;
use daytrade_protocol::{Push, TradeTerms, UserName};
use hashbrown::HashMap;
use std::sync::Arc;

/// Connections by the user they subscribed to, and what they have to be told once the round is durable.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    by_user: HashMap<UserName, Vec<Arc<Outbox>>>,
    events: Vec<(UserId, Push)>,
    touched: Vec<UserId>,
}

impl Subscribers {
    /// Adds a connection; a second time changes nothing.
    pub(super) fn add(&mut self, user: &UserName, outbox: &Arc<Outbox>) {
        let outboxes = self.by_user.entry(user.clone()).or_default();
        if !outboxes.iter().any(|known| Arc::ptr_eq(known, outbox)) {
            outboxes.push(Arc::clone(outbox));
        }
    }

    /// Takes a connection off.
    pub(super) fn remove(&mut self, user: &UserName, outbox: &Arc<Outbox>) {
        if let Some(outboxes) = self.by_user.get_mut(user) {
            outboxes.retain(|known| !Arc::ptr_eq(known, outbox));
            if outboxes.is_empty() {
                self.by_user.remove(user);
            }
        }
    }

    /// Notes what happened to an account, if anybody wants to hear of it.
    pub(super) fn note(&mut self, book: &Book, id: UserId, event: &Event) {
        if self.by_user.is_empty() || !self.by_user.contains_key(book.name(id)) {
            return;
        }
        let user = || book.name(id).clone();
        match *event {
            Event::Expired { side, symbol, shares, price, total, .. } => {
                let terms = TradeTerms { symbol, shares, price, total };
                self.events.push((id, Push::Expired { user: user(), side, terms }));
            }
            Event::Filled { side, symbol, shares, price, total, .. } => {
                let terms = TradeTerms { symbol, shares, price, total };
                self.events.push((id, Push::Filled { user: user(), side, terms }));
            }
            _ => {}
        }
        self.touched.push(id);
    }

    /// Tells everybody what was noted: what happened, then how each touched account stands.
    pub(super) fn tell(&mut self, book: &Book) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let accounts = touched.into_iter().map(|id| {
            let (user, account) = (book.name(id).clone(), book.account(id));
            let (available, reserved, realised) = (account.cash(), account.reserved(), account.realised());
            (id, Push::Account { user, available, reserved, realised })
        });
        for (id, push) in std::mem::take(&mut self.events).into_iter().chain(accounts) {
            for outbox in self.by_user.get(book.name(id)).into_iter().flatten() {
                outbox.push_event(&push);
            }
        }
    }

    /// Forgets what was noted: it is not known to be durable.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.touched.clear();
    }
}

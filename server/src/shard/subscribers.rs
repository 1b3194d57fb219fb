//! Who wants to hear of which account.

use crate::engine::{Book, Event, UserId};
use crate::session::Outbox;
use daytrade_protocol::{Push, TradeTerms, UserName};
use hashbrown::HashMap;
use std::sync::Arc;

/// Connections by the user they subscribed to, and what they have to be told once the round is
/// durable.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    by_user: HashMap<UserName, Vec<Arc<Outbox>>>,
    to_tell: Vec<(Arc<Outbox>, Push)>,
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

    /// Notes what has happened to an account, and how it stands then, if anybody wants to hear of
    /// it.
    pub(super) fn note(&mut self, book: &Book, id: UserId, event: &Event) {
        if self.by_user.is_empty() {
            return;
        }
        let Some(outboxes) = self.by_user.get(book.name(id)) else { return };
        let (user, account) = (book.name(id).clone(), book.account(id));
        let happened = match *event {
            Event::Expired { side, symbol, shares, price, total, .. } => {
                let terms = TradeTerms { symbol, shares, price, total };
                Some(Push::Expired { user: user.clone(), side, terms })
            }
            Event::Filled { side, symbol, shares, price, total, .. } => {
                let terms = TradeTerms { symbol, shares, price, total };
                Some(Push::Filled { user: user.clone(), side, terms })
            }
            _ => None,
        };
        let (available, reserved, realised) =
            (account.cash(), account.reserved(), account.realised());
        let stands = Push::Account { user, available, reserved, realised };
        for push in happened.into_iter().chain([stands]) {
            self.to_tell.extend(outboxes.iter().map(|outbox| (Arc::clone(outbox), push.clone())));
        }
    }

    /// Tells everybody what was noted.
    pub(super) fn tell(&mut self) {
        for (outbox, push) in self.to_tell.drain(..) {
            outbox.push_event(&push);
        }
    }

    /// Forgets what was noted: it is not known to be durable.
    pub(super) fn forget(&mut self) {
        self.to_tell.clear();
    }
}

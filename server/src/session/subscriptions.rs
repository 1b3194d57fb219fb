//! What a connection listens to: the events of accounts, and prices.

use crate::message::Subscription;
use daytrade_protocol::{Symbol, UserName};
use std::collections::{BTreeMap, BTreeSet};

/// What a connection listens to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Accounts whose events are wanted: asked for, and not refused by their shard.
    users: BTreeSet<UserName>,
    /// SUBSCRIBEs that the shards have not answered.
    asked: BTreeMap<UserName, usize>,
    watched: BTreeSet<Symbol>,
}

impl Subscriptions {
    /// Returns true if the connection listens to nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.watched.is_empty()
    }

    /// Returns how much it listens to.
    pub(super) fn len(&self) -> usize {
        self.users.len() + self.watched.len()
    }

    /// Applies the shards' answers to SUBSCRIBE and UNSUBSCRIBE.
    pub(super) fn note(&mut self, outcomes: Vec<(UserName, Subscription)>) {
        for (user, outcome) in outcomes {
            if outcome != Subscription::Ended
                && let Some(unanswered) = self.asked.get_mut(&user)
            {
                *unanswered -= 1;
                if *unanswered == 0 {
                    self.asked.remove(&user);
                }
            }
            if outcome == Subscription::Accepted {
                self.users.insert(user);
            } else if !self.asked.contains_key(&user) {
                self.users.remove(&user);
            }
        }
    }

    /// Notes a SUBSCRIBE on its way to its shard.
    pub(super) fn subscribe(&mut self, user: &UserName) {
        self.users.insert(user.clone());
        *self.asked.entry(user.clone()).or_default() += 1;
    }

    /// Notes an UNSUBSCRIBE.
    pub(super) fn unsubscribe(&mut self, user: &UserName) {
        self.users.remove(user);
    }

    /// Notes a WATCH. Returns false if the symbol is watched already.
    pub(super) fn watch(&mut self, symbol: Symbol) -> bool {
        self.watched.insert(symbol)
    }

    /// Notes an UNWATCH. Returns false if the symbol is not watched.
    pub(super) fn unwatch(&mut self, symbol: Symbol) -> bool {
        self.watched.remove(&symbol)
    }

    /// Takes everything: the symbols, and the accounts whose events may still be sent.
    pub(super) fn take(&mut self) -> (BTreeSet<Symbol>, BTreeSet<UserName>) {
        let taken = std::mem::take(self);
        let mut users = taken.users;
        // A SUBSCRIBE may still be accepted.
        users.extend(taken.asked.into_keys());
        (taken.watched, users)
    }
}

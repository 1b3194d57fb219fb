//! Users who wait, for a price or for a dump, and the later commands that wait behind them.

use super::batch::Job;
use crate::session::Outbox;
use daytrade_protocol::{Symbol, UserName};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// A job and the connection it came from.
pub(super) type Waiting = (Arc<Outbox>, Job);

/// Everybody who waits. Bounded by the requests in flight of all connections.
#[derive(Debug, Default)]
pub(super) struct Parked {
    users: HashMap<UserName, VecDeque<Waiting>>,
    by_symbol: HashMap<Symbol, Vec<UserName>>,
}

impl Parked {
    /// Whether the user's commands have to wait behind one that waits.
    pub(super) fn holds(&self, user: &UserName) -> bool {
        !self.users.is_empty() && self.users.contains_key(user)
    }

    /// Puts a command behind the user's others.
    pub(super) fn push(&mut self, user: &UserName, waiting: Waiting) {
        self.users.entry(user.clone()).or_default().push_back(waiting);
    }

    /// Holds the user for something that is no price.
    pub(super) fn hold(&mut self, user: &UserName) {
        self.users.entry(user.clone()).or_default();
    }

    /// Holds the user at this command until the symbol's price is there; true if nobody waited for
    /// the symbol before.
    pub(super) fn wait_for(&mut self, symbol: Symbol, user: &UserName, waiting: Waiting) -> bool {
        self.users.entry(user.clone()).or_default().push_front(waiting);
        let waiters = self.by_symbol.entry(symbol).or_default();
        waiters.push(user.clone());
        waiters.len() == 1
    }

    /// Who waited for the symbol, in the order they came.
    pub(super) fn take_waiters(&mut self, symbol: Symbol) -> Vec<UserName> {
        self.by_symbol.remove(&symbol).unwrap_or_default()
    }

    /// The user's next command; when there is none left, the user waits no more.
    pub(super) fn next(&mut self, user: &UserName) -> Option<Waiting> {
        let next = self.users.get_mut(user)?.pop_front();
        if next.is_none() {
            self.users.remove(user);
        }
        next
    }

    /// Everything that waits, in the order of the users' names; nobody waits any more.
    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        self.by_symbol.clear();
        let mut users: Vec<_> = self.users.drain().collect();
        users.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        users.into_iter().flat_map(|(_, queue)| queue).collect()
    }

    /// How many users wait.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }
}

//! Users that wait for a price or a dump, and their later commands, which wait with them.
//!
//! The queue must never let a user's commands overtake each other. It is bounded by the requests in
//! flight of all connections.

use crate::message::{Job, ReplyTarget};
use daytrade_protocol::{Symbol, UserName};
use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;

/// A job and the connection it came from.
pub(super) type Waiting = (ReplyTarget, Job);

/// Users that wait.
#[derive(Debug, Default)]
pub(super) struct WaitQueue {
    users: HashMap<UserName, VecDeque<Waiting>>,
    by_symbol: HashMap<Symbol, Vec<UserName>>,
    /// Users who wait for a dump.
    held: HashSet<UserName>,
}

impl WaitQueue {
    /// Returns the user's waiting commands, if the user's commands have to wait.
    #[inline]
    pub(super) fn queue(&mut self, user: &UserName) -> Option<&mut VecDeque<Waiting>> {
        if self.users.is_empty() { None } else { self.users.get_mut(user) }
    }

    /// Holds a user who waits for a dump.
    pub(super) fn hold(&mut self, user: &UserName) {
        self.users.entry(user.clone()).or_default();
        self.held.insert(user.clone());
    }

    /// Notes that the user's dump is answered; the user's commands still wait.
    pub(super) fn unhold(&mut self, user: &UserName) {
        self.held.remove(user);
    }

    /// Holds a user at a command until the symbol's price has arrived. Returns true if nobody
    /// waited for the symbol before.
    pub(super) fn wait_for(&mut self, symbol: Symbol, user: &UserName, waiting: Waiting) -> bool {
        self.users.entry(user.clone()).or_default().push_front(waiting);
        let waiters = self.by_symbol.entry(symbol).or_default();
        waiters.push(user.clone());
        waiters.len() == 1
    }

    /// Takes the users that wait for the symbol, in the order in which they came.
    pub(super) fn take_waiting(&mut self, symbol: Symbol) -> Vec<UserName> {
        self.by_symbol.remove(&symbol).unwrap_or_default()
    }

    /// Takes the user's next command. Releases the user if there is none.
    pub(super) fn next(&mut self, user: &UserName) -> Option<Waiting> {
        let next = self.users.get_mut(user)?.pop_front();
        if next.is_none() {
            self.users.remove(user);
        }
        next
    }

    /// Takes everything that does not wait for a dump, by user name, and releases these users. A
    /// dump will still be answered, and the replies to later commands must not overtake that.
    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        self.by_symbol.clear();
        let held = &self.held;
        let mut users: Vec<_> = self.users.extract_if(|user, _| !held.contains(user)).collect();
        users.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        users.into_iter().flat_map(|(_, queue)| queue).collect()
    }

    /// Returns the number of users that wait.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }
}

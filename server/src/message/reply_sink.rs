//! Where replies go: a shard answers to a target and never knows a socket.

use super::replies::Replies;
use crate::access::{LogPermit, LogScope};
use bytes::Bytes;
use daytrade_protocol::{Push, Symbol, UserName};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

/// Receives the replies and pushed lines of one connection. The local implementation is a session's
/// outbox; it may write short replies to the socket at once.
pub trait ReplySink: Send + Sync {
    /// Takes the replies of one round, whose frame is durable. What it leaves of them is memory for
    /// the next ones: the caller clears it.
    fn deliver(&self, replies: &mut Replies);

    /// Takes the lines of account events. They are never dropped: past their bound the connection
    /// is closed.
    fn push_events(&self, lines: &Bytes);

    /// Takes note of what became of a request about the events of an account.
    fn note_subscription(&self, user: &UserName, outcome: Subscription);

    /// Returns true if the connection was told that the accounts are elsewhere: nothing that it has
    /// sent since is carried out.
    fn has_moved(&self) -> bool {
        false
    }

    /// Gives away the part of the log that the connection's DUMPLOG is about; None for the part
    /// that it names itself.
    fn take_log_scope(&self) -> Option<(LogScope, LogPermit)> {
        None
    }

    /// Takes a price. It replaces an older price of the same symbol that is not yet written.
    fn push_quote(&self, symbol: Symbol, quote: Push);
}

/// What became of a SUBSCRIBE or an UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// A SUBSCRIBE was accepted.
    Accepted,
    /// A SUBSCRIBE was refused.
    Refused,
    /// An UNSUBSCRIBE was carried out.
    Ended,
}

/// The connection that a reply goes to, and when its requests were read, if that is measured.
/// Clones are the same target.
#[derive(Clone)]
pub struct ReplyTarget {
    sink: Arc<dyn ReplySink>,
    read_at: Option<Instant>,
    /// Number of the login, whose connections take turns as one; None for a connection of its own.
    login: Option<NonZeroUsize>,
}

impl ReplyTarget {
    /// Creates the target of a sink.
    pub fn new(sink: Arc<impl ReplySink + 'static>) -> Self {
        Self { sink, read_at: None, login: None }
    }

    /// Returns the target of a connection that has logged in, with a number that all connections of
    /// the login have.
    #[must_use]
    pub fn with_login(self, login: Option<NonZeroUsize>) -> Self {
        Self { login, ..self }
    }

    /// Returns the target of requests that were read just now.
    #[must_use]
    pub fn read_now(&self) -> Self {
        Self { read_at: Some(Instant::now()), ..self.clone() }
    }

    /// Returns when the requests were read, if that is measured.
    pub const fn read_at(&self) -> Option<Instant> {
        self.read_at
    }

    /// Returns true if both are the same connection.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sink, &other.sink)
    }

    /// Returns a number that no other connection has while this target exists.
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.sink).addr()
    }

    /// Returns the number by which connections take turns: one for all connections of a login.
    pub fn turn_key(&self) -> usize {
        self.login.map_or_else(|| self.key(), NonZeroUsize::get)
    }

    /// Returns the sink.
    pub fn sink(&self) -> &dyn ReplySink {
        &*self.sink
    }
}

impl std::fmt::Debug for ReplyTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReplyTarget({:p})", Arc::as_ptr(&self.sink))
    }
}

//! Events that a client can cause as often as it likes: the security log notes each kind once in a
//! while, so that nobody can fill it.

use crate::access::LoginEvent;
use crate::limits::FREQUENT_NOTED;
use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::time::Instant;

/// A kind of such events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Frequent {
    Forbidden,
    RateLimited,
    TlsFailed,
}

/// When each kind was noted last.
#[derive(Debug, Default)]
pub(super) struct NotedEvents(Mutex<HashMap<Frequent, Instant>>);

impl NotedEvents {
    /// Returns true if an event of this kind is to be noted.
    pub(super) fn may_note(&self, event: Frequent) -> bool {
        let (mut noted, now) = (self.0.lock(), Instant::now());
        let may = noted.get(&event).is_none_or(|at| now - *at >= FREQUENT_NOTED);
        if may {
            noted.insert(event, now);
        }
        may
    }
}

/// How an event of a session is logged.
pub(super) struct Entry<'a> {
    /// What the log calls it.
    pub name: &'static str,
    /// A further name and value.
    pub more: Option<(&'static str, &'a str)>,
    /// Set if it may come often.
    pub frequent: Option<Frequent>,
}

impl<'a> Entry<'a> {
    /// Returns how an event is logged.
    pub(super) fn of(event: &LoginEvent<'a>) -> Self {
        let entry = |name, more, frequent| Self { name, more, frequent };
        match event {
            LoginEvent::Forbidden(command) => {
                let more = command.map(|command| ("command", command.as_str()));
                entry("forbidden", more, Some(Frequent::Forbidden))
            }
            LoginEvent::ActsFor(account) => {
                entry("acts_for", Some(("account", account.as_str())), None)
            }
            LoginEvent::RateLimited => entry("rate_limited", None, Some(Frequent::RateLimited)),
            LoginEvent::TlsFailed => entry("tls_failed", None, Some(Frequent::TlsFailed)),
        }
    }
}

//! Events that a client can cause as often as it likes: the security log notes each kind once in a
//! while, so that nobody can fill it.

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

//! The requests of one connection that have no reply, and what becomes of them when the accounts
//! are with another server: only what was not carried out is sent again.

use daytrade_protocol::{Body, Request, ServerLine, SessionCommand};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A request that was not carried out, because the accounts are with another server.
#[derive(Debug)]
pub(super) struct TurnedAway {
    pub request: Request,
    /// The reply that said so, for the trader if the accounts cannot be followed.
    pub reply: Option<(ServerLine, String)>,
}

/// The requests by their tags, which count up.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// With the times of writing. Round trips are measured here, because nothing here waits for a
    /// frame.
    waiting: BTreeMap<u64, (Request, Instant)>,
    turned_away: BTreeMap<u64, TurnedAway>,
    /// Largest tag of a reply.
    answered: u64,
}

impl Written {
    /// Returns true if no request waits for a reply.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a request that is written now.
    pub(super) fn push(&mut self, request: Request) {
        if let Some(tag) = request.tag {
            self.waiting.insert(tag.get(), (request, Instant::now()));
        }
    }

    /// Returns a request that waits for its reply.
    pub(super) fn find(&self, tag: u64) -> Option<&Request> {
        self.waiting.get(&tag).map(|(request, _)| request)
    }

    /// Takes the reply to a request; returns the time since it was written.
    pub(super) fn take_reply(&mut self, tag: u64) -> Option<Duration> {
        let (_, since) = self.waiting.remove(&tag)?;
        self.answered = self.answered.max(tag);
        Some(since.elapsed())
    }

    /// Takes a reply that says that the accounts are elsewhere. Returns false if it belongs to no
    /// request.
    pub(super) fn turn_away(&mut self, tag: u64, line: ServerLine, text: String) -> bool {
        let Some((request, _)) = self.waiting.remove(&tag) else { return false };
        self.answered = self.answered.max(tag);
        self.turned_away.insert(tag, TurnedAway { request, reply: Some((line, text)) });
        true
    }

    /// Returns the requests that were not carried out, in their order. If the server announced
    /// the end of the connection, it has answered every request it accepted, so requests after the
    /// last reply were not accepted.
    pub(super) fn into_turned_away(self, in_order: bool) -> Vec<TurnedAway> {
        let mut all = self.turned_away;
        let after = self.waiting.into_iter().filter(|(tag, _)| in_order && *tag > self.answered);
        all.extend(after.map(|(tag, (request, _))| (tag, TurnedAway { request, reply: None })));
        all.into_values().filter(|turned_away| is_worth(&turned_away.request)).collect()
    }
}

/// Returns true for a request that is sent again; those of the screen itself begin anew.
pub(super) const fn is_worth(request: &Request) -> bool {
    matches!(
        request.body,
        Body::Command(_) | Body::Session(SessionCommand::Market { action: Some(_), .. })
    )
}

//! Whether the server still answers: a tagged PING every few seconds, and beside requests that
//! wait. Only PINGs are judged, because a legal QUOTE may take seconds.

use crate::app::Health;
use daytrade_protocol::{Request, SessionCommand, Tag};
use std::time::Duration;
use tokio::time::Instant;

/// Interval of the PINGs of a connection on which nothing waits.
const AT_REST: Duration = Duration::from_secs(5);
/// Minimum interval of PINGs. A server that stops right after a PING is noticed at most this much
/// later.
const WHILE_WAITING: Duration = Duration::from_millis(450);
/// Age of an unanswered PING at which the link is slow.
const SLOW: Duration = Duration::from_secs(1);
/// Age at which the server does not reply.
const NO_REPLY: Duration = Duration::from_secs(3);
/// Age at which the connection is given up.
pub(super) const LOST: Duration = Duration::from_secs(10);

/// The PINGs of one connection, at most one of them unanswered.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Tag of the next PING. They count down from the largest one, so that none is a request's.
    next_tag: u64,
    unanswered: Option<u64>,
    /// Time of the last PING.
    sent_at: Instant,
    health: Health,
}

impl Pulse {
    /// Begins with a PING to send at once.
    pub(super) fn new(now: Instant) -> Self {
        let sent_at = now.checked_sub(AT_REST).unwrap_or(now);
        Self { next_tag: Tag::MAX, unanswered: None, sent_at, health: Health::Good }
    }

    /// Returns the time at which [`Pulse::on_time`] has something to do. `waits` is true if a
    /// request waits for its reply.
    pub(super) fn next(&self, waits: bool) -> Instant {
        let after = match (self.unanswered.is_some(), self.health) {
            (false, _) if waits => WHILE_WAITING,
            (false, _) => AT_REST,
            (true, Health::Good) => SLOW,
            (true, Health::Slow) => NO_REPLY,
            (true, Health::NoReply) => LOST,
        };
        self.sent_at + after
    }

    /// Returns the PING to send now, if one is due.
    pub(super) fn due(&mut self, now: Instant, waits: bool) -> Option<Request> {
        if self.unanswered.is_some() || now < self.next(waits) {
            return None;
        }
        let tag = self.next_tag;
        self.next_tag -= 1;
        (self.unanswered, self.sent_at) = (Some(tag), now);
        Some(Request { tag: Tag::new(tag), noreply: false, body: SessionCommand::Ping {}.into() })
    }

    /// Returns the health if it has changed with the time.
    pub(super) fn on_time(&mut self, now: Instant) -> Option<Health> {
        let age = self.unanswered.map_or(Duration::ZERO, |_| now - self.sent_at);
        let health = match age {
            age if age >= NO_REPLY => Health::NoReply,
            age if age >= SLOW => Health::Slow,
            _ => return None,
        };
        let has_changed = std::mem::replace(&mut self.health, health) != health;
        has_changed.then_some(health)
    }

    /// Returns true once the connection is to be given up.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.unanswered.is_some() && now - self.sent_at >= LOST
    }

    /// Notes that the server answers on another connection: this one waits behind a request, such
    /// as a DUMPLOG, that lets nothing pass. It is not given up.
    pub(super) const fn excuse(&mut self, now: Instant) {
        (self.sent_at, self.health) = (now, Health::Slow);
    }

    /// Takes the reply to a PING. Returns false if the tag is not that of one.
    pub(super) fn take_reply(&mut self, tag: u64) -> bool {
        let is_ping = self.unanswered == Some(tag);
        if is_ping {
            (self.unanswered, self.health) = (None, Health::Good);
        }
        is_ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_ping_makes_a_link_slow_then_silent_then_lost() {
        let begin = Instant::now() + AT_REST;
        let mut pulse = Pulse::new(begin);
        let first = pulse.due(begin, false).expect("one at once").tag.unwrap().get();
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(pulse.next(false), at(1_000));
        assert_eq!((pulse.on_time(at(999)), pulse.due(at(999), true)), (None, None));
        assert_eq!(pulse.on_time(at(1_000)), Some(Health::Slow));
        assert_eq!((pulse.on_time(at(1_001)), pulse.next(false)), (None, at(3_000)));
        assert_eq!(pulse.on_time(at(3_000)), Some(Health::NoReply));
        assert_eq!(pulse.next(false), at(10_000));
        assert!(!pulse.is_lost(at(9_999)) && pulse.is_lost(at(10_000)));
        assert!(!pulse.take_reply(first - 1) && pulse.take_reply(first));
        assert!(!pulse.is_lost(at(20_000)));
    }

    #[test]
    fn pings_are_seldom_at_rest_and_frequent_while_a_request_waits() {
        let begin = Instant::now() + AT_REST;
        let mut pulse = Pulse::new(begin);
        let at = |ms| begin + Duration::from_millis(ms);
        let tag = pulse.due(at(0), false).unwrap().tag.unwrap().get();
        assert!(pulse.take_reply(tag));
        assert_eq!((pulse.next(false), pulse.next(true)), (at(5_000), at(450)));
        assert!(pulse.due(at(449), true).is_none() && pulse.due(at(4_999), false).is_none());
        assert!(pulse.due(at(450), true).is_some_and(|next| next.tag != Tag::new(tag)));
    }
}

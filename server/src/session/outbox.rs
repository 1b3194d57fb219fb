//! What waits to be written to one connection, handed over by the shards.
//!
//! Replies are appended whole, so nothing comes between the lines of one. Untagged requests are answered strictly in the
//! order they were sent: a reply that is early waits here for its turn. Replies are bounded by the requests in flight,
//! prices by the symbols (the newest counts), account events by a limit past which the connection is given up.

use crate::limits::OUTBOX_EVENT_BYTES_MAX;
use daytrade_protocol::{Push, Refusal, ReplyBody, Symbol, Tag};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tokio::sync::Notify;

/// Which request a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// A tagged request.
    Tagged(Tag),
    /// The connection's untagged request of this place, from 0.
    Untagged(u64),
    /// A request that wants no reply; it is still counted as done.
    Nobody,
}

/// Replies to requests of one connection, collected before they are handed over.
#[derive(Debug, Default)]
pub struct Replies {
    tagged: Vec<u8>,
    untagged: Vec<(u64, Vec<u8>)>,
    answered: Vec<ReplyTo>,
}

impl Replies {
    /// Adds the reply that `write` appends to the buffer it is given, under the tag it is given. Returns the bytes it took.
    pub fn write(&mut self, to: ReplyTo, write: impl FnOnce(Option<Tag>, &mut Vec<u8>)) -> usize {
        self.answered.push(to);
        match to {
            ReplyTo::Tagged(tag) => {
                let before = self.tagged.len();
                write(Some(tag), &mut self.tagged);
                self.tagged.len() - before
            }
            ReplyTo::Untagged(place) => {
                let mut bytes = Vec::new();
                write(None, &mut bytes);
                let length = bytes.len();
                self.untagged.push((place, bytes));
                length
            }
            ReplyTo::Nobody => 0,
        }
    }

    /// Adds a reply of one line.
    pub fn push(&mut self, to: ReplyTo, body: &ReplyBody) -> usize {
        self.write(to, |tag, out| body.write_to(tag, out))
    }

    /// The same requests, all refused: what is left to say when the journal has failed.
    pub fn all_refused(&self, refusal: &Refusal) -> Self {
        let body = ReplyBody::refused(refusal);
        let mut refused = Self::default();
        for to in &self.answered {
            refused.push(*to, &body);
        }
        refused
    }

    /// Whether nothing was answered.
    pub const fn is_empty(&self) -> bool {
        self.answered.is_empty()
    }
}

/// The writing half of a connection, shared by everything that has something to say to it.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// How many of `bytes` are account events.
    event_bytes: usize,
    quotes: BTreeMap<Symbol, Push>,
    early: BTreeMap<u64, Vec<u8>>,
    early_bytes: usize,
    next_untagged: u64,
    in_flight: usize,
    too_slow: bool,
    closed: bool,
}

/// What a session needs to know before it reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests read and not yet answered.
    pub in_flight: usize,
    /// Bytes that wait to be written.
    pub bytes: usize,
    /// The client did not read its account events; the connection has to close.
    pub too_slow: bool,
}

impl Outbox {
    /// Counts requests that are on their way to a shard.
    pub fn begin(&self, requests: usize) {
        self.state.lock().in_flight += requests;
    }

    /// Hands over replies.
    pub fn deliver(&self, replies: Replies) {
        {
            let mut state = self.state.lock();
            state.in_flight = state.in_flight.saturating_sub(replies.answered.len());
            if state.bytes.is_empty() {
                state.bytes = replies.tagged;
            } else {
                state.bytes.extend_from_slice(&replies.tagged);
            }
            for (place, bytes) in replies.untagged {
                state.early_bytes += bytes.len();
                state.early.insert(place, bytes);
            }
            while let Some(bytes) = {
                let next = state.next_untagged;
                state.early.remove(&next)
            } {
                state.early_bytes -= bytes.len();
                state.bytes.extend_from_slice(&bytes);
                state.next_untagged += 1;
            }
        }
        self.changed.notify_one();
    }

    /// Hands over an account event. Past its bound the connection is given up, because an event is never dropped.
    pub fn push_event(&self, event: &Push) {
        {
            let mut state = self.state.lock();
            if state.closed || state.too_slow {
                return;
            }
            let before = state.bytes.len();
            event.write_to(&mut state.bytes);
            state.event_bytes += state.bytes.len() - before;
            if state.event_bytes > OUTBOX_EVENT_BYTES_MAX {
                state.too_slow = true;
                Push::ByeSlowConsumer.write_to(&mut state.bytes);
            }
        }
        self.changed.notify_one();
    }

    /// Hands over a price; an older one of the same symbol that still waits is forgotten.
    pub fn push_quote(&self, symbol: Symbol, quote: Push) {
        {
            let mut state = self.state.lock();
            if state.closed || state.too_slow {
                return;
            }
            state.quotes.insert(symbol, quote);
        }
        self.changed.notify_one();
    }

    /// Waits until something was handed over since the last wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes all that can be written, in exchange for an empty buffer whose space is used again.
    pub fn take(&self, buffer: &mut Vec<u8>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        buffer.clear();
        std::mem::swap(&mut state.bytes, buffer);
        state.event_bytes = 0;
        if !state.too_slow {
            for quote in std::mem::take(&mut state.quotes).into_values() {
                quote.write_to(buffer);
            }
        }
    }

    /// How much is under way.
    pub fn load(&self) -> Load {
        let state = self.state.lock();
        let bytes = state.bytes.len() + state.early_bytes;
        Load { in_flight: state.in_flight, bytes, too_slow: state.too_slow }
    }

    /// Notes that nobody will read any more.
    pub fn close(&self) {
        self.state.lock().closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{Money, UserName};

    fn text(outbox: &Outbox) -> String {
        let mut bytes = Vec::new();
        outbox.take(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    fn replies(to: &[ReplyTo]) -> Replies {
        let mut replies = Replies::default();
        for to in to {
            replies.write(*to, |tag, out| {
                let text = format!("{}{to:?}\n", tag.map(|t| t.to_string()).unwrap_or_default());
                out.extend_from_slice(text.as_bytes());
            });
        }
        replies
    }

    #[test]
    fn untagged_replies_wait_for_their_turn_and_tagged_ones_do_not() {
        let outbox = Outbox::default();
        outbox.begin(4);
        outbox.deliver(replies(&[ReplyTo::Untagged(1), ReplyTo::Tagged(Tag::new(9).unwrap())]));
        assert_eq!(text(&outbox), "[9]Tagged(Tag(9))\n");
        assert_eq!(outbox.load().in_flight, 2);
        outbox.deliver(replies(&[ReplyTo::Nobody, ReplyTo::Untagged(0)]));
        assert_eq!(text(&outbox), "Untagged(0)\nUntagged(1)\n");
        assert_eq!(outbox.load(), Load { in_flight: 0, bytes: 0, too_slow: false });
    }

    #[test]
    fn a_slow_reader_keeps_the_newest_price_and_every_event_until_the_bound() {
        let outbox = Outbox::default();
        let symbol = Symbol::parse(b"S").unwrap();
        for cents in [100, 200, 300] {
            outbox.push_quote(symbol, Push::Quote { symbol, price: Money::from_cents(cents), at_ms: 1 });
        }
        assert_eq!(text(&outbox), "* QUOTE,S,3.00,1\n");
        let user = UserName::parse(b"alice").unwrap();
        let zero = Money::ZERO;
        let event = Push::Account { user, available: zero, reserved: zero, realised: zero };
        while !outbox.load().too_slow {
            outbox.push_event(&event);
        }
        outbox.push_event(&event);
        let left = text(&outbox);
        assert!(left.len() > OUTBOX_EVENT_BYTES_MAX && left.len() < OUTBOX_EVENT_BYTES_MAX + 100);
        assert!(left.ends_with("0.00\n* BYE,SLOW_CONSUMER\n"));
    }

    #[test]
    fn after_a_failed_commit_the_same_requests_are_refused() {
        let given = replies(&[ReplyTo::Tagged(Tag::new(9).unwrap()), ReplyTo::Untagged(0), ReplyTo::Nobody]);
        let outbox = Outbox::default();
        outbox.begin(3);
        outbox.deliver(given.all_refused(&Refusal::ReadOnly));
        let text = text(&outbox);
        assert!(text.starts_with("[9] ERR,READ_ONLY,") && text.lines().count() == 2, "{text}");
        assert_eq!(outbox.load().in_flight, 0);
    }
}

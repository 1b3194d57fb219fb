//! What waits to be written to one connection, handed over by the shards.
//!
//! Replies are appended whole, so nothing comes between the lines of one. Untagged requests are answered strictly in the
//! order they were sent: a reply that is early waits here for its turn. Replies are bounded by the requests in flight,
//! prices by the symbols (the newest counts), account events by a limit past which the connection is given up.

use crate::limits::{
    IN_FLIGHT_MAX, OUTBOX_EVENT_BYTES_MAX, SUMMARIES_AT_ONCE_MIN, SUMMARIES_BYTES_MAX, SUMMARY_BYTES_GUESS,
};
use daytrade_protocol::{Push, Refusal, ReplyBody, Symbol, Tag};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::Notify;

/// Up to this size it is cheaper to copy bytes than to write them by themselves.
const SMALL_CHUNK_BYTES: usize = 16 << 10;

/// Most replies are about this long.
const REPLY_BYTES_GUESS: usize = 64;
/// Replies are handed over in chunks of about this size.
const CHUNK_BYTES: usize = 128 << 10;

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
    /// Full chunks of replies to tagged requests, and the one being filled: long replies are not copied as a buffer grows.
    full: Vec<Vec<u8>>,
    tagged: Vec<u8>,
    untagged: Vec<(u64, Vec<u8>)>,
    answered: Vec<ReplyTo>,
    /// How many of them are summaries, and the size of the longest.
    summaries: usize,
    summary_bytes: usize,
}

impl Replies {
    /// Room for the replies to so many requests.
    pub fn with_room_for(requests: usize) -> Self {
        let bytes = requests.saturating_mul(REPLY_BYTES_GUESS).min(CHUNK_BYTES);
        Self {
            tagged: Vec::with_capacity(bytes),
            untagged: Vec::new(),
            answered: Vec::with_capacity(requests),
            ..Self::default()
        }
    }

    /// Adds the reply that `write` appends to the buffer it is given, under the tag it is given. Returns the bytes it took.
    pub fn write(&mut self, to: ReplyTo, write: impl FnOnce(Option<Tag>, &mut Vec<u8>)) -> usize {
        self.answered.push(to);
        match to {
            ReplyTo::Tagged(tag) => {
                let before = self.tagged.len();
                write(Some(tag), &mut self.tagged);
                let written = self.tagged.len() - before;
                if self.tagged.len() >= CHUNK_BYTES {
                    let next = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
                    self.full.push(std::mem::replace(&mut self.tagged, next));
                }
                written
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

    /// Notes that the reply just added, of this size, answers DISPLAY_SUMMARY.
    pub fn note_summary(&mut self, bytes: usize) {
        self.summaries += 1;
        self.summary_bytes = self.summary_bytes.max(bytes);
    }

    /// The same requests, all refused: what is left to say when the journal has failed.
    pub fn all_refused(&self, refusal: &Refusal) -> Self {
        let body = ReplyBody::refused(refusal);
        let mut refused = Self::default();
        for to in &self.answered {
            refused.push(*to, &body);
        }
        refused.summaries = self.summaries;
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
    /// What is to be written, in order.
    chunks: VecDeque<Vec<u8>>,
    /// How many bytes `chunks` holds.
    bytes: usize,
    /// How many of them are account events.
    event_bytes: usize,
    quotes: BTreeMap<Symbol, Push>,
    early: BTreeMap<u64, Vec<u8>>,
    early_bytes: usize,
    next_untagged: u64,
    in_flight: usize,
    summaries: usize,
    /// The size of the longest summary so far.
    summary_bytes: usize,
    too_slow: bool,
    closed: bool,
}

/// What a session needs to know before it reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests read and not yet answered.
    pub in_flight: usize,
    /// How many of them ask for a summary.
    pub summaries: usize,
    /// The size of the longest summary so far, 0 before the first.
    pub summary_bytes: usize,
    /// Untagged requests answered so far.
    pub untagged_answered: u64,
    /// Bytes that wait to be written.
    pub bytes: usize,
    /// The client did not read its account events; the connection has to close.
    pub too_slow: bool,
}

impl Load {
    /// How many summaries may be asked for at once, by the size of those seen: they are the only replies whose size a bound
    /// on the number of requests does not bound.
    pub fn summaries_max(&self) -> usize {
        let bytes = if self.summary_bytes == 0 { SUMMARY_BYTES_GUESS } else { self.summary_bytes };
        (SUMMARIES_BYTES_MAX / bytes).clamp(SUMMARIES_AT_ONCE_MIN, IN_FLIGHT_MAX)
    }
}

impl Outbox {
    /// Counts requests, summaries among them, that are on their way to a shard.
    pub fn begin(&self, requests: usize, summaries: usize) {
        let mut state = self.state.lock();
        state.in_flight += requests;
        state.summaries += summaries;
    }

    /// Hands over replies.
    pub fn deliver(&self, replies: Replies) {
        {
            let mut state = self.state.lock();
            state.in_flight = state.in_flight.saturating_sub(replies.answered.len());
            state.summaries = state.summaries.saturating_sub(replies.summaries);
            state.summary_bytes = state.summary_bytes.max(replies.summary_bytes);
            if state.closed {
                return;
            }
            for chunk in replies.full {
                state.append(chunk);
            }
            state.append(replies.tagged);
            for (place, bytes) in replies.untagged {
                state.early_bytes += bytes.len();
                state.early.insert(place, bytes);
            }
            while let Some(bytes) = {
                let next = state.next_untagged;
                state.early.remove(&next)
            } {
                state.early_bytes -= bytes.len();
                state.append(bytes);
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
            let mut line = Vec::new();
            event.write_to(&mut line);
            state.event_bytes += line.len();
            if state.event_bytes > OUTBOX_EVENT_BYTES_MAX {
                state.too_slow = true;
                Push::ByeSlowConsumer.write_to(&mut line);
            }
            state.append(line);
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

    /// Takes all that can be written.
    pub fn take(&self) -> VecDeque<Vec<u8>> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if !state.quotes.is_empty() && !state.too_slow {
            let mut lines = Vec::new();
            for quote in std::mem::take(&mut state.quotes).into_values() {
                quote.write_to(&mut lines);
            }
            state.append(lines);
        }
        (state.bytes, state.event_bytes) = (0, 0);
        std::mem::take(&mut state.chunks)
    }

    /// How much is under way.
    pub fn load(&self) -> Load {
        let state = self.state.lock();
        let bytes = state.bytes + state.early_bytes;
        Load {
            in_flight: state.in_flight,
            summaries: state.summaries,
            summary_bytes: state.summary_bytes,
            untagged_answered: state.next_untagged,
            bytes,
            too_slow: state.too_slow,
        }
    }

    /// Notes that nobody will read any more.
    pub fn close(&self) {
        self.state.lock().closed = true;
    }
}

impl State {
    /// Adds bytes at the end: small ones to the last chunk, large ones as a chunk of their own, which copies nothing.
    fn append(&mut self, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        match self.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= SMALL_CHUNK_BYTES => last.extend_from_slice(&bytes),
            _ if bytes.is_empty() => {}
            _ => self.chunks.push_back(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{Money, UserName};

    fn text(outbox: &Outbox) -> String {
        String::from_utf8(outbox.take().into_iter().flatten().collect()).unwrap()
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
        outbox.begin(4, 0);
        outbox.deliver(replies(&[ReplyTo::Untagged(1), ReplyTo::Tagged(Tag::new(9).unwrap())]));
        assert_eq!(text(&outbox), "[9]Tagged(Tag(9))\n");
        assert_eq!(outbox.load().in_flight, 2);
        outbox.deliver(replies(&[ReplyTo::Nobody, ReplyTo::Untagged(0)]));
        assert_eq!(text(&outbox), "Untagged(0)\nUntagged(1)\n");
        let load = outbox.load();
        assert_eq!((load.in_flight, load.bytes, load.untagged_answered, load.too_slow), (0, 0, 2, false));
    }

    #[test]
    fn long_summaries_are_asked_for_a_few_at_a_time() {
        let outbox = Outbox::default();
        assert_eq!(outbox.load().summaries_max(), SUMMARIES_BYTES_MAX / SUMMARY_BYTES_GUESS);
        for (bytes, at_once) in [(1_000, SUMMARIES_BYTES_MAX / 1_000), (1 << 30, SUMMARIES_AT_ONCE_MIN)] {
            outbox.begin(1, 1);
            let mut given = replies(&[ReplyTo::Nobody]);
            given.note_summary(bytes);
            outbox.deliver(given);
            assert_eq!((outbox.load().summaries, outbox.load().summaries_max()), (0, at_once));
        }
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
        outbox.begin(3, 0);
        outbox.deliver(given.all_refused(&Refusal::ReadOnly));
        let text = text(&outbox);
        assert!(text.starts_with("[9] ERR,READ_ONLY,") && text.lines().count() == 2, "{text}");
        assert_eq!(outbox.load().in_flight, 0);
    }
}

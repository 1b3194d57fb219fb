//! The writing half of a connection, shared by everything that has something to say to it.
//!
//! Replies are appended whole, so nothing comes between the lines of one. Untagged requests are
//! answered strictly in the order they were sent: a reply that is early waits here for its turn.
//! Replies are bounded by the requests in flight, prices by the symbols (the newest counts),
//! account events by a limit past which the connection is given up.
//!
//! Short replies that find nothing before them are written at once, by the shard that hands them
//! over: no task has to be woken for them. What the socket does not take then, what is long, and
//! what nobody has asked for, the session writes.

use super::replies::Replies;
use super::writer::Writer;
use crate::limits::{
    IN_FLIGHT_MAX, OUTBOX_EVENT_BYTES_MAX, SUMMARIES_AT_ONCE_MIN, SUMMARIES_BYTES_MAX,
    SUMMARY_BYTES_GUESS,
};
use daytrade_protocol::{Push, Symbol};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::time::Instant;

/// Up to this size it is cheaper to copy bytes than to write them by themselves, and to write them
/// than to wake the session.
const SMALL_CHUNK_BYTES: usize = 16 << 10;

/// What waits to be written to one connection, and the socket it is written to.
#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    /// None when there is no client, or none any more. Locked last.
    writer: Mutex<Option<Box<dyn Writer>>>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is so or not")]
#[derive(Default)]
struct State {
    /// What is to be written, in order.
    chunks: VecDeque<Vec<u8>>,
    /// How many bytes `chunks` holds.
    bytes: usize,
    /// How many of them are account events.
    event_bytes: usize,
    /// The session has taken chunks and is not known to have written them: nobody else may write.
    taken: bool,
    written_at: Option<Instant>,
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
    /// Wakes the session; None while it is awake.
    waker: Option<Waker>,
    /// The session waits for requests to be answered.
    wants_answers: bool,
    /// Something was handed over since the session last looked.
    changed: bool,
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
    /// When something was last written that the session has not written itself.
    pub written_at: Option<Instant>,
}

impl Load {
    /// How many summaries may be asked for at once, by the size of those seen: they are the only
    /// replies whose size a bound on the number of requests does not bound.
    pub fn summaries_max(&self) -> usize {
        let bytes = if self.summary_bytes == 0 { SUMMARY_BYTES_GUESS } else { self.summary_bytes };
        (SUMMARIES_BYTES_MAX / bytes).clamp(SUMMARIES_AT_ONCE_MIN, IN_FLIGHT_MAX)
    }
}

impl Outbox {
    /// The outbox of this socket.
    pub fn new(writer: impl Writer + 'static) -> Self {
        Self { writer: Mutex::new(Some(Box::new(writer))), ..Self::default() }
    }

    /// Counts requests, summaries among them, that are on their way to a shard.
    pub fn begin(&self, requests: usize, summaries: usize) {
        let mut state = self.state.lock();
        state.in_flight += requests;
        state.summaries += summaries;
    }

    /// Hands over replies.
    pub fn deliver(&self, replies: Replies) {
        let mut state = self.state.lock();
        let nothing_before = state.chunks.is_empty() && !state.taken;
        state.take_in(replies);
        if nothing_before && (1..=SMALL_CHUNK_BYTES).contains(&state.bytes) {
            self.write_now(&mut state);
        }
        wake(state);
    }

    /// Takes in what the session itself answers, which writes it with whatever else there is when
    /// it has read what arrived.
    pub(super) fn answer(&self, replies: Replies) {
        self.state.lock().take_in(replies);
    }

    /// Hands over an account event. Past its bound the connection is given up, because an event is
    /// never dropped.
    pub fn push_event(&self, event: &Push) {
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
        // Not written at once: a price that fires a thousand triggers makes as many of them.
        wake(state);
    }

    /// Hands over a line.
    pub fn push(&self, line: &Push) {
        let mut state = self.state.lock();
        let mut bytes = Vec::new();
        line.write_to(&mut bytes);
        state.append(bytes);
        wake(state);
    }

    /// Hands over a price; an older one of the same symbol that still waits is forgotten.
    pub fn push_quote(&self, symbol: Symbol, quote: Push) {
        let mut state = self.state.lock();
        if !state.closed && !state.too_slow {
            state.quotes.insert(symbol, quote);
            wake(state);
        }
    }

    /// Writes as much as the socket takes without waiting. An error is left for the session to
    /// find.
    fn write_now(&self, state: &mut State) {
        let mut writer = self.writer.lock();
        let Some(writer) = writer.as_mut() else { return };
        while let Some(chunk) = state.chunks.front_mut()
            && let Ok(written @ 1..) = writer.try_write(chunk)
        {
            state.bytes -= written;
            state.written_at = Some(Instant::now());
            if written < chunk.len() {
                chunk.drain(..written);
                return;
            }
            state.chunks.pop_front();
        }
        if state.chunks.is_empty() {
            state.event_bytes = 0;
        }
    }

    /// Writes bytes that were taken.
    pub(super) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.writer.lock().as_mut() {
            Some(writer) => Pin::new(&mut **writer).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.writer.lock().as_mut() {
            Some(writer) => Pin::new(&mut **writer).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Whether something was handed over that the session has to see to since it last looked; if
    /// not, it is woken when that happens. What needs no attention is an answer that is written
    /// already, unless it `wants_answers`.
    pub(super) fn poll_changed(&self, context: &Context<'_>, wants_answers: bool) -> bool {
        let mut state = self.state.lock();
        state.wants_answers = wants_answers;
        let changed = std::mem::take(&mut state.changed);
        if state.waits() || changed && (wants_answers || state.too_slow) {
            return true;
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        false
    }

    /// Takes all that can be written. Until the next call only the taker may write.
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
        state.taken = !state.chunks.is_empty();
        std::mem::take(&mut state.chunks)
    }

    /// Ends the writing, if nothing waits to be written: what is handed over from now on is not.
    /// Whether it has.
    pub(super) fn end(&self) -> bool {
        let mut state = self.state.lock();
        let ends = state.chunks.is_empty();
        state.taken |= ends;
        ends
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
            written_at: state.written_at,
        }
    }

    /// Notes that nobody will read any more, and closes the socket.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.waker = None;
        drop(state);
        *self.writer.lock() = None;
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("load", &self.load()).finish_non_exhaustive()
    }
}

/// Notes that something was handed over, and wakes the session if it has something to do for it.
fn wake(mut state: MutexGuard<'_, State>) {
    state.changed = true;
    let for_the_session = state.wants_answers || state.too_slow || state.waits();
    let waker = if for_the_session { state.waker.take() } else { None };
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl State {
    fn take_in(&mut self, replies: Replies) {
        self.in_flight = self.in_flight.saturating_sub(replies.answered.len());
        self.summaries = self.summaries.saturating_sub(replies.summaries);
        self.summary_bytes = self.summary_bytes.max(replies.summary_bytes);
        if self.closed {
            return;
        }
        for chunk in replies.full {
            self.append(chunk);
        }
        self.append(replies.tagged.into_bytes());
        self.append_in_turn(replies.untagged.into_bytes(), &replies.untagged_places);
    }

    /// Whether something waits to be taken. While the session writes, it does not wait: it is asked
    /// for next.
    fn waits(&self) -> bool {
        !self.taken && !(self.chunks.is_empty() && (self.quotes.is_empty() || self.too_slow))
    }

    /// Adds bytes at the end: small ones to the last chunk, large ones as a chunk of their own,
    /// which copies nothing.
    fn append(&mut self, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        match self.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= SMALL_CHUNK_BYTES => {
                last.extend_from_slice(&bytes)
            }
            _ if bytes.is_empty() => {}
            _ => self.chunks.push_back(bytes),
        }
    }

    /// Adds replies to untagged requests: those whose turn it is, and those that waited for them;
    /// the rest waits.
    fn append_in_turn(&mut self, bytes: Vec<u8>, places: &[(u64, usize)]) {
        if let [(place, _)] = places
            && *place == self.next_untagged
            && self.early.is_empty()
        {
            self.next_untagged += 1;
            return self.append(bytes);
        }
        let mut rest = bytes.as_slice();
        for (place, length) in places {
            let (reply, others) = rest.split_at(*length);
            rest = others;
            self.early_bytes += reply.len();
            self.early.insert(*place, reply.to_vec());
        }
        while let Some(reply) = self.early.remove(&self.next_untagged) {
            self.early_bytes -= reply.len();
            self.append(reply);
            self.next_untagged += 1;
        }
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;

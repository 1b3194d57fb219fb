//! The writing half of a connection, shared by everything that answers it.
//!
//! Replies are bounded by the requests in flight, prices by the symbols, account events by a limit
//! past which the connection is closed. Short replies with nothing before them are written at once
//! by the shard that hands them over, so no task has to be woken for them. The session writes the
//! rest: what the socket does not accept, long replies, and pushed lines.

mod chunk;
mod flow;
mod memory;
mod queue;
mod reorder;
mod wakeup;

pub(super) use chunk::Chunk;
pub(super) use flow::Flow;
pub use memory::OutputMemory;

use super::transport::{ReplyWriter, Writer};
use crate::access::{LogPermit, LogScope};
use crate::message::{Replies, ReplyBytes, ReplySink, Subscription};
use bytes::Bytes;
use daytrade_protocol::{Push, Symbol, UserName};
use parking_lot::{Mutex, MutexGuard};
use queue::{OutputQueue, SMALL_CHUNK_BYTES};
use reorder::ReorderBuffer;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use wakeup::Wakeup;

/// The output of one connection and the socket it is written to.
#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    /// None without a client, and after the client has left. Locked last.
    writer: Mutex<Option<Writer>>,
    /// The memory that the output counts towards.
    memory: Option<Arc<OutputMemory>>,
}

#[derive(Default)]
struct State {
    queue: OutputQueue,
    reorder: ReorderBuffer,
    flow: Flow,
    wakeup: Wakeup,
    /// Bytes that the memory of all outboxes knows of.
    counted: usize,
    /// Time of the last direct write.
    written_at: Option<Instant>,
    /// What shards said about subscriptions and the session has not looked at yet. Each is the
    /// answer to a request in flight.
    subscriptions: Vec<(UserName, Subscription)>,
    /// The part of the log for the DUMPLOG in flight, where logins have different parts.
    log_scope: Option<Box<(LogScope, LogPermit)>>,
    /// True once a reply said that the accounts are elsewhere.
    moved: bool,
    /// True once the connection is closed.
    closed: bool,
}

/// What a session must know before it reads more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests in flight.
    pub flow: Flow,
    /// Untagged requests answered so far.
    pub untagged_answered: u64,
    /// Number of answers of shards about subscriptions that the session has not looked at.
    pub outcomes: usize,
    /// Bytes that wait to be written.
    pub bytes: usize,
    /// True if the client did not read its account events: the connection has to close.
    pub too_slow: bool,
    /// True if the connection has to be closed at once: the memory of all is used up.
    pub given_up: bool,
    /// True if the client was told that the accounts are elsewhere: the connection has to end.
    pub moved: bool,
    /// Time of the last write that the session has not made itself.
    pub written_at: Option<Instant>,
}

impl Outbox {
    /// Creates the outbox of a socket.
    pub fn new(writer: impl ReplyWriter + 'static, memory: Option<Arc<OutputMemory>>) -> Self {
        Self { writer: Mutex::new(Some(writer.into_writer())), memory, ..Self::default() }
    }

    /// Tells the memory of all outboxes how much is held now.
    fn count(&self, state: &mut State) {
        let held = state.held_bytes();
        if let Some(memory) = self.memory.as_ref().filter(|_| held != state.counted) {
            memory.change(std::mem::replace(&mut state.counted, held), held);
        }
    }

    /// Returns the number of bytes that are not yet known to be written.
    fn held_bytes(&self) -> usize {
        self.state.lock().held_bytes()
    }

    /// Makes the session close the connection without its replies. Returns false if it does
    /// already.
    fn give_up(&self) -> bool {
        let mut state = self.state.lock();
        let begins = !state.queue.is_given_up();
        state.queue.give_up();
        wake(state);
        begins
    }

    /// Counts requests, and requests for a summary among them, that are sent to a shard.
    pub fn begin(&self, requests: usize, summaries: usize) {
        self.state.lock().flow.begin(requests, summaries);
    }

    /// Returns what shards have said about subscriptions since the last call, in order.
    pub(super) fn take_subscriptions(&self) -> Vec<(UserName, Subscription)> {
        std::mem::take(&mut self.state.lock().subscriptions)
    }

    /// Takes a reply of the session itself, which writes it after reading what has arrived.
    pub(super) fn answer(&self, replies: &mut Replies) {
        let mut state = self.state.lock();
        state.take(replies);
        self.count(&mut state);
    }

    /// Begins a reply that comes in parts, between which there must be no pushed lines.
    pub(super) fn begin_parts(&self) {
        self.state.lock().queue.begin_parts();
    }

    /// Ends such a reply with its last line.
    pub(super) fn end_parts(&self, last: &mut Replies) {
        let mut state = self.state.lock();
        state.take(last);
        state.queue.end_parts();
        self.count(&mut state);
    }

    /// Takes lines of a reply that more will follow.
    pub(super) fn append(&self, lines: Vec<u8>) {
        let mut state = self.state.lock();
        state.queue.append(lines);
        self.count(&mut state);
    }

    /// Sets the part of the log for the next DUMPLOG.
    pub(super) fn set_log_scope(&self, scope: LogScope, permit: LogPermit) {
        self.state.lock().log_scope = Some(Box::new((scope, permit)));
    }

    /// Takes a line that ends the connection.
    pub(super) fn push(&self, line: &Push) {
        let mut state = self.state.lock();
        let mut bytes = Vec::new();
        line.write_to(&mut bytes);
        state.queue.append(bytes);
        wake(state);
    }

    /// Writes bytes that were taken.
    pub(super) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.writer.lock().as_mut() {
            Some(writer) => Pin::new(writer.get()).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Flushes what was written.
    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.writer.lock().as_mut() {
            Some(writer) => Pin::new(writer.get()).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Shuts the writing half of the socket down.
    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.writer.lock().as_mut() {
            Some(writer) => Pin::new(writer.get()).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Returns true if the session has to act on something handed over; otherwise the session is
    /// woken when that happens.
    pub(super) fn poll_changed(&self, context: &Context<'_>, wants_answers: bool) -> bool {
        let state = &mut *self.state.lock();
        let is_waiting = state.queue.is_waiting();
        let must_close = state.queue.is_too_slow() || state.moved;
        state.wakeup.poll(context, wants_answers, is_waiting, must_close)
    }

    /// Writes as much of a piece as the socket accepts without waiting; the rest waits. Returns
    /// true if anything was written.
    fn write_piece(&self, state: &mut State, bytes: &[u8]) -> bool {
        let written = match self.writer.lock().as_mut() {
            // An error is left for the session to find.
            Some(writer) if !bytes.is_empty() => writer.get().try_write(bytes).unwrap_or(0),
            _ => 0,
        };
        let rest = bytes.get(written..).unwrap_or_default();
        if !rest.is_empty() {
            state.queue.append(rest.to_vec());
        }
        written > 0
    }

    /// Writes as much of what waits as the socket accepts without waiting. Returns true if
    /// anything was written.
    fn write_queue(&self, state: &mut State) -> bool {
        let mut writer = self.writer.lock();
        writer.as_mut().is_some_and(|writer| state.queue.write_now(writer.get()))
    }

    /// Takes everything that can be written, for tests. Until the next call only the caller may
    /// write.
    #[cfg(any(test, feature = "test-support"))]
    pub fn take_bytes(&self) -> Vec<u8> {
        let (chunks, _) = self.take();
        chunks.iter().flat_map(Chunk::bytes).copied().collect()
    }

    /// Takes everything that can be written, and returns how much is in flight then. Until the next
    /// call only the caller may write.
    pub(super) fn take(&self) -> (VecDeque<Chunk>, Load) {
        let mut state = self.state.lock();
        let taken = state.queue.take();
        self.count(&mut state);
        (taken, state.load())
    }

    /// Ends the writing if nothing waits: later lines are not written. Returns true if it has
    /// ended.
    pub(super) fn end(&self) -> bool {
        self.state.lock().queue.end()
    }

    /// Returns how much is in flight.
    pub fn load(&self) -> Load {
        self.state.lock().load()
    }

    /// Closes the socket.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.wakeup.clear();
        state.queue.clear();
        state.reorder = ReorderBuffer::default();
        self.count(&mut state);
        drop(state);
        *self.writer.lock() = None;
    }
}

impl ReplySink for Outbox {
    fn note_subscription(&self, user: &UserName, outcome: Subscription) {
        self.state.lock().subscriptions.push((user.clone(), outcome));
    }

    fn deliver(&self, replies: &mut Replies) {
        let mut state = self.state.lock();
        let was_idle = state.queue.is_idle();
        let wrote = if was_idle && let Some(bytes) = state.take_piece(replies) {
            self.write_piece(&mut state, bytes)
        } else {
            state.take(replies);
            was_idle && state.queue.is_small() && self.write_queue(&mut state)
        };
        if wrote {
            state.written_at = Some(Instant::now());
        }
        self.count(&mut state);
        wake(state);
    }

    fn has_moved(&self) -> bool {
        self.state.lock().moved
    }

    fn take_log_scope(&self) -> Option<(LogScope, LogPermit)> {
        self.state.lock().log_scope.take().map(|scope| *scope)
    }

    fn push_events(&self, lines: &Bytes) {
        let mut state = self.state.lock();
        if !state.closed && !state.queue.is_too_slow() {
            // Not written at once: a price that fires a thousand triggers makes as many events.
            state.queue.append_events(lines);
            self.count(&mut state);
            wake(state);
        }
    }

    fn push_quote(&self, symbol: Symbol, quote: Push) {
        let mut state = self.state.lock();
        if !state.closed && !state.queue.is_too_slow() {
            state.queue.set_quote(symbol, quote);
            self.count(&mut state);
            wake(state);
        }
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("load", &self.load()).finish_non_exhaustive()
    }
}

/// Wakes the session if it has something to do after a change of its outbox.
fn wake(mut state: MutexGuard<'_, State>) {
    let urgent = state.queue.is_too_slow() || state.queue.is_waiting() || state.moved;
    let waker = state.wakeup.notify(urgent);
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl State {
    fn load(&self) -> Load {
        Load {
            flow: self.flow,
            untagged_answered: self.reorder.answered(),
            outcomes: self.subscriptions.len(),
            bytes: self.queue.bytes() + self.reorder.bytes(),
            too_slow: self.queue.is_too_slow(),
            given_up: self.queue.is_given_up(),
            moved: self.moved,
            written_at: self.written_at,
        }
    }

    fn held_bytes(&self) -> usize {
        self.queue.held_bytes() + self.reorder.bytes()
    }

    /// Returns true if replies are still to be written.
    fn is_open(&self) -> bool {
        !self.closed && !self.queue.is_given_up()
    }

    /// Notes what replies answer.
    fn note(&mut self, replies: &Replies) {
        self.flow.answer(replies);
        self.moved |= replies.has_moved();
    }

    /// Takes replies that may be written at once if nothing precedes them: short ones in one piece.
    fn take_piece<'a>(&mut self, replies: &'a Replies) -> Option<&'a [u8]> {
        let (bytes, untagged) = replies.only_piece()?;
        let may = bytes.len() <= SMALL_CHUNK_BYTES && self.is_open();
        if !may || !self.reorder.pass(untagged) {
            return None;
        }
        self.note(replies);
        Some(bytes)
    }

    fn take(&mut self, replies: &mut Replies) {
        self.note(replies);
        if !self.is_open() {
            return;
        }
        let ReplyBytes { full, tagged, untagged, untagged_places } = replies.take_bytes();
        for chunk in full {
            self.queue.append(chunk);
        }
        self.queue.append(tagged);
        self.reorder.take(untagged, &untagged_places, |reply| self.queue.append(reply));
    }
}

#[cfg(test)]
mod tests;

//! The bytes that wait for a connection's socket, in order.
//!
//! Replies are appended whole, so nothing comes between the lines of one. Account events are
//! bounded; prices wait apart: the last ones in order, and of those before the newest of each
//! symbol. The queue must never drop a reply or an
//! account event.

use super::super::transport::ReplyWriter;
use super::chunk::Chunk;
use crate::limits::{OUTBOX_EVENT_BYTES_MAX, OUTBOX_QUOTES_MAX};
use bytes::Bytes;
use daytrade_protocol::{Push, Symbol};
use std::collections::{BTreeMap, VecDeque};

/// Up to this size, copying bytes is cheaper than writing them separately, and writing them is
/// cheaper than waking the session.
pub(super) const SMALL_CHUNK_BYTES: usize = 16 << 10;

/// Memory that a waiting price takes, about.
const QUOTE_BYTES: usize = 2 * size_of::<(Symbol, Push)>();

/// Bytes that wait to be written.
#[derive(Default)]
pub(super) struct OutputQueue {
    chunks: VecDeque<Chunk>,
    /// Bytes in `chunks`.
    bytes: usize,
    /// Bytes of account events in `chunks`.
    event_bytes: usize,
    /// True while the session has taken chunks and may not have written them: nobody else may
    /// write.
    taken: bool,
    /// Bytes that the session has taken last.
    taken_bytes: usize,
    /// The prices that wait; None if there are none.
    quotes: Option<Box<Quotes>>,
    /// Account events that wait for the end of a reply that comes in parts; None without one.
    held_events: Option<Vec<u8>>,
    /// True once the client failed to read its account events.
    too_slow: bool,
    /// True once the connection is being closed without its replies.
    given_up: bool,
}

/// Prices that wait. They are apart from the queue because most connections have none, and the
/// session and a shard pass the queue's memory to and fro with every command.
#[derive(Default)]
struct Quotes {
    /// The newest, in order.
    recent: VecDeque<(Symbol, Push)>,
    /// The newest before those, by symbol.
    older: BTreeMap<Symbol, Push>,
}

impl OutputQueue {
    /// Appends bytes: small ones to the last chunk, large ones as a chunk of their own, which
    /// copies nothing.
    pub(super) fn append(&mut self, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        match self.chunks.back_mut() {
            Some(Chunk::Own(last)) if last.len() + bytes.len() <= SMALL_CHUNK_BYTES => {
                last.extend_from_slice(&bytes);
            }
            _ if bytes.is_empty() => {}
            _ => self.chunks.push_back(Chunk::Own(bytes)),
        }
    }

    /// Appends the lines of account events. Many lines are not copied but divided into chunks. If
    /// the events exceed their limit, the closing line follows them, and nothing may be appended
    /// after it.
    pub(super) fn append_events(&mut self, lines: &Bytes) {
        self.event_bytes += lines.len();
        self.too_slow |= self.event_bytes > OUTBOX_EVENT_BYTES_MAX;
        match &mut self.held_events {
            Some(held) if !self.too_slow => held.extend_from_slice(lines),
            _ if lines.len() <= SMALL_CHUNK_BYTES => self.append(lines.to_vec()),
            _ => {
                self.bytes += lines.len();
                for begin in (0..lines.len()).step_by(SMALL_CHUNK_BYTES) {
                    let end = lines.len().min(begin + SMALL_CHUNK_BYTES);
                    self.chunks.push_back(Chunk::Shared(lines.slice(begin..end)));
                }
            }
        }
        if self.too_slow {
            let mut bye = Vec::new();
            Push::ByeSlowConsumer.write_to(&mut bye);
            self.append(bye);
        }
    }

    /// Begins a reply that comes in parts: pushed lines wait for its end.
    pub(super) fn begin_parts(&mut self) {
        self.held_events.get_or_insert_default();
    }

    /// Ends the reply.
    pub(super) fn end_parts(&mut self) {
        if let Some(events) = self.held_events.take() {
            self.append(events);
        }
    }

    /// Keeps a price until the queue is taken. If many wait, it replaces an older one of its
    /// symbol.
    pub(super) fn set_quote(&mut self, symbol: Symbol, quote: Push) {
        let Quotes { recent, older } = &mut **self.quotes.get_or_insert_default();
        if recent.len() == OUTBOX_QUOTES_MAX
            && let Some((symbol, oldest)) = recent.pop_front()
        {
            older.insert(symbol, oldest);
        }
        recent.push_back((symbol, quote));
    }

    /// Returns true if the session would find something to take. While it writes, it takes
    /// again without being woken.
    pub(super) fn is_waiting(&self) -> bool {
        !(self.taken || self.chunks.is_empty() && !self.may_take_quotes())
    }

    /// Returns true if prices wait that may be written now.
    const fn may_take_quotes(&self) -> bool {
        self.quotes.is_some() && !self.too_slow && self.held_events.is_none()
    }

    /// Returns true if no bytes precede the next ones.
    pub(super) fn is_idle(&self) -> bool {
        self.chunks.is_empty() && !self.taken
    }

    /// Returns true if the bytes are few enough to be written directly.
    pub(super) fn is_small(&self) -> bool {
        (1..=SMALL_CHUNK_BYTES).contains(&self.bytes)
    }

    /// Returns the number of bytes that wait.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of bytes that wait or that the session has taken and may not have
    /// written.
    pub(super) fn held_bytes(&self) -> usize {
        let events = self.held_events.as_ref().map_or(0, Vec::len);
        let quotes =
            self.quotes.as_ref().map_or(0, |quotes| quotes.recent.len() + quotes.older.len());
        self.bytes + self.taken_bytes + events + quotes * QUOTE_BYTES
    }

    /// Returns true once the connection is being closed without its replies.
    pub(super) const fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Takes nothing more: the connection is being closed without its replies.
    pub(super) const fn give_up(&mut self) {
        (self.too_slow, self.given_up) = (true, true);
    }

    /// Drops everything: the socket is closed.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.quotes = None;
        self.held_events = None;
        (self.bytes, self.event_bytes, self.taken_bytes) = (0, 0, 0);
    }

    /// Returns true if the client failed to read its account events.
    pub(super) const fn is_too_slow(&self) -> bool {
        self.too_slow
    }

    /// Takes everything. Until the next call only the caller may write.
    pub(super) fn take(&mut self) -> VecDeque<Chunk> {
        if self.may_take_quotes()
            && let Some(quotes) = self.quotes.take()
        {
            let Quotes { recent, older } = *quotes;
            let mut lines = Vec::new();
            for quote in older.into_values().chain(recent.into_iter().map(|(_, quote)| quote)) {
                quote.write_to(&mut lines);
            }
            self.append(lines);
        }
        self.taken_bytes = self.bytes;
        (self.bytes, self.event_bytes) = (0, self.held_events.as_ref().map_or(0, Vec::len));
        self.taken = !self.chunks.is_empty();
        // Without chunks, their memory stays for the next ones.
        if self.taken { std::mem::take(&mut self.chunks) } else { VecDeque::new() }
    }

    /// Ends the writing if nothing waits: later bytes are not written. Returns true if it has
    /// ended.
    pub(super) fn end(&mut self) -> bool {
        let ends = self.chunks.is_empty();
        self.taken |= ends;
        ends
    }

    /// Writes as much as the socket accepts without waiting. An error is left for the session to
    /// find. Returns true if anything was written.
    pub(super) fn write_now(&mut self, writer: &mut dyn ReplyWriter) -> bool {
        let mut wrote = false;
        while let Some(chunk) = self.chunks.front_mut()
            && let Ok(written @ 1..) = writer.try_write(chunk.bytes())
        {
            wrote = true;
            self.bytes -= written;
            if written < chunk.bytes().len() {
                chunk.advance(written);
                return true;
            }
            self.chunks.pop_front();
        }
        if self.chunks.is_empty() {
            self.event_bytes = 0;
        }
        wrote
    }
}

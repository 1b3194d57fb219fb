//! The send side of a replay: for each connection, the bytes to send and the lines in flight.
//!
//! It owns the send buffers and their limits. It must never do I/O, and never parse a line.

use daytrade_protocol::trim;
use std::collections::VecDeque;

/// Lines in flight on all connections together, as far as [`IN_FLIGHT_MIN`] allows. The server
/// accepts a few more of one connection; any beyond them would wait in the socket.
const IN_FLIGHT_MAX: usize = 60_000;
/// Lines in flight that every connection may have, for any number of connections.
const IN_FLIGHT_MIN: usize = 1_000;
/// Bytes in one connection's send buffer at which no more lines are added. Lines that are added
/// together may pass it.
const SEND_BUFFER_BYTES: usize = 128 << 10;

/// Suffix of a request that asks for no reply.
pub(super) const NOREPLY: &[u8] = b" noreply";

/// Reason why no more lines are sent at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendPause {
    /// More of the file has to arrive.
    NeedsInput,
    /// Replies have to arrive.
    NeedsReplies,
    /// The rate allows the next line later.
    NeedsTime,
    /// Every line is in a send buffer or sent.
    Finished,
}

/// Send side of one connection.
#[derive(Debug, Default)]
struct Connection {
    /// Bytes to send.
    buffer: Vec<u8>,
    /// Positions of the untagged lines in flight, oldest first.
    untagged: VecDeque<u64>,
    in_flight: usize,
    /// Lines that expect a reply, sent since the connection began.
    expected: u64,
    /// Those in flight of which the server has said that another one has the accounts.
    moved: usize,
}

/// Send side of all connections, which are known by their index.
#[derive(Debug)]
pub(super) struct Sender {
    connections: Vec<Connection>,
    /// Limit of the lines in flight on each connection.
    in_flight_max: usize,
}

impl Sender {
    pub(super) fn new(connections: usize) -> Self {
        Self {
            connections: (0..connections).map(|_| Connection::default()).collect(),
            in_flight_max: (IN_FLIGHT_MAX / connections.max(1)).max(IN_FLIGHT_MIN),
        }
    }

    /// Returns the number of connections.
    pub(super) const fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Returns true if a connection has reached one of its limits.
    pub(super) fn is_full(&self, connection: usize) -> bool {
        let connection = &self.connections[connection];
        connection.in_flight >= self.in_flight_max || connection.buffer.len() >= SEND_BUFFER_BYTES
    }

    /// Returns how many lines a connection may have in flight beyond those it has; 0 if its send
    /// buffer is full.
    pub(super) fn room(&self, connection: usize) -> usize {
        let of = &self.connections[connection];
        if self.is_full(connection) { 0 } else { self.in_flight_max - of.in_flight }
    }

    /// Returns true if a connection has bytes to send.
    pub(super) fn has_unsent(&self, connection: usize) -> bool {
        !self.connections[connection].buffer.is_empty()
    }

    /// Returns the number of bytes that a connection has to send.
    pub(super) fn unsent(&self, connection: usize) -> usize {
        self.connections[connection].buffer.len()
    }

    /// Forgets what a connection has sent and what it has to send: it has ended.
    pub(super) fn begin_again(&mut self, connection: usize) {
        self.connections[connection] = Connection::default();
    }

    /// Returns the number of lines in flight on a connection.
    pub(super) fn in_flight(&self, connection: usize) -> usize {
        self.connections[connection].in_flight
    }

    /// Returns how many lines that expect a reply a connection has sent since it began.
    pub(super) fn expected(&self, connection: usize) -> u64 {
        self.connections[connection].expected
    }

    /// Adds a line as it is, with its LF.
    pub(super) fn push(&mut self, connection: usize, line: &[u8]) {
        self.connections[connection].buffer.extend_from_slice(line);
    }

    /// Adds lines to the send buffer and counts them as in flight. Each line has a tag; `text` is
    /// all of them as they are sent, each with its LF.
    pub(super) fn push_tagged(&mut self, connection: usize, lines: usize, text: &[u8]) {
        self.push(connection, text);
        let connection = &mut self.connections[connection];
        connection.in_flight += lines;
        connection.expected += lines as u64;
    }

    /// Adds a line without its LF, and asks for no reply to it. Returns its bytes.
    pub(super) fn push_noreply(&mut self, connection: usize, line: &[u8]) -> usize {
        let buffer = &mut self.connections[connection].buffer;
        let before = buffer.len();
        buffer.extend_from_slice(trim(line.strip_suffix(b"\r").unwrap_or(line)));
        buffer.extend_from_slice(NOREPLY);
        buffer.push(b'\n');
        buffer.len() - before
    }

    /// Counts a line in flight; `untagged` is the position of one whose reply has no tag.
    pub(super) fn expect_reply(&mut self, connection: usize, untagged: Option<u64>) {
        let connection = &mut self.connections[connection];
        connection.in_flight += 1;
        connection.expected += 1;
        if let Some(position) = untagged {
            connection.untagged.push_back(position);
        }
    }

    /// Removes and returns the position of the oldest untagged line in flight on a connection.
    pub(super) fn pop_untagged(&mut self, connection: usize) -> Option<u64> {
        self.connections[connection].untagged.pop_front()
    }

    /// Counts the reply to a line in flight.
    #[inline]
    pub(super) fn on_reply(&mut self, connection: usize) {
        self.connections[connection].in_flight -= 1;
    }

    /// Counts a line in flight that is not carried out, because the accounts are elsewhere.
    pub(super) fn on_moved(&mut self, connection: usize) {
        self.connections[connection].moved += 1;
    }

    /// Returns true if no line in flight waits for another answer than that the accounts are
    /// elsewhere.
    pub(super) fn has_moved(&self, connection: usize) -> bool {
        let connection = &self.connections[connection];
        connection.moved == connection.in_flight
    }

    /// Moves a connection's unsent bytes into this empty buffer, whose capacity it reuses.
    pub(super) fn take_unsent(&mut self, connection: usize, buffer: &mut Vec<u8>) {
        std::mem::swap(buffer, &mut self.connections[connection].buffer);
    }
}

//! The reading half of a session: bytes that have arrived, and the lines in them.
//!
//! A session that waits for the start of a line has no small read buffer: all sessions of a thread
//! share a few.

use super::spare::Spare;
use crate::limits::{READ_BUFFER_BYTES_MAX, READ_BUFFER_BYTES_MIN};
use bytes::BytesMut;
use daytrade_protocol::{LineBlock, LineCodec, TLS_HANDSHAKE};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncRead;
use tokio_util::codec::Decoder as _;
use tokio_util::io::poll_read_buf;

thread_local! {
    /// Empty read buffers of the smallest size.
    static SPARE: Spare<BytesMut> = const { Spare::new() };
}

/// The input of one connection.
pub(super) struct Input {
    codec: LineCodec,
    /// Bytes not yet decoded.
    pub(super) bytes: BytesMut,
    /// Lines that have arrived and are not yet read.
    block: Option<LineBlock>,
    /// Size of the next read.
    read_bytes: usize,
    /// True if nothing more will be read: the client has half-closed or quit.
    ended: bool,
    /// True if the client has half-closed.
    half_closed: bool,
    /// True if the client said QUIT: lines after it are ignored.
    quit: bool,
}

impl Input {
    /// Creates an empty input.
    pub(super) fn new() -> Self {
        Self {
            codec: LineCodec::default(),
            bytes: BytesMut::new(),
            block: None,
            read_bytes: READ_BUFFER_BYTES_MIN,
            ended: false,
            half_closed: false,
            quit: false,
        }
    }

    /// Returns true if nothing more will be read.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns true if the client has half-closed.
    pub(super) const fn is_half_closed(&self) -> bool {
        self.half_closed
    }

    /// Returns true if the client said QUIT.
    pub(super) const fn has_quit(&self) -> bool {
        self.quit
    }

    /// Returns true if no line waits to be read.
    pub(super) const fn has_no_lines(&self) -> bool {
        self.block.is_none()
    }

    /// Returns true if no byte waits to be decoded.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Ends the input after a QUIT: lines that have arrived after it are dropped.
    pub(super) fn quit(&mut self) {
        (self.ended, self.quit, self.block) = (true, true, None);
    }

    /// Reads what has arrived. Returns the number of bytes, 0 at the end of the stream.
    pub(super) fn poll_read(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.bytes.capacity() == 0 && self.read_bytes == READ_BUFFER_BYTES_MIN {
            self.bytes = SPARE.with(Spare::take);
        }
        self.bytes.reserve(self.read_bytes);
        let read = poll_read_buf(Pin::new(reader), context, &mut self.bytes);
        if read.is_pending() && self.is_empty() && self.read_bytes == READ_BUFFER_BYTES_MIN {
            let unused = std::mem::take(&mut self.bytes);
            // A larger one is freed.
            if unused.capacity() == READ_BUFFER_BYTES_MIN {
                SPARE.with(|spare| spare.give_back(unused));
            }
        }
        read
    }

    /// Drops everything read and reserves space for one small read.
    pub(super) fn discard(&mut self) {
        self.bytes.clear();
        self.bytes.reserve(READ_BUFFER_BYTES_MIN);
    }

    /// Notes a read of this many bytes; 0 is the end of the stream. The next read
    /// follows the client's pace: one that was filled doubles it, a small one halves it.
    pub(super) fn note_read(&mut self, bytes: usize) {
        if bytes == 0 {
            (self.ended, self.half_closed) = (true, true);
        } else if bytes >= self.read_bytes {
            self.read_bytes = (self.read_bytes * 2).min(READ_BUFFER_BYTES_MAX);
        } else if bytes < self.read_bytes / 8 {
            self.read_bytes = (self.read_bytes / 2).max(READ_BUFFER_BYTES_MIN);
        }
    }

    /// Takes the block of lines to read next, if there is one. While the server stops, an
    /// unfinished last line is not taken for a line.
    pub(super) fn take_block(&mut self, stopping: bool) -> io::Result<Option<LineBlock>> {
        if self.block.as_ref().is_none_or(LineBlock::is_empty) {
            self.block = if self.ended && !stopping {
                self.codec.decode_eof(&mut self.bytes)?
            } else {
                self.codec.decode(&mut self.bytes)?
            };
        }
        Ok(self.block.take())
    }

    /// Returns true if the bytes of an unfinished line are a TLS handshake, which need not contain
    /// a line end.
    pub(super) fn is_tls(&self) -> bool {
        self.bytes.first() == Some(&TLS_HANDSHAKE)
    }

    /// Puts back the lines of a block that were not read, or its buffer for the next read.
    pub(super) fn put_back(&mut self, block: LineBlock) {
        if !block.is_empty() {
            self.block = (!self.quit).then_some(block);
        } else if self.bytes.capacity() == 0 {
            self.bytes = block.into_buffer();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    /// One connection: the client's end, the server's end, and its input.
    struct Connection(DuplexStream, DuplexStream, Input);

    impl Connection {
        fn new() -> Self {
            let (client, server) = duplex(1 << 20);
            Self(client, server, Input::new())
        }

        async fn send(&mut self, bytes: &[u8]) {
            self.0.write_all(bytes).await.unwrap();
        }

        /// Reads until nothing more has arrived. Returns the lines, and the last buffer.
        fn read(&mut self) -> (Vec<String>, *const u8) {
            let Self(_, server, input) = self;
            let (mut lines, mut buffer) = (Vec::new(), std::ptr::null());
            let mut context = Context::from_waker(Waker::noop());
            while let Poll::Ready(read) = input.poll_read(server, &mut context) {
                buffer = input.bytes.as_ptr();
                input.note_read(read.unwrap());
                while let Some(mut block) = input.take_block(false).unwrap() {
                    while let Some(line) = block.next_line() {
                        lines.push(String::from_utf8(line.to_vec()).unwrap());
                    }
                    input.put_back(block);
                }
            }
            (lines, buffer)
        }
    }

    #[tokio::test]
    async fn connections_that_wait_have_no_buffer_and_share_one_when_they_read() {
        let mut connections: Vec<_> = (0..3).map(|_| Connection::new()).collect();
        let mut buffers = Vec::new();
        for (number, connection) in connections.iter_mut().enumerate() {
            connection.send(format!("PING {number}\n").as_bytes()).await;
            let (lines, buffer) = connection.read();
            assert_eq!(lines, [format!("PING {number}")]);
            assert_eq!(connection.2.bytes.capacity(), 0);
            buffers.push(buffer);
        }
        assert_eq!([buffers[1], buffers[2]], [buffers[0]; 2]);
    }

    #[tokio::test]
    async fn a_part_of_a_line_stays_with_its_connection() {
        let (mut one, mut two) = (Connection::new(), Connection::new());
        one.send(b"PING\nPI").await;
        assert_eq!(one.read().0, ["PING"]);
        two.send(b"QUIT\nADD").await;
        assert_eq!(two.read().0, ["QUIT"]);
        one.send(b"NG\n").await;
        two.send(b"\n").await;
        assert_eq!([one.read().0, two.read().0], [["PING"], ["ADD"]]);
        assert_eq!([one, two].map(|connection| connection.2.bytes.capacity()), [0; 2]);
    }

    #[tokio::test]
    async fn a_client_that_fills_its_buffer_gets_a_larger_one_until_it_sends_little() {
        let mut connection = Connection::new();
        let line = "x".repeat(99) + "\n";
        for _ in 0..8 {
            connection.send(line.repeat(2_000).as_bytes()).await;
            assert_eq!(connection.read().0.len(), 2_000);
        }
        assert!(connection.2.bytes.capacity() > 16 * READ_BUFFER_BYTES_MIN);
        for _ in 0..20 {
            connection.send(b"PING\n").await;
            assert_eq!(connection.read().0, ["PING"]);
        }
        assert_eq!(connection.2.bytes.capacity(), 0);
    }
}

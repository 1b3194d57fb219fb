//! The writing half of a connection's transport, as an outbox needs it.

use std::io;
use tokio::io::{AsyncWrite, DuplexStream, WriteHalf};
use tokio::net::tcp::OwnedWriteHalf;

/// The writing half of a transport.
pub trait ReplyWriter: AsyncWrite + Send + Unpin {
    /// Writes as many bytes as the transport accepts without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if it accepts none, or an error of the transport.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns true if bytes that are written may stay in a buffer until a flush.
    fn has_buffer(&self) -> bool {
        false
    }
}

impl ReplyWriter for OwnedWriteHalf {
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }
}

/// An in-memory stream, for tests: every write waits for its turn.
impl ReplyWriter for WriteHalf<DuplexStream> {
    fn try_write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

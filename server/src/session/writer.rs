//! The socket as the outbox sees it.

use std::io;
use tokio::io::{AsyncWrite, DuplexStream, WriteHalf};
use tokio::net::tcp::OwnedWriteHalf;

/// The writing half of a socket.
pub trait Writer: AsyncWrite + Send + Unpin {
    /// Writes what the socket takes at once.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing, and whatever else the system says.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

impl Writer for OwnedWriteHalf {
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }
}

/// A stream in memory, for tests: whoever writes to it waits for its turn.
impl Writer for WriteHalf<DuplexStream> {
    fn try_write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

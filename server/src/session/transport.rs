//! The writing half of a connection's transport, as an outbox needs it.

use rustix::net::SendFlags;
use std::io;
use tokio::io::{AsyncWrite, DuplexStream, WriteHalf};
use tokio::net::tcp::OwnedWriteHalf;

/// The writing half of a transport, as an outbox keeps it. A plain socket is a part of the outbox:
/// boxed, it would be one more cache miss for a shard with every reply.
pub enum Writer {
    /// A plain socket.
    Socket(OwnedWriteHalf),
    /// Anything else.
    Other(Box<dyn ReplyWriter>),
}

impl Writer {
    /// Returns the transport.
    pub(super) fn get(&mut self) -> &mut dyn ReplyWriter {
        match self {
            Self::Socket(socket) => socket,
            Self::Other(other) => &mut **other,
        }
    }
}

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

    /// Returns it as an outbox keeps it.
    fn into_writer(self) -> Writer
    where
        Self: Sized + 'static,
    {
        Writer::Other(Box::new(self))
    }
}

impl ReplyWriter for OwnedWriteHalf {
    fn into_writer(self) -> Writer {
        Writer::Socket(self)
    }

    /// Asks the socket itself and not whether the runtime takes it for writable, which belongs to
    /// the memory of another thread. A write of the session afterwards notices a full socket.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(rustix::net::send(self.as_ref(), bytes, flags)?)
    }
}

/// An in-memory stream, for tests: every write waits for its turn.
impl ReplyWriter for WriteHalf<DuplexStream> {
    fn try_write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

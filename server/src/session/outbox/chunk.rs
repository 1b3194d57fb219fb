//! A piece of what waits to be written.

use crate::message::give_back;
use bytes::{Buf as _, Bytes};

/// Bytes that are written one after the other.
#[derive(Debug)]
pub(in crate::session) enum Chunk {
    /// Bytes for this connection alone.
    Own(Vec<u8>),
    /// Lines that other connections receive, too. None of them has a copy.
    Shared(Bytes),
}

impl Chunk {
    /// Returns the bytes.
    pub(in crate::session) fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// Removes bytes that are written.
    pub(super) fn advance(&mut self, written: usize) {
        match self {
            Self::Own(bytes) => drop(bytes.drain(..written)),
            Self::Shared(bytes) => bytes.advance(written),
        }
    }

    /// Keeps the memory of a chunk that is written for another one.
    pub(in crate::session) fn reuse(self) {
        if let Self::Own(bytes) = self {
            give_back(bytes);
        }
    }
}

/// An empty one.
impl Default for Chunk {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

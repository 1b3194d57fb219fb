//! The buffers that replies are read into, which are used again.
//!
//! Replies that wait for their turn hold the buffer that they have arrived in. New memory for each
//! read would be given back and asked for again all the time, which costs more than the reading.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Bytes to read at once.
const READ_BYTES: usize = 256 << 10;
/// Bytes that share a buffer with later ones: few bytes that wait must not hold a whole one.
const FEW_BYTES: usize = READ_BYTES / 2;
/// Buffers that are kept for later reads.
const SPARE_MAX: usize = 128;

/// What a connection has received and not yet processed.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    /// Bytes not yet processed, and room for more.
    pub input: BytesMut,
    /// Buffers of which replies may still wait, oldest first.
    held: VecDeque<Bytes>,
    spare: Vec<BytesMut>,
}

impl ReadBuffer {
    /// Makes room for a read.
    pub(super) fn reserve(&mut self) {
        self.input.reserve(READ_BYTES);
    }

    /// Takes the first bytes. They are given back with [`ReadBuffer::put_back`].
    pub(super) fn take(&mut self, bytes: usize) -> Bytes {
        if bytes < FEW_BYTES {
            return self.input.split_to(bytes).freeze();
        }
        let mut next = self.spare.pop().unwrap_or_default();
        let rest = self.input.get(bytes..).unwrap_or_default();
        next.reserve(rest.len() + READ_BYTES);
        next.extend_from_slice(rest);
        let mut taken = std::mem::replace(&mut self.input, next);
        taken.truncate(bytes);
        taken.freeze()
    }

    /// Gives bytes back. Their buffer is used again once nothing holds a part of them.
    pub(super) fn put_back(&mut self, taken: Bytes) {
        if taken.len() >= FEW_BYTES {
            self.held.push_back(taken);
        }
        while let Some(oldest) = self.held.pop_front() {
            match oldest.try_into_mut() {
                Ok(buffer) => self.keep(buffer),
                Err(oldest) => return self.held.push_front(oldest),
            }
        }
    }

    fn keep(&mut self, mut buffer: BytesMut) {
        if self.spare.len() < SPARE_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_buffer_is_used_again_once_no_reply_holds_it() {
        let mut buffer = ReadBuffer::default();
        let read = |buffer: &mut ReadBuffer| {
            buffer.reserve();
            buffer.input.resize(FEW_BYTES, b'x');
            buffer.input.extend_from_slice(b"[2] O");
            let (at, taken) = (buffer.input.as_ptr(), buffer.take(FEW_BYTES));
            assert_eq!((taken.len(), &buffer.input[..]), (FEW_BYTES, &b"[2] O"[..]));
            let reply = taken.slice(..7);
            buffer.put_back(taken);
            (at, reply)
        };
        let (first, reply) = read(&mut buffer);
        let (second, _) = read(&mut buffer);
        assert_ne!(first, second, "the first reply is still needed");
        drop(reply);
        let later: HashSet<_> = (0..20).map(|_| read(&mut buffer).0).collect();
        assert!(later.len() <= 4, "{later:?}");
    }

    #[test]
    fn a_few_bytes_share_a_buffer() {
        let mut buffer = ReadBuffer::default();
        buffer.reserve();
        buffer.input.extend_from_slice(b"[1] OK\n[2] OK\n[3]");
        let (one, two) = (buffer.take(7), buffer.take(7));
        assert_eq!((&one[..], &two[..]), (&b"[1] OK\n"[..], &b"[2] OK\n"[..]));
        assert_eq!(one.as_ptr().wrapping_add(7), two.as_ptr());
        buffer.put_back(one);
        assert_eq!((&buffer.input[..], buffer.held.len()), (&b"[3]"[..], 0));
    }
}

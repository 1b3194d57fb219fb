//! The buffers that replies are read into, which are used again.
//!
//! Replies that wait for their turn hold the buffer that they have arrived in. New memory for each
//! read would be given back and asked for again all the time, which costs more than the reading.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Size of a new buffer, bytes.
const BUFFER_BYTES: usize = 256 << 10;
/// Least room for a read, bytes. Short reads share a buffer until it has less.
const ROOM_BYTES: usize = 64 << 10;
/// Bytes that leave their buffer to later reads: few bytes that wait must not hold a whole one.
const FEW_BYTES: usize = BUFFER_BYTES / 2;
/// Buffers that are kept for later reads.
const SPARE_MAX: usize = 128;
/// Buffers that may be used again once nothing holds a part of them. Of others, the memory is freed
/// then.
const HELD_MAX: usize = 256;

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
    /// Makes room for a read. Once nothing holds a part of the buffer, reads begin at its start
    /// again, where the memory is still in the processor's cache.
    pub(super) fn reserve(&mut self) {
        let all = BUFFER_BYTES.saturating_sub(self.input.len()).max(ROOM_BYTES);
        if !self.input.try_reclaim(all) && self.input.capacity() - self.input.len() < ROOM_BYTES {
            self.input.reserve(BUFFER_BYTES);
        }
    }

    /// Takes the first bytes. They are given back with [`ReadBuffer::put_back`].
    pub(super) fn take(&mut self, bytes: usize) -> Bytes {
        if bytes < FEW_BYTES {
            return self.input.split_to(bytes).freeze();
        }
        let new = || BytesMut::with_capacity(BUFFER_BYTES);
        let mut next = self.spare.pop().unwrap_or_else(new);
        next.extend_from_slice(self.input.get(bytes..).unwrap_or_default());
        let mut taken = std::mem::replace(&mut self.input, next);
        taken.truncate(bytes);
        taken.freeze()
    }

    /// Gives bytes back. Their buffer is used again once nothing holds a part of them.
    pub(super) fn put_back(&mut self, taken: Bytes) {
        if taken.len() >= FEW_BYTES {
            self.held.push_back(taken);
        }
        for buffer in std::mem::take(&mut self.held) {
            match buffer.try_into_mut() {
                Ok(buffer) => self.keep(buffer),
                Err(buffer) => self.held.push_back(buffer),
            }
        }
        if self.held.len() > HELD_MAX {
            self.held.pop_front();
        }
    }

    /// Keeps a buffer for later, unless a long reply has made it larger than others.
    fn keep(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        let is_usual = (FEW_BYTES..=2 * BUFFER_BYTES).contains(&buffer.capacity());
        if is_usual && self.spare.len() < SPARE_MAX {
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
        let (first, waits) = read(&mut buffer);
        let later: HashSet<_> = (0..20).map(|_| read(&mut buffer).0).collect();
        assert!(!later.contains(&first), "its reply is still needed");
        assert!(later.len() <= 3, "the others are used again: {later:?}");
        drop(waits);
        let later: HashSet<_> = (0..20).map(|_| read(&mut buffer).0).collect();
        assert!(later.len() <= 4 && buffer.spare.len() <= 4, "{later:?}");
    }

    #[test]
    fn replies_that_wait_hold_no_more_than_twice_their_bytes() {
        let mut buffer = ReadBuffer::default();
        let (mut buffers, mut end) = (0, std::ptr::null());
        let waiting: Vec<Bytes> = (0..2_000)
            .map(|_| {
                buffer.reserve();
                buffer.input.extend_from_slice(&[b'x'; 1_000]);
                let taken = buffer.take(1_000);
                buffers += usize::from(taken.as_ptr() != end);
                end = taken.as_ptr().wrapping_add(taken.len());
                buffer.put_back(taken.clone());
                taken
            })
            .collect();
        let bytes: usize = waiting.iter().map(Bytes::len).sum();
        assert!(buffers * BUFFER_BYTES <= 2 * bytes, "{buffers} buffers for {bytes} bytes");
        assert!(buffer.held.is_empty() && buffer.spare.is_empty());
    }

    #[test]
    fn a_few_bytes_leave_the_rest_where_it_is() {
        let mut buffer = ReadBuffer::default();
        buffer.reserve();
        buffer.input.extend_from_slice(b"[1] OK\n[2] OK\n[3]");
        let one = buffer.take(7);
        buffer.reserve();
        let two = buffer.take(7);
        assert_eq!((&one[..], &two[..]), (&b"[1] OK\n"[..], &b"[2] OK\n"[..]));
        assert_eq!(one.as_ptr().wrapping_add(7), two.as_ptr());
        assert_eq!(&buffer.input[..], b"[3]");
    }
}

//! Large buffers of replies and logs that are written, kept for the next ones.
//!
//! The system has to map and clear the memory of a new buffer, which takes longer than writing the
//! lines into it. The buffers belong to no server in particular. What one still contains is
//! overwritten before it is sent: a [`LineBuffer`] only shows the lines written since.

use crate::limits::SPARE_CHUNKS_MAX;
use daytrade_protocol::LineBuffer;
use parking_lot::Mutex;

/// Replies are handed over in chunks of about this size, bytes.
pub(super) const CHUNK_BYTES: usize = 128 << 10;
/// Capacity of a large buffer, bytes: a chunk and a reply that exceeds it.
const CAPACITY: usize = CHUNK_BYTES + CHUNK_BYTES / 8;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Returns an empty buffer with capacity for a chunk of replies.
pub(crate) fn chunk() -> LineBuffer {
    let spare = SPARE.lock().pop();
    spare.map_or_else(|| LineBuffer::with_capacity(CAPACITY), LineBuffer::reusing)
}

/// Returns the lines of a buffer. A few lines in a large one are copied: they may wait for their
/// client, and the buffer need not.
pub(super) fn trimmed(lines: LineBuffer) -> Vec<u8> {
    if lines.len() >= CHUNK_BYTES / 4 || lines.capacity() < CAPACITY {
        return lines.into_bytes();
    }
    let bytes = lines.as_bytes().to_vec();
    give_back(lines.into_bytes());
    bytes
}

/// Keeps a buffer whose replies are written, if it is large and there are not enough of them.
pub(crate) fn give_back(bytes: Vec<u8>) {
    if !(CAPACITY..=2 * CAPACITY).contains(&bytes.capacity()) {
        return;
    }
    let mut spare = SPARE.lock();
    if spare.len() < SPARE_CHUNKS_MAX {
        spare.push(bytes);
    }
}

//! What direct I/O requires: writes that go past the system's cache to the disk.

use std::fs::File;
use std::io;

/// Alignment of a buffer in memory and in the file, and the unit of its length, bytes.
pub(crate) const BLOCK_BYTES: usize = 4096;

/// Turns direct I/O for this file on or off. Returns true if it is now on.
#[cfg(target_os = "linux")]
pub(crate) fn set_direct_io(file: &File, on: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let set = |flags: OFlags| {
        fcntl_setfl(file, if on { flags | OFlags::DIRECT } else { flags - OFlags::DIRECT })
    };
    fcntl_getfl(file).and_then(set).is_ok() && on
}

/// Returns false: direct I/O is not supported on this platform.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn set_direct_io(_: &File, _: bool) -> bool {
    false
}

/// Returns true if the error means that the disk, the quota or the file is full. Any other error of
/// a first write with direct I/O may mean that the file system does not support it: their errors
/// differ.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Bytes that begin at an aligned address.
pub(crate) struct AlignedBytes {
    bytes: Vec<u8>,
    /// Offset of the first aligned byte.
    from: usize,
    length: usize,
}

impl AlignedBytes {
    /// Creates this many zeros.
    pub(crate) fn new(length: usize) -> Self {
        let bytes = vec![0; length + BLOCK_BYTES];
        let from = bytes.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Self { bytes, from, length }
    }

    /// Returns the bytes.
    #[expect(clippy::indexing_slicing, reason = "the vector is a block longer")]
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.from..self.from + self.length]
    }

    /// Returns the bytes to change them.
    #[expect(clippy::indexing_slicing, reason = "the vector is a block longer")]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.from..self.from + self.length]
    }
}

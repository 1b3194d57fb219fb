//! A journal file in the file system. Small appends go past the system's cache.
//!
//! Under `--fsync always` a client waits for its frame to be on the disk. Through the cache, the
//! system copies the frame, marks a page, searches for it and writes it; with direct I/O it only
//! writes. The page is then no longer in the cache, so large frames, which are read again in bulk,
//! do not go this way.
//!
//! The end of the file is kept here and written again with the next append, filled up with zeros to
//! a whole block. So after an append nothing but another one may write before its end, and what
//! follows the end must be zeros.

use crate::direct_io::{AlignedBytes, BLOCK_BYTES, is_full, set_direct_io};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::io::ErrorKind::Interrupted;
use std::os::unix::fs::FileExt as _;

/// Longer appends are written through the system's cache.
pub(super) const APPEND_BYTES_MAX: usize = 16 << 10;

/// An open file.
pub(super) struct FsFile {
    file: File,
    /// True while the system is told to use direct I/O.
    is_direct: Cell<bool>,
    tail: Tail,
}

/// The end of a file that small appends go to.
#[derive(Default)]
enum Tail {
    /// Nothing was appended yet.
    #[default]
    Unknown,
    /// The file system does not support direct I/O.
    Unsupported,
    /// The blocks to write. They begin with the content of the last block up to the end of the
    /// appends, which is at this offset.
    Known { blocks: AlignedBytes, end: u64 },
}

impl FsFile {
    pub(super) const fn new(file: File) -> Self {
        Self { file, is_direct: Cell::new(false), tail: Tail::Unknown }
    }

    /// Returns the file for operations through the system's cache.
    pub(super) fn file(&self) -> &File {
        if self.is_direct.replace(false) {
            set_direct_io(&self.file, false);
        }
        &self.file
    }

    /// Writes bytes at an offset, after which the file has nothing but zeros. They are durable when
    /// this returns. What was written there through the cache must be durable already: direct I/O
    /// and dirty pages of the cache do not go together.
    pub(super) fn append(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.len() <= APPEND_BYTES_MAX && self.append_directly(bytes, offset)? {
            return Ok(());
        }
        self.file().write_all_at(bytes, offset)?;
        self.file.sync_data()
    }

    /// Appends with direct I/O. Returns false if that is not possible; nothing is then written, or
    /// only a part of the bytes.
    #[expect(clippy::indexing_slicing, reason = "a block and the longest append fit")]
    fn append_directly(&mut self, bytes: &[u8], offset: u64) -> io::Result<bool> {
        let begin = offset - offset % BLOCK_BYTES as u64;
        let used = (offset - begin) as usize;
        let has_worked = matches!(self.tail, Tail::Known { .. });
        let mut blocks = match std::mem::take(&mut self.tail) {
            Tail::Unsupported => {
                self.tail = Tail::Unsupported;
                return Ok(false);
            }
            Tail::Known { blocks, end } if end == offset => blocks,
            tail => {
                let mut blocks = match tail {
                    Tail::Known { blocks, .. } => blocks,
                    _ => AlignedBytes::new(APPEND_BYTES_MAX + BLOCK_BYTES),
                };
                self.file().read_exact_at(&mut blocks.as_mut_slice()[..used], begin)?;
                blocks
            }
        };
        let filled = used + bytes.len();
        let length = filled.next_multiple_of(BLOCK_BYTES);
        blocks.as_mut_slice()[used..filled].copy_from_slice(bytes);
        blocks.as_mut_slice()[filled..length].fill(0);
        if !self.is_direct.replace(true) && !set_direct_io(&self.file, true) {
            self.give_up();
            return Ok(false);
        }
        match self.file.write_at(&blocks.as_slice()[..length], begin) {
            Ok(written) if written == length => self.file.sync_data()?,
            Err(error) if !has_worked && !is_full(&error) => {
                self.give_up();
                return Ok(false);
            }
            Err(error) if error.kind() != Interrupted => return Err(error),
            _ => return Ok(false),
        }
        let last = filled - filled % BLOCK_BYTES;
        blocks.as_mut_slice().copy_within(last..filled, 0);
        self.tail = Tail::Known { blocks, end: offset + bytes.len() as u64 };
        Ok(true)
    }

    fn give_up(&mut self) {
        self.is_direct.set(false);
        set_direct_io(&self.file, false);
        self.tail = Tail::Unsupported;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::storage::StorageFile as _;

    fn open(path: &std::path::Path) -> FsFile {
        FsFile::new(File::options().read(true).write(true).create_new(true).open(path).unwrap())
    }

    fn bytes(length: usize, salt: usize) -> Vec<u8> {
        (0..length).map(|n| ((n + salt) % 251 + 1) as u8).collect()
    }

    /// Small appends between zeros, large ones and writes through the cache: the file holds what
    /// was written, and every reader sees it at once.
    #[test]
    fn the_file_holds_what_was_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (mut file, mut want, mut filled) = (open(&path), bytes(40, 0), 0);
        file.write_all_at(&want, 0).unwrap();
        file.sync().unwrap();
        let is_supported = set_direct_io(&File::open(&path).unwrap(), true);
        let lengths = [100, 1, 3_955, 4_096, 4_095, 9_000, 16_384, 16_385, 50, 0, 40_000, 7, 4_200];
        for (salt, length) in lengths.into_iter().cycle().take(60).enumerate() {
            let (more, end) = (bytes(length, salt), want.len() + length);
            if end > filled {
                file.write_all_at(&vec![0; 30_000], end as u64).unwrap();
                file.sync().unwrap();
                filled = end + 30_000;
            }
            file.append_durably(&more, want.len() as u64).unwrap();
            assert!(!is_supported || length > 16_384 || matches!(file.tail, Tail::Known { .. }));
            want.extend(more);
            let read = std::fs::read(&path).unwrap();
            assert!(read[..end] == want, "append {salt} of {length} bytes");
            assert!(read[end..].iter().all(|byte| *byte == 0), "append {salt}");
            if salt % 7 == 3 {
                let more = bytes(300, salt);
                file.write_all_at(&more, want.len() as u64).unwrap();
                file.sync().unwrap();
                want.extend(more);
            }
        }
        file.set_len(want.len() as u64).unwrap();
        assert!(std::fs::read(&path).unwrap() == want);
        let mut begin = [0; 40];
        assert_eq!(file.read_at(&mut begin, 0).unwrap(), 40);
        assert_eq!(begin, want[..40]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_append_is_an_error_when_the_disk_is_full() {
        let mut full = FsFile::new(File::options().write(true).open("/dev/full").unwrap());
        let error = full.append_durably(b"frame", 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

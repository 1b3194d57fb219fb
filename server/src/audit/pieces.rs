//! Writes a large file in pieces with direct I/O, one piece at a time.
//!
//! The kernel writes the page cache to disk at times of its own choice and many megabytes at once,
//! and the sync of a journal waits for that. A piece written with direct I/O is on the disk before
//! the next one starts, so a sync waits for at most one piece of each running dump. If the file
//! system does not support direct I/O, the file is synced at regular intervals.

use super::dump::{DumpError, give_way};
use crate::limits::{DUMP_PIECE_BYTES, DUMP_PIECES, DUMP_UNSYNCED_BYTES};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Alignment of a piece in memory and in the file, and the unit of its length. Direct I/O requires
/// this.
const BLOCK_BYTES: usize = 4096;

/// Writes the output of `fill` to the file while `fill` is still running. Does not sync the file.
pub(super) fn in_pieces<T: Send>(
    file: &File,
    fill: impl FnOnce(&mut Pieces) -> Result<T, DumpError> + Send,
) -> Result<T, DumpError> {
    let (full, to_write) = sync_channel(DUMP_PIECES);
    let (give_back, empty) = sync_channel(DUMP_PIECES);
    for _ in 0..DUMP_PIECES {
        // The channel has capacity for all of them.
        let _ = give_back.send(Piece::new());
    }
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            give_way();
            write(file, &to_write, &give_back)
        });
        let filling = scope.spawn(move || {
            give_way();
            let mut pieces = Pieces { piece: Piece::new(), full, empty };
            let filled = fill(&mut pieces)?;
            pieces.hand_over()?;
            Ok(filled)
        });
        let filled = filling
            .join()
            .unwrap_or_else(|_| Err(DumpError::Failed("the dump has failed".to_owned())));
        // A disk error explains why filling failed, so it is returned first.
        writing
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the writing thread has failed")))?;
        filled
    })
}

/// Writes pieces until the channel is closed.
fn write(file: &File, pieces: &Receiver<Piece>, give_back: &SyncSender<Piece>) -> io::Result<()> {
    let mut past_the_cache = go_past_the_cache(file, true);
    let (mut end, mut synced) = (0, 0);
    for mut piece in pieces {
        let mut written = file.write_all_at(piece.blocks(), end);
        if past_the_cache && written.as_ref().is_err_and(|error| !is_full(error)) {
            // Some file systems do not support direct I/O, and their errors differ.
            past_the_cache = go_past_the_cache(file, false);
            written = file.write_all_at(piece.blocks(), end);
        }
        written?;
        end += piece.used as u64;
        piece.used = 0;
        // The receiver is gone after the last piece.
        let _ = give_back.send(piece);
        if !past_the_cache && end - synced >= DUMP_UNSYNCED_BYTES {
            file.sync_data()?;
            synced = end;
        }
    }
    // The last block was padded.
    file.set_len(end)
}

/// Returns true if the error means that the disk, the quota or the file is full.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Turns direct I/O for this file on or off. Returns true if it is now on.
#[cfg(target_os = "linux")]
fn go_past_the_cache(file: &File, on: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let set = |flags: OFlags| {
        fcntl_setfl(file, if on { flags | OFlags::DIRECT } else { flags - OFlags::DIRECT })
    };
    fcntl_getfl(file).and_then(set).is_ok() && on
}

/// Returns false: direct I/O is not supported on this platform.
#[cfg(not(target_os = "linux"))]
const fn go_past_the_cache(_: &File, _: bool) -> bool {
    false
}

/// A writer that collects the output in pieces.
pub(super) struct Pieces {
    piece: Piece,
    full: SyncSender<Piece>,
    empty: Receiver<Piece>,
}

impl Pieces {
    /// Sends the current piece to the writing thread and starts another one.
    fn hand_over(&mut self) -> io::Result<()> {
        // The writing thread ends when the disk fails, and reports the error.
        let Ok(next) = self.empty.recv() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let full = std::mem::replace(&mut self.piece, next);
        self.full.send(full).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.piece.take_in(bytes);
        if self.piece.used == DUMP_PIECE_BYTES {
            self.hand_over()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An aligned buffer for one part of the file.
struct Piece {
    room: Vec<u8>,
    /// Offset of the first aligned byte.
    from: usize,
    used: usize,
}

impl Piece {
    fn new() -> Self {
        let room = vec![0; DUMP_PIECE_BYTES + BLOCK_BYTES];
        let from = room.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Self { room, from, used: 0 }
    }

    /// Copies as many bytes as there is capacity for, and returns their number.
    fn take_in(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(DUMP_PIECE_BYTES - self.used);
        let at = self.from + self.used;
        self.room[at..at + taken].copy_from_slice(&bytes[..taken]);
        self.used += taken;
        taken
    }

    /// Returns the content, padded to whole blocks.
    fn blocks(&self) -> &[u8] {
        &self.room[self.from..self.from + self.used.next_multiple_of(BLOCK_BYTES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(file: &File, bytes: &[u8]) -> Result<(), DumpError> {
        in_pieces(file, |pieces| {
            Ok(bytes.chunks(1_000).try_for_each(|some| pieces.write_all(some))?)
        })
    }

    #[test]
    fn a_file_of_any_length_is_written_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [
            0,
            1,
            4_095,
            4_096,
            4_097,
            DUMP_PIECE_BYTES - 1,
            DUMP_PIECE_BYTES,
            7 * DUMP_PIECE_BYTES + 3,
        ] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            filled(&File::create(&path).unwrap(), &bytes).unwrap();
            assert!(std::fs::read(&path).unwrap() == bytes, "{length}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn disk_errors_are_reported() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = filled(&full, &vec![b'x'; 20 * DUMP_PIECE_BYTES]).unwrap_err();
        assert!(
            matches!(&error, DumpError::Failed(words) if words.contains("No space left")),
            "{error:?}"
        );
    }
}

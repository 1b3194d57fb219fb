//! Writes a large file with direct I/O, one buffer at a time.
//!
//! The kernel writes the page cache to disk at times of its own choice and many megabytes at once,
//! and the sync of a journal waits for that. A piece written with direct I/O is on the disk before
//! the next one starts, so a sync waits for at most one piece of each running dump. If the file
//! system does not support direct I/O, the file is synced at regular intervals.

use super::error::DumpError;
use super::pace::Pace;
use crate::direct_io::{AlignedBytes, BLOCK_BYTES, is_full, set_direct_io};
use crate::limits::{
    DUMP_PAUSE_MAX, DUMP_PIECE_BYTES, DUMP_UNSYNCED_BYTES, DUMP_WRITE_BUFFERS, DUMP_WRITE_BYTES,
};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Instant;

/// Writes the output of `fill` to the file while `fill` is still running. Does not sync the file.
pub(super) fn write_file<T>(
    file: &File,
    pace: Pace,
    fill: impl FnOnce(&mut DirectWriter) -> Result<T, DumpError>,
) -> Result<T, DumpError> {
    let (full, to_write) = sync_channel(DUMP_WRITE_BUFFERS);
    let (give_back, empty) = sync_channel(DUMP_WRITE_BUFFERS);
    for _ in 0..DUMP_WRITE_BUFFERS {
        // The channel has capacity for all of them.
        let _ = give_back.send(PartBuffer::new());
    }
    let failed = || DumpError::Failed("a thread of the dump has failed".to_owned());
    std::thread::scope(|scope| {
        let work = move || write(file, pace, &to_write, &give_back);
        let writing = Builder::new().name("dump".to_owned()).spawn_scoped(scope, work)?;
        // Dropping the writer ends the thread.
        let mut writer = DirectWriter { buffer: PartBuffer::new(), full, empty };
        let filled = fill(&mut writer).and_then(|filled| {
            writer.hand_over()?;
            Ok(filled)
        });
        drop(writer);
        // A disk error explains why filling failed, so it is returned first.
        writing.join().map_err(|_| failed())??;
        filled
    })
}

/// Niceness of the threads of a dump.
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

/// Lowers the priority of this thread, and of the threads it starts: trading has priority.
pub(crate) fn lower_thread_priority() {
    // On other systems this would lower the priority of the whole server. If it fails, the dump
    // only competes more with the other threads.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

/// Writes buffers until the channel is closed.
fn write(
    file: &File,
    mut pace: Pace,
    buffers: &Receiver<PartBuffer>,
    give_back: &SyncSender<PartBuffer>,
) -> io::Result<()> {
    let mut direct = set_direct_io(file, true);
    let (mut end, mut synced) = (0, 0);
    for mut buffer in buffers {
        let (mut rest, mut at) = (buffer.blocks(), end);
        while !rest.is_empty() {
            let is_trading = pace.is_trading();
            let most = if is_trading { DUMP_PIECE_BYTES } else { DUMP_WRITE_BYTES };
            let (piece, after) = rest.split_at(rest.len().min(most));
            let begun = Instant::now();
            let mut written = file.write_all_at(piece, at);
            if direct && written.as_ref().is_err_and(|error| !is_full(error)) {
                direct = set_direct_io(file, false);
                written = file.write_all_at(piece, at);
            }
            written?;
            if is_trading {
                // The disk is the others' for as long.
                std::thread::sleep(begun.elapsed().min(DUMP_PAUSE_MAX));
            }
            at += piece.len() as u64;
            rest = after;
        }
        end += buffer.used as u64;
        buffer.used = 0;
        // The receiver is gone after the last buffer.
        let _ = give_back.send(buffer);
        if !direct && end - synced >= DUMP_UNSYNCED_BYTES {
            file.sync_data()?;
            synced = end;
        }
    }
    // The last block was padded.
    file.set_len(end)
}

/// A writer that collects the output in buffers.
pub(super) struct DirectWriter {
    buffer: PartBuffer,
    full: SyncSender<PartBuffer>,
    empty: Receiver<PartBuffer>,
}

impl DirectWriter {
    /// Sends the current buffer to the writing thread and starts another one.
    fn hand_over(&mut self) -> io::Result<()> {
        // The writing thread ends when the disk fails, and reports the error.
        let Ok(next) = self.empty.recv() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let full = std::mem::replace(&mut self.buffer, next);
        self.full.send(full).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for DirectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.buffer.take_in(bytes);
        if self.buffer.used == DUMP_WRITE_BYTES {
            self.hand_over()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A buffer for one part of the file.
struct PartBuffer {
    bytes: AlignedBytes,
    used: usize,
}

impl PartBuffer {
    fn new() -> Self {
        Self { bytes: AlignedBytes::new(DUMP_WRITE_BYTES), used: 0 }
    }

    /// Copies as many bytes as there is capacity for, and returns their number.
    #[expect(clippy::indexing_slicing, reason = "the lengths are those of the piece")]
    fn take_in(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(DUMP_WRITE_BYTES - self.used);
        self.bytes.as_mut_slice()[self.used..self.used + taken].copy_from_slice(&bytes[..taken]);
        self.used += taken;
        taken
    }

    /// Returns the content, padded to whole blocks.
    #[expect(clippy::indexing_slicing, reason = "the lengths are those of the piece")]
    fn blocks(&self) -> &[u8] {
        &self.bytes.as_slice()[..self.used.next_multiple_of(BLOCK_BYTES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(file: &File, bytes: &[u8]) -> Result<(), DumpError> {
        write_file(file, Pace::new(Vec::new()), |pieces| {
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
            DUMP_WRITE_BYTES - 1,
            DUMP_WRITE_BYTES,
            7 * DUMP_WRITE_BYTES + 3,
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
        let error = filled(&full, &vec![b'x'; 20 * DUMP_WRITE_BYTES]).unwrap_err();
        assert!(
            matches!(&error, DumpError::Failed(words) if words.contains("No space left")),
            "{error:?}"
        );
    }
}

//! Frames written and made durable, one group commit each.
//!
//! Frame k + 1 is not written before frame k's sync has returned. After a failed write or sync the
//! writer is poisoned: nothing is tried again, because nobody knows what the disk holds.

use super::frame::{FrameBuilder, FrameHeader};
use super::position::{Position, Positions};
use super::recovery::Recovered;
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_name};
use super::snapshot::Anchor;
use super::storage::{Storage, StorageFile};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// When a written frame is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Before its replies leave.
    Always,
    /// After at most this long.
    Interval(Duration),
    /// When the system likes.
    Never,
}

/// How a journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// When a frame is made durable.
    pub mode: SyncMode,
    /// A segment is closed before it would grow beyond this.
    pub segment_bytes_max: u64,
    /// Disk space that must stay free; with less, [`JournalWriter::is_low`].
    pub free_bytes_min: u64,
    /// Space filled with zeros ahead of small frames, so that a sync has only data to write and no
    /// new file size.
    pub fill_bytes: u64,
}

/// A frame of at least this size is worth its own change of file size.
const FILL_FOR_FRAMES_BELOW_BYTES: usize = 16 << 10;

struct OpenSegment {
    file: Box<dyn StorageFile>,
    first_record: u64,
    offset: u64,
    /// Where its last frame begins; None while none was written by this process.
    last_frame: Option<u64>,
    /// Up to where the file holds zeros or frames.
    filled: u64,
}

/// Writes one shard's journal.
pub struct JournalWriter {
    storage: Arc<dyn Storage>,
    shard: u16,
    epoch: u64,
    options: WriterOptions,
    segment: Option<OpenSegment>,
    frame: u64,
    record: u64,
    chain: u32,
    /// The last frame's time.
    time_ms: u64,
    /// The last frame known to be durable.
    durable: u64,
    unsynced: bool,
    poisoned: bool,
    /// There is less free space than should be.
    low: bool,
    positions: Positions,
}

impl JournalWriter {
    /// Goes on where recovery ended.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(
        storage: Arc<dyn Storage>,
        shard: u16,
        options: WriterOptions,
        recovered: &Recovered,
        positions: Positions,
    ) -> io::Result<Self> {
        let segment = match &recovered.segment {
            None => None,
            Some((name, offset)) => {
                let file = storage.open(name)?;
                // What was read may still be on its way to the disk, if the last server did not
                // sync every frame.
                file.sync()?;
                let filled = file.size()?.max(*offset);
                let first_record =
                    name.split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or(1);
                Some(OpenSegment { file, first_record, offset: *offset, last_frame: None, filled })
            }
        };
        let writer = Self {
            storage,
            shard,
            epoch: recovered.epoch + 1,
            options,
            segment,
            frame: recovered.frame,
            record: recovered.record,
            chain: recovered.chain,
            time_ms: recovered.time_ms,
            durable: recovered.frame,
            unsynced: false,
            poisoned: false,
            low: false,
            positions,
        };
        writer.publish();
        Ok(writer)
    }

    /// The number the next record will have.
    pub const fn next_record(&self) -> u64 {
        self.record + 1
    }

    /// The last frame's place, made durable first; None when this process has not written one yet,
    /// or not into this segment.
    ///
    /// # Errors
    /// As for [`JournalWriter::sync`].
    pub fn anchor(&mut self) -> io::Result<Option<Anchor>> {
        self.sync()?;
        let Some((segment, begin)) =
            self.segment.as_ref().and_then(|open| Some((open, open.last_frame?)))
        else {
            return Ok(None);
        };
        Ok(Some(Anchor {
            segment: segment.first_record,
            begin,
            end: segment.offset,
            frame: self.frame,
            record: self.record,
            chain: self.chain,
            epoch: self.epoch,
            time_ms: self.time_ms,
        }))
    }

    /// Whether something is written and not yet synced.
    pub const fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Writes the builder's records as one frame, durable when this returns under
    /// [`SyncMode::Always`], and empties the builder.
    ///
    /// # Errors
    /// Whatever the file system says; the writer is then poisoned and fails from then on.
    pub fn commit(&mut self, frame: &mut FrameBuilder, time_ms: u64) -> io::Result<()> {
        if frame.is_empty() {
            return Ok(());
        }
        self.guarded(|writer| {
            let done = writer.write(frame, time_ms);
            frame.clear();
            done?;
            if writer.options.mode == SyncMode::Always {
                writer.sync_now()?;
            }
            writer.publish();
            Ok(())
        })
    }

    /// Whether the disk's last reserve has been reached: nothing should be written that need not
    /// be.
    pub const fn is_low(&self) -> bool {
        self.low
    }

    /// Looks how much space there is.
    ///
    /// # Errors
    /// As for [`JournalWriter::commit`]: a folder that is gone, for instance, in which nothing
    /// written would be found again.
    pub fn look_for_room(&mut self) -> io::Result<()> {
        self.guarded(|writer| {
            writer.low = writer.storage.free_bytes()? < writer.options.free_bytes_min;
            Ok(())
        })
    }

    /// Makes durable what is not yet.
    ///
    /// # Errors
    /// As for [`JournalWriter::commit`].
    pub fn sync(&mut self) -> io::Result<()> {
        self.guarded(Self::sync_now)
    }

    fn guarded(&mut self, act: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        if self.poisoned {
            return Err(io::Error::other("an earlier write or sync failed"));
        }
        let done = act(self);
        self.poisoned = done.is_err();
        done
    }

    fn write(&mut self, frame: &mut FrameBuilder, time_ms: u64) -> io::Result<()> {
        let header = FrameHeader {
            shard: self.shard,
            epoch: self.epoch,
            number: self.frame + 1,
            first_record: self.record + 1,
            time_ms,
            records: frame.records(),
            payload_bytes: frame.payload_bytes() as u32,
            chain: self.chain,
            durable: 0,
        };
        let bytes = header.frame_bytes() as u64;
        if self
            .segment
            .as_ref()
            .is_none_or(|open| open.offset + bytes > self.options.segment_bytes_max)
        {
            self.begin_segment()?;
        }
        let Some(open) = &mut self.segment else {
            return Err(io::Error::other("no segment is open"));
        };
        // Known only now: a new segment begins with a sync of the old one.
        let header = FrameHeader { durable: self.durable, ..header };
        let (sealed, checksum) = frame.seal(&header);
        let end = open.offset + sealed.len() as u64;
        if end > open.filled {
            if sealed.len() < FILL_FOR_FRAMES_BELOW_BYTES && !self.low {
                open.file.write_all_at(&vec![0; self.options.fill_bytes as usize], end)?;
                open.filled = end + self.options.fill_bytes;
            } else {
                open.filled = end;
            }
        }
        open.file.write_all_at(sealed, open.offset)?;
        open.last_frame = Some(open.offset);
        open.offset = end;
        self.time_ms = header.time_ms;
        self.unsynced = true;
        self.frame = header.number;
        self.record += u64::from(header.records);
        self.chain = checksum;
        Ok(())
    }

    fn sync_now(&mut self) -> io::Result<()> {
        if let (true, Some(open)) = (self.unsynced, &self.segment) {
            open.file.sync()?;
        }
        (self.unsynced, self.durable) = (false, self.frame);
        Ok(())
    }

    /// Closes the segment, without the zeros behind its last frame, and begins the next: header,
    /// sync, folder sync.
    fn begin_segment(&mut self) -> io::Result<()> {
        if let Some(full) = self.segment.take() {
            full.file.set_len(full.offset)?;
            full.file.sync()?;
            self.durable = self.frame;
        }
        let first_record = self.record + 1;
        let file = self.storage.create(&segment_name(first_record))?;
        let header = SegmentHeader {
            shard: self.shard,
            first_record,
            first_frame: self.frame + 1,
            chain: self.chain,
        };
        file.write_all_at(&header.to_bytes(), 0)?;
        file.sync()?;
        self.storage.sync_folder()?;
        let offset = SEGMENT_HEADER_BYTES as u64;
        self.segment =
            Some(OpenSegment { file, first_record, offset, last_frame: None, filled: offset });
        Ok(())
    }

    fn publish(&self) {
        let (segment, offset) =
            self.segment.as_ref().map_or((0, 0), |open| (open.first_record, open.offset));
        self.positions.set(Position { segment, offset, frame: self.frame, record: self.record });
    }
}

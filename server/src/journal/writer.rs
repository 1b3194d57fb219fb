//! Writes a shard's frames to its log, one frame for each group commit.
//!
//! The writer numbers the frames, chains them and decides when they are synced. Frame k + 1 is not
//! written before frame k's sync has returned. After a failed write or sync the writer is poisoned:
//! nothing is tried again, because the content of the log is unknown.

use super::frame::{FrameBuilder, FrameHeader, VERSION};
use super::frame_log::{Anchor, AppendError, FrameLog, LogTraits, Recovered};
use super::position::{Position, Positions};
use super::tip::{CheckedFrame, Tip};
use crate::limits::FRAME_BYTES_MAX;
use std::io;
use std::time::{Duration, Instant};

/// When a frame is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Before its replies leave.
    Always,
    /// After at most this time.
    Interval(Duration),
    /// When the operating system decides.
    Never,
}

/// Writes one shard's journal.
pub struct JournalWriter {
    log: Box<dyn FrameLog>,
    traits: LogTraits,
    shard: u16,
    epoch: u64,
    mode: SyncMode,
    frame: u64,
    record: u64,
    chain: u32,
    /// Time of the last frame, Unix milliseconds.
    time_ms: u64,
    /// Last frame known to be durable.
    durable: u64,
    poisoned: bool,
    /// True if the disk has little free space.
    low: bool,
    positions: Positions,
}

impl JournalWriter {
    /// Creates a writer that continues after the recovered end of a log.
    pub fn new(
        log: Box<dyn FrameLog>,
        shard: u16,
        mode: SyncMode,
        end: &Recovered,
        positions: Positions,
    ) -> Self {
        let writer = Self {
            traits: log.traits(),
            log,
            shard,
            epoch: end.epoch + 1,
            mode,
            frame: end.frame,
            record: end.record,
            chain: end.chain,
            time_ms: end.time_ms,
            durable: end.frame,
            poisoned: false,
            low: false,
            positions,
        };
        writer.publish();
        writer
    }

    /// Creates a writer that follows a shared log from the end of its copy, until
    /// [`JournalWriter::begin_epoch`].
    pub fn following(
        log: Box<dyn FrameLog>,
        shard: u16,
        end: &Recovered,
        positions: Positions,
    ) -> Self {
        let writer = Self::new(log, shard, SyncMode::Always, end, positions);
        Self { epoch: end.epoch, ..writer }
    }

    /// Returns the number of the next record.
    pub const fn next_record(&self) -> u64 {
        self.record + 1
    }

    /// Returns the position of the last frame, after making it durable. Returns None if this
    /// process has not written a frame yet, or none into this segment.
    ///
    /// # Errors
    /// As for [`JournalWriter::sync`].
    pub fn anchor(&mut self) -> Result<Option<Anchor>, AppendError> {
        self.sync()?;
        Ok(self.log.last_place().map(|place| Anchor {
            frame: self.frame,
            record: self.record,
            chain: self.chain,
            epoch: self.epoch,
            time_ms: self.time_ms,
            place,
        }))
    }

    /// Takes a frame that another server has appended to the shared log, after its place in the
    /// chain was checked.
    ///
    /// # Errors
    /// As for [`JournalWriter::commit`].
    pub fn follow(&mut self, frame: &CheckedFrame) -> Result<(), AppendError> {
        self.guarded(|writer| {
            let header = frame.header();
            writer.log.follow(header, frame.bytes())?;
            writer.epoch = header.epoch;
            writer.time_ms = header.time_ms;
            (writer.frame, writer.durable) = (header.number, header.number);
            writer.record += u64::from(header.records);
            writer.chain = frame.checksum();
            writer.publish();
            Ok(())
        })
    }

    /// Begins an epoch of its own: the frames that follow are those of a new owner.
    pub const fn begin_epoch(&mut self) {
        self.epoch += 1;
    }

    /// Returns the end of what is written.
    pub const fn tip(&self) -> Tip {
        let Self { frame, record, chain, epoch, time_ms, .. } = *self;
        Tip { frame, record, chain, epoch, time_ms }
    }

    /// Returns the size of the records at which a round ends, bytes.
    pub const fn frame_bytes_soft(&self) -> usize {
        self.traits.frame_bytes_soft
    }

    /// Returns true if a frame is written and not yet synced.
    pub const fn is_unsynced(&self) -> bool {
        self.durable < self.frame
    }

    /// Writes the builder's records as one frame and empties the builder. The frame is durable when
    /// this returns under [`SyncMode::Always`].
    ///
    /// # Errors
    /// Returns an [`AppendError`]; the writer is then poisoned, and every later call fails.
    pub fn commit(&mut self, frame: &mut FrameBuilder, time_ms: u64) -> Result<(), AppendError> {
        if frame.is_empty() {
            return Ok(());
        }
        self.guarded(|writer| {
            let began = Instant::now();
            let done = writer.write(frame, time_ms);
            frame.clear();
            done?;
            if writer.mode == SyncMode::Always {
                writer.positions.synced(began.elapsed());
            }
            if writer.log.traits().readable {
                writer.publish();
            }
            Ok(())
        })
    }

    /// Returns true if the disk has little free space: only what is necessary may be written.
    pub const fn is_low(&self) -> bool {
        self.low
    }

    /// Checks the free disk space.
    ///
    /// # Errors
    /// As for [`JournalWriter::commit`], for example if the folder is gone: nothing written into it
    /// would be found again.
    pub fn check_free_space(&mut self) -> Result<(), AppendError> {
        self.guarded(|writer| {
            writer.low = writer.log.check_free_space()?;
            Ok(())
        })
    }

    /// Makes all frames durable.
    ///
    /// # Errors
    /// As for [`JournalWriter::commit`].
    pub fn sync(&mut self) -> Result<(), AppendError> {
        self.guarded(Self::sync_now)
    }

    fn guarded(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<(), AppendError>,
    ) -> Result<(), AppendError> {
        if self.poisoned {
            return Err(io::Error::other("an earlier write or sync failed").into());
        }
        let done = act(self);
        self.poisoned = done.is_err();
        done
    }

    fn write(&mut self, frame: &mut FrameBuilder, time_ms: u64) -> Result<(), AppendError> {
        let header = FrameHeader {
            version: VERSION,
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
        if header.frame_bytes() > FRAME_BYTES_MAX {
            return Err(io::Error::other("a frame is larger than a reader accepts").into());
        }
        if self.log.prepare(&header)? {
            self.durable = self.frame;
        }
        let header = FrameHeader { durable: self.durable, ..header };
        let (sealed, checksum) = frame.seal(&header);
        let must_sync = self.mode == SyncMode::Always && !self.traits.durable_at_once;
        if must_sync {
            self.log.append_durably(&header, sealed)?;
        } else {
            self.log.append(&header, sealed)?;
        }
        self.positions.wrote(header.frame_bytes());
        self.time_ms = header.time_ms;
        self.frame = header.number;
        if must_sync || self.traits.durable_at_once {
            self.durable = self.frame;
        }
        self.record += u64::from(header.records);
        self.chain = checksum;
        Ok(())
    }

    fn sync_now(&mut self) -> Result<(), AppendError> {
        self.log.sync()?;
        self.durable = self.frame;
        Ok(())
    }

    fn publish(&self) {
        self.positions.set(Position { frame: self.frame, record: self.record });
    }
}

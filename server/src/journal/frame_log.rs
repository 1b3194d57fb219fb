//! What a shard needs of a log of frames: three traits between the journal and the medium.
//!
//! [`LogStore`] opens one shard's log, [`FrameLog`] appends to it, [`FrameReader`] reads it.
//! [`super::file`] implements them with segments in a folder. A log stores sealed frames byte for
//! byte; it must never number, chain or decode them for the writer.
//! [`super::conformance`] tests any implementation.

use super::fault::{ReadError, RecoveryError};
use super::frame::{Fault, FrameHeader, HEADER_BYTES, TRAILER_BYTES, VERSION_1, seal};
use super::records::RecordReader;
use super::storage::Storage;
use crate::engine::{Owner, Record};
use crate::limits::{FRAME_BYTES_SOFT, LOG_PATIENCE};
use std::io;

/// Location of a frame in the terms of the log that holds it. Only that log interprets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// First record of the segment, which names its file.
    pub(super) segment: u64,
    /// Offset of the frame.
    pub(super) begin: u64,
    /// Offset after the frame.
    pub(super) end: u64,
}

/// A frame of the journal, as a snapshot refers to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Number of the frame.
    pub frame: u64,
    /// Number of its last record.
    pub record: u64,
    /// Checksum of the frame.
    pub chain: u32,
    /// Epoch of the frame.
    pub epoch: u64,
    /// Time of the frame, Unix milliseconds.
    pub time_ms: u64,
    /// Location of the frame.
    pub place: Place,
}

/// Position where reading begins.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// At record 1, which must exist.
    First,
    /// At the first record that is still kept.
    FirstKept,
    /// At some kept record before the first one of this time, Unix milliseconds: whatever is much
    /// older is not read.
    Since(u64),
    /// After the last frame that a snapshot covers.
    After(&'a Anchor),
}

/// The end of a recovered journal, where a writer continues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Number of the last frame, or 0.
    pub frame: u64,
    /// Number of the last record, or 0.
    pub record: u64,
    /// Checksum of the last frame.
    pub chain: u32,
    /// Epoch of the last frame.
    pub epoch: u64,
    /// Time of the last frame, Unix milliseconds.
    pub time_ms: u64,
    /// Size of an interrupted write that was cut off, bytes.
    pub cut_bytes: u64,
    /// Segment to continue in. None if a new segment must be created. Only the log interprets it.
    pub(super) segment: Option<SegmentEnd>,
}

/// The end of the segment in which a log continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentEnd {
    /// Name of its file.
    pub name: String,
    /// Offset up to which it is known to be durable. What follows may be in the system's cache
    /// only: after a failed sync, reads return data that no later sync stores.
    pub durable: u64,
    /// Offset after its last frame.
    pub end: u64,
}

impl Recovered {
    /// Returns true if recovery with `repair` would change the log.
    pub const fn needs_repair(&self) -> bool {
        self.cut_bytes > 0 || self.segment.is_none()
    }
}

/// One checked frame.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Header of the frame.
    pub header: FrameHeader,
    /// Encoded records.
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) const fn new(header: FrameHeader, payload: &'a [u8]) -> Self {
        Self { header, payload }
    }

    /// Creates the frame of bytes that were checked to be one.
    pub(super) fn of_checked(header: FrameHeader, sealed: &'a [u8]) -> Self {
        let payload = sealed.get(HEADER_BYTES..sealed.len() - TRAILER_BYTES).unwrap_or_default();
        Self::new(header, payload)
    }

    /// Decodes its records in order and passes each to `take` with its number.
    ///
    /// # Errors
    /// Returns [`Fault::Record`] if the bytes are not the number of records that the header states.
    pub fn each_record(&self, mut take: impl FnMut(u64, Record)) -> Result<(), Fault> {
        let mut cursor = Cursor::new(&self.header);
        while let Some((number, record)) = cursor.next(self.payload)? {
            take(number, record);
        }
        Ok(())
    }

    /// Returns the whole frame as it is stored.
    pub fn sealed(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(self.payload);
        seal(&self.header, &mut bytes);
        bytes
    }

    /// Returns a copy of its records, which are decoded one at a time.
    pub fn records(&self) -> FrameRecords {
        FrameRecords { cursor: Cursor::new(&self.header), payload: self.payload.into() }
    }
}

/// The encoded records of one frame.
#[derive(Debug)]
pub struct FrameRecords {
    cursor: Cursor,
    payload: Box<[u8]>,
}

impl FrameRecords {
    /// Decodes the next record. Returns it with its number, or None after the last one.
    ///
    /// # Errors
    /// As for [`Frame::each_record`].
    pub fn next_record(&mut self) -> Result<Option<(u64, Record)>, Fault> {
        self.cursor.next(&self.payload)
    }
}

/// Position in the encoded records of a frame.
#[derive(Debug)]
struct Cursor {
    frame: u64,
    next: u64,
    end: u64,
    offset: usize,
    /// None in a frame of format 1.
    reader: Option<RecordReader>,
}

impl Cursor {
    fn new(header: &FrameHeader) -> Self {
        let first = header.first_record;
        let end = first.saturating_add(u64::from(header.records));
        let reader = (header.version != VERSION_1).then(RecordReader::default);
        Self { frame: header.number, next: first, end, offset: 0, reader }
    }

    fn next(&mut self, payload: &[u8]) -> Result<Option<(u64, Record)>, Fault> {
        let rest = payload.get(self.offset..).unwrap_or_default();
        if self.next == self.end {
            return if rest.is_empty() { Ok(None) } else { Err(Fault::Record(self.frame)) };
        }
        let read = match &mut self.reader {
            Some(reader) => reader.read(payload, self.offset),
            None => postcard::take_from_bytes(rest)
                .ok()
                .map(|(record, after): (_, &[u8])| (record, payload.len() - after.len())),
        };
        let (record, offset) = read.ok_or(Fault::Record(self.frame))?;
        self.offset = offset;
        self.next += 1;
        Ok(Some((self.next - 1, record)))
    }
}

/// Receives a recovered record: its number, its time in Unix milliseconds, the record.
pub(super) type TakeRecord<'a> = &'a mut dyn FnMut(u64, u64, Record);

/// The log of one shard: recovers it, reads it, and opens it for appending.
pub trait LogStore: Send + Sync {
    /// Reads the log from `start` and passes each record to `take`. With `repair`, an interrupted
    /// last write is removed; otherwise it is only counted.
    ///
    /// # Errors
    /// Returns a [`RecoveryError`]. The log is then unchanged.
    fn recover(
        &self,
        start: Start<'_>,
        repair: bool,
        take: TakeRecord<'_>,
    ) -> Result<Recovered, RecoveryError>;

    /// Opens the log for appending after the recovered end.
    ///
    /// # Errors
    /// Returns an error of the medium.
    fn open(&self, end: &Recovered) -> io::Result<Box<dyn FrameLog>>;

    /// Reads frames from `start` up to frame `until`, or to the end. The log may be appended to
    /// meanwhile.
    ///
    /// # Errors
    /// Returns [`ReadError::Io`] if the log cannot be opened.
    fn read_from<'a>(
        &'a self,
        start: Start<'_>,
        until: Option<u64>,
    ) -> Result<Box<dyn FrameReader + 'a>, ReadError>;

    /// Returns the first record that is still kept, or None if there is no record.
    ///
    /// # Errors
    /// Returns an error of the medium.
    fn first_record(&self) -> io::Result<Option<u64>>;

    /// Returns true if the log contains exactly the frame of the anchor.
    ///
    /// # Errors
    /// Returns an error of the medium.
    fn contains(&self, anchor: &Anchor) -> io::Result<bool>;

    /// Removes old frames: keeps at least `keep_bytes` of the log and everything from the anchor.
    ///
    /// # Errors
    /// Returns an error of the medium.
    fn remove_before(&self, anchor: &Anchor, keep_bytes: u64) -> io::Result<()>;

    /// Returns the folder that holds the shard's snapshots.
    fn folder(&self) -> &dyn Storage;
}

/// What a log promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTraits {
    /// A frame is durable when [`FrameLog::append`] returns; [`FrameLog::sync`] is for the copy.
    pub durable_at_once: bool,
    /// Every appended frame can be read here.
    pub readable: bool,
    /// Size of the records at which a round ends, bytes.
    pub frame_bytes_soft: usize,
}

/// The appending end of a log. One writer owns it.
pub trait FrameLog: Send {
    /// Prepares for appending a frame with this header, whose `durable` field is not yet set.
    /// Returns true if that made all earlier frames durable.
    ///
    /// # Errors
    /// Returns an [`AppendError`]; the log is then unusable.
    fn prepare(&mut self, header: &FrameHeader) -> Result<bool, AppendError>;

    /// Appends a sealed frame. It is durable after the next [`FrameLog::sync`], or already when
    /// this returns.
    ///
    /// # Errors
    /// Returns an [`AppendError`]; the content of the log is then unknown.
    fn append(&mut self, header: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError>;

    /// Appends a sealed frame. It is durable when this returns.
    ///
    /// # Errors
    /// As for [`FrameLog::append`].
    fn append_durably(&mut self, header: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError> {
        self.append(header, sealed)?;
        self.sync()
    }

    /// Takes a frame into the copy that another server has appended to the log.
    ///
    /// # Errors
    /// As for [`FrameLog::append`]; always, if the log is no copy of anything.
    fn follow(&mut self, header: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError> {
        let _ = (header, sealed);
        Err(io::Error::other("this log is not shared").into())
    }

    /// Returns what the log promises.
    fn traits(&self) -> LogTraits {
        LogTraits { durable_at_once: false, readable: true, frame_bytes_soft: FRAME_BYTES_SOFT }
    }

    /// Makes all appended frames durable.
    ///
    /// # Errors
    /// As for [`FrameLog::append`].
    fn sync(&mut self) -> Result<(), AppendError>;

    /// Returns the location of the frame appended last; None before the first one, or after a
    /// change of segment.
    fn last_place(&self) -> Option<Place>;

    /// Returns true if the medium has little free space.
    ///
    /// # Errors
    /// Returns an [`AppendError`] if the medium is gone.
    fn check_free_space(&mut self) -> Result<bool, AppendError>;
}

/// Reads frames in order and checks each frame's place in the chain.
pub trait FrameReader: Send {
    /// Returns the next frame, or None at the end. Must not be called again after an error.
    ///
    /// # Errors
    /// Returns a [`ReadError`] with the position.
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError>;
}

/// Reason why a frame was not appended. The shard must then stop deciding.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The medium failed. The frame may or may not be stored.
    #[error("{0}")]
    Failed(#[from] io::Error),
    /// Another server owns the log: the frame is not stored and never will be.
    #[error("another server owns the log")]
    Fenced(Fence),
    /// The log did not answer. The frame may be stored, now or later.
    #[error("the log did not answer for {} s", LOG_PATIENCE.as_secs())]
    GaveUp,
}

/// The frame that another server has appended first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    /// Its epoch.
    pub epoch: u64,
    /// The server that took over with it, if it says so.
    pub owner: Option<Box<Owner>>,
}

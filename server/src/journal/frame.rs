//! Frames: a header of fixed size, records, and a checksum over both. All integers are
//! little-endian.

use super::records::RecordWriter;
use crate::engine::{Record, UserId};
use crate::limits::FRAME_BYTES_MAX;

/// "DTJF".
const MAGIC: u32 = u32::from_le_bytes(*b"DTJF");
/// Format version of the frames that are written. It determines the format of their records.
pub(super) const VERSION: u16 = 2;
/// First format version. Its frames differ in their records only, which are postcard's.
pub(super) const VERSION_1: u16 = 1;
/// Size of the header, bytes.
pub(super) const HEADER_BYTES: usize = 60;
/// Size of the checksum after the records, bytes.
pub(super) const TRAILER_BYTES: usize = 4;

/// Header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Format version, from 1.
    pub version: u16,
    /// Shard that wrote the frame.
    pub shard: u16,
    /// Number of the server start that wrote the frame, from 1.
    pub epoch: u64,
    /// Frame number within the shard, from 1.
    pub number: u64,
    /// Number of its first record within the shard, from 1.
    pub first_record: u64,
    /// Time of all its records, Unix milliseconds. It is never less than that of the previous
    /// frame.
    pub time_ms: u64,
    /// Number of records.
    pub records: u32,
    /// Size of the records, bytes.
    pub payload_bytes: u32,
    /// Checksum of the previous frame, 0 for the first.
    pub chain: u32,
    /// Number of the last frame known to be durable when this one was written. Under `--fsync
    /// always` this is the previous frame.
    pub durable: u64,
}

/// Reason why bytes are not the expected frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes end before the end of the frame.
    #[error("the frame is cut short")]
    Short,
    /// No frame begins here.
    #[error("no frame begins here")]
    Magic,
    /// The length exceeds the maximum of a frame.
    #[error("the frame's length is impossible")]
    Length,
    /// The checksum does not match.
    #[error("the frame's checksum does not match")]
    Checksum,
    /// The frame is whole, but its format version is unknown.
    #[error("the frame has format version {0}; this program knows up to {VERSION}")]
    Version(u16),
    /// The frame is whole, but belongs to another shard.
    #[error("the frame belongs to shard {0}")]
    Shard(u16),
    /// The frame is whole, but its numbers do not follow those of the previous frame.
    #[error("frame {0} does not follow the one before it")]
    Gap(u64),
    /// The frame is whole, but was written after a different frame.
    #[error("frame {0} was written after a different frame than the one before it")]
    Chain(u64),
    /// The checksum matches, but the records cannot be decoded: a defect, not damage.
    #[error("a record of frame {0} cannot be read")]
    Record(u64),
}

impl Fault {
    /// Returns true if an interrupted write can cause this fault.
    pub const fn may_be_torn(self) -> bool {
        matches!(self, Self::Short | Self::Magic | Self::Length | Self::Checksum)
    }
}

impl FrameHeader {
    /// Returns the size of the whole frame, bytes.
    pub const fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes as usize + TRAILER_BYTES
    }

    #[expect(clippy::indexing_slicing, reason = "the header has its size")]
    fn write_to(&self, out: &mut [u8]) {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC.to_le_bytes());
        put(&self.version.to_le_bytes());
        put(&self.shard.to_le_bytes());
        put(&self.epoch.to_le_bytes());
        put(&self.number.to_le_bytes());
        put(&self.first_record.to_le_bytes());
        put(&self.time_ms.to_le_bytes());
        put(&self.records.to_le_bytes());
        put(&self.payload_bytes.to_le_bytes());
        put(&self.chain.to_le_bytes());
        put(&self.durable.to_le_bytes());
        debug_assert_eq!(at, HEADER_BYTES);
    }

    /// Parses the header at the start of `bytes`. Checks only the magic and the length.
    pub(super) fn peek(bytes: &[u8]) -> Result<Self, Fault> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Fault::Short)?;
        let (u16_at, u32_at, u64_at) = (le_u16(header), le_u32(header), le_u64(header));
        if u32_at(0) != MAGIC {
            return Err(Fault::Magic);
        }
        let parsed = Self {
            version: u16_at(4),
            shard: u16_at(6),
            epoch: u64_at(8),
            number: u64_at(16),
            first_record: u64_at(24),
            time_ms: u64_at(32),
            records: u32_at(40),
            payload_bytes: u32_at(44),
            chain: u32_at(48),
            durable: u64_at(52),
        };
        if parsed.frame_bytes() > FRAME_BYTES_MAX {
            return Err(Fault::Length);
        }
        Ok(parsed)
    }

    /// Parses and checks the frame at the start of `bytes`. Returns header, records and checksum.
    #[expect(clippy::indexing_slicing, reason = "the header has its size")]
    pub(in crate::journal) fn parse(bytes: &[u8]) -> Result<(Self, &[u8], u32), Fault> {
        let header = Self::peek(bytes)?;
        let frame = bytes.get(..header.frame_bytes()).ok_or(Fault::Short)?;
        let (body, trailer) = frame.split_at(frame.len() - TRAILER_BYTES);
        let checksum = crc32fast::hash(body);
        if trailer != checksum.to_le_bytes() {
            return Err(Fault::Checksum);
        }
        if !is_known(header.version) {
            return Err(Fault::Version(header.version));
        }
        Ok((header, &body[HEADER_BYTES..], checksum))
    }
}

/// Returns true if this program can read that format version.
pub(super) const fn is_known(version: u16) -> bool {
    matches!(version, VERSION_1 | VERSION)
}

pub(super) fn le_u16(bytes: &[u8]) -> impl Fn(usize) -> u16 + '_ {
    |at| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u16::from_le_bytes(*b))
}

pub(super) fn le_u32(bytes: &[u8]) -> impl Fn(usize) -> u32 + '_ {
    |at| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u32::from_le_bytes(*b))
}

pub(super) fn le_u64(bytes: &[u8]) -> impl Fn(usize) -> u64 + '_ {
    |at| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_le_bytes(*b))
}

/// Completes a frame: fills in the header in front of the records and appends the checksum, which
/// is returned.
#[expect(clippy::indexing_slicing, reason = "the header has its size")]
pub(super) fn seal(header: &FrameHeader, bytes: &mut Vec<u8>) -> u32 {
    header.write_to(&mut bytes[..HEADER_BYTES]);
    let checksum = crc32fast::hash(bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    checksum
}

/// Collects the records of one frame in a reusable buffer.
#[derive(Debug)]
pub struct FrameBuilder {
    /// Space for the header, the records and spare bytes.
    bytes: Vec<u8>,
    /// Offset after the last record.
    end: usize,
    records: u32,
    writer: RecordWriter,
}

impl Default for FrameBuilder {
    fn default() -> Self {
        let writer = RecordWriter::default();
        Self { bytes: vec![0; HEADER_BYTES], end: HEADER_BYTES, records: 0, writer }
    }
}

impl FrameBuilder {
    /// Adds a record. `user` is the index of the record's user in the accounts, if there is one.
    /// All records of a frame must use the same accounts.
    pub fn push(&mut self, record: &Record, user: Option<UserId>) {
        self.end = self.writer.write(record, user, &mut self.bytes, self.end);
        self.records += 1;
    }

    /// Returns the number of records.
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// Returns true if there are no records.
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Returns the size of the records, bytes.
    pub const fn payload_bytes(&self) -> usize {
        self.end - HEADER_BYTES
    }

    /// Completes the frame with its header and checksum. Returns the bytes to write and the
    /// checksum.
    pub(super) fn seal(&mut self, header: &FrameHeader) -> (&[u8], u32) {
        debug_assert_eq!(header.payload_bytes as usize, self.payload_bytes());
        self.bytes.truncate(self.end);
        let checksum = seal(header, &mut self.bytes);
        (&self.bytes, checksum)
    }

    /// Removes all records.
    pub(super) fn clear(&mut self) {
        self.end = HEADER_BYTES;
        self.records = 0;
        self.writer.clear();
    }
}

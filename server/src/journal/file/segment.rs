//! Segments: files of frames. The header of each segment links it to the previous one.

use crate::journal::fault::SegmentFault;
use crate::journal::frame::{is_known, le_u16, le_u32, le_u64};

/// Size of the header, bytes.
pub(super) const SEGMENT_HEADER_BYTES: usize = 40;
const MAGIC: [u8; 8] = *b"DTJSEGMT";
const SUFFIX: &str = ".journal";

/// Returns the name of the segment that begins with this record. Names sort in record order.
pub fn segment_name(first_record: u64) -> String {
    format!("{first_record:020}{SUFFIX}")
}

/// Returns true if a file name is that of a segment.
pub(super) fn is_segment(name: &str) -> bool {
    name.strip_suffix(SUFFIX)
        .is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Format version of the segment and of its frames.
    pub version: u16,
    pub shard: u16,
    /// Number of its first record.
    pub first_record: u64,
    /// Number of its first frame.
    pub first_frame: u64,
    /// Checksum of the last frame of the previous segment, 0 for the first.
    pub chain: u32,
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&self.version.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.shard.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_record.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_frame.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.chain.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..36]);
        bytes[36..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Parses and checks a header.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, SegmentFault> {
        let bytes: &[u8; SEGMENT_HEADER_BYTES] =
            bytes.first_chunk().ok_or(SegmentFault::Damaged)?;
        if bytes[..8] != MAGIC || bytes[36..] != crc32fast::hash(&bytes[..36]).to_le_bytes() {
            return Err(SegmentFault::Damaged);
        }
        let version = le_u16(bytes)(8);
        if !is_known(version) {
            return Err(SegmentFault::Version(version));
        }
        Ok(Self {
            version,
            shard: le_u16(bytes)(10),
            first_record: le_u64(bytes)(16),
            first_frame: le_u64(bytes)(24),
            chain: le_u32(bytes)(32),
        })
    }
}

/// Returns the header of a shard's first segment.
#[cfg(feature = "test-support")]
pub(in crate::journal) fn segment_header(version: u16, shard: u16) -> [u8; SEGMENT_HEADER_BYTES] {
    SegmentHeader { version, shard, first_record: 1, first_frame: 1, chain: 0 }.to_bytes()
}

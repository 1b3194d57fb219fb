//! Segments: files of frames with a header that ties each to the one before.

use super::frame::{VERSION, le_u16, le_u32, le_u64};

/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER_BYTES: usize = 40;
const MAGIC: [u8; 8] = *b"DTJSEGMT";
const SUFFIX: &str = ".journal";

/// The name of the segment that begins with this record; names sort as the records do.
pub fn segment_name(first_record: u64) -> String {
    format!("{first_record:020}{SUFFIX}")
}

/// Whether a file's name is a segment's.
pub(super) fn is_segment(name: &str) -> bool {
    name.strip_suffix(SUFFIX).is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// What stands before the frames of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub shard: u16,
    /// The record its first frame begins with.
    pub first_record: u64,
    /// The number of its first frame.
    pub first_frame: u64,
    /// The checksum of the last frame of the segment before, 0 for the first.
    pub chain: u32,
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.shard.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_record.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_frame.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.chain.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..36]);
        bytes[36..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// None when the bytes are no whole header; the version, when it is one that this program does not know.
    pub(super) fn parse(bytes: &[u8]) -> Option<Result<Self, u16>> {
        let bytes: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk()?;
        if bytes[..8] != MAGIC || bytes[36..] != crc32fast::hash(&bytes[..36]).to_le_bytes() {
            return None;
        }
        let version = le_u16(bytes)(8);
        if version != VERSION {
            return Some(Err(version));
        }
        Some(Ok(Self {
            shard: le_u16(bytes)(10),
            first_record: le_u64(bytes)(16),
            first_frame: le_u64(bytes)(24),
            chain: le_u32(bytes)(32),
        }))
    }
}

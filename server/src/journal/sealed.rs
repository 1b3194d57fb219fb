//! Segments with correct headers and checksums around any records, for tests: recovery reads such
//! records, while random bytes fail at the first checksum.

use super::file::segment_header;
use super::frame::{FrameHeader, HEADER_BYTES, seal};

/// One frame of such a segment.
#[derive(Clone, Debug)]
pub struct SealedFrame {
    /// Format version.
    pub version: u16,
    /// Number of records that the header states.
    pub records: u32,
    /// The bytes of the records.
    pub payload: Vec<u8>,
}

/// Returns the first segment of a shard with these frames, numbered and chained as a writer does.
pub fn sealed_segment(shard: u16, version: u16, frames: &[SealedFrame]) -> Vec<u8> {
    let mut bytes = segment_header(version, shard).to_vec();
    let (mut first_record, mut chain) = (1, 0);
    for (index, frame) in frames.iter().enumerate() {
        let header = FrameHeader {
            version: frame.version,
            shard,
            epoch: 1,
            number: index as u64 + 1,
            first_record,
            time_ms: 1_000,
            records: frame.records,
            payload_bytes: frame.payload.len() as u32,
            chain,
            durable: index as u64,
        };
        let mut sealed = vec![0; HEADER_BYTES];
        sealed.extend_from_slice(&frame.payload);
        chain = seal(&header, &mut sealed);
        bytes.extend_from_slice(&sealed);
        first_record += u64::from(frame.records);
    }
    bytes
}

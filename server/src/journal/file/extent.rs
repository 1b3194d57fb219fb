//! How far a log goes up to a moment, as files that can be copied.

use super::reader::SegmentReader;
use crate::journal::fault::ReadError;
use crate::journal::frame_log::{FrameReader as _, Start};
use crate::journal::storage::Storage;

/// The part of a log up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its segments, and how many bytes of each belong to it.
    pub segments: Vec<(String, u64)>,
    /// Number of the last frame, or 0.
    pub frame: u64,
    /// Number of the last record, or 0.
    pub record: u64,
    /// Number of the first record that is kept.
    pub first_record: u64,
}

/// The last moment of a part of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Until {
    /// Number of its last frame; None for the last one there is.
    pub frame: Option<u64>,
    /// Time of its last frame, Unix milliseconds; None for any.
    pub time_ms: Option<u64>,
}

/// Finds the part of a shard's log up to a moment, and checks every frame in it. The log may be
/// appended to meanwhile if `until` names a frame.
///
/// # Errors
/// The first damage, with file and offset.
pub(crate) fn extent(storage: &dyn Storage, shard: u16, until: Until) -> Result<Extent, ReadError> {
    let mut reader = SegmentReader::new(storage, shard, Start::FirstKept, until.frame)?;
    let mut extent = Extent::default();
    loop {
        let header = match reader.next_frame()? {
            None => return Ok(extent),
            Some(frame) => frame.header,
        };
        if until.time_ms.is_some_and(|time_ms| header.time_ms > time_ms) {
            return Ok(extent);
        }
        if extent.frame == 0 {
            extent.first_record = header.first_record;
        }
        extent.frame = header.number;
        extent.record = header.first_record + u64::from(header.records) - 1;
        if let Some((name, end)) = reader.place() {
            match extent.segments.last_mut() {
                Some((last, bytes)) if last == name => *bytes = end,
                _ => extent.segments.push((name.to_owned(), end)),
            }
        }
    }
}

//! How far a log goes up to a moment, as files that can be copied.

use super::reader::SegmentReader;
use crate::journal::frame_log::{FrameReader as _, Start};
use crate::journal::storage::Storage;

/// The part of a log up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
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

/// Takes the name of a segment, and how many bytes of it belong to the part.
pub(crate) type TakeSegment<'a> = &'a mut dyn FnMut(&str, u64) -> anyhow::Result<()>;

/// Finds the part of a shard's log up to a moment, checks every frame in it, and gives away each
/// segment once its frames were read. The log may be appended to meanwhile if `until` names a
/// frame.
///
/// # Errors
/// The first damage, with file and offset, or the error of `take`.
pub(crate) fn extent(
    storage: &dyn Storage,
    shard: u16,
    until: Until,
    take: TakeSegment<'_>,
) -> anyhow::Result<Extent> {
    let mut reader = SegmentReader::new(storage, shard, Start::FirstKept, until.frame)?;
    let mut extent = Extent::default();
    let mut segment: Option<(String, u64)> = None;
    while let Some(frame) = reader.next_frame()? {
        let header = frame.header;
        if until.time_ms.is_some_and(|time_ms| header.time_ms > time_ms) {
            break;
        }
        if extent.frame == 0 {
            extent.first_record = header.first_record;
        }
        extent.frame = header.number;
        extent.record = header.first_record + u64::from(header.records) - 1;
        if let Some((name, end)) = reader.place() {
            match &mut segment {
                Some((last, bytes)) if last == name => *bytes = end,
                _ => {
                    if let Some((last, bytes)) = segment.replace((name.to_owned(), end)) {
                        take(&last, bytes)?;
                    }
                }
            }
        }
    }
    if let Some((last, bytes)) = segment {
        take(&last, bytes)?;
    }
    Ok(extent)
}

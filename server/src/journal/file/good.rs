//! How far a log is without a fault, whatever follows.

use super::reader::SegmentReader;
use crate::journal::fault::ReadError;
use crate::journal::frame_log::{FrameReader as _, Start};
use crate::journal::storage::Storage;

/// The end of the part of a log that is without a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::journal) struct LastGood {
    /// Number of the last frame, or 0.
    pub frame: u64,
    /// Number of the last record, or 0.
    pub record: u64,
    /// The segment of that frame, and the offset after it; None if there is no frame.
    pub segment: Option<(String, u64)>,
}

/// Reads a log up to the first fault.
///
/// # Errors
/// Only if the medium fails.
pub(in crate::journal) fn last_good(
    storage: &dyn Storage,
    shard: u16,
) -> Result<LastGood, ReadError> {
    let mut reader = SegmentReader::new(storage, shard, Start::FirstKept, None)?;
    let mut good = LastGood::default();
    loop {
        let header = match reader.next_frame() {
            Ok(Some(frame)) if frame.each_record(|_, _| {}).is_ok() => frame.header,
            Err(error @ ReadError::Io { .. }) => return Err(error),
            _ => return Ok(good),
        };
        good.frame = header.number;
        good.record = header.first_record + u64::from(header.records) - 1;
        good.segment = reader.place().map(|(name, end)| (name.to_owned(), end));
    }
}

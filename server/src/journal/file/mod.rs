//! The log of a shard as a folder of segments: files of frames, named by their first record.
//!
//! The format is docs/JOURNAL.md.

#[cfg(feature = "remote")]
mod extent;
mod good;
mod reader;
mod recovery;
mod segment;
mod writer;

#[cfg(feature = "remote")]
pub(crate) use extent::{Extent, Until, extent};
pub(super) use good::last_good;
pub use recovery::recover;
#[cfg(feature = "test-support")]
pub(super) use segment::segment_header;
pub use segment::segment_name;
pub use writer::FileOptions;

use super::fault::{ReadError, RecoveryError};
use super::frame::FrameHeader;
use super::frame_log::{Anchor, FrameLog, FrameReader, LogStore, Recovered, Start, TakeRecord};
use super::storage::{Storage, read_exact};
use reader::{SegmentReader, first_kept, segments};
use std::io;
use std::sync::Arc;
use writer::FileLog;

/// The log of a shard in a folder.
pub struct FileStore {
    storage: Arc<dyn Storage>,
    shard: u16,
    options: FileOptions,
}

impl FileStore {
    /// Creates the store of a shard's folder, which must exist.
    pub fn new(storage: Arc<dyn Storage>, shard: u16, options: FileOptions) -> Self {
        Self { storage, shard, options }
    }
}

impl LogStore for FileStore {
    fn recover(
        &self,
        start: Start<'_>,
        repair: bool,
        take: TakeRecord<'_>,
    ) -> Result<Recovered, RecoveryError> {
        recover(&*self.storage, self.shard, start, repair, take)
    }

    fn open(&self, end: &Recovered) -> io::Result<Box<dyn FrameLog>> {
        let log = FileLog::open(Arc::clone(&self.storage), self.shard, self.options, end)?;
        Ok(Box::new(log))
    }

    fn read_from<'a>(
        &'a self,
        start: Start<'_>,
        until: Option<u64>,
    ) -> Result<Box<dyn FrameReader + 'a>, ReadError> {
        Ok(Box::new(SegmentReader::new(&*self.storage, self.shard, start, until)?))
    }

    fn first_record(&self) -> io::Result<Option<u64>> {
        first_kept(&*self.storage)
    }

    fn contains(&self, anchor: &Anchor) -> io::Result<bool> {
        let place = anchor.place;
        let file = match self.storage.open(&segment_name(place.segment)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let rest = file.size()?.saturating_sub(place.begin);
        let bytes = place.end.saturating_sub(place.begin).min(rest);
        let mut frame = vec![0; usize::try_from(bytes).unwrap_or(0)];
        if !read_exact(&*file, &mut frame, place.begin)? {
            return Ok(false);
        }
        Ok(FrameHeader::parse(&frame).is_ok_and(|(header, _, checksum)| {
            header.shard == self.shard
                && header.number == anchor.frame
                && header.first_record + u64::from(header.records) == anchor.record + 1
                && checksum == anchor.chain
                && place.begin + header.frame_bytes() as u64 == place.end
        }))
    }

    fn remove_before(&self, anchor: &Anchor, keep_bytes: u64) -> io::Result<()> {
        let storage = &*self.storage;
        let needed = segment_name(anchor.place.segment);
        let mut listed = Vec::new();
        for name in segments(storage)? {
            let bytes = storage.open(&name)?.size()?;
            listed.push((name, bytes));
        }
        let mut kept: u64 = listed.iter().map(|(_, bytes)| bytes).sum();
        for (name, bytes) in listed {
            if name >= needed || kept - bytes < keep_bytes {
                break;
            }
            storage.remove(&name)?;
            storage.sync_folder()?;
            kept -= bytes;
            tracing::info!(shard = self.shard, file = name, "removed a segment past the retention");
        }
        Ok(())
    }

    fn folder(&self) -> &dyn Storage {
        &*self.storage
    }
}

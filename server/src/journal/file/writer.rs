//! Appends frames to segments.

use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_name};
use crate::journal::frame::{FrameHeader, VERSION};
use crate::journal::frame_log::{AppendError, FrameLog, Place, Recovered, SegmentEnd};
use crate::journal::fs_file::APPEND_BYTES_MAX;
use crate::journal::storage::{FileIdentity, FileStatus, Storage, StorageFile, read_exact};
use std::io;
use std::sync::Arc;

/// Sizes of a log in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// A segment is closed before it would grow beyond this.
    pub segment_bytes_max: u64,
    /// Free disk space below which the log reports little free space.
    pub free_bytes_min: u64,
    /// Space that is filled with zeros ahead of small frames, so that a sync writes data and no new
    /// file size.
    pub fill_bytes: u64,
}

/// No space is filled for a frame of at least this size: it changes the file size itself.
const SMALL_FRAMES_BELOW_BYTES: usize = APPEND_BYTES_MAX;

struct OpenSegment {
    /// Format version. A segment of an earlier version is closed before the next frame.
    version: u16,
    file: Box<dyn StorageFile>,
    identity: FileIdentity,
    first_record: u64,
    offset: u64,
    /// Offset of the last frame; None before this process has appended one.
    last_frame: Option<u64>,
    /// Offset up to which the file holds frames or zeros.
    filled: u64,
}

impl OpenSegment {
    /// Fills the file with zeros ahead of a small frame. Returns true if it was necessary.
    fn fill_for(&mut self, sealed: &[u8], fill_bytes: u64) -> io::Result<bool> {
        let end = self.offset + sealed.len() as u64;
        let fill = end > self.filled && sealed.len() < SMALL_FRAMES_BELOW_BYTES;
        if fill {
            self.file.write_all_at(&vec![0; fill_bytes as usize], end)?;
            self.filled = end + fill_bytes;
        }
        Ok(fill)
    }

    /// Notes a frame that was written at the end.
    fn note_appended(&mut self, sealed: &[u8]) {
        self.last_frame = Some(self.offset);
        self.offset += sealed.len() as u64;
        self.filled = self.filled.max(self.offset);
    }
}

/// The appending end of a log in a folder.
pub(super) struct FileLog {
    storage: Arc<dyn Storage>,
    shard: u16,
    options: FileOptions,
    segment: Option<OpenSegment>,
    /// True while the last frame is not synced.
    unsynced: bool,
    /// True if the disk has little free space.
    low: bool,
}

impl FileLog {
    /// Opens the log after its recovered end.
    pub(super) fn open(
        storage: Arc<dyn Storage>,
        shard: u16,
        options: FileOptions,
        end: &Recovered,
    ) -> io::Result<Self> {
        let segment = match &end.segment {
            None => None,
            Some(segment) => reopen(&*storage, segment, end.chain)?,
        };
        Ok(Self { storage, shard, options, segment, unsynced: false, low: false })
    }

    fn open_segment(&mut self) -> io::Result<&mut OpenSegment> {
        self.segment.as_mut().ok_or_else(|| io::Error::other("no segment is open"))
    }

    /// Closes the segment, without the zeros after its last frame, and begins the next one: writes
    /// and syncs its header, then syncs the folder.
    fn begin_segment(&mut self, header: &FrameHeader) -> io::Result<bool> {
        let closed = self.segment.take();
        if let Some(full) = &closed {
            full.file.set_len(full.offset)?;
            full.file.sync()?;
            self.unsynced = false;
        }
        let FrameHeader { version, first_record, number, chain, .. } = *header;
        let file = self.storage.create(&segment_name(first_record))?;
        let header =
            SegmentHeader { version, shard: self.shard, first_record, first_frame: number, chain };
        file.write_all_at(&header.to_bytes(), 0)?;
        file.sync()?;
        self.storage.sync_folder()?;
        let offset = SEGMENT_HEADER_BYTES as u64;
        let (identity, last_frame, filled) = (file.identity()?, None, offset);
        self.segment =
            Some(OpenSegment { version, file, identity, first_record, offset, last_frame, filled });
        Ok(closed.is_some())
    }
}

/// Opens the segment in which a log ended and makes it durable. Returns None if it has to be begun
/// again: it has no frame yet and an earlier format.
fn reopen(
    storage: &dyn Storage,
    segment: &SegmentEnd,
    chain: u32,
) -> io::Result<Option<OpenSegment>> {
    let file = storage.open(&segment.name)?;
    let mut header = [0; SEGMENT_HEADER_BYTES];
    read_exact(&*file, &mut header, 0)?;
    let header = SegmentHeader::parse(&header).map_err(io::Error::other)?;
    if header.version != VERSION && segment.end == SEGMENT_HEADER_BYTES as u64 {
        storage.remove(&segment.name)?;
        storage.sync_folder()?;
        return Ok(None);
    }
    make_durable(&*file, segment, chain)?;
    storage.sync_folder()?;
    Ok(Some(OpenSegment {
        version: header.version,
        identity: file.identity()?,
        file,
        first_record: header.first_record,
        offset: segment.end,
        last_frame: None,
        filled: segment.end,
    }))
}

/// Writes the last frames of a segment again, as far as they may be in the system's cache only, and
/// syncs them. After a failed sync Linux considers the written pages clean: reads return them, but
/// a later sync returns without storing them.
///
/// # Errors
/// Returns an error of the file system, or `InvalidData` if the bytes are not those that recovery
/// has read.
fn make_durable(file: &dyn StorageFile, segment: &SegmentEnd, chain: u32) -> io::Result<()> {
    let bytes = usize::try_from(segment.end - segment.durable).map_err(io::Error::other)?;
    let mut tail = vec![0; bytes];
    let read = read_exact(file, &mut tail, segment.durable)?;
    if !read || !ends_with(&tail, segment, chain) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "reads differ from recovery's"));
    }
    file.set_len(segment.end)?;
    if bytes > 0 {
        file.write_all_at(&tail, segment.durable)?;
    }
    file.sync()
}

/// Returns true if the bytes are whole frames whose last one has this checksum, or a segment's
/// header.
#[expect(clippy::indexing_slicing, reason = "a frame that was parsed is within the bytes")]
fn ends_with(tail: &[u8], segment: &SegmentEnd, chain: u32) -> bool {
    if segment.durable == 0 {
        return SegmentHeader::parse(tail).is_ok_and(|header| header.chain == chain);
    }
    let (mut rest, mut last) = (tail, chain);
    while !rest.is_empty() {
        let Ok((header, _, checksum)) = FrameHeader::parse(rest) else { return false };
        last = checksum;
        rest = &rest[header.frame_bytes()..];
    }
    last == chain
}

impl FrameLog for FileLog {
    fn prepare(&mut self, header: &FrameHeader) -> Result<bool, AppendError> {
        let end = |open: &OpenSegment| open.offset + header.frame_bytes() as u64;
        let fits = |open: &OpenSegment| {
            open.version == header.version && end(open) <= self.options.segment_bytes_max
        };
        if self.segment.as_ref().is_some_and(fits) {
            return Ok(false);
        }
        Ok(self.begin_segment(header)?)
    }

    fn append(&mut self, _: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError> {
        let (low, options) = (self.low, self.options);
        let open = self.open_segment()?;
        if !low {
            open.fill_for(sealed, options.fill_bytes)?;
        }
        open.file.write_all_at(sealed, open.offset)?;
        open.note_appended(sealed);
        self.unsynced = true;
        Ok(())
    }

    fn append_durably(&mut self, header: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError> {
        // A large frame goes through the system's cache, where a reader finds it. So does one
        // without filled space, and one after frames that no sync has stored.
        if sealed.len() >= SMALL_FRAMES_BELOW_BYTES || self.low || self.unsynced {
            self.append(header, sealed)?;
            return self.sync();
        }
        let fill_bytes = self.options.fill_bytes;
        let open = self.open_segment()?;
        if open.fill_for(sealed, fill_bytes)? {
            open.file.sync()?;
        }
        open.file.append_durably(sealed, open.offset)?;
        open.note_appended(sealed);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AppendError> {
        if let (true, Some(open)) = (self.unsynced, &self.segment) {
            open.file.sync()?;
        }
        self.unsynced = false;
        Ok(())
    }

    fn last_place(&self) -> Option<Place> {
        let open = self.segment.as_ref()?;
        let begin = open.last_frame?;
        Some(Place { segment: open.first_record, begin, end: open.offset })
    }

    fn check_free_space(&mut self) -> Result<bool, AppendError> {
        self.low = self.storage.free_bytes()? < self.options.free_bytes_min;
        if let Some(open) = &self.segment {
            let name = segment_name(open.first_record);
            let is_whole =
                |there: FileStatus| there.identity == open.identity && there.bytes >= open.offset;
            if !self.storage.status(&name).is_ok_and(is_whole) {
                let name = self.storage.describe(&name);
                let message =
                    format!("{name} was removed, replaced or cut while the server was running");
                return Err(io::Error::other(message).into());
            }
        }
        Ok(self.low)
    }
}

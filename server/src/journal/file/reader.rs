//! Reads frames in order and in bounded memory, and checks each frame's place in the chain.

#![expect(clippy::indexing_slicing, reason = "the buffer holds what was read into it")]

use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, is_segment, segment_name};
use crate::journal::fault::{ReadError, SegmentFault};
use crate::journal::frame::{Fault, FrameHeader, HEADER_BYTES};
use crate::journal::frame_log::{Frame, FrameReader, Start};
use crate::journal::storage::{Storage, StorageFile};
use std::io;

/// Size of one read, bytes. A longer frame grows the buffer to its own length.
const READ_BYTES: usize = 1 << 20;

/// A page of preallocated space, for comparison.
const ZEROS: [u8; 4096] = [0; 4096];

/// The numbers and the checksum that the next frame must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub frame: u64,
    pub record: u64,
    pub chain: u32,
}

/// Reads the journal of one shard.
pub(super) struct SegmentReader<'a> {
    storage: &'a dyn Storage,
    shard: u16,
    segments: Vec<String>,
    next_segment: usize,
    open: Option<OpenSegment>,
    expected: Expected,
    until: Option<u64>,
    /// Offset to enter the next segment at, if not at its first frame.
    enter_at: Option<u64>,
    /// The next segment may begin at any record.
    first_kept: bool,
}

struct OpenSegment {
    name: String,
    file: Box<dyn StorageFile>,
    /// Bytes of the file from `offset`, as far as they have been read.
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    end_of_file: bool,
    /// Buffer for one read, before the bytes are appended to `buffer`.
    scratch: Vec<u8>,
}

/// Lists the segments of a folder, in order.
///
/// # Errors
/// Returns an error of the file system.
pub(super) fn segments(storage: &dyn Storage) -> io::Result<Vec<String>> {
    let mut names: Vec<_> = storage.list()?.into_iter().filter(|name| is_segment(name)).collect();
    names.sort_unstable();
    Ok(names)
}

/// Returns the number of the first record that is still kept, or None if there is no segment.
///
/// # Errors
/// Returns an error of the file system.
pub(super) fn first_kept(storage: &dyn Storage) -> io::Result<Option<u64>> {
    let first = segments(storage)?.into_iter().next();
    Ok(first.and_then(|name| name.split('.').next().and_then(|digits| digits.parse().ok())))
}

/// Returns the index of the last segment that begins before a time, or else 0. Times never go back
/// within a journal. A segment whose first frame cannot be read is skipped here.
fn first_to_read(storage: &dyn Storage, segments: &[String], time_ms: u64) -> io::Result<usize> {
    for (at, name) in segments.iter().enumerate().rev() {
        let mut header = [0; HEADER_BYTES];
        let read = storage.open(name)?.read_at(&mut header, SEGMENT_HEADER_BYTES as u64)?;
        let first = header.get(..read).and_then(|bytes| FrameHeader::peek(bytes).ok());
        if first.is_some_and(|frame| frame.time_ms < time_ms) {
            return Ok(at);
        }
    }
    Ok(0)
}

impl<'a> SegmentReader<'a> {
    /// Creates a reader from `start` to `until`, or to the end of the journal.
    ///
    /// # Errors
    /// Returns [`ReadError::Io`] if the folder cannot be listed.
    pub(super) fn new(
        storage: &'a dyn Storage,
        shard: u16,
        start: Start<'_>,
        until: Option<u64>,
    ) -> Result<Self, ReadError> {
        let io = |error| ReadError::Io { file: storage.describe(""), error };
        let mut listed = segments(storage).map_err(io)?;
        let (mut expected, mut enter_at) = (Expected { frame: 1, record: 1, chain: 0 }, None);
        if let Start::After(anchor) = start {
            listed.retain(|name| *name >= segment_name(anchor.place.segment));
            expected = Expected {
                frame: anchor.frame + 1,
                record: anchor.record + 1,
                chain: anchor.chain,
            };
            enter_at = Some(anchor.place.end);
        }
        if let Start::Since(time_ms) = start {
            let first = first_to_read(storage, &listed, time_ms).map_err(io)?;
            listed.drain(..first);
        }
        let first_kept = matches!(start, Start::FirstKept | Start::Since(_));
        Ok(Self {
            storage,
            shard,
            segments: listed,
            next_segment: 0,
            open: None,
            expected,
            until,
            enter_at,
            first_kept,
        })
    }

    /// Returns the numbers and the checksum that the next frame must have.
    pub(super) const fn expected(&self) -> Expected {
        self.expected
    }

    /// Returns the segment being read and the offset after its last good frame.
    pub(super) fn place(&self) -> Option<(&str, u64)> {
        self.open.as_ref().map(|open| (open.name.as_str(), open.offset))
    }

    /// Returns true if the segment being read is the last one.
    pub(super) const fn in_last_segment(&self) -> bool {
        self.next_segment == self.segments.len()
    }

    /// Opens the next segment and checks its header. Returns false if there is no further segment.
    fn open_next(&mut self) -> Result<bool, ReadError> {
        let Some(name) = self.segments.get(self.next_segment).cloned() else { return Ok(false) };
        self.next_segment += 1;
        let describe = || self.storage.describe(&name);
        let io = |error| ReadError::Io { file: describe(), error };
        let file = self.storage.open(&name).map_err(io)?;
        let mut open = OpenSegment {
            name: name.clone(),
            file,
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            end_of_file: false,
            scratch: vec![0; READ_BYTES],
        };
        open.fill(SEGMENT_HEADER_BYTES).map_err(io)?;
        let checked =
            SegmentHeader::parse(&open.buffer).and_then(|header| self.check_segment(&name, header));
        if let Err(fault) = checked {
            return Err(ReadError::Segment { file: describe(), fault });
        }
        open.start = SEGMENT_HEADER_BYTES;
        open.offset = SEGMENT_HEADER_BYTES as u64;
        if let Some(offset) = self.enter_at.take() {
            open.buffer.clear();
            (open.start, open.offset, open.end_of_file) = (0, offset, false);
        }
        self.open = Some(open);
        Ok(true)
    }

    /// Checks that a segment is the expected one. Where reading may begin at any record, takes the
    /// expected numbers from the header instead.
    fn check_segment(&mut self, name: &str, header: SegmentHeader) -> Result<(), SegmentFault> {
        if header.shard != self.shard {
            return Err(SegmentFault::Shard(header.shard));
        }
        let SegmentHeader { first_record, first_frame, chain, .. } = header;
        let begins = Expected { frame: first_frame, record: first_record, chain };
        if std::mem::take(&mut self.first_kept) {
            self.expected = begins;
        }
        let follows = match self.enter_at {
            // A snapshot refers to the middle of this segment. Its frames are checked from there.
            Some(_) => segment_name(first_record) == name,
            None => begins == self.expected,
        };
        let gap = SegmentFault::Gap { found: first_record, expected: self.expected.record };
        if follows { Ok(()) } else { Err(gap) }
    }

    /// Reads the next frame into the buffer, as far as the file contains it. Returns false at the
    /// end of the segment's frames.
    fn frame_is_next(&mut self) -> Result<bool, ReadError> {
        let storage = self.storage;
        let Some(open) = &mut self.open else { return Ok(false) };
        open.fill(HEADER_BYTES).map_err(|error| open.io(storage, error))?;
        let there = &open.buffer[open.start..];
        if there.is_empty() {
            return Ok(false);
        }
        if there.iter().take(HEADER_BYTES).all(|&byte| byte == 0) {
            // Preallocated zeros end a segment if nothing else follows them.
            return open.rest_is_zero().map(|zero| !zero).map_err(|error| open.io(storage, error));
        }
        if let Ok(header) = FrameHeader::peek(there) {
            open.fill(header.frame_bytes()).map_err(|error| open.io(storage, error))?;
        }
        Ok(true)
    }
}

impl FrameReader for SegmentReader<'_> {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        if self.until.is_some_and(|until| self.expected.frame > until) {
            return Ok(None);
        }
        loop {
            if self.open.is_none() && !self.open_next()? {
                return Ok(None);
            }
            if self.frame_is_next()? {
                break;
            }
            self.open = None;
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        let (header, payload, checksum) = match FrameHeader::parse(&open.buffer[open.start..]) {
            Ok(parsed) => parsed,
            Err(fault) => return Err(open.fault(self.storage, fault)),
        };
        if let Err(fault) = check_place(&header, self.shard, self.expected) {
            return Err(open.fault(self.storage, fault));
        }
        self.expected = Expected {
            frame: header.number + 1,
            record: header.first_record + u64::from(header.records),
            chain: checksum,
        };
        let payload_at = open.start + HEADER_BYTES;
        open.start += header.frame_bytes();
        open.offset += header.frame_bytes() as u64;
        debug_assert_eq!(payload.len(), header.payload_bytes as usize);
        let payload = &open.buffer[payload_at..payload_at + header.payload_bytes as usize];
        Ok(Some(Frame::new(header, payload)))
    }
}

fn check_place(header: &FrameHeader, shard: u16, expected: Expected) -> Result<(), Fault> {
    if header.shard != shard {
        return Err(Fault::Shard(header.shard));
    }
    if (header.number, header.first_record) != (expected.frame, expected.record) {
        return Err(Fault::Gap(header.number));
    }
    if header.chain == expected.chain { Ok(()) } else { Err(Fault::Chain(header.number)) }
}

impl OpenSegment {
    /// Reads until `bytes` bytes are available from `start`, or the file ends.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        if self.buffer.len() - self.start >= bytes || self.end_of_file {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < bytes && !self.end_of_file {
            let read =
                self.file.read_at(&mut self.scratch, self.offset + self.buffer.len() as u64)?;
            self.buffer.extend_from_slice(&self.scratch[..read]);
            self.end_of_file = read == 0;
        }
        Ok(())
    }

    fn rest_is_zero(&self) -> io::Result<bool> {
        let mut at = self.offset;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = self.file.read_at(&mut buffer, at)?;
            if read == 0 {
                return Ok(true);
            }
            // Comparing whole pages uses memory comparison, which is faster than a loop over bytes.
            if buffer[..read].chunks(ZEROS.len()).any(|page| page != &ZEROS[..page.len()]) {
                return Ok(false);
            }
            at += read as u64;
        }
    }

    fn io(&self, storage: &dyn Storage, error: io::Error) -> ReadError {
        ReadError::Io { file: storage.describe(&self.name), error }
    }

    fn fault(&self, storage: &dyn Storage, fault: Fault) -> ReadError {
        ReadError::Frame { file: storage.describe(&self.name), offset: self.offset, fault }
    }
}

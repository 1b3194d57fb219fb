//! What a start makes of the journal it finds: everything is read, an interrupted last write is cut off, anything else
//! that is wrong refuses the start and names file and offset.

use super::frame::FrameHeader;
use super::reader::{JournalReader, ReadError, segments};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::storage::{Storage, StorageFile};
use crate::engine::Record;
use std::io;

/// Where a recovered journal ends: what a writer goes on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The segment to go on in and the byte behind its last frame; None when a new one has to be begun.
    pub segment: Option<(String, u64)>,
    /// The last frame's number, 0 when there is none.
    pub frame: u64,
    /// The last record's number, 0 when there is none.
    pub record: u64,
    /// The last frame's checksum.
    pub chain: u32,
    /// The last frame's epoch.
    pub epoch: u64,
    /// The last frame's time.
    pub time_ms: u64,
    /// Bytes of an interrupted write that were cut off.
    pub cut_bytes: u64,
}

/// Why a start is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The journal is damaged in a way no interrupted write explains.
    #[error("the journal is damaged: {0}")]
    Damaged(ReadError),
    /// The disk failed.
    #[error("the journal cannot be recovered: {0}")]
    Io(io::Error),
}

// Both words hold their source's already, so neither names it a second time.
impl From<ReadError> for RecoveryError {
    fn from(error: ReadError) -> Self {
        Self::Damaged(error)
    }
}

impl From<io::Error> for RecoveryError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a shard's journal through `take(record number, time, record)`. With `repair`, an interrupted last write is cut
/// off the file; without, it is only counted.
///
/// # Errors
/// [`RecoveryError`]; the files are then as they were.
pub fn recover(
    storage: &dyn Storage,
    shard: u16,
    repair: bool,
    mut take: impl FnMut(u64, u64, Record),
) -> Result<Recovered, RecoveryError> {
    let mut recovered = Recovered::default();
    let mut reader = JournalReader::new(storage, shard, None)?;
    let ended = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                let FrameHeader { number, epoch, time_ms, .. } = frame.header;
                (recovered.frame, recovered.epoch, recovered.time_ms) = (number, epoch, time_ms);
                if let Err(fault) = frame.each_record(|record_number, record| take(record_number, time_ms, record)) {
                    let (file, offset) = reader.place().unwrap_or_default();
                    return Err(ReadError::Frame { file: storage.describe(file), offset, fault }.into());
                }
                // The reader leaves a segment when it has been read; the last one is where writing goes on.
                recovered.segment = reader.place().map(|(name, offset)| (name.to_owned(), offset));
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let expected = reader.expected();
    (recovered.record, recovered.chain) = (expected.record - 1, expected.chain);
    if let Some(error) = ended {
        let place = reader.place().map(|(name, offset)| (name.to_owned(), offset));
        cut_torn_tail(storage, &mut recovered, place, error, reader.in_last_segment(), repair)?;
    } else if recovered.segment.is_none() || !ends_in_last_segment(storage, &recovered)? {
        recovered.segment = last_segment(storage)?.map(|name| (name, SEGMENT_HEADER_BYTES as u64));
    }
    Ok(recovered)
}

fn last_segment(storage: &dyn Storage) -> io::Result<Option<String>> {
    Ok(segments(storage)?.pop())
}

fn ends_in_last_segment(storage: &dyn Storage, recovered: &Recovered) -> io::Result<bool> {
    Ok(last_segment(storage)?.as_deref() == recovered.segment.as_ref().map(|(name, _)| name.as_str()))
}

/// Decides whether what could not be read is the trace of an interrupted write, and cuts it off if so.
fn cut_torn_tail(
    storage: &dyn Storage,
    recovered: &mut Recovered,
    place: Option<(String, u64)>,
    error: ReadError,
    in_last_segment: bool,
    repair: bool,
) -> Result<(), RecoveryError> {
    if !in_last_segment {
        return Err(error.into());
    }
    let (name, offset) = match (&error, place) {
        (ReadError::Frame { fault, .. }, Some(place)) if fault.may_be_torn() => place,
        // A segment whose own header never got to disk was never used.
        (ReadError::Segment { .. }, _) => match last_segment(storage)? {
            Some(name) if header_is_torn(storage, &name)? => (name, 0),
            _ => return Err(error.into()),
        },
        _ => return Err(error.into()),
    };
    let file = storage.open(&name)?;
    let bytes = file.size()?;
    let tail = Tail::read(&*file, offset, bytes)?;
    if tail.was_durable(recovered.frame + 1) {
        return Err(error.into());
    }
    recovered.cut_bytes = tail.written();
    if offset == 0 {
        if repair {
            storage.remove(&name)?;
            storage.sync_folder()?;
        }
        // The one before it is full, or there is none: writing goes on in a new segment.
        recovered.segment = None;
        return Ok(());
    }
    if repair {
        file.set_len(offset)?;
        file.sync()?;
    }
    recovered.segment = Some((name, offset));
    Ok(())
}

fn header_is_torn(storage: &dyn Storage, name: &str) -> io::Result<bool> {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    let read = storage.open(name)?.read_at(&mut header, 0)?;
    Ok(SegmentHeader::parse(&header[..read]).is_none())
}

/// What stands behind the last good frame.
struct Tail(Vec<u8>);

impl Tail {
    fn read(file: &dyn StorageFile, offset: u64, end: u64) -> io::Result<Self> {
        let mut rest = vec![0; usize::try_from(end - offset).unwrap_or(0)];
        let mut have = 0;
        while have < rest.len() {
            match file.read_at(&mut rest[have..], offset + have as u64)? {
                0 => break,
                read => have += read,
            }
        }
        rest.truncate(have);
        Ok(Self(rest))
    }

    /// Whether the frame that should begin here was durable once: a whole frame behind it says so. Frames that were not yet
    /// durable (under `--fsync interval` and `never`) may have reached the disk in any order when the power went.
    fn was_durable(&self, frame: u64) -> bool {
        let says_so = |at: usize| match FrameHeader::parse(&self.0[at..]) {
            Ok((header, ..)) => header.durable >= frame,
            Err(fault) => !fault.may_be_torn(),
        };
        memchr::memmem::find_iter(&self.0, b"DTJF").any(|at| at > 0 && says_so(at))
    }

    /// How much of it was written: space filled with zeros ahead of writing does not count.
    fn written(&self) -> u64 {
        self.0.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1)
    }
}

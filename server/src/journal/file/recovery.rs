//! Recovery of a journal at start. All frames are read and checked. An interrupted last write is
//! cut off. Any other fault refuses the start, with file and offset.

use super::reader::{SegmentReader, segments};
use super::segment::{SEGMENT_HEADER_BYTES, segment_name};
use crate::engine::Record;
use crate::journal::decision::{Decision, SeenFrame, SeenSegment};
use crate::journal::fault::{ReadError, RecoveryError, SegmentFault};
use crate::journal::frame::{Fault, FrameHeader};
use crate::journal::frame_log::{FrameReader as _, Recovered, SegmentEnd, Start};
use crate::journal::storage::{Storage, StorageFile};
use std::collections::VecDeque;
use std::io;

/// Reads a shard's journal from `start` and passes each record to `take(record number, time,
/// record)`. With `repair`, an interrupted last write is cut off the file; otherwise it is only
/// counted.
///
/// # Errors
/// Returns a [`RecoveryError`]. The files are then unchanged.
pub fn recover(
    storage: &dyn Storage,
    shard: u16,
    start: Start<'_>,
    repair: bool,
    mut take: impl FnMut(u64, u64, Record),
) -> Result<Recovered, RecoveryError> {
    let mut recovered = recovered_from(start);
    let mut unproven = Unproven::default();
    let mut reader = SegmentReader::new(storage, shard, start, None)?;
    let ended = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                let header = frame.header;
                let FrameHeader { number, epoch, time_ms, .. } = header;
                (recovered.frame, recovered.epoch, recovered.time_ms) = (number, epoch, time_ms);
                if let Err(fault) =
                    frame.each_record(|record_number, record| take(record_number, time_ms, record))
                {
                    let (file, offset) = reader.place().unwrap_or_default();
                    let error = ReadError::Frame { file: storage.describe(file), offset, fault };
                    let seen = seen_frame(fault, reader.in_last_segment(), true);
                    debug_assert_eq!(seen.decide().decision, Decision::Refuse);
                    return Err(error.into());
                }
                // The reader closes a segment after reading it. Writing continues in the last one.
                if let Some((name, end)) = reader.place() {
                    let durable = unproven.note(&header, end);
                    recovered.segment = Some(SegmentEnd { name: name.to_owned(), durable, end });
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let expected = reader.expected();
    (recovered.record, recovered.chain) = (expected.record - 1, expected.chain);
    if let Some(error) = ended {
        let place = reader.place().map(|(name, offset)| (name.to_owned(), offset));
        let newest = reader.in_last_segment();
        match &error {
            ReadError::Frame { fault, .. } => {
                let Some((name, offset)) = place else { return Err(error.into()) };
                let tail = Tail::open(storage, &name, offset)?;
                let seen = seen_frame(*fault, newest, tail.was_durable(recovered.frame + 1));
                if seen.decide().decision != Decision::Cut {
                    return Err(error.into());
                }
                tail.cut(storage, &mut recovered, repair)?;
            }
            ReadError::Segment { fault, .. } => {
                let Some(name) = last_segment(storage)?.filter(|_| newest) else {
                    return Err(error.into());
                };
                let tail = Tail::open(storage, &name, 0)?;
                // The header is durable before any frame is written after it, regardless of the
                // frame at which reading begins.
                let seen = seen_segment(*fault, newest, tail.was_durable(0));
                if seen.decide().decision != Decision::Remove {
                    return Err(error.into());
                }
                tail.remove(storage, &mut recovered, repair)?;
            }
            ReadError::Io { .. } => return Err(error.into()),
        }
    } else if !ends_in_last_segment(storage, &recovered)? {
        recovered.segment = last_segment(storage)?.map(SegmentEnd::without_frames);
    }
    Ok(recovered)
}

fn recovered_from(start: Start<'_>) -> Recovered {
    match start {
        Start::First | Start::FirstKept | Start::Since(_) => Recovered::default(),
        Start::After(anchor) => Recovered {
            // A snapshot refers to a frame only after it was durable.
            segment: Some(SegmentEnd {
                name: segment_name(anchor.place.segment),
                durable: anchor.place.end,
                end: anchor.place.end,
            }),
            frame: anchor.frame,
            record: anchor.record,
            chain: anchor.chain,
            epoch: anchor.epoch,
            time_ms: anchor.time_ms,
            cut_bytes: 0,
        },
    }
}

fn last_segment(storage: &dyn Storage) -> io::Result<Option<String>> {
    Ok(segments(storage)?.pop())
}

fn ends_in_last_segment(storage: &dyn Storage, recovered: &Recovered) -> io::Result<bool> {
    Ok(last_segment(storage)?.as_deref()
        == recovered.segment.as_ref().map(|segment| segment.name.as_str()))
}

impl SegmentEnd {
    /// Its header may be in the cache only, too.
    const fn without_frames(name: String) -> Self {
        Self { name, durable: 0, end: SEGMENT_HEADER_BYTES as u64 }
    }
}

/// The frames of a segment that no later frame states to be durable.
#[derive(Debug, Default)]
struct Unproven {
    /// Numbers and offsets, in order.
    frames: VecDeque<(u64, u64)>,
}

impl Unproven {
    /// Notes the next frame, which ends at that offset. Returns the offset up to which the segment
    /// is known to be durable.
    fn note(&mut self, header: &FrameHeader, end: u64) -> u64 {
        let begin = end - header.frame_bytes() as u64;
        if begin == SEGMENT_HEADER_BYTES as u64 {
            // The previous segment was synced before this one was begun.
            self.frames.clear();
        }
        self.frames.push_back((header.number, begin));
        while self.frames.front().is_some_and(|&(number, _)| number <= header.durable) {
            self.frames.pop_front();
        }
        self.frames.front().map_or(end, |&(_, offset)| offset)
    }
}

/// Converts a fault to the columns of the table. Columns after the first faulty one were not
/// checked and do not matter.
const fn seen_frame(fault: Fault, newest: bool, was_durable: bool) -> SeenFrame {
    SeenFrame {
        empty: false,
        whole: !matches!(fault, Fault::Short | Fault::Magic | Fault::Length),
        checksum: !matches!(fault, Fault::Checksum),
        version: !matches!(fault, Fault::Version(_)),
        shard: !matches!(fault, Fault::Shard(_)),
        follows: !matches!(fault, Fault::Gap(_)),
        chain: !matches!(fault, Fault::Chain(_)),
        readable: !matches!(fault, Fault::Record(_)),
        newest,
        was_durable,
    }
}

const fn seen_segment(fault: SegmentFault, newest: bool, was_durable: bool) -> SeenSegment {
    SeenSegment {
        whole: !matches!(fault, SegmentFault::Damaged),
        version: !matches!(fault, SegmentFault::Version(_)),
        shard: !matches!(fault, SegmentFault::Shard(_)),
        follows: !matches!(fault, SegmentFault::Gap { .. }),
        newest,
        was_durable,
    }
}

/// The bytes after the last good frame.
struct Tail {
    name: String,
    offset: u64,
    file: Box<dyn StorageFile>,
    bytes: Vec<u8>,
}

impl Tail {
    #[expect(clippy::indexing_slicing, reason = "the offsets are within what was read")]
    fn open(storage: &dyn Storage, name: &str, offset: u64) -> io::Result<Self> {
        let file = storage.open(name)?;
        let mut bytes = vec![0; usize::try_from(file.size()?.saturating_sub(offset)).unwrap_or(0)];
        let mut have = 0;
        while have < bytes.len() {
            match file.read_at(&mut bytes[have..], offset + have as u64)? {
                0 => break,
                read => have += read,
            }
        }
        bytes.truncate(have);
        Ok(Self { name: name.to_owned(), offset, file, bytes })
    }

    /// Cuts off the tail, so that writing continues after the last good frame.
    fn cut(self, storage: &dyn Storage, recovered: &mut Recovered, repair: bool) -> io::Result<()> {
        recovered.cut_bytes = self.written();
        if repair {
            self.file.set_len(self.offset)?;
            self.file.sync()?;
            storage.sync_folder()?;
        }
        // Whether the frames before it are durable was found when they were read.
        recovered.segment = match recovered.segment.take() {
            Some(segment) if segment.name == self.name => Some(segment),
            _ => Some(SegmentEnd::without_frames(self.name)),
        };
        Ok(())
    }

    /// Removes the whole segment. The previous segment is full or does not exist, so writing
    /// continues in a new one.
    fn remove(
        self,
        storage: &dyn Storage,
        recovered: &mut Recovered,
        repair: bool,
    ) -> io::Result<()> {
        recovered.cut_bytes = self.written();
        if repair {
            storage.remove(&self.name)?;
            storage.sync_folder()?;
        }
        recovered.segment = None;
        Ok(())
    }

    /// Returns true if the frame that should begin here was durable, as a later whole frame states.
    /// Frames that were not yet durable (under `--fsync interval` and `never`) may have reached the
    /// disk in any order before a power cut.
    #[expect(clippy::indexing_slicing, reason = "the offsets are within what was read")]
    fn was_durable(&self, frame: u64) -> bool {
        let says_so = |at: usize| match FrameHeader::parse(&self.bytes[at..]) {
            Ok((header, ..)) => header.durable >= frame,
            Err(fault) => !fault.may_be_torn(),
        };
        memchr::memmem::find_iter(&self.bytes, b"DTJF").any(|at| at > 0 && says_so(at))
    }

    /// Returns the size of the written part. Preallocated zeros do not count.
    fn written(&self) -> u64 {
        self.bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1)
    }
}

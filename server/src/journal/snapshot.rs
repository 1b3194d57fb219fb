//! Snapshots: what a shard's accounts were at one record, so that a start need not read the journal
//! before it.
//!
//! A snapshot is written aside, synced, renamed and the folder synced; it is complete or it is
//! none. It never replaces the journal, which is the audit log. This file knows blocks of bytes and
//! where in the journal they belong; what is in them is the engine's.

use super::frame::{FrameHeader, le_u16, le_u32, le_u64};
use super::segment::segment_name;
use super::storage::{Storage, StorageFile};
use std::io;

const MAGIC: [u8; 8] = *b"DTSNAPSH";
/// The version of snapshots and of the accounts in them.
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 96;
const SUFFIX: &str = ".snapshot";
const ASIDE: &str = ".snapshot.tmp";

/// A frame's place in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// The first record of its segment, which names the file.
    pub segment: u64,
    /// The byte it begins at.
    pub begin: u64,
    /// The byte behind it.
    pub end: u64,
    /// Its number.
    pub frame: u64,
    /// Its last record.
    pub record: u64,
    /// Its checksum.
    pub chain: u32,
    /// Which start of the server wrote it.
    pub epoch: u64,
    /// Its time, Unix milliseconds.
    pub time_ms: u64,
}

/// What stands before the accounts of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// Whose accounts.
    pub shard: u16,
    /// The last frame they have seen.
    pub anchor: Anchor,
    /// How many there are.
    pub users: u32,
    /// The highest transaction number the server had given.
    pub assigned_max: u64,
}

/// What was read of a snapshot, for [`super::decision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// It ends early, or a checksum does not match.
    #[error("the snapshot is damaged")]
    Damaged,
    /// It is whole as far as its header goes, and of a version this program does not know.
    #[error("the snapshot has format version {0}; this program knows up to {VERSION}")]
    Version(u16),
    /// It is another shard's.
    #[error("the snapshot belongs to shard {0}")]
    Shard(u16),
    /// The journal does not hold the frame it stands for.
    #[error("the journal does not hold the frame that the snapshot stands for")]
    Unanchored,
}

/// The name of the snapshot that stands for everything up to this record.
pub fn snapshot_name(record: u64) -> String {
    format!("{record:020}{SUFFIX}")
}

/// The snapshots of a folder, newest first.
///
/// # Errors
/// Whatever the file system says.
pub fn snapshots(storage: &dyn Storage) -> io::Result<Vec<String>> {
    let is_one = |name: &String| {
        name.strip_suffix(SUFFIX)
            .is_some_and(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut names: Vec<_> = storage.list()?.into_iter().filter(is_one).collect();
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

/// Removes what an interrupted snapshot has left behind.
///
/// # Errors
/// Whatever the file system says.
pub fn remove_unfinished(storage: &dyn Storage) -> io::Result<()> {
    for name in storage.list()?.iter().filter(|name| name.ends_with(ASIDE)) {
        storage.remove(name)?;
    }
    Ok(())
}

impl SnapshotHeader {
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let Self { shard, anchor, users, assigned_max } = self;
        let mut bytes = [0; HEADER_BYTES];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&shard.to_le_bytes());
        put(&users.to_le_bytes());
        for number in [
            anchor.segment,
            anchor.begin,
            anchor.end,
            anchor.frame,
            anchor.record,
            anchor.epoch,
            anchor.time_ms,
            assigned_max,
        ] {
            put(&number.to_le_bytes());
        }
        put(&anchor.chain.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, SnapshotFault> {
        let checksum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]).to_le_bytes();
        if bytes[..8] != MAGIC || bytes[HEADER_BYTES - 4..] != checksum {
            return Err(SnapshotFault::Damaged);
        }
        let (u16_at, u32_at, u64_at) = (le_u16(bytes), le_u32(bytes), le_u64(bytes));
        if u16_at(8) != VERSION {
            return Err(SnapshotFault::Version(u16_at(8)));
        }
        let anchor = Anchor {
            segment: u64_at(16),
            begin: u64_at(24),
            end: u64_at(32),
            frame: u64_at(40),
            record: u64_at(48),
            epoch: u64_at(56),
            time_ms: u64_at(64),
            chain: u32_at(80),
        };
        Ok(Self { shard: u16_at(10), anchor, users: u32_at(12), assigned_max: u64_at(72) })
    }
}

/// Writes one snapshot, a block at a time.
pub struct SnapshotFile {
    file: Box<dyn StorageFile>,
    record: u64,
    offset: u64,
}

impl SnapshotFile {
    /// Begins it, aside.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn begin(storage: &dyn Storage, header: &SnapshotHeader) -> io::Result<Self> {
        remove_unfinished(storage)?;
        let record = header.anchor.record;
        let file = storage.create(&format!("{record:020}{ASIDE}"))?;
        file.write_all_at(&header.to_bytes(), 0)?;
        Ok(Self { file, record, offset: HEADER_BYTES as u64 })
    }

    /// Adds a block of accounts.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn add(&mut self, accounts: &[u8]) -> io::Result<()> {
        // An empty block would end the accounts.
        if accounts.is_empty() { Ok(()) } else { self.block(accounts) }
    }

    /// Completes it under its own name: nothing is of use before, everything is durable after.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn finish(mut self, storage: &dyn Storage, state_hash: u64) -> io::Result<()> {
        // A block of no bytes ends the accounts.
        self.block(&[])?;
        let hash = state_hash.to_le_bytes();
        self.file.write_all_at(&hash, self.offset)?;
        self.file
            .write_all_at(&crc32fast::hash(&hash).to_le_bytes(), self.offset + hash.len() as u64)?;
        self.file.sync()?;
        storage.rename(&format!("{:020}{ASIDE}", self.record), &snapshot_name(self.record))?;
        storage.sync_folder()
    }

    fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut framed = Vec::with_capacity(bytes.len() + 8);
        framed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        framed.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        framed.extend_from_slice(bytes);
        self.file.write_all_at(&framed, self.offset)?;
        self.offset += framed.len() as u64;
        Ok(())
    }
}

/// Reads a snapshot back.
pub struct SnapshotReader {
    file: Box<dyn StorageFile>,
    size: u64,
    offset: u64,
    header: SnapshotHeader,
}

impl SnapshotReader {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// The disk's own; damage is inside.
    pub fn open(
        storage: &dyn Storage,
        name: &str,
        shard: u16,
    ) -> io::Result<Result<Self, SnapshotFault>> {
        let file = storage.open(name)?;
        let mut header = [0; HEADER_BYTES];
        if !read_exact(&*file, &mut header, 0)? {
            return Ok(Err(SnapshotFault::Damaged));
        }
        let size = file.size()?;
        Ok(match SnapshotHeader::parse(&header) {
            Ok(header) if header.shard != shard => Err(SnapshotFault::Shard(header.shard)),
            Ok(header) if snapshot_name(header.anchor.record) != name => {
                Err(SnapshotFault::Damaged)
            }
            Ok(header) => Ok(Self { file, size, offset: HEADER_BYTES as u64, header }),
            Err(fault) => Err(fault),
        })
    }

    /// What it stands for.
    pub const fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Gives every block of accounts to `take`; returns the state hash behind them.
    ///
    /// # Errors
    /// The disk's own; damage is inside.
    pub fn blocks(mut self, mut take: impl FnMut(&[u8])) -> io::Result<Result<u64, SnapshotFault>> {
        let mut bytes = Vec::new();
        loop {
            let mut head = [0; 8];
            if !self.read(&mut head)? {
                return Ok(Err(SnapshotFault::Damaged));
            }
            let (length, checksum) = (le_u32(&head)(0) as usize, le_u32(&head)(4));
            if self.offset + length as u64 > self.size {
                return Ok(Err(SnapshotFault::Damaged));
            }
            bytes.resize(length, 0);
            if !self.read(&mut bytes)? || crc32fast::hash(&bytes) != checksum {
                return Ok(Err(SnapshotFault::Damaged));
            }
            if length == 0 {
                break;
            }
            take(&bytes);
        }
        let mut tail = [0; 12];
        let whole = self.read(&mut tail)? && self.size == self.offset;
        if !whole || crc32fast::hash(&tail[..8]) != le_u32(&tail)(8) {
            return Ok(Err(SnapshotFault::Damaged));
        }
        Ok(Ok(le_u64(&tail)(0)))
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<bool> {
        let read = read_exact(&*self.file, into, self.offset)?;
        self.offset += into.len() as u64;
        Ok(read)
    }
}

/// Whether the journal holds exactly the frame that a snapshot stands for.
///
/// # Errors
/// Whatever the file system says.
pub fn is_anchored(storage: &dyn Storage, shard: u16, anchor: &Anchor) -> io::Result<bool> {
    let file = match storage.open(&segment_name(anchor.segment)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    let bytes =
        anchor.end.saturating_sub(anchor.begin).min(file.size()?.saturating_sub(anchor.begin));
    let mut frame = vec![0; usize::try_from(bytes).unwrap_or(0)];
    if !read_exact(&*file, &mut frame, anchor.begin)? {
        return Ok(false);
    }
    Ok(FrameHeader::parse(&frame).is_ok_and(|(header, _, checksum)| {
        header.shard == shard
            && header.number == anchor.frame
            && header.first_record + u64::from(header.records) == anchor.record + 1
            && checksum == anchor.chain
            && anchor.begin + header.frame_bytes() as u64 == anchor.end
    }))
}

/// False when the file ends first.
fn read_exact(file: &dyn StorageFile, into: &mut [u8], offset: u64) -> io::Result<bool> {
    let mut have = 0;
    while have < into.len() {
        match file.read_at(&mut into[have..], offset + have as u64)? {
            0 => return Ok(false),
            read => have += read,
        }
    }
    Ok(true)
}

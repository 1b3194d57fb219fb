//! Snapshots: the accounts of a shard at one record. With a snapshot, recovery need not read the
//! journal before that record.
//!
//! A snapshot is written to a temporary file, synced and renamed, and the folder is synced. It is
//! therefore either complete or absent. It never replaces the journal, which is the audit log. This
//! module handles only blocks of bytes and their position in the journal; the engine defines their
//! content.

use crate::journal::fault::{SNAPSHOT_VERSION, SnapshotFault};
use crate::journal::frame::{le_u16, le_u32, le_u64};
use crate::journal::frame_log::{Anchor, Place};
use crate::journal::storage::{Storage, StorageFile, read_exact};
use crate::limits::SNAPSHOT_UNSYNCED_BYTES;
use std::io;

const MAGIC: [u8; 8] = *b"DTSNAPSH";
const HEADER_BYTES: usize = 96;
/// First version that says something of the market.
const MARKET_VERSION: u16 = 3;
const SUFFIX: &str = ".snapshot";
const ASIDE: &str = ".snapshot.tmp";

/// Header of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// Version of the snapshot.
    pub version: u16,
    /// Shard that owns the accounts.
    pub shard: u16,
    /// Last frame that the snapshot covers.
    pub anchor: Anchor,
    /// Number of accounts.
    pub users: u32,
    /// Highest transaction number the server had assigned.
    pub assigned_max: u64,
}

/// Returns the name of the snapshot that covers all records up to this one.
pub fn snapshot_name(record: u64) -> String {
    format!("{record:020}{SUFFIX}")
}

/// Lists the snapshots of a folder, newest first.
///
/// # Errors
/// Returns an error of the file system.
pub fn snapshots(storage: &dyn Storage) -> io::Result<Vec<String>> {
    let is_one = |name: &String| {
        name.strip_suffix(SUFFIX)
            .is_some_and(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut names: Vec<_> = storage.list()?.into_iter().filter(is_one).collect();
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

/// Removes the temporary files of interrupted snapshots.
///
/// # Errors
/// Returns an error of the file system.
pub fn remove_unfinished(storage: &dyn Storage) -> io::Result<()> {
    for name in storage.list()?.iter().filter(|name| name.ends_with(ASIDE)) {
        storage.remove(name)?;
    }
    Ok(())
}

impl SnapshotHeader {
    #[expect(clippy::indexing_slicing, reason = "the header has its size")]
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let Self { version, shard, anchor, users, assigned_max } = self;
        let mut bytes = [0; HEADER_BYTES];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&MAGIC);
        put(&version.to_le_bytes());
        put(&shard.to_le_bytes());
        put(&users.to_le_bytes());
        for number in [
            anchor.place.segment,
            anchor.place.begin,
            anchor.place.end,
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
        let version = u16_at(8);
        if !(1..=SNAPSHOT_VERSION).contains(&version) {
            return Err(SnapshotFault::Version(version));
        }
        let anchor = Anchor {
            place: Place { segment: u64_at(16), begin: u64_at(24), end: u64_at(32) },
            frame: u64_at(40),
            record: u64_at(48),
            epoch: u64_at(56),
            time_ms: u64_at(64),
            chain: u32_at(80),
        };
        let (shard, users, assigned_max) = (u16_at(10), u32_at(12), u64_at(72));
        Ok(Self { version, shard, anchor, users, assigned_max })
    }
}

/// Writes a snapshot block by block.
pub struct SnapshotFile {
    file: Box<dyn StorageFile>,
    record: u64,
    offset: u64,
    /// Bytes before this offset are on the disk.
    synced: u64,
    /// What the engine says of the market, which follows the accounts.
    market: Vec<u8>,
}

impl SnapshotFile {
    /// Creates the temporary file and writes the header.
    ///
    /// # Errors
    /// Returns an error of the file system.
    pub fn begin(
        storage: &dyn Storage,
        header: &SnapshotHeader,
        market: Vec<u8>,
    ) -> io::Result<Self> {
        remove_unfinished(storage)?;
        let record = header.anchor.record;
        let file = storage.create(&format!("{record:020}{ASIDE}"))?;
        file.write_all_at(&header.to_bytes(), 0)?;
        Ok(Self { file, record, offset: HEADER_BYTES as u64, synced: 0, market })
    }

    /// Adds a block of accounts.
    ///
    /// # Errors
    /// Returns an error of the file system.
    pub fn add(&mut self, accounts: &[u8]) -> io::Result<()> {
        // An empty block would mark the end of the accounts.
        if accounts.is_empty() {
            return Ok(());
        }
        self.block(accounts)?;
        // If all of it were synced at the end, the syncs of the journals would have to wait for it.
        if self.offset - self.synced >= SNAPSHOT_UNSYNCED_BYTES {
            self.file.sync()?;
            self.synced = self.offset;
        }
        Ok(())
    }

    /// Completes the snapshot and renames it. It is unusable before, and durable after this call.
    ///
    /// # Errors
    /// Returns an error of the file system.
    pub fn finish(mut self, storage: &dyn Storage, state_hash: u64) -> io::Result<()> {
        // An empty block marks the end of the accounts.
        self.block(&[])?;
        let hash = state_hash.to_le_bytes();
        self.file.write_all_at(&hash, self.offset)?;
        self.file
            .write_all_at(&crc32fast::hash(&hash).to_le_bytes(), self.offset + hash.len() as u64)?;
        self.offset += hash.len() as u64 + 4;
        let market = std::mem::take(&mut self.market);
        self.block(&market)?;
        self.file.sync()?;
        storage.rename(&format!("{:020}{ASIDE}", self.record), &snapshot_name(self.record))?;
        storage.sync_folder()
    }

    fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut head = [0; 8];
        let (length, checksum) = head.split_at_mut(4);
        length.copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        checksum.copy_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        self.file.write_all_at(&head, self.offset)?;
        self.offset += head.len() as u64;
        self.file.write_all_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// Reads a snapshot.
pub struct SnapshotReader {
    file: Box<dyn StorageFile>,
    size: u64,
    offset: u64,
    header: SnapshotHeader,
}

impl SnapshotReader {
    /// Opens a snapshot, and parses and checks its header.
    ///
    /// # Errors
    /// Returns an error of the disk. Damage is reported in the inner result.
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

    /// Returns the header.
    pub const fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Passes every block of accounts to `take`. Returns the state hash stored after them, and what
    /// the engine says of the market.
    ///
    /// # Errors
    /// Returns an error of the disk. Damage is reported in the inner result.
    pub fn blocks(
        mut self,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<Result<(u64, Vec<u8>), SnapshotFault>> {
        let mut bytes = Vec::new();
        loop {
            if !self.read_block(&mut bytes)? {
                return Ok(Err(SnapshotFault::Damaged));
            }
            if bytes.is_empty() {
                break;
            }
            take(&bytes);
        }
        let mut tail = [0; 12];
        let has_market = self.header.version >= MARKET_VERSION;
        let whole = self.read(&mut tail)?
            && crc32fast::hash(&tail[..8]) == le_u32(&tail)(8)
            && (!has_market || self.read_block(&mut bytes)?)
            && self.size == self.offset;
        if whole { Ok(Ok((le_u64(&tail)(0), bytes))) } else { Ok(Err(SnapshotFault::Damaged)) }
    }

    /// Reads a block. Returns false if it is damaged.
    fn read_block(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let mut head = [0; 8];
        if !self.read(&mut head)? {
            return Ok(false);
        }
        let (length, checksum) = (le_u32(&head)(0) as usize, le_u32(&head)(4));
        if self.offset + length as u64 > self.size {
            return Ok(false);
        }
        bytes.resize(length, 0);
        Ok(self.read(bytes)? && crc32fast::hash(bytes) == checksum)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<bool> {
        let read = read_exact(&*self.file, into, self.offset)?;
        self.offset += into.len() as u64;
        Ok(read)
    }
}

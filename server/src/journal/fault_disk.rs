//! An in-memory disk for tests and simulations. It can be made to fail and to lose unsynced data.
//!
//! It models the assumptions of docs/JOURNAL.md about a disk. A sync that returns has stored
//! everything written since the sync before it. A sector is stored whole or not at all. Any part of
//! the unsynced data may survive a power cut.
//!
//! A failed sync behaves as on Linux: reads still return the new data, but the system considers it
//! clean, so no later sync stores it unless it is written again.

#![expect(clippy::indexing_slicing, reason = "a disk of tests")]

use super::cached_file::{CachedFile, SECTOR_BYTES};
use super::storage::{FileIdentity, FileStatus, Storage, StorageFile};
use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// A fault of a disk operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// The operation fails and changes nothing; the next one succeeds.
    Once,
    /// The operation and all later ones fail.
    ForEver,
    /// A write stores its first half and fails.
    Short,
    /// A write stores some of its sectors and fails.
    Torn,
    /// A write stores one wrong bit and reports success.
    BitFlip,
    /// The operation fails because the disk is full, and all later operations fail too.
    Full,
    /// A sync fails and stores some of the unsynced sectors. Reads return the others from the
    /// cache, but no later sync stores them.
    Sync,
}

impl DiskFault {
    /// All faults.
    pub const ALL: [Self; 7] =
        [Self::Once, Self::ForEver, Self::Short, Self::Torn, Self::BitFlip, Self::Full, Self::Sync];
}

/// The disk. Clones share the same content.
#[derive(Clone)]
pub struct FaultDisk {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Clone)]
struct Disk {
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    inodes: Vec<CachedFile>,
    /// Number of modifying operations so far.
    operations: usize,
    plan: Option<(usize, DiskFault)>,
    /// Free space, bytes; None if it cannot be read.
    free_bytes: Option<u64>,
    random: ChaCha8Rng,
}

impl Default for FaultDisk {
    fn default() -> Self {
        Self::with_seed(0)
    }
}

impl FaultDisk {
    /// Creates an empty disk. The seed determines which data survives a fault or a power cut.
    pub fn with_seed(seed: u64) -> Self {
        let disk = Disk {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            inodes: Vec::new(),
            operations: 0,
            plan: None,
            free_bytes: Some(u64::MAX),
            random: ChaCha8Rng::seed_from_u64(seed),
        };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Creates a disk with these files, all of them durable.
    pub fn with_files(files: BTreeMap<String, Vec<u8>>) -> Self {
        let storage = Self::default();
        {
            let mut disk = storage.disk.lock();
            for (name, bytes) in files {
                let inode = disk.inodes.len();
                disk.inodes.push(CachedFile::stored(bytes));
                disk.names.insert(name.clone(), inode);
                disk.durable_names.insert(name, inode);
            }
        }
        storage
    }

    /// Returns the files as a program reads them, including unsynced data.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let disk = self.disk.lock();
        disk.names
            .iter()
            .map(|(name, &inode)| (name.clone(), disk.inodes[inode].bytes.clone()))
            .collect()
    }

    /// Returns the number of modifying operations so far, including failed ones.
    pub fn operations(&self) -> usize {
        self.disk.lock().operations
    }

    /// Makes the operation after `operations` further ones fail.
    pub fn fail_after(&self, operations: usize, fault: DiskFault) {
        let mut disk = self.disk.lock();
        disk.plan = Some((disk.operations + operations + 1, fault));
    }

    /// Sets the free space, bytes.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.disk.lock().free_bytes = Some(bytes);
    }

    /// Makes every later check of the free space fail.
    pub fn fail_free_bytes(&self) {
        self.disk.lock().free_bytes = None;
    }

    /// Returns the disk after a power cut: all synced data and any part of the unsynced data. The
    /// new disk has no faults.
    pub fn after_power_cut(&self) -> Self {
        let mut disk = self.disk.lock();
        let mut random = ChaCha8Rng::seed_from_u64(disk.random.next_u64());
        // Names change one operation at a time. Here either all unsynced name changes survive or
        // none.
        let names = if random.next_u32().is_multiple_of(2) {
            disk.names.clone()
        } else {
            disk.durable_names.clone()
        };
        let files = names
            .into_iter()
            .map(|(name, inode)| (name, disk.inodes[inode].surviving(&mut random)))
            .collect();
        let survivor = Self::with_files(files);
        {
            let mut after = survivor.disk.lock();
            (after.free_bytes, after.random) = (disk.free_bytes, random);
        }
        survivor
    }

    /// Returns a copy of the disk as the next process finds it: nothing becomes durable, and no
    /// operation fails any more. The system may have dropped clean data from its cache.
    pub fn after_restart(&self) -> Self {
        let mut disk = self.disk.lock();
        let mut random = ChaCha8Rng::seed_from_u64(disk.random.next_u64());
        let mut next = disk.clone();
        next.plan = None;
        for inode in &mut next.inodes {
            inode.evict(|| random.next_u32().is_multiple_of(2));
        }
        next.random = random;
        Self { disk: Arc::new(Mutex::new(next)) }
    }
}

fn broken() -> io::Error {
    io::Error::other("the disk is broken")
}

impl Disk {
    /// Counts an operation and returns its fault, if any.
    fn operation(&mut self) -> Option<DiskFault> {
        self.operations += 1;
        match self.plan {
            Some((at, fault)) if self.operations == at => Some(fault),
            Some((at, DiskFault::ForEver | DiskFault::Full)) if self.operations > at => {
                Some(DiskFault::ForEver)
            }
            _ => None,
        }
    }

    /// Runs an operation that is not a write. Faults specific to writes do not affect it.
    fn simple(&mut self) -> io::Result<()> {
        match self.operation() {
            Some(DiskFault::Once | DiskFault::ForEver | DiskFault::Sync) => Err(broken()),
            Some(DiskFault::Full) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Storage for FaultDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk.lock().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut disk = self.disk.lock();
        disk.simple()?;
        if disk.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = disk.inodes.len();
        disk.inodes.push(CachedFile::default());
        disk.names.insert(name.to_owned(), inode);
        Ok(Box::new(MemoryFile { disk: Arc::clone(&self.disk), inode }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let inode = *self.disk.lock().names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile { disk: Arc::clone(&self.disk), inode }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.simple()?;
        disk.names.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.simple()?;
        let inode = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.simple()?;
        disk.durable_names = disk.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.lock().free_bytes.ok_or_else(|| io::Error::other("the disk is gone"))
    }

    fn status(&self, name: &str) -> io::Result<FileStatus> {
        let disk = self.disk.lock();
        let inode = *disk.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let identity = FileIdentity { device: 0, inode: inode as u64 };
        Ok(FileStatus { identity, bytes: disk.inodes[inode].bytes.len() as u64 })
    }

    fn describe(&self, name: &str) -> String {
        name.to_owned()
    }
}

struct MemoryFile {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
}

impl StorageFile for MemoryFile {
    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(FileIdentity { device: 0, inode: self.inode as u64 })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.disk.lock();
        let there = disk.inodes[self.inode].bytes.get(offset as usize..).unwrap_or_default();
        let read = there.len().min(into.len());
        into[..read].copy_from_slice(&there[..read]);
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let fault = disk.operation();
        let (flipped, chosen) = (disk.random.next_u64() as usize, disk.random.next_u64());
        let file = &mut disk.inodes[self.inode];
        let mut write = |at: usize, part: &[u8]| file.write(part, offset as usize + at);
        match fault {
            None | Some(DiskFault::Sync) => write(0, bytes),
            Some(DiskFault::Once | DiskFault::ForEver) => return Err(broken()),
            Some(DiskFault::Full) => return Err(io::ErrorKind::StorageFull.into()),
            Some(DiskFault::Short) => {
                write(0, &bytes[..bytes.len() / 2]);
                return Err(broken());
            }
            Some(DiskFault::Torn) => {
                for (at, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                    if chosen >> (at % 64) & 1 == 1 {
                        write(at * SECTOR_BYTES, sector);
                    }
                }
                return Err(broken());
            }
            Some(DiskFault::BitFlip) => {
                let mut wrong = bytes.to_vec();
                if !wrong.is_empty() {
                    let bit = flipped % (wrong.len() * 8);
                    wrong[bit / 8] ^= 1 << (bit % 8);
                }
                write(0, &wrong);
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let (fault, chosen) = (disk.operation(), disk.random.next_u64());
        let inode = &mut disk.inodes[self.inode];
        match fault {
            Some(DiskFault::Sync) => {
                let mut sector = 0;
                inode.fail_sync(|| {
                    sector += 1;
                    chosen >> (sector % 64) & 1 == 1
                });
                Err(broken())
            }
            Some(DiskFault::Once | DiskFault::ForEver | DiskFault::Full) => Err(broken()),
            _ => {
                inode.sync();
                Ok(())
            }
        }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.simple()?;
        disk.inodes[self.inode].set_len(bytes as usize);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().inodes[self.inode].bytes.len() as u64)
    }
}

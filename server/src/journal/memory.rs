//! A disk in memory for tests: files that can be looked at, changed, and made to fail.

use super::storage::{Storage, StorageFile};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// The disk; clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct MemoryStorage {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Default)]
struct Disk {
    files: BTreeMap<String, Vec<u8>>,
    /// Operations that change something, so far.
    operations: usize,
    /// The operation from which on everything that changes something fails.
    fail_from: Option<usize>,
}

impl Disk {
    fn change(&mut self) -> io::Result<&mut BTreeMap<String, Vec<u8>>> {
        self.operations += 1;
        match self.fail_from {
            Some(from) if self.operations > from => Err(io::Error::other("the disk is broken")),
            _ => Ok(&mut self.files),
        }
    }
}

impl MemoryStorage {
    /// The files as they are.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.disk.lock().files.clone()
    }

    /// A disk with these files.
    pub(crate) fn with_files(files: BTreeMap<String, Vec<u8>>) -> Self {
        let storage = Self::default();
        storage.disk.lock().files = files;
        storage
    }

    /// Has everything fail after so many more operations that change something.
    pub(crate) fn fail_after(&self, operations: usize) {
        let mut disk = self.disk.lock();
        disk.fail_from = Some(disk.operations + operations);
    }
}

impl Storage for MemoryStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk.lock().files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut disk = self.disk.lock();
        let files = disk.change()?;
        if files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        files.insert(name.to_owned(), Vec::new());
        Ok(Box::new(MemoryFile { disk: Arc::clone(&self.disk), name: name.to_owned() }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        if !self.disk.lock().files.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Box::new(MemoryFile { disk: Arc::clone(&self.disk), name: name.to_owned() }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.lock().change()?.remove(name);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.disk.lock().change().map(|_| ())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn describe(&self, name: &str) -> String {
        name.to_owned()
    }
}

struct MemoryFile {
    disk: Arc<Mutex<Disk>>,
    name: String,
}

impl StorageFile for MemoryFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.disk.lock();
        let file = disk.files.get(&self.name).ok_or(io::ErrorKind::NotFound)?;
        let there = file.get(offset as usize..).unwrap_or_default();
        let read = there.len().min(into.len());
        into[..read].copy_from_slice(&there[..read]);
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let file = disk.change()?.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        let end = offset as usize + bytes.len();
        file.resize(file.len().max(end), 0);
        file[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.lock().change().map(|_| ())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.change()?.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?.resize(bytes as usize, 0);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let disk = self.disk.lock();
        disk.files.get(&self.name).map(|file| file.len() as u64).ok_or(io::ErrorKind::NotFound.into())
    }
}

//! A file of a disk in memory, as a program reads it and as it is stored.

#![expect(clippy::indexing_slicing, reason = "a disk of tests")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use std::collections::BTreeSet;

/// Size of a sector. It is smaller than that of a real disk, so that short frames have several.
pub(super) const SECTOR_BYTES: usize = 64;

/// The two contents of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct CachedFile {
    /// What a program reads.
    pub bytes: Vec<u8>,
    /// What is stored.
    durable: Vec<u8>,
    /// Sectors that the next sync stores.
    dirty: BTreeSet<usize>,
    /// Sectors that differ from the stored ones although the system considers them clean.
    lost: BTreeSet<usize>,
    /// Smallest length of the file since the last sync.
    shortest: usize,
}

impl CachedFile {
    pub(super) fn stored(bytes: Vec<u8>) -> Self {
        let (durable, shortest) = (bytes.clone(), bytes.len());
        Self { bytes, durable, shortest, ..Self::default() }
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let (from, end) = (self.bytes.len().min(offset), offset + bytes.len());
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[offset..end].copy_from_slice(bytes);
        self.touch(from, end);
    }

    pub(super) fn set_len(&mut self, length: usize) {
        let before = self.bytes.len();
        self.bytes.resize(length, 0);
        self.shortest = self.shortest.min(length);
        self.touch(before, length);
    }

    fn touch(&mut self, begin: usize, end: usize) {
        let sectors = begin / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES);
        self.lost.retain(|sector| !sectors.contains(sector));
        self.dirty.extend(sectors);
    }

    fn sector(&self, sector: usize) -> &[u8] {
        let begin = (sector * SECTOR_BYTES).min(self.bytes.len());
        &self.bytes[begin..self.bytes.len().min(begin + SECTOR_BYTES)]
    }

    /// Returns what is stored once some of the dirty sectors are. The length is stored apart from
    /// the data.
    fn with_stored(&self, length: bool, mut stored: impl FnMut() -> bool) -> Vec<u8> {
        let mut disk = self.durable.clone();
        if length {
            disk.truncate(self.shortest);
            disk.resize(self.bytes.len(), 0);
        }
        for &sector in &self.dirty {
            let begin = sector * SECTOR_BYTES;
            if stored() && begin < disk.len() {
                let (bytes, left) = (self.sector(sector), disk.len() - begin);
                let bytes = &bytes[..bytes.len().min(left)];
                disk[begin..begin + bytes.len()].copy_from_slice(bytes);
            }
        }
        disk
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.with_stored(true, || true);
        self.shortest = self.bytes.len();
        self.dirty.clear();
    }

    pub(super) fn fail_sync(&mut self, stored: impl FnMut() -> bool) {
        self.durable = self.with_stored(true, stored);
        self.shortest = self.bytes.len();
        self.lost.append(&mut self.dirty);
    }

    /// Drops some of the clean sectors from the cache: reads return what is stored.
    pub(super) fn evict(&mut self, mut evicted: impl FnMut() -> bool) {
        for sector in std::mem::take(&mut self.lost) {
            if !evicted() {
                self.lost.insert(sector);
                continue;
            }
            let begin = (sector * SECTOR_BYTES).min(self.bytes.len());
            let end = (begin + SECTOR_BYTES).min(self.bytes.len());
            self.bytes[begin..end].copy_from_slice(&self.durable[begin..end]);
        }
    }

    /// Returns a possible content after a power cut.
    pub(super) fn surviving(&self, random: &mut ChaCha8Rng) -> Vec<u8> {
        if self.dirty.is_empty() && self.shortest == self.bytes.len() {
            return self.durable.clone();
        }
        let mut toss = || random.next_u32().is_multiple_of(2);
        self.with_stored(toss(), toss)
    }
}

//! The journal: what a shard decided, in the order it did, on disk before anybody is told.
//!
//! One folder a shard; in it segments named by their first record, each a header and then frames;
//! one frame is one group commit. The format is `docs/JOURNAL.md`. This module knows bytes, records
//! and files; it must never look at an account.

pub mod decision;
mod fault_disk;
mod frame;
mod position;
mod reader;
mod recovery;
mod segment;
mod snapshot;
mod storage;
mod tools;
mod writer;

pub use fault_disk::{DiskFault, FaultDisk};
pub use frame::{Fault, FrameBuilder, FrameHeader};
pub use position::{Position, Positions};
pub use reader::{Frame, JournalReader, ReadError, Start, first_kept, segments as segment_names};
pub use recovery::{Recovered, RecoveryError, recover};
pub use segment::{SegmentFault, segment_name};
pub use snapshot::{
    Anchor, SnapshotFault, SnapshotFile, SnapshotHeader, SnapshotReader, is_anchored,
    remove_unfinished, snapshot_name, snapshots,
};
pub use storage::{FsStorage, Storage, StorageFile};
pub use tools::{print, verify};
pub use writer::{JournalWriter, SyncMode, WriterOptions};

#[cfg(test)]
mod tests;

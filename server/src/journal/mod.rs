//! The journal: the decisions of a shard in their order, durable before any reply leaves.
//!
//! [`writer`] numbers and chains frames and appends them through the traits of [`frame_log`];
//! [`file`] stores them as segments in a folder, [`stream`] on other machines with a copy here;
//! [`snapshot`] saves accounts so that a start need
//! not read everything. The format is `docs/JOURNAL.md`. This module handles bytes, records and
//! files; it must never read an account, except for `journal verify` in [`tools`].

#[cfg(feature = "test-support")]
mod cached_file;
pub mod decision;
mod fault;
#[cfg(feature = "test-support")]
mod fault_disk;
mod file;
mod frame;
mod frame_log;
mod fs_file;
mod position;
mod records;
#[cfg(feature = "test-support")]
mod sealed;
mod snapshot;
mod storage;
mod stream;
mod tip;
mod tools;
mod writer;

pub(crate) use fault::SNAPSHOT_VERSION;
pub use fault::{ReadError, RecoveryError, SegmentFault, SnapshotFault};
#[cfg(feature = "test-support")]
pub use fault_disk::{DiskFault, FaultDisk};
#[cfg(feature = "remote")]
pub(crate) use file::{Extent, Until, extent};
pub use file::{FileOptions, FileStore, recover, segment_name};
pub use frame::{Fault, FrameBuilder, FrameHeader};
pub use frame_log::{
    Anchor, AppendError, Fence, Frame, FrameLog, FrameReader, FrameRecords, LogStore, LogTraits,
    Place, Recovered, Start,
};
pub use position::{Position, Positions};
#[cfg(feature = "test-support")]
pub use sealed::{SealedFrame, sealed_segment};
pub use snapshot::{
    SnapshotEvent, SnapshotFile, SnapshotHeader, SnapshotJob, SnapshotKeeper, SnapshotPiece,
    SnapshotReader, remove_unfinished, snapshot_name, snapshots,
};
pub use storage::{FsStorage, Storage, StorageFile};
pub use stream::{Answer, Stream, StreamStore, cut_at_damage};
#[cfg(feature = "test-support")]
pub use stream::{FakeStream, StreamFault, StreamFaults};
pub use tip::{CheckedFrame, Tip};
pub use tools::{print, verify};
pub use writer::{JournalWriter, SyncMode};

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod tests;

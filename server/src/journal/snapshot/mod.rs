//! Snapshots of a shard's accounts: the file format, and the part that writes and removes them.

mod file;
mod keeper;

pub use file::{
    SnapshotFile, SnapshotHeader, SnapshotReader, remove_unfinished, snapshot_name, snapshots,
};
pub use keeper::{SnapshotEvent, SnapshotJob, SnapshotKeeper, SnapshotPiece};

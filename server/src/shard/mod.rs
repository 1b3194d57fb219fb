//! Shards: each owns some users for ever, and with them their part of the journal.
//!
//! [`Shard`] is the whole behaviour without a thread, a clock or a channel to wait on: messages go
//! in, a round decides, writes down and answers. [`spawn`] gives it a thread. A shard never waits
//! for a quote or for another user.

mod batch;
mod core;
mod driver;
mod execute;
mod parked;
mod recovery;
mod snapshots;
mod stats;
mod subscribers;
mod trouble;

pub use batch::{Batch, Control, DumpDone, DumpRequest, DumpResult, DumpTicket, Job, Work};
pub use core::{Links, Shard};
pub use driver::{Fatal, Queues, ShardHandle, drive, spawn};
pub use recovery::{RecoveredShard, recover_shard};
pub use snapshots::{SnapshotJob, SnapshotKeeper, SnapshotNews, SnapshotPiece, spawn_snapshots};
pub use stats::ShardStats;

#[cfg(test)]
mod tests;

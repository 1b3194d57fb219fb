//! Shards: each permanently owns some users and their journal.
//!
//! [`Shard`] is the whole behaviour without a thread, a clock or a channel to wait on: messages go
//! in, a round decides, records and answers. [`run_shard`] drives it. A shard never waits for a
//! quote or for another user, and it never knows a socket: it answers to reply targets.

mod agenda;
mod core;
mod degraded;
mod event_loop;
mod execute;
mod following;
mod handles;
mod inbox;
mod job_queue;
mod ledger;
mod prices;
mod recovery;
mod refuse;
mod round;
mod schedule;
mod stats;
mod subscribers;
mod unasked;
mod wait_queue;

pub use core::Shard;
pub use event_loop::{Fatal, Queues, ShardHandle, ShardTask, run_shard};
pub use following::Membership;
pub use handles::ShardHandles;
pub use recovery::{RecoveredShard, recover_copy, recover_shard};
pub use stats::ShardStats;

#[cfg(test)]
mod tests;

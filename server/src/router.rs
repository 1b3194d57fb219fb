//! Assigns each user to a shard permanently, by a stable hash of the name and the number of shards
//! of the data folder.

use crate::shard::ShardHandle;
use daytrade_protocol::UserName;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Handles of all shards, shared by all sessions.
#[derive(Clone, Debug)]
pub struct Router {
    shards: Arc<[ShardHandle]>,
    /// Next number for a transaction without a tag.
    next_number: Arc<AtomicU64>,
}

impl Router {
    /// Creates a router to these shards, which takes transaction numbers from a counter.
    pub fn new(shards: Vec<ShardHandle>, next_number: Arc<AtomicU64>) -> Self {
        Self { shards: shards.into(), next_number }
    }

    /// Returns the shard of a user. Commands without a user go to the first shard.
    pub fn shard_of(&self, user: Option<&UserName>) -> usize {
        user.map_or(0, |user| shard_index(user, self.shards.len()))
    }

    /// Returns all shards.
    pub fn shards(&self) -> &[ShardHandle] {
        &self.shards
    }

    /// Returns a new number for a transaction without a tag.
    pub fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }
}

/// Returns the shard of a user. The last letters of a name have little influence on the bits of an
/// FNV hash, so the hash is mixed first.
pub(crate) fn shard_index(user: &UserName, shards: usize) -> usize {
    let hash = user.stable_hash();
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (((mixed >> 32) * shards as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_distributed_evenly_and_permanently() {
        let user = |n: u32| UserName::parse(format!("user{n}").as_bytes()).unwrap();
        for shards in [1, 2, 3, 7, 16] {
            let mut counts = vec![0_u32; shards];
            (0..10_000).for_each(|n| counts[shard_index(&user(n), shards)] += 1);
            let mean = 10_000 / shards as u32;
            assert!(counts.iter().all(|count| count.abs_diff(mean) < mean / 4), "{counts:?}");
        }
        // Fixed values: later versions must read the data folders of this one.
        let places: Vec<_> = (0..8).map(|n| shard_index(&user(n), 4)).collect();
        assert_eq!(places, [2, 2, 1, 0, 1, 0, 2, 3]);
    }
}

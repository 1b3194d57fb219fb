//! Which shard a user lives on, for ever: a stable hash of the name over the number of shards of
//! the data folder.

use crate::shard::ShardHandle;
use daytrade_protocol::UserName;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The way to the shards, shared by all sessions.
#[derive(Clone, Debug)]
pub struct Router {
    shards: Arc<[ShardHandle]>,
    /// The next number for a transaction that came without a tag.
    next_number: Arc<AtomicU64>,
}

impl Router {
    /// Routes to these shards; the server's own transaction numbers go on behind `assigned_max`.
    pub fn new(shards: Vec<ShardHandle>, assigned_max: u64) -> Self {
        Self { shards: shards.into(), next_number: Arc::new(AtomicU64::new(assigned_max + 1)) }
    }

    /// The shard of a user; what belongs to nobody goes to the first.
    pub fn shard_of(&self, user: Option<&UserName>) -> usize {
        user.map_or(0, |user| shard_index(user, self.shards.len()))
    }

    /// All shards.
    pub fn shards(&self) -> &[ShardHandle] {
        &self.shards
    }

    /// A number for a transaction that came without a tag.
    pub fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }
}

/// The shard of a user among so many. FNV's bits depend little on a name's last letters, so they
/// are mixed first.
pub fn shard_index(user: &UserName, shards: usize) -> usize {
    let hash = user.stable_hash();
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (((mixed >> 32) * shards as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_spread_evenly_and_stay_where_they_are() {
        let user = |n: u32| UserName::parse(format!("user{n}").as_bytes()).unwrap();
        for shards in [1, 2, 3, 7, 16] {
            let mut counts = vec![0_u32; shards];
            (0..10_000).for_each(|n| counts[shard_index(&user(n), shards)] += 1);
            let mean = 10_000 / shards as u32;
            assert!(counts.iter().all(|count| count.abs_diff(mean) < mean / 4), "{counts:?}");
        }
        // Written down: a data folder of today must be read by the server of tomorrow.
        let places: Vec<_> = (0..8).map(|n| shard_index(&user(n), 4)).collect();
        assert_eq!(places, [2, 2, 1, 0, 1, 0, 2, 3]);
    }
}

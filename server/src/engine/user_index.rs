//! Finds the account of a user by the user's name.
//!
//! An open-addressing hash table of our own: the buckets of several users can be prefetched
//! together, and a search nearly always reads one cache line. It stores no names: an entry is 8
//! bytes, and the caller compares the name in the account. It must never be iterated: its order
//! differs from start to start.

use super::account::UserId;
use crate::prefetch::prefetch;
use daytrade_protocol::UserName;
use hashbrown::DefaultHashBuilder;
use std::hash::BuildHasher as _;

/// Number of buckets after the first insertion.
const BUCKETS_MIN: usize = 16;

/// A free bucket.
const FREE: u64 = 0;

/// Indexes of accounts by the names of their users.
#[derive(Debug, Default)]
pub(super) struct UserIndex {
    /// The hash of a name in the upper half, the index of its user plus one in the lower one, or
    /// [`FREE`]. Linear probing: between an entry and its home bucket no bucket is free. Entries
    /// are never removed. The number of buckets is a power of two or 0; a quarter stays free.
    buckets: Vec<u64>,
    used: usize,
    /// Seeded at random, against names that were chosen to have one hash.
    hasher: DefaultHashBuilder,
}

const fn entry(hash: u32, id: UserId) -> u64 {
    ((hash as u64) << 32) | (id.0 as u64 + 1)
}

const fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

const fn id_of(entry: u64) -> UserId {
    UserId((entry as u32).wrapping_sub(1))
}

impl UserIndex {
    /// Returns the hash of a name, for [`UserIndex::candidate`].
    #[inline]
    pub(super) fn hash(&self, user: &UserName) -> u32 {
        self.hasher.hash_one(user) as u32
    }

    /// Returns the home bucket of a hash.
    #[inline]
    const fn home(&self, hash: u32) -> usize {
        hash as usize & self.buckets.len().wrapping_sub(1)
    }

    /// Prefetches the entry of a hash.
    #[inline]
    pub(super) fn prefetch(&self, hash: u32) {
        self.buckets.get(self.home(hash)).inspect(|bucket| prefetch(*bucket));
    }

    /// Returns the user of the first entry with this hash that is the right one.
    #[inline]
    fn search(&self, hash: u32, is_right: impl Fn(UserId) -> bool) -> Option<UserId> {
        let mut at = self.home(hash);
        while let Some(&entry) = self.buckets.get(at)
            && entry != FREE
        {
            if hash_of(entry) == hash && is_right(id_of(entry)) {
                return Some(id_of(entry));
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
        None
    }

    /// Returns the account of a user whose name has this hash: in rare cases it is another one's,
    /// whose name has the same hash.
    #[inline]
    pub(super) fn candidate(&self, hash: u32) -> Option<UserId> {
        self.search(hash, |_| true)
    }

    /// Returns the account of a user. `is_theirs` compares the name of an account.
    #[inline]
    pub(super) fn find(
        &self,
        user: &UserName,
        is_theirs: impl Fn(UserId) -> bool,
    ) -> Option<UserId> {
        self.search(self.hash(user), is_theirs)
    }

    /// Prepares for this many more users.
    pub(super) fn reserve(&mut self, users: usize) {
        while self.used + users > self.buckets.len() / 4 * 3 {
            self.grow();
        }
    }

    /// Doubles the number of buckets in place: a second table would cost page faults for memory
    /// that is freed again.
    fn grow(&mut self) {
        let buckets = self.buckets.len();
        // Entries that wrapped around to the start of the table are removed first and inserted
        // last: their probe sequence runs through the end of the table, which is rehashed last.
        let mut later = Vec::new();
        for at in 0..buckets {
            let entry = self.buckets.get(at).copied().unwrap_or(FREE);
            if entry == FREE {
                break;
            }
            if self.home(hash_of(entry)) > at {
                later.push(self.take(at));
            }
        }
        self.buckets.resize((2 * buckets).max(BUCKETS_MIN), FREE);
        // An entry goes to its bucket, to one before it, or to the new half. All buckets that it
        // passes on the way hold entries that are already rehashed, so no gap opens later.
        for at in 0..buckets {
            let entry = self.take(at);
            if entry != FREE {
                self.put(entry);
            }
        }
        for entry in later {
            self.put(entry);
        }
    }

    /// Frees a bucket and returns its entry.
    fn take(&mut self, at: usize) -> u64 {
        self.buckets.get_mut(at).map_or(FREE, |bucket| std::mem::replace(bucket, FREE))
    }

    /// Adds a user who is not in the index.
    pub(super) fn insert(&mut self, user: &UserName, id: UserId) {
        self.insert_hashed(self.hash(user), id);
    }

    #[inline]
    fn insert_hashed(&mut self, hash: u32, id: UserId) {
        self.reserve(1);
        self.put(entry(hash, id));
        self.used += 1;
    }

    /// Stores an entry in the first free bucket from its home on. There is always one.
    #[inline]
    fn put(&mut self, entry: u64) {
        let mut at = self.home(hash_of(entry));
        while let Some(bucket) = self.buckets.get_mut(at) {
            if *bucket == FREE {
                *bucket = entry;
                return;
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> UserName {
        UserName::parse(format!("user{number}").as_bytes()).unwrap()
    }

    #[test]
    fn every_user_is_found_and_no_other() {
        let mut index = UserIndex::default();
        for number in 0..100_000 {
            index.prefetch(index.hash(&name(number)));
            index.insert(&name(number), UserId(number));
        }
        for number in 0..100_000 {
            let found = index.find(&name(number), |id| id == UserId(number));
            assert_eq!(found, Some(UserId(number)));
        }
        let found = |number| index.find(&name(number), |id| name(id.0) == name(number));
        assert_eq!((100_000..200_000).find_map(found), None);
    }

    /// Two names with one hash, which here are the same name.
    #[test]
    fn users_with_one_hash_are_told_apart_by_their_account() {
        let mut index = UserIndex::default();
        let user = name(1);
        index.insert(&user, UserId(1));
        index.insert(&user, UserId(2));
        let accounts = [1, 2, 3].map(UserId);
        let found = accounts.map(|theirs| index.find(&user, |id| id == theirs));
        assert_eq!(found, [Some(UserId(1)), Some(UserId(2)), None]);
        assert!(index.candidate(index.hash(&user)).is_some());
    }

    /// Entries in long rows, some of them around the end of the table, when it grows.
    #[test]
    fn crowded_buckets_are_found_however_the_table_grows() {
        let hashes: [fn(u32) -> u32; 4] = [
            |number| u32::MAX - number % 5,
            |number| number / 3,
            |number| (number % 7) << 4 | (number % 3),
            |number| number.wrapping_mul(0x9e37_79b9) | 0xff00,
        ];
        for hash in hashes {
            let mut index = UserIndex::default();
            for number in 0..1_000 {
                index.insert_hashed(hash(number), UserId(number));
                let is_found = |id: u32| {
                    let found = index.search(hash(id), |found| found == UserId(id));
                    found == Some(UserId(id))
                };
                assert!(number % 13 > 0 || (0..=number).all(is_found), "after {number}");
                assert!(index.buckets.len().is_power_of_two() && index.used < index.buckets.len());
            }
            let held = index.buckets.iter().filter(|entry| **entry != FREE).count();
            assert_eq!((held, index.used), (1_000, 1_000));
        }
    }
}

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
    /// are never removed. The number of buckets is a power of two or 0; at least half of them stay
    /// free.
    buckets: Vec<u64>,
    used: usize,
    /// Seeded at random, against names that were chosen to have one hash.
    hasher: DefaultHashBuilder,
}

/// The free bucket for a user who is not in the index. It is valid until the index grows or a user
/// is inserted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vacancy(
    /// Number of the bucket plus the number of buckets. The number of buckets is a power of two, so
    /// the sum determines both. 0 is never valid.
    u32,
);

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

    /// Returns the user of the first entry with this hash that is the right one, or where it would
    /// be inserted.
    #[inline]
    fn search(&self, hash: u32, is_right: impl Fn(UserId) -> bool) -> Result<UserId, Vacancy> {
        let mut at = self.home(hash);
        while let Some(&entry) = self.buckets.get(at)
            && entry != FREE
        {
            if hash_of(entry) == hash && is_right(id_of(entry)) {
                return Ok(id_of(entry));
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
        Err(Vacancy(u32::try_from(self.buckets.len() + at).unwrap_or(0)))
    }

    /// Returns the account of a user whose name has this hash: in rare cases it is another one's,
    /// whose name has the same hash. If no name has it, returns where the user would be inserted.
    #[inline]
    pub(super) fn candidate(&self, hash: u32) -> Result<UserId, Vacancy> {
        self.search(hash, |_| true)
    }

    /// Returns the account of a user, or where the user would be inserted. `is_theirs` compares the
    /// name of an account.
    #[inline]
    pub(super) fn find(
        &self,
        user: &UserName,
        is_theirs: impl Fn(UserId) -> bool,
    ) -> Result<UserId, Vacancy> {
        self.search(self.hash(user), is_theirs)
    }

    /// Returns the bucket of a vacancy, or None if the vacancy is outdated. While it is valid, its
    /// user is not in the index: the user would have been inserted there.
    #[inline]
    fn bucket_of(&self, vacancy: Vacancy) -> Option<usize> {
        let at = (vacancy.0 as usize).checked_sub(self.buckets.len())?;
        (self.buckets.get(at) == Some(&FREE)).then_some(at)
    }

    /// Returns true if the user of a vacancy is still not in the index.
    #[inline]
    pub(super) fn is_vacant(&self, vacancy: Vacancy) -> bool {
        self.bucket_of(vacancy).is_some()
    }

    /// Prepares for this many more users.
    pub(super) fn reserve(&mut self, users: usize) {
        while self.used + users > self.buckets.len() / 2 {
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

    /// Adds a user who is not in the index. An outdated vacancy is ignored: the index is searched
    /// for a free bucket instead.
    #[inline]
    pub(super) fn insert(&mut self, user: &UserName, vacancy: Vacancy, id: UserId) {
        self.insert_hashed(self.hash(user), vacancy, id);
    }

    #[inline]
    fn insert_hashed(&mut self, hash: u32, vacancy: Vacancy, id: UserId) {
        self.reserve(1);
        self.used += 1;
        let entry = entry(hash, id);
        let bucket = self.bucket_of(vacancy).and_then(|at| self.buckets.get_mut(at));
        match bucket {
            Some(bucket) => *bucket = entry,
            None => self.put(entry),
        }
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

    fn insert(index: &mut UserIndex, user: &UserName, id: UserId) {
        let vacancy = index.find(user, |_| false).unwrap_err();
        index.insert(user, vacancy, id);
    }

    #[test]
    fn every_user_is_found_and_no_other() {
        let mut index = UserIndex::default();
        for number in 0..100_000 {
            index.prefetch(index.hash(&name(number)));
            insert(&mut index, &name(number), UserId(number));
        }
        for number in 0..100_000 {
            let found = index.find(&name(number), |id| id == UserId(number));
            assert_eq!(found, Ok(UserId(number)));
        }
        let found = |number| index.find(&name(number), |id| name(id.0) == name(number)).ok();
        assert_eq!((100_000..200_000).find_map(found), None);
    }

    /// Two names with one hash, which here are the same name.
    #[test]
    fn users_with_one_hash_are_told_apart_by_their_account() {
        let mut index = UserIndex::default();
        let user = name(1);
        insert(&mut index, &user, UserId(1));
        insert(&mut index, &user, UserId(2));
        let accounts = [1, 2, 3].map(UserId);
        let found = accounts.map(|theirs| index.find(&user, |id| id == theirs).ok());
        assert_eq!(found, [Some(UserId(1)), Some(UserId(2)), None]);
        assert!(index.candidate(index.hash(&user)).is_ok());
    }

    /// Many users look for their places before any of them is inserted.
    #[test]
    fn users_are_found_although_their_vacancies_were_outdated() {
        for at_once in [1, 2, 24, 500] {
            let mut index = UserIndex::default();
            for first in (0..2_000).step_by(at_once) {
                let users = first..first + at_once as u32;
                let vacancies: Vec<_> =
                    users.clone().map(|user| index.find(&name(user), |_| false)).collect();
                for (user, vacancy) in users.zip(vacancies) {
                    index.insert(&name(user), vacancy.unwrap_err(), UserId(user));
                    assert!(!index.is_vacant(vacancy.unwrap_err()));
                }
            }
            let is_found =
                |number| index.find(&name(number), |id| id == UserId(number)) == Ok(UserId(number));
            assert!((0..2_000).all(is_found), "{at_once} at once");
        }
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
                let vacancy = index.search(hash(number), |_| false).unwrap_err();
                index.insert_hashed(hash(number), vacancy, UserId(number));
                let is_found = |id: u32| {
                    let found = index.search(hash(id), |found| found == UserId(id));
                    found == Ok(UserId(id))
                };
                assert!(number % 13 > 0 || (0..=number).all(is_found), "after {number}");
                assert!(
                    index.buckets.len().is_power_of_two() && 2 * index.used <= index.buckets.len()
                );
            }
            let held = index.buckets.iter().filter(|entry| **entry != FREE).count();
            assert_eq!((held, index.used), (1_000, 1_000));
        }
    }
}

//! Finds the account of a user by the user's name.
//!
//! The index holds no names: an entry is 8 bytes, so that those of a million users stay near the
//! processor, and the caller compares the name that the account has. It must never be iterated: its
//! order differs from start to start.

use super::account::UserId;
use daytrade_protocol::UserName;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher as _;

/// Indexes of accounts by the names of their users.
#[derive(Debug, Default)]
pub(super) struct UserIndex {
    entries: HashTable<Entry>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Entry {
    hash: u32,
    id: UserId,
}

/// Returns the hash that the table uses: it takes its place from the low bits, and a first
/// comparison from the high ones.
const fn table_hash(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

impl UserIndex {
    /// Returns the hash of a name, for [`UserIndex::candidate`].
    #[inline]
    pub(super) fn hash(&self, user: &UserName) -> u32 {
        self.hasher.hash_one(user) as u32
    }

    /// Returns the account of a user whose name has this hash: in rare cases it is another one's,
    /// whose name has the same hash.
    #[inline]
    pub(super) fn candidate(&self, hash: u32) -> Option<UserId> {
        let found = self.entries.find(table_hash(hash), |entry| entry.hash == hash);
        found.map(|entry| entry.id)
    }

    /// Returns the account of a user. `is_theirs` compares the name of an account.
    #[inline]
    pub(super) fn find(
        &self,
        user: &UserName,
        is_theirs: impl Fn(UserId) -> bool,
    ) -> Option<UserId> {
        let hash = self.hash(user);
        let is_theirs = |entry: &Entry| entry.hash == hash && is_theirs(entry.id);
        self.entries.find(table_hash(hash), is_theirs).map(|entry| entry.id)
    }

    /// Prepares for this many more users.
    pub(super) fn reserve(&mut self, users: usize) {
        self.entries.reserve(users, |entry| table_hash(entry.hash));
    }

    /// Adds a user who is not in the index.
    pub(super) fn insert(&mut self, user: &UserName, id: UserId) {
        let hash = self.hash(user);
        let entry = Entry { hash, id };
        self.entries.insert_unique(table_hash(hash), entry, |entry| table_hash(entry.hash));
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
}

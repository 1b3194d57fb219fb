//! A book written out account by account while it goes on changing, and read back.
//!
//! The copy is of one moment: an account that is about to change before its turn is written out
//! first. What is copied at once is bounded by the caller, so that nobody waits for the rest.

use super::account::Account;
use super::book::UserId;
use daytrade_protocol::UserName;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// A hash over accounts that does not depend on the order they are taken in: equal books have equal
/// hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateHash(pub u64);

impl AddAssign<&[u8]> for StateHash {
    fn add_assign(&mut self, entry: &[u8]) {
        self.0 = self.0.wrapping_add(xxhash_rust::xxh3::xxh3_64(entry));
    }
}

#[derive(Debug, Serialize)]
struct EntryRef<'a> {
    id: u32,
    name: &'a UserName,
    account: &'a Account,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: u32,
    name: UserName,
    account: Account,
}

/// Appends one account in the form of a snapshot.
pub(super) fn append_entry(
    id: UserId,
    name: &UserName,
    account: &Account,
    out: &mut Vec<u8>,
    hash: &mut StateHash,
) {
    let before = out.len();
    crate::encoding::append(&EntryRef { id: id.0, name, account }, out);
    *hash += &out[before..];
}

/// A copy under way.
#[derive(Debug)]
pub(super) struct Saving {
    /// The next account whose turn it is.
    next: u32,
    /// The accounts there were when the copy began.
    end: u32,
    /// Which accounts were written out before their turn, a bit each.
    early: Vec<u64>,
    bytes: Vec<u8>,
    hash: StateHash,
}

/// Part of a copy.
#[derive(Debug)]
pub struct Slice {
    /// Accounts, one behind the other.
    pub bytes: Vec<u8>,
    /// The hash over all accounts, once this is the last part.
    pub last: Option<StateHash>,
}

impl Saving {
    pub(super) fn new(users: usize) -> Self {
        let early = vec![0; users.div_ceil(64)];
        Self { next: 0, end: users as u32, early, bytes: Vec::new(), hash: StateHash::default() }
    }

    /// Writes an account out before it changes, if its turn has not come yet.
    pub(super) fn before_change(&mut self, id: UserId, name: &UserName, account: &Account) {
        let (word, bit) = (id.0 as usize / 64, 1 << (id.0 % 64));
        if (self.next..self.end).contains(&id.0) && self.early[word] & bit == 0 {
            self.early[word] |= bit;
            append_entry(id, name, account, &mut self.bytes, &mut self.hash);
        }
    }

    /// Goes on with the copy until there are about so many bytes.
    pub(super) fn slice<'a>(
        &mut self,
        bytes_soft: usize,
        account_at: impl Fn(UserId) -> (&'a UserName, &'a Account),
    ) -> Slice {
        while self.next < self.end && self.bytes.len() < bytes_soft {
            let id = UserId(self.next);
            if self.early[id.0 as usize / 64] & (1 << (id.0 % 64)) == 0 {
                let (name, account) = account_at(id);
                append_entry(id, name, account, &mut self.bytes, &mut self.hash);
            }
            self.next += 1;
        }
        let last = (self.next == self.end).then_some(self.hash);
        Slice { bytes: std::mem::take(&mut self.bytes), last }
    }
}

/// Why a snapshot is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// An account cannot be read.
    #[error("an account of the snapshot cannot be read")]
    Entry,
    /// An account is missing or there twice.
    #[error("the snapshot's accounts are not complete")]
    Incomplete,
    /// The hash over the accounts is another.
    #[error("the snapshot's state hash does not match")]
    Hash,
}

/// A book being read back.
#[derive(Debug)]
pub struct Loader {
    slots: Vec<Option<(UserName, Account)>>,
    hash: StateHash,
}

impl Loader {
    /// For so many users.
    pub fn new(users: u32) -> Self {
        Self { slots: (0..users).map(|_| None).collect(), hash: StateHash::default() }
    }

    /// Takes in the accounts of one slice.
    ///
    /// # Errors
    /// When they cannot be read, or one is there already.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), LoadError> {
        while !bytes.is_empty() {
            let (entry, rest) =
                postcard::take_from_bytes::<Entry>(bytes).map_err(|_| LoadError::Entry)?;
            self.hash += &bytes[..bytes.len() - rest.len()];
            bytes = rest;
            let slot = self.slots.get_mut(entry.id as usize).ok_or(LoadError::Incomplete)?;
            if slot.replace((entry.name, entry.account)).is_some() {
                return Err(LoadError::Incomplete);
            }
        }
        Ok(())
    }

    /// All accounts in the order they were made.
    ///
    /// # Errors
    /// When one is missing or the hash is another.
    pub(super) fn finish(self, hash: StateHash) -> Result<Vec<(UserName, Account)>, LoadError> {
        if self.hash != hash {
            return Err(LoadError::Hash);
        }
        self.slots.into_iter().collect::<Option<_>>().ok_or(LoadError::Incomplete)
    }
}

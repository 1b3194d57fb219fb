//! Copies a book, account by account, while it continues to change, and reads the copy back.
//!
//! The copy is consistent as of one moment: an account that is about to change before its turn is
//! copied first. The caller bounds the size of each slice, so commands wait only briefly.

use super::account::{Account, Stored, UserId};
use super::history::{History, HistoryEntry, PackedHistory, StoredHistory};
use daytrade_protocol::UserName;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Accounts between two steps of prefetching: the account, what it points to, what that points to.
const PREFETCH_ACCOUNTS: u32 = 8;

/// Length of the longest number in a snapshot, bytes.
const NUMBER_BYTES_MAX: usize = 10;

/// A hash over accounts that does not depend on their order: equal books have equal hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateHash(pub u64);

impl AddAssign<&[u8]> for StateHash {
    fn add_assign(&mut self, entry: &[u8]) {
        self.0 = self.0.wrapping_add(xxhash_rust::xxh3::xxh3_64(entry));
    }
}

#[derive(Serialize)]
struct EntryRef<'a, A> {
    id: u32,
    name: &'a UserName,
    account: A,
}

#[derive(Deserialize)]
struct Entry<H> {
    id: u32,
    name: UserName,
    account: Stored<H>,
}

/// Where postcard appends an account.
struct Appended(Vec<u8>);

impl Flavor for Appended {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    /// Nearly all that is appended are numbers of a few bytes: to call `memcpy` for each of them
    /// takes longer than to copy its bytes.
    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() > NUMBER_BYTES_MAX {
            self.0.extend_from_slice(bytes);
        } else {
            for byte in bytes {
                self.0.push(*byte);
            }
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// Appends one account as it is stored.
pub(super) fn append_entry(
    id: UserId,
    name: &UserName,
    account: impl Serialize,
    out: &mut Vec<u8>,
    hash: &mut StateHash,
) {
    let before = out.len();
    let entry = EntryRef { id: id.0, name, account };
    match postcard::serialize_with_flavor(&entry, Appended(std::mem::take(out))) {
        Ok(longer) => *out = longer,
        // Memory is the only medium. A copy without an account would be refused when it is loaded.
        Err(error) => debug_assert!(false, "an account cannot be serialized: {error}"),
    }
    *hash += out.get(before..).unwrap_or_default();
}

/// A copy in progress.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// Next account to copy in turn.
    next: u32,
    /// Number of accounts when the copy began.
    end: u32,
    /// Accounts that were copied before their turn, one bit each.
    early: Vec<u64>,
    bytes: Vec<u8>,
    hash: StateHash,
}

/// A part of a copy.
#[derive(Debug)]
pub struct Slice {
    /// Accounts, one after the other.
    pub bytes: Vec<u8>,
    /// Hash over all accounts; Some in the last slice.
    pub last: Option<StateHash>,
}

impl Checkpoint {
    pub(super) fn new(users: usize) -> Self {
        let early = vec![0; users.div_ceil(64)];
        Self { next: 0, end: users as u32, early, bytes: Vec::new(), hash: StateHash::default() }
    }

    fn append(&mut self, id: UserId, name: &UserName, account: &Account) {
        let history = PackedHistory::of(&account.history);
        append_entry(id, name, account.stored(&history), &mut self.bytes, &mut self.hash);
    }

    /// Copies an account before it changes, unless it is already copied.
    #[expect(clippy::indexing_slicing, reason = "the bits cover every user of the copy")]
    pub(super) fn before_change(&mut self, id: UserId, name: &UserName, account: &Account) {
        let (word, bit) = (id.0 as usize / 64, 1 << (id.0 % 64));
        if (self.next..self.end).contains(&id.0) && self.early[word] & bit == 0 {
            self.early[word] |= bit;
            self.append(id, name, account);
        }
    }

    /// Continues the copy until the slice has about `bytes_soft` bytes.
    #[expect(clippy::indexing_slicing, reason = "the bits cover every user of the copy")]
    pub(super) fn slice<'a>(
        &mut self,
        bytes_soft: usize,
        account_at: impl Fn(UserId) -> (&'a UserName, &'a Account),
    ) -> Slice {
        while self.next < self.end && self.bytes.len() < bytes_soft {
            let id = UserId(self.next);
            if self.early[id.0 as usize / 64] & (1 << (id.0 % 64)) == 0 {
                let (name, account) = account_at(id);
                self.append(id, name, account);
            }
            let ahead = |accounts| {
                let id = self.next + accounts;
                (id < self.end).then(|| account_at(UserId(id)).1)
            };
            ahead(3 * PREFETCH_ACCOUNTS).inspect(|account| account.prefetch_end());
            ahead(2 * PREFETCH_ACCOUNTS).inspect(|account| account.prefetch_parts());
            ahead(PREFETCH_ACCOUNTS).inspect(|account| account.prefetch_all());
            self.next += 1;
        }
        let last = (self.next == self.end).then_some(self.hash);
        // The next slice is about as long: it need not grow.
        let next = Vec::with_capacity(if last.is_some() { 0 } else { self.bytes.len() });
        Slice { bytes: std::mem::replace(&mut self.bytes, next), last }
    }
}

/// Reason why a snapshot cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// An account cannot be decoded.
    #[error("an account of the snapshot cannot be read")]
    Entry,
    /// An account is missing or present twice.
    #[error("the snapshot's accounts are not complete")]
    Incomplete,
    /// The hash over the accounts differs.
    #[error("the snapshot's state hash does not match")]
    Hash,
}

/// How the histories of a copy are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryForm {
    /// As lists of transactions.
    Listed,
    /// Packed.
    Packed,
}

/// Accounts of a copy that is being read back.
#[derive(Debug)]
pub struct Loader {
    slots: Vec<Option<(UserName, Account)>>,
    hash: StateHash,
    form: HistoryForm,
}

impl Loader {
    /// Creates a loader for this number of users.
    pub fn new(users: u32, form: HistoryForm) -> Self {
        let slots = (0..users).map(|_| None).collect();
        Self { slots, hash: StateHash::default(), form }
    }

    /// Reads the accounts of one slice.
    ///
    /// # Errors
    /// [`LoadError::Entry`] or [`LoadError::Incomplete`].
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        match self.form {
            HistoryForm::Listed => self.take_entries::<Vec<HistoryEntry>>(bytes),
            HistoryForm::Packed => self.take_entries::<StoredHistory<'_>>(bytes),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the rest is the end of the bytes")]
    fn take_entries<'a, H>(&mut self, mut bytes: &'a [u8]) -> Result<(), LoadError>
    where
        H: Deserialize<'a> + TryInto<History>,
    {
        while !bytes.is_empty() {
            let (entry, rest) =
                postcard::take_from_bytes::<Entry<H>>(bytes).map_err(|_| LoadError::Entry)?;
            self.hash += &bytes[..bytes.len() - rest.len()];
            bytes = rest;
            let account = entry.account.account().ok_or(LoadError::Entry)?;
            let slot = self.slots.get_mut(entry.id as usize).ok_or(LoadError::Incomplete)?;
            if slot.replace((entry.name, account)).is_some() {
                return Err(LoadError::Incomplete);
            }
        }
        Ok(())
    }

    /// Returns all accounts in the order in which they were opened.
    ///
    /// # Errors
    /// [`LoadError::Hash`] or [`LoadError::Incomplete`].
    pub(super) fn finish(self, hash: StateHash) -> Result<Vec<(UserName, Account)>, LoadError> {
        if self.hash != hash {
            return Err(LoadError::Hash);
        }
        self.slots.into_iter().collect::<Option<_>>().ok_or(LoadError::Incomplete)
    }
}

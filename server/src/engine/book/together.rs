//! Finds the accounts of several users at a time.

#![expect(
    clippy::indexing_slicing,
    reason = "an index of a user is valid for the lifetime of the book"
)]

use super::{Book, Slot};
use crate::engine::account::UserId;
use crate::limits::PREFETCH_JOBS;
use crate::prefetch::prefetch;
use daytrade_protocol::{Side, UserName};

impl Slot {
    #[inline]
    fn prefetch(&self) {
        prefetch(&self.name);
        self.account.prefetch_end();
    }
}

impl Book {
    /// Finds the accounts of users and prefetches them, step by step, so that their cache misses
    /// overlap: the commands that follow find the accounts in the processor's cache. Returns the
    /// index of each user's account.
    #[inline]
    pub fn find_together<'a>(
        &self,
        users: impl Iterator<Item = Option<&'a UserName>> + Clone,
    ) -> [Option<UserId>; PREFETCH_JOBS] {
        let mut ids = [None; PREFETCH_JOBS];
        let mut hashes = [None; PREFETCH_JOBS];
        for (hash, user) in hashes.iter_mut().zip(users.clone()) {
            *hash = user.map(|user| self.index.hash(user));
            hash.inspect(|hash| self.index.prefetch(*hash));
        }
        // First the index, then the accounts, then the memory that they point to.
        for (id, hash) in ids.iter_mut().zip(hashes) {
            *id = hash.and_then(|hash| self.index.candidate(hash));
            if let Some(id) = *id {
                self.slots[id.0 as usize].prefetch();
            }
        }
        for (id, user) in ids.iter_mut().zip(users) {
            if let (Some(candidate), Some(user)) = (*id, user) {
                if self.name(candidate) != user {
                    *id = self.id(user);
                }
                if let Some(id) = *id {
                    self.account(id).prefetch_parts();
                }
            }
        }
        for portfolio in ids.iter().flatten().map(|id| self.account(*id).portfolio()) {
            portfolio.holdings.prefetch_keys();
            portfolio.sets.prefetch_keys();
            portfolio.pending(Side::Buy).back().inspect(|newest| prefetch(*newest));
        }
        ids
    }
}

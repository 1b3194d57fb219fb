//! Finds the accounts of several users at a time.

#![expect(
    clippy::indexing_slicing,
    reason = "an index of a user is valid for the lifetime of the book"
)]

use super::{Book, Known, Slot};
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
    /// overlap: the commands that follow find the accounts in the processor's cache. Returns
    /// what is known of each user's account.
    #[inline]
    pub fn find_together<'a>(
        &self,
        users: impl Iterator<Item = Option<&'a UserName>> + Clone,
    ) -> [Known; PREFETCH_JOBS] {
        let mut all_known = [Known::Nothing; PREFETCH_JOBS];
        let mut hashes = [None; PREFETCH_JOBS];
        for (hash, user) in hashes.iter_mut().zip(users.clone()) {
            *hash = user.map(|user| self.index.hash(user));
            hash.inspect(|hash| self.index.prefetch(*hash));
        }
        // First the index, then the accounts, then the memory that they point to.
        for (known, hash) in all_known.iter_mut().zip(hashes) {
            let Some(hash) = hash else { continue };
            *known = self.index.candidate(hash).map_or_else(Known::Absent, Known::Account);
            if let Known::Account(id) = *known {
                self.slots[id.0 as usize].prefetch();
            }
        }
        for (known, user) in all_known.iter_mut().zip(users) {
            if let (Known::Account(candidate), Some(user)) = (*known, user) {
                if self.name(candidate) != user {
                    *known = self.look_up(user);
                }
                if let Known::Account(id) = *known {
                    self.account(id).prefetch_parts();
                }
            }
        }
        let accounts = all_known.iter().filter_map(|known| known.account());
        for portfolio in accounts.map(|id| self.account(id).portfolio()) {
            portfolio.holdings.prefetch_keys();
            portfolio.sets.prefetch_keys();
            portfolio.pending(Side::Buy).back().inspect(|newest| prefetch(*newest));
        }
        all_known
    }
}

//! The newest transactions of an account, as DISPLAY_SUMMARY shows them.
//!
//! They are stored compactly (see [`compact`]), because memory is the main cost of an account: the
//! kernel takes as long to provide one page as a shard takes for ten commands, and a snapshot
//! copies every history. A history must hold the newest [`HISTORY_MAX`] transactions, including
//! those whose fields do not fit the compact form.

mod compact;
mod entry;
mod stored;

pub(super) use compact::Position;
pub use entry::HistoryEntry;
pub(super) use stored::{Listed, PackedHistory, StoredHistory};

use crate::limits::HISTORY_MAX;
use crate::prefetch::{prefetch, prefetch_all};
use compact::{Action, Older};
use daytrade_protocol::{Code, CommandName, Money, Symbol};
use std::collections::VecDeque;

/// Number of transactions besides the newest one.
const OLDER_MAX: usize = HISTORY_MAX - 1;

/// The latest time that a compact history holds, in the year 10889.
const TIME_MAX_MS: u64 = (1 << 48) - 1;

/// The newest transactions, at most [`HISTORY_MAX`].
#[derive(Clone, Debug)]
pub(super) struct History {
    /// Number of the newest transaction.
    number: u64,
    /// Its time, in two parts.
    at_ms: u32,
    at_ms_above: u16,
    /// Number of transactions.
    count: u8,
    /// Index of the oldest transaction in a full ring; 0 before it is full.
    oldest: u8,
    /// What the newest transaction was.
    newest: Action,
    others: Others,
}

/// The transactions besides the newest one.
#[derive(Clone, Debug)]
enum Others {
    /// One transaction. Its value is not used while the history has fewer than two.
    One(Older),
    /// A ring of transactions. The entries after the first `count - 1` are not used.
    Many(Box<[Older; OLDER_MAX]>),
    /// All transactions, including the newest one, because one of them does not fit the compact
    /// form: its amount is negative or at least $42,949,672.95, or its number or time is too far
    /// from that of the transaction before it.
    #[expect(clippy::box_collection, reason = "the account is sized for the other variants")]
    Wide(Box<VecDeque<HistoryEntry>>),
}

// The variant is stored in a niche of the command.
const _: () = assert!(size_of::<History>() == 40);
// `count` and `oldest` are `u8`.
const _: () = assert!(HISTORY_MAX <= u8::MAX as usize);

impl Default for History {
    fn default() -> Self {
        let newest = Action { amount: 0, symbol_and_code: [0; 3], command: CommandName::Add };
        let others = Others::One(Position { number: 0, at_ms: 0 }.older(newest));
        Self { number: 0, at_ms: 0, at_ms_above: 0, count: 0, oldest: 0, newest, others }
    }
}

impl History {
    /// Returns number and time of the newest transaction.
    #[inline]
    const fn position(&self) -> Position {
        let at_ms = (self.at_ms_above as u64) << u32::BITS | self.at_ms as u64;
        Position { number: self.number, at_ms }
    }

    /// Appends a transaction. A full history forgets its oldest one.
    #[inline]
    pub(super) fn push(
        &mut self,
        next: Position,
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
        refused: Option<Code>,
    ) {
        let before = self.position();
        let is_near = self.count == 0 || before.is_near(next);
        if let Some(action) = Action::of(command, symbol, amount, refused)
            && is_near
            && next.at_ms <= TIME_MAX_MS
            && self.push_older(before.older(self.newest))
        {
            self.newest = action;
            self.number = next.number;
            self.at_ms = next.at_ms as u32;
            self.at_ms_above = (next.at_ms >> u32::BITS) as u16;
        } else {
            let Position { number, at_ms } = next;
            self.push_wide(HistoryEntry::new(at_ms, number, command, symbol, amount, refused));
        }
    }

    /// Appends what was the newest transaction, if there was one. Returns false if the history is
    /// not compact.
    #[inline]
    fn push_older(&mut self, older: Older) -> bool {
        let count = usize::from(self.count);
        match &mut self.others {
            Others::Many(ring) if count == HISTORY_MAX => {
                if let Some(oldest) = ring.get_mut(usize::from(self.oldest)) {
                    *oldest = older;
                }
                self.oldest = (self.oldest + 1) % OLDER_MAX as u8;
                return true;
            }
            Others::Many(ring) => {
                if let Some(next) = ring.get_mut(count - 1) {
                    *next = older;
                }
            }
            Others::One(only) if count < 2 => *only = older,
            Others::One(oldest) => self.others = Others::many(*oldest, older),
            Others::Wide(_) => return false,
        }
        self.count += 1;
        true
    }

    /// Appends a transaction and keeps the history in the full form until the next start.
    #[cold]
    fn push_wide(&mut self, entry: HistoryEntry) {
        let mut all = match std::mem::take(self) {
            Self { others: Others::Wide(all), .. } => all,
            compact => {
                let mut all = Box::new(VecDeque::with_capacity(HISTORY_MAX));
                all.extend(compact.newest_first());
                all.make_contiguous().reverse();
                all
            }
        };
        if all.len() == HISTORY_MAX {
            all.pop_front();
        }
        all.push_back(entry);
        self.others = Others::Wide(all);
    }

    /// Returns the transactions besides the newest one of a compact history, newest first.
    #[inline]
    fn older(&self) -> OlderOnes<'_> {
        let ring = match &self.others {
            Others::One(only) => std::slice::from_ref(only),
            Others::Many(ring) => &ring[..],
            Others::Wide(_) => &[],
        };
        let held = ring.get(..usize::from(self.count).saturating_sub(1)).unwrap_or_default();
        // The oldest of a ring that is not full is the first one: then all are in the second part.
        let (newer, older) = held.split_at_checked(usize::from(self.oldest)).unwrap_or_default();
        OlderOnes { newer, older }
    }

    /// Returns the transactions, newest first.
    #[inline]
    pub(super) fn newest_first(&self) -> impl Iterator<Item = HistoryEntry> {
        let mut wide = match &self.others {
            Others::Wide(all) => Some(all.iter().rev()),
            _ => None,
        };
        let mut older = self.older();
        let mut next = (self.count > 0).then(|| (self.position(), self.newest));
        std::iter::from_fn(move || {
            if let Some(wide) = &mut wide {
                return wide.next().copied();
            }
            let (position, action) = next?;
            next = older.next().map(|older| (position.before(older), older.action));
            Some(action.entry(position))
        })
    }

    /// Returns the transactions, oldest first.
    fn oldest_first(&self) -> Vec<HistoryEntry> {
        let mut entries: Vec<_> = self.newest_first().collect();
        entries.reverse();
        entries
    }

    /// Removes the transactions that are not wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&HistoryEntry) -> bool) {
        *self = self.oldest_first().into_iter().filter(is_wanted).collect();
    }

    /// Prefetches what the next transaction overwrites.
    #[inline]
    pub(super) fn prefetch_next(&self) {
        if let Others::Many(ring) = &self.others {
            let is_full = usize::from(self.count) == HISTORY_MAX;
            let next = if is_full { self.oldest } else { self.count.wrapping_sub(1) };
            ring.get(usize::from(next)).inspect(|place| prefetch(*place));
        }
    }

    /// Prefetches all transactions.
    pub(super) fn prefetch_all(&self) {
        if let Others::Many(ring) = &self.others {
            let held = ring.get(..usize::from(self.count).saturating_sub(1));
            prefetch_all(held.unwrap_or_default());
        }
    }
}

/// The two parts of a ring, each of which begins with its oldest transaction.
struct OlderOnes<'a> {
    newer: &'a [Older],
    older: &'a [Older],
}

impl<'a> Iterator for OlderOnes<'a> {
    type Item = &'a Older;

    #[inline]
    fn next(&mut self) -> Option<&'a Older> {
        if let Some((newest, rest)) = self.newer.split_last() {
            self.newer = rest;
            return Some(newest);
        }
        let (newest, rest) = self.older.split_last()?;
        self.older = rest;
        Some(newest)
    }
}

impl Others {
    /// Returns a ring of two transactions.
    #[inline(never)]
    fn many(oldest: Older, newer: Older) -> Self {
        let mut ring = Box::new([newer; OLDER_MAX]);
        let [first, ..] = &mut *ring;
        *first = oldest;
        Self::Many(ring)
    }
}

impl FromIterator<HistoryEntry> for History {
    fn from_iter<I: IntoIterator<Item = HistoryEntry>>(entries: I) -> Self {
        let mut history = Self::default();
        for entry in entries {
            let HistoryEntry { at_ms, number, symbol, command, refused, .. } = entry;
            let position = Position { number, at_ms };
            history.push(position, command, symbol, entry.amount(), refused);
        }
        history
    }
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.oldest_first() == other.oldest_first()
    }
}

#[cfg(test)]
mod tests;

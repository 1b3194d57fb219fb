//! The newest transactions of an account, as DISPLAY_SUMMARY shows them.
//!
//! Among a million accounts most have few. The first transaction is stored in the account itself. A
//! ring for more is allocated in two sizes only: copying a history that is not in the processor's
//! cache takes as long as a command.

use crate::limits::HISTORY_MAX;
use crate::prefetch::{prefetch, prefetch_all};
use daytrade_protocol::{Code, CommandName, Money, Symbol};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A transaction as DISPLAY_SUMMARY shows it. The layout is compact, because an account holds ten
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Time of the transaction, Unix milliseconds.
    pub at_ms: u64,
    /// Transaction number.
    pub number: u64,
    amount_cents: i64,
    /// Symbol in the command.
    pub symbol: Option<Symbol>,
    /// Name of the command.
    pub command: CommandName,
    /// Code of the refusal, or None if the command was executed.
    pub refused: Option<Code>,
}

/// Represents "no amount". No valid amount has this value.
const NO_AMOUNT: i64 = i64::MIN;

impl HistoryEntry {
    /// Creates an entry of a command that was not refused.
    #[inline]
    pub fn new(
        at_ms: u64,
        number: u64,
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
    ) -> Self {
        let amount_cents = amount.map_or(NO_AMOUNT, Money::cents);
        Self { at_ms, number, amount_cents, symbol, command, refused: None }
    }

    /// Returns the amount in the command.
    pub fn amount(&self) -> Option<Money> {
        (self.amount_cents != NO_AMOUNT).then(|| Money::from_cents(self.amount_cents))
    }
}

/// Capacity of the first ring that is allocated; the second one has [`HISTORY_MAX`].
const FEW: usize = HISTORY_MAX.div_ceil(3);

/// The newest transactions, at most [`HISTORY_MAX`].
#[derive(Clone, Debug, Default)]
pub(super) enum History {
    /// No transaction.
    #[default]
    Empty,
    /// The only transaction.
    One(HistoryEntry),
    /// Several transactions.
    Many {
        /// A ring, whose oldest entry is at `oldest`. Before it is full it begins at 0, and what
        /// follows its `len` entries has no meaning.
        ring: Box<[HistoryEntry]>,
        len: u8,
        oldest: u8,
    },
}

// The variant is stored in a niche of `HistoryEntry`, so the enum is no larger than one entry.
const _: () = assert!(size_of::<History>() == size_of::<HistoryEntry>());
// `len` and `oldest` are `u8`.
const _: () = assert!(FEW < HISTORY_MAX && HISTORY_MAX <= u8::MAX as usize);

impl History {
    /// Appends a transaction. A full history forgets its oldest one.
    #[inline]
    pub(super) fn push(&mut self, entry: HistoryEntry) {
        match self {
            Self::Many { ring, len, oldest } if usize::from(*len) == HISTORY_MAX => {
                if let Some(replaced) = ring.get_mut(usize::from(*oldest)) {
                    *replaced = entry;
                }
                *oldest = (*oldest + 1) % HISTORY_MAX as u8;
            }
            Self::Many { ring, len, .. } if usize::from(*len) < ring.len() => {
                if let Some(next) = ring.get_mut(usize::from(*len)) {
                    *next = entry;
                }
                *len += 1;
            }
            Self::Empty => *self = Self::One(entry),
            Self::One(_) | Self::Many { .. } => self.grow(entry),
        }
    }

    /// Appends a transaction to a history whose ring is full and smaller than [`HISTORY_MAX`].
    #[inline(never)]
    fn grow(&mut self, entry: HistoryEntry) {
        let (held, _) = self.parts();
        let len = held.len() + 1;
        let capacity = if len <= FEW { FEW } else { HISTORY_MAX };
        // Not `reserve`: reallocation reads the header of the next heap block, a cache miss.
        let mut ring = Vec::with_capacity(capacity);
        ring.extend_from_slice(held);
        ring.resize(capacity, entry);
        *self = Self::Many { ring: ring.into_boxed_slice(), len: len as u8, oldest: 0 };
    }

    /// Returns the transactions, oldest first, in two parts.
    #[inline]
    fn parts(&self) -> (&[HistoryEntry], &[HistoryEntry]) {
        match self {
            Self::Empty => (&[], &[]),
            Self::One(entry) => (std::slice::from_ref(entry), &[]),
            Self::Many { ring, len, oldest } => {
                let held = ring.get(..usize::from(*len)).unwrap_or_default();
                let (newer, older) =
                    held.split_at_checked(usize::from(*oldest)).unwrap_or_default();
                (older, newer)
            }
        }
    }

    /// Returns the transactions, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &HistoryEntry> {
        let (older, newer) = self.parts();
        older.iter().chain(newer)
    }

    /// Removes the transactions that are not wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&HistoryEntry) -> bool) {
        *self = self.iter().copied().filter(is_wanted).collect();
    }

    /// Prefetches the entry that the next transaction overwrites.
    #[inline]
    pub(super) fn prefetch_next(&self) {
        if let Self::Many { ring, len, oldest } = self {
            let next = if usize::from(*len) == HISTORY_MAX { *oldest } else { *len };
            match ring.get(usize::from(next)) {
                Some(place) => prefetch(place),
                // `grow` will copy the whole ring.
                None => prefetch_all(ring),
            }
        }
    }

    /// Prefetches all transactions.
    pub(super) fn prefetch_all(&self) {
        if let Self::Many { ring, len, .. } = self {
            prefetch_all(ring.get(..usize::from(*len)).unwrap_or_default());
        }
    }
}

impl FromIterator<HistoryEntry> for History {
    fn from_iter<I: IntoIterator<Item = HistoryEntry>>(entries: I) -> Self {
        let mut history = Self::Empty;
        entries.into_iter().for_each(|entry| history.push(entry));
        history
    }
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// As a sequence, oldest first: a part of the snapshot format.
impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (older, newer) = self.parts();
        if newer.is_empty() {
            older.serialize(serializer)
        } else {
            serializer.collect_seq(self.iter())
        }
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> HistoryEntry {
        HistoryEntry::new(5, number, CommandName::Add, None, Some(Money::from_cents(7)))
    }

    fn numbers<'a>(entries: impl Iterator<Item = &'a HistoryEntry>) -> Vec<u64> {
        entries.map(|entry| entry.number).collect()
    }

    #[test]
    fn it_holds_the_newest_transactions_in_order_however_many_came() {
        let mut history = History::default();
        for pushed in 1..=35 {
            history.push(entry(pushed));
            let held: Vec<_> = (pushed.saturating_sub(9).max(1)..=pushed).collect();
            assert_eq!(numbers(history.iter()), held);
            assert_eq!(
                numbers(history.iter().rev()),
                held.iter().rev().copied().collect::<Vec<_>>()
            );
            assert_eq!(history, (1..=pushed).map(entry).collect());
            assert_ne!(history, (2..=pushed + 1).map(entry).collect());
        }
        history.retain(|entry| entry.number % 2 == 0);
        assert_eq!(numbers(history.iter()), [26, 28, 30, 32, 34]);
        history.push(entry(36));
        assert_eq!(numbers(history.iter()), [26, 28, 30, 32, 34, 36]);
    }

    #[test]
    fn it_is_stored_as_a_sequence_oldest_first() {
        for count in [0, 1, 2, 4, 5, 10, 13] {
            let history: History = (1..=count).map(entry).collect();
            let stored = postcard::to_allocvec(&history).unwrap();
            let sequence: Vec<_> = history.iter().copied().collect();
            assert_eq!(stored, postcard::to_allocvec(&sequence).unwrap());
            assert_eq!(postcard::from_bytes::<History>(&stored).unwrap(), history);
        }
    }
}

//! Values sorted by a key of 32 bits.
//!
//! The keys stand apart from the values, close together: a search compares several of them at once,
//! and reads a value only when it has found its key. The keys are always those of the values, in
//! ascending order; no two values have the same one.

#![expect(clippy::indexing_slicing, reason = "the positions are within the keys")]

use crate::prefetch::prefetch_lines;
use std::hint::select_unpredictable;

/// Keys that are all compared, without branches and several at once.
const WINDOW: usize = 64;
/// Lines of the processor's cache that are prefetched for a search, of the many that a large
/// portfolio has.
const KEY_LINES: usize = 4;
/// The same of values that are all shown.
const VALUE_LINES: usize = 64;

/// A value that knows its key.
pub(super) trait Key {
    /// Returns the key.
    fn key(&self) -> u32;
}

/// Sorted values.
#[derive(Clone, Debug)]
pub(super) struct Keyed<T> {
    keys: Vec<u32>,
    values: Vec<T>,
}

impl<T> Keyed<T> {
    /// Creates an empty list.
    pub(super) const fn new() -> Self {
        Self { keys: Vec::new(), values: Vec::new() }
    }

    /// Returns the position of a key, or the position at which it would stand.
    #[inline]
    fn position(&self, key: u32) -> Result<usize, usize> {
        let (mut from, mut length) = (0, self.keys.len());
        while length > WINDOW {
            let half = length / 2;
            // Either half is as likely: a branch would be guessed wrong every other time.
            let is_in_second = self.keys[from + half - 1] < key;
            from = select_unpredictable(is_in_second, from + half, from);
            length -= half;
        }
        // A sum that is checked for overflow would be added up one by one.
        let count = |sum: u32, other: &u32| sum.wrapping_add(u32::from(*other < key));
        let at = from + self.keys[from..from + length].iter().fold(0, count) as usize;
        if self.keys.get(at) == Some(&key) { Ok(at) } else { Err(at) }
    }

    /// Returns the value of a key.
    #[inline]
    pub(super) fn get(&self, key: u32) -> Option<&T> {
        self.values.get(self.position(key).ok()?)
    }

    /// Returns the value of a key, to be changed. Its key must stay the same.
    #[inline]
    pub(super) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        let at = self.position(key).ok()?;
        self.values.get_mut(at)
    }

    /// Returns all values in the order of their keys.
    #[inline]
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    /// Removes the value of a key, if there is one.
    pub(super) fn remove(&mut self, key: u32) {
        if let Ok(at) = self.position(key) {
            self.keys.remove(at);
            self.values.remove(at);
        }
    }

    /// Prefetches the keys, for a search.
    #[inline]
    pub(super) fn prefetch_keys(&self) {
        prefetch_lines(&self.keys, KEY_LINES);
    }

    /// Prefetches the values, for a command that shows all of them. Those of a large portfolio
    /// would not stay in the cache.
    #[inline]
    pub(super) fn prefetch_values(&self) {
        prefetch_lines(&self.values, VALUE_LINES);
    }
}

impl<T: Key> Keyed<T> {
    /// Inserts a value, in place of the one with its key if there is one.
    pub(super) fn insert(&mut self, value: T) {
        match self.position(value.key()) {
            Ok(at) => self.values[at] = value,
            Err(at) => {
                self.keys.insert(at, value.key());
                self.values.insert(at, value);
            }
        }
    }
}

/// Values that are not in the order of their keys, or two with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotSorted;

impl<T: Key> TryFrom<Vec<T>> for Keyed<T> {
    type Error = NotSorted;

    fn try_from(values: Vec<T>) -> Result<Self, NotSorted> {
        let keys: Vec<u32> = values.iter().map(Key::key).collect();
        let is_sorted = keys.is_sorted_by(|key, next| key < next);
        if is_sorted { Ok(Self { keys, values }) } else { Err(NotSorted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Key for u32 {
        fn key(&self) -> u32 {
            *self
        }
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_search_in_the_values_finds(
            values in proptest::collection::btree_set(0..300_u32, 0..250),
            wanted in 0..300_u32,
        ) {
            let mut values: Vec<u32> = values.into_iter().collect();
            let keyed = Keyed::try_from(values.clone()).unwrap();
            prop_assert_eq!(keyed.position(wanted), values.binary_search(&wanted));
            values.push(0);
            prop_assert_eq!(Keyed::try_from(values.clone()).is_ok(), values.len() == 1);
        }

        #[test]
        fn insertions_and_removals_keep_the_order(
            keys in proptest::collection::vec(0..300_u32, 0..1200),
        ) {
            let (mut keyed, mut model) = (Keyed::new(), std::collections::BTreeSet::new());
            for key in keys {
                prop_assert_eq!(keyed.get(key), model.get(&key));
                if model.remove(&key) {
                    keyed.remove(key);
                } else {
                    model.insert(key);
                    keyed.insert(key);
                }
            }
            prop_assert!(keyed.values().iter().eq(&model));
            prop_assert_eq!(keyed.keys, keyed.values);
        }
    }
}

//! A set of transaction numbers: one bit each, in pages, so that a log of a hundred million numbers
//! takes a few megabytes.

use hashbrown::HashMap;

/// Words of a page.
const WORDS: usize = 512;
/// Numbers of a page.
const PAGE: u64 = (WORDS * 64) as u64;
/// Pages that are kept: 400 million numbers in a row.
const PAGES_MAX: usize = 12_288;

/// A set of numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pages: HashMap<u64, Box<[u64; WORDS]>>,
}

impl Numbers {
    /// Adds a number. Returns whether it is new, or None if there is no room for it.
    pub(crate) fn insert(&mut self, number: u64) -> Option<bool> {
        let room = self.pages.len() < PAGES_MAX;
        let page = match self.pages.entry(number / PAGE) {
            hashbrown::hash_map::Entry::Occupied(page) => page.into_mut(),
            hashbrown::hash_map::Entry::Vacant(page) if room => page.insert(Box::new([0; WORDS])),
            hashbrown::hash_map::Entry::Vacant(_) => return None,
        };
        let (word, bit) = place(number);
        let is_new = page[word] & bit == 0;
        page[word] |= bit;
        Some(is_new)
    }

    /// Returns true if a number was added.
    pub(crate) fn contains(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.pages.get(&(number / PAGE)).is_some_and(|page| page[word] & bit != 0)
    }

    /// Calls a function for every range of numbers within bounds that were not added, in order.
    pub(crate) fn gaps(&self, from: u64, until: u64, mut gap: impl FnMut(u64, u64)) {
        let mut pages: Vec<u64> = self.pages.keys().copied().collect();
        pages.sort_unstable();
        let mut next = from;
        for page in pages {
            let Some(words) = self.pages.get(&page) else { continue };
            let bits = (0..PAGE).filter(|at| {
                let (word, bit) = place(*at);
                words[word] & bit != 0
            });
            for number in bits.map(|at| page * PAGE + at) {
                if number < next || number > until {
                    continue;
                }
                if next < number {
                    gap(next, number - 1);
                }
                let Some(after) = number.checked_add(1) else { return };
                next = after;
            }
        }
        if next <= until {
            gap(next, until);
        }
    }
}

fn place(number: u64) -> (usize, u64) {
    let within = number % PAGE;
    ((within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_the_numbers_that_were_not_added() {
        let mut numbers = Numbers::default();
        let added = [1, 2, 5, PAGE, PAGE + 1, 3 * PAGE];
        assert!(added.iter().all(|number| numbers.insert(*number) == Some(true)));
        assert_eq!(numbers.insert(5), Some(false));
        assert!(numbers.contains(PAGE) && !numbers.contains(PAGE + 2));
        let mut gaps = Vec::new();
        numbers.gaps(1, 3 * PAGE + 2, |from, until| gaps.push((from, until)));
        let want = [(3, 4), (6, PAGE - 1), (PAGE + 2, 3 * PAGE - 1), (3 * PAGE + 1, 3 * PAGE + 2)];
        assert_eq!(gaps, want);
    }
}

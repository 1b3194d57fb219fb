//! Histories of all kinds against a list of the same transactions.

use super::entry::tests::{compact_entries, entries};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Returns the transactions that a history of these holds, oldest first.
fn newest(entries: &[HistoryEntry]) -> &[HistoryEntry] {
    &entries[entries.len().saturating_sub(HISTORY_MAX)..]
}

/// Either transactions that all fit the compact form, or also some that do not.
fn all_kinds(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<HistoryEntry>> {
    prop_oneof![2 => compact_entries(count.clone()), 1 => vec(entries(), count)]
}

const fn is_compact(history: &History) -> bool {
    !matches!(history.others, Others::Wide(_))
}

impl History {
    fn push_entry(&mut self, entry: HistoryEntry) {
        let position = Position { number: entry.number, at_ms: entry.at_ms };
        self.push(position, entry.command, entry.symbol, entry.amount(), entry.refused);
    }
}

fn packed(history: &History) -> Vec<u8> {
    postcard::to_allocvec(&PackedHistory::of(history)).unwrap()
}

fn unpacked(bytes: &[u8]) -> Option<History> {
    History::try_from(postcard::from_bytes::<StoredHistory<'_>>(bytes).ok()?).ok()
}

proptest! {
    #[test]
    fn it_holds_the_newest_transactions_in_order_however_many_came(
        pushed in all_kinds(0..40),
    ) {
        let mut history = History::default();
        for count in 0..=pushed.len() {
            let held = newest(&pushed[..count]);
            prop_assert_eq!(&history.oldest_first(), held);
            prop_assert!(history == held.iter().copied().collect());
            if let Some(next) = pushed.get(count) {
                history.push_entry(*next);
            }
        }
        let is_wanted = |entry: &HistoryEntry| entry.number.is_multiple_of(2);
        history.retain(is_wanted);
        let mut kept: Vec<_> = newest(&pushed).iter().copied().filter(is_wanted).collect();
        prop_assert_eq!(&history.oldest_first(), &kept);
        for entry in pushed {
            history.push_entry(entry);
            kept.push(entry);
        }
        prop_assert_eq!(&history.oldest_first(), newest(&kept));
    }

    #[test]
    fn transactions_that_fit_are_held_compactly(pushed in compact_entries(0..40)) {
        let history: History = pushed.iter().copied().collect();
        prop_assert!(is_compact(&history));
        prop_assert_eq!(history.oldest_first(), newest(&pushed));
        let stored = packed(&history);
        prop_assert!(is_compact(&unpacked(&stored).unwrap()));
    }

    #[test]
    fn it_is_stored_in_both_forms_and_goes_on_from_them(
        all in all_kinds(0..50),
        split in any::<prop::sample::Index>(),
    ) {
        let (pushed, later) = all.split_at(split.index(all.len() + 1));
        let mut history: History = pushed.iter().copied().collect();
        let listed = postcard::to_allocvec(&Listed(&history)).unwrap();
        prop_assert_eq!(&listed, &postcard::to_allocvec(newest(pushed)).unwrap());
        let mut from_list = History::from(postcard::from_bytes::<Vec<_>>(&listed).unwrap());
        let mut from_packed = unpacked(&packed(&history)).unwrap();
        for at in 0..=later.len() {
            prop_assert!(history == from_list && history == from_packed);
            if let Some(entry) = later.get(at) {
                history.push_entry(*entry);
                from_list.push_entry(*entry);
                from_packed.push_entry(*entry);
            }
        }
    }

    #[test]
    fn damaged_bytes_are_no_history_or_one_that_can_be_used(
        pushed in all_kinds(0..12),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
        next in entries(),
    ) {
        let mut bytes = packed(&pushed.into_iter().collect());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(mut history) = unpacked(&bytes) {
            let count = history.oldest_first().len();
            prop_assert!(count <= HISTORY_MAX);
            history.push_entry(next);
            prop_assert_eq!(history.oldest_first().last().copied(), Some(next));
            prop_assert!(unpacked(&packed(&history)).unwrap() == history);
        }
    }
}

/// Returns an ordinary transaction: one a minute, among a million of all users.
fn ordinary(number: u64) -> HistoryEntry {
    let (at_ms, number) = (1_700_000_000_000 + 60_000 * number, 1_000_000 * number);
    let amount = Some(Money::from_cents(60_000));
    HistoryEntry::new(at_ms, number, CommandName::Add, None, amount, None)
}

#[test]
fn two_ordinary_transactions_need_no_memory_of_their_own() {
    let mut history: History = [1, 2].map(ordinary).into_iter().collect();
    assert!(matches!(history.others, Others::One(_)));
    for number in 3..=30 {
        history.push_entry(ordinary(number));
        assert!(matches!(history.others, Others::Many(_)));
    }
    assert_eq!(packed(&history).len(), 3 + 3 + 14 + 10 * (6 + 5));
}

/// A transaction that is too far from the last one in its number, time or amount, or before it.
#[test]
fn transactions_that_cannot_be_compact_are_held_as_they_are() {
    let with = |at_ms, number, cents| {
        let amount = Some(Money::from_cents(cents));
        HistoryEntry::new(at_ms, number, CommandName::Add, None, amount, None)
    };
    let last = ordinary(9);
    let (at_ms, number) = (last.at_ms, last.number);
    for odd in [
        with(at_ms - 1, number, 1),
        with(at_ms + (1 << 32), number, 1),
        with(1 << 48, number, 1),
        with(at_ms, number + (1 << 31), 1),
        with(at_ms, number, -1),
        with(at_ms, number, 1 << 32),
    ] {
        for before in [0, 1, 2, 9] {
            let mut all: Vec<_> = (10 - before..10).map(ordinary).collect();
            let mut history: History = all.iter().copied().collect();
            for entry in [odd, ordinary(10), ordinary(11), odd] {
                history.push_entry(entry);
                all.push(entry);
                // The first transaction of a history may have any number.
                assert!(before == 0 || !is_compact(&history));
                assert_eq!(history.oldest_first(), newest(&all));
                assert_eq!(unpacked(&packed(&history)).unwrap().oldest_first(), newest(&all));
            }
        }
    }
}

/// The offsets are those of docs/JOURNAL.md, after the length of the byte string.
#[test]
fn invalid_fields_of_a_packed_history_are_refused() {
    let bytes = packed(&[1, 2, 3].map(ordinary).into_iter().collect());
    assert!(unpacked(&bytes).is_some());
    let count_at = 1;
    let (widths_at, time_at, action_at) = (count_at + 1, count_at + 12, count_at + 18);
    let damaged: [(&str, usize, &[u8]); 8] = [
        ("fewer transactions than there are", count_at, &[2]),
        ("more transactions than there are", count_at, &[4]),
        ("more transactions than a history holds", count_at, &[11]),
        ("amounts that are too long", widths_at, &[9]),
        ("a time before the first of all times", time_at, &[0; 6]),
        ("a code that does not exist", action_at + 2, &[0xfc]),
        ("a symbol that does not exist", action_at, &[0x3f]),
        ("a command that does not exist", action_at + 3, &[0xff]),
    ];
    for (what, at, with) in damaged {
        let mut bytes = bytes.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        assert!(unpacked(&bytes).is_none(), "{what}");
    }
}

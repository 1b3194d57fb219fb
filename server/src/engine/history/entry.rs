//! A transaction of a history, as DISPLAY_SUMMARY shows it. Its layout must not change: earlier
//! snapshots and the state hash use it.

use daytrade_protocol::{Code, CommandName, Money, Symbol};
use serde::{Deserialize, Serialize};

/// A transaction as DISPLAY_SUMMARY shows it. Its fields and their order are a part of the format
/// of snapshots up to version 3 and of the state hash.
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
    /// Creates an entry.
    #[inline]
    pub fn new(
        at_ms: u64,
        number: u64,
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
        refused: Option<Code>,
    ) -> Self {
        let amount_cents = amount.map_or(NO_AMOUNT, Money::cents);
        Self { at_ms, number, amount_cents, symbol, command, refused }
    }

    /// Returns the amount in the command.
    pub fn amount(&self) -> Option<Money> {
        (self.amount_cents != NO_AMOUNT).then(|| Money::from_cents(self.amount_cents))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    type Fields = (CommandName, Option<Symbol>, Option<Code>);

    fn fields() -> impl Strategy<Value = Fields> {
        let name = (0..CommandName::ALL.len()).prop_map(|at| CommandName::ALL[at]);
        let symbol = proptest::option::of(prop_oneof![Just("A"), Just("ZZ9"), Just("0B")]);
        let symbol = symbol.prop_map(|text| Symbol::parse(text?.as_bytes()));
        let code = proptest::option::of((0..Code::ALL.len()).prop_map(|at| Code::ALL[at]));
        (name, symbol, code)
    }

    fn entry(at_ms: u64, number: u64, cents: Option<i64>, fields: Fields) -> HistoryEntry {
        let (command, symbol, refused) = fields;
        HistoryEntry::new(at_ms, number, command, symbol, cents.map(Money::from_cents), refused)
    }

    /// Transactions with ordinary fields, and with the largest and smallest ones.
    pub(in crate::engine::history) fn entries() -> impl Strategy<Value = HistoryEntry> {
        let number = prop_oneof![8 => 0..300_u64, 1 => any::<u64>()];
        let time = prop_oneof![8 => Just(1_700_000_000_000_u64), 1 => any::<u64>()];
        let large = i64::from(u32::MAX) - 3..i64::from(u32::MAX) + 3;
        let cents = prop_oneof![8 => 0..100_000_i64, 1 => large, 1 => (i64::MIN + 1)..=i64::MAX];
        (time, number, proptest::option::of(cents), fields())
            .prop_map(|(at_ms, number, cents, fields)| entry(at_ms, number, cents, fields))
    }

    /// Transactions that all fit the compact form, each some time and numbers after the last one.
    pub(in crate::engine::history) fn compact_entries(
        count: std::ops::Range<usize>,
    ) -> impl Strategy<Value = Vec<HistoryEntry>> {
        let numbers = prop_oneof![-3..300_i64, any::<i32>().prop_map(i64::from)];
        let times = prop_oneof![0..3_u64, 0..100_000_u64, 0..=u64::from(u32::MAX)];
        let cents = prop_oneof![0..100_000_i64, 0..i64::from(u32::MAX)];
        let step = (times, numbers, proptest::option::of(cents), fields());
        vec(step, count).prop_map(|steps| {
            let (mut at_ms, mut number) = (1_700_000_000_000_u64, 1_u64 << 40);
            let entries = steps.into_iter().map(|(times, numbers, cents, fields)| {
                at_ms += times;
                number = number.wrapping_add_signed(numbers);
                entry(at_ms, number, cents, fields)
            });
            entries.collect()
        })
    }
}

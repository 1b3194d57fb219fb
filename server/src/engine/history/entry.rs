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
    use proptest::prelude::*;

    /// Transactions with ordinary fields, and with the largest and smallest ones.
    pub(in crate::engine::history) fn entries() -> impl Strategy<Value = HistoryEntry> {
        let number = prop_oneof![8 => 0..300_u64, 1 => any::<u64>()];
        let time = prop_oneof![8 => Just(1_700_000_000_000_u64), 1 => any::<u64>()];
        let large = i64::from(u32::MAX) - 3..i64::from(u32::MAX) + 3;
        let cents = prop_oneof![8 => 0..100_000_i64, 1 => large, 1 => (i64::MIN + 1)..=i64::MAX];
        let symbol = proptest::option::of(prop_oneof![Just("A"), Just("ZZ9"), Just("0B")]);
        let name = 0..CommandName::ALL.len();
        let code = proptest::option::of(0..Code::ALL.len());
        (time, number, name, symbol, proptest::option::of(cents), code).prop_map(
            |(at_ms, number, name, symbol, cents, code)| {
                let symbol = symbol.and_then(|text| Symbol::parse(text.as_bytes()));
                let (command, refused) = (CommandName::ALL[name], code.map(|code| Code::ALL[code]));
                let amount = cents.map(Money::from_cents);
                HistoryEntry::new(at_ms, number, command, symbol, amount, refused)
            },
        )
    }
}

//! A transaction in 16 bytes. Of its number and time, only the lower 32 bits are stored; the upper
//! ones follow from the next newer transaction of the same history. Nearly all transactions fit.
//! One that does not must be refused here; its fields must never be truncated.

use super::entry::HistoryEntry;
use daytrade_protocol::{Code, CommandName, Money, Symbol};

// Code plus one, behind the symbol, in 24 bits.
const _: () = assert!(Code::ALL.len() < 1 << (24 - Symbol::PACKED_BITS));

/// What a transaction was, without its number and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// Amount in cents plus one, or 0.
    pub(super) amount: u32,
    /// The symbol, or 0, and above it the code of the refusal plus one, or 0.
    pub(super) symbol_and_code: [u8; 3],
    pub(super) command: CommandName,
}

impl Action {
    /// Packs a transaction. Returns None if the amount is too large or negative.
    #[inline]
    pub(super) fn of(
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
        refused: Option<Code>,
    ) -> Option<Self> {
        let amount = match amount {
            Some(amount) => u32::try_from(amount.cents()).ok()?.checked_add(1)?,
            None => 0,
        };
        let code = refused.map_or(0, |code| code as u32 + 1);
        let bits = symbol.map_or(0, Symbol::packed) | code << Symbol::PACKED_BITS;
        let [first, second, third, _] = bits.to_le_bytes();
        Some(Self { amount, symbol_and_code: [first, second, third], command })
    }

    /// Returns the transaction with this number and time.
    #[inline]
    pub(super) fn entry(self, Position { number, at_ms }: Position) -> HistoryEntry {
        let [first, second, third] = self.symbol_and_code;
        let bits = u32::from_le_bytes([first, second, third, 0]);
        let symbol = bits & ((1 << Symbol::PACKED_BITS) - 1);
        let code = (bits >> Symbol::PACKED_BITS) as usize;
        let amount = self.amount.checked_sub(1).map(|cents| Money::from_cents(cents.into()));
        let symbol = (symbol > 0).then(|| Symbol::of_packed(symbol));
        let refused = Code::ALL.get(code.wrapping_sub(1)).copied();
        HistoryEntry::new(at_ms, number, self.command, symbol, amount, refused)
    }
}

/// A transaction that is not the newest one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Older {
    /// Lower half of the number.
    pub(super) number: u32,
    /// Lower half of the time.
    pub(super) at_ms: u32,
    pub(super) action: Action,
}

// A history of two transactions has no memory of its own.
const _: () = assert!(size_of::<Older>() == 16);

/// Number and time of a transaction, and of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Position {
    pub(in crate::engine) number: u64,
    /// Unix milliseconds.
    pub(in crate::engine) at_ms: u64,
}

impl Position {
    /// Returns true if the lower halves of this position suffice when `next` is known: the numbers
    /// are less than 2^31 apart, and the times less than 2^32 ms, or 49 days.
    #[inline]
    pub(super) fn is_near(self, next: Self) -> bool {
        let number = next.number.wrapping_sub(self.number).cast_signed();
        let time = next.at_ms.checked_sub(self.at_ms);
        i32::try_from(number).is_ok() && time.is_some_and(|ms| u32::try_from(ms).is_ok())
    }

    /// Returns the position of a near transaction, to which this one is the next.
    #[inline]
    pub(super) fn before(self, older: &Older) -> Self {
        let number = (self.number as u32).wrapping_sub(older.number).cast_signed();
        let time = (self.at_ms as u32).wrapping_sub(older.at_ms);
        Self {
            number: self.number.wrapping_add_signed(-i64::from(number)),
            at_ms: self.at_ms.wrapping_sub(time.into()),
        }
    }

    /// Returns the transaction at this position, once it is not the newest any more.
    #[inline]
    pub(super) const fn older(self, action: Action) -> Older {
        Older { number: self.number as u32, at_ms: self.at_ms as u32, action }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::entries;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_action_is_the_same_transaction_or_is_refused(entry in entries()) {
            let fits =
                entry.amount().is_none_or(|amount| (0..u32::MAX.into()).contains(&amount.cents()));
            let HistoryEntry { symbol, command, refused, .. } = entry;
            let action = Action::of(command, symbol, entry.amount(), refused);
            prop_assert_eq!(action.is_some(), fits);
            let position = Position { number: entry.number, at_ms: entry.at_ms };
            let same = |action: Action| action.entry(position);
            prop_assert!(action.is_none_or(|action| same(action) == entry));
        }

        #[test]
        fn a_position_follows_from_the_next_one(
            number in any::<u64>(),
            at_ms in any::<u64>(),
            number_on in any::<i32>(),
            time_on in any::<u32>(),
        ) {
            let position = Position { number, at_ms: at_ms >> 1 };
            let next = Position {
                number: number.wrapping_add_signed(number_on.into()),
                at_ms: position.at_ms + u64::from(time_on),
            };
            prop_assert!(position.is_near(next));
            let none = Action { amount: 0, symbol_and_code: [0; 3], command: CommandName::Add };
            prop_assert_eq!(next.before(&position.older(none)), position);
            let far = |number, at_ms| position.is_near(Position { number, at_ms });
            prop_assert!(!far(number.wrapping_add(1 << 31), next.at_ms));
            prop_assert!(!far(next.number, position.at_ms + (1 << 32)));
            prop_assert!(position.at_ms == 0 || !far(next.number, position.at_ms - 1));
        }
    }
}

//! The codes of error replies.

use crate::wire::label::Label;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray, VariantNames};

/// The code of an error reply. The position in this list is part of the journal format: add new
/// codes at the end. A code prints as it is sent.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the table of codes in docs/PROTOCOL.md says when each is sent")]
pub enum Code {
    BadLine,
    LineTooLong,
    UnknownCommand,
    BadArguments,
    BadUser,
    BadSymbol,
    BadAmount,
    BadFilename,
    NoAccount,
    InsufficientFunds,
    InsufficientShares,
    AmountTooSmall,
    NoPendingBuy,
    NoPendingSell,
    NoSetBuy,
    NoSetSell,
    LimitExceeded,
    QuoteUnavailable,
    DumpFailed,
    Overloaded,
    ShuttingDown,
    ReadOnly,
    AuthRequired,
    AuthFailed,
    Forbidden,
    RateLimited,
    TlsRequired,
    Moved,
    Unknown,
}

impl Code {
    /// All codes, in the order of the specification.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// Returns the code as it is sent.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the labels of all codes, with this text before and after each.
    #[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
    pub(crate) const fn labels(before: &str, after: &str) -> [Label; Self::ALL.len()] {
        const NAMES: &[&str] = <Code as VariantNames>::VARIANTS;
        let (mut labels, mut at) = ([Label::EMPTY; Self::ALL.len()], 0);
        while at < labels.len() {
            labels[at] = Label::of(&[before, NAMES[at], after]);
            at += 1;
        }
        labels
    }

    /// Parses a code exactly as it is sent.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the table has this many places")]
    pub fn parse(field: &[u8]) -> Option<Self> {
        let code = CODES[place_of(field, FACTOR)]?;
        (code.as_str().as_bytes() == field).then_some(code)
    }
}

/// Number of places in the table of codes.
const PLACES: usize = 256;

/// The codes by [`place_of`].
type Places = [Option<Code>; PLACES];

/// A table in which every code has a place of its own, so that a field is compared with one code
/// only. The compiler tries factors until one fits.
static CODES: Places = PLACES_AND_FACTOR.0;
const FACTOR: u64 = PLACES_AND_FACTOR.1;
const PLACES_AND_FACTOR: (Places, u64) = {
    let mut factor = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        if let Some(places) = places(factor) {
            break (places, factor);
        }
        factor = factor.wrapping_mul(0x5851_f42d_4c95_7f2d);
    }
};

/// Returns the table of codes under a factor; None if two codes have the same place.
#[expect(clippy::indexing_slicing, reason = "the bounds are constants; it runs in the compiler")]
const fn places(factor: u64) -> Option<Places> {
    const NAMES: &[&str] = <Code as VariantNames>::VARIANTS;
    let (mut places, mut at) = ([None; PLACES], 0);
    while at < Code::ALL.len() {
        let code = Code::ALL[at];
        let field = NAMES[at].as_bytes();
        let place = &mut places[place_of(field, factor)];
        if let Some(other) = *place {
            let other = NAMES[other as usize].as_bytes();
            assert!(key_of(field) != key_of(other), "two codes have the same key");
            return None;
        }
        *place = Some(code);
        at += 1;
    }
    Some(places)
}

/// Returns the place of a code.
const fn place_of(field: &[u8], factor: u64) -> usize {
    (key_of(field).wrapping_mul(factor) >> (u64::BITS - PLACES.ilog2())) as usize
}

/// Returns a number in which all codes differ: it is made of the length and of the first and the
/// last eight letters, of shorter codes of the first letter.
const fn key_of(field: &[u8]) -> u64 {
    let letters = match (field.first_chunk(), field.last_chunk(), field) {
        (Some(first), Some(last), _) => {
            u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(7)
        }
        (.., [first, ..]) => *first as u64,
        (.., []) => 0,
    };
    letters ^ field.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_print_as_the_specification_spells_them() {
        let docs = include_str!("../../docs/PROTOCOL.md");
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str().as_bytes()), Some(*code));
            assert!(docs.contains(code.as_str()), "docs/PROTOCOL.md: {code}");
        }
        for other in [&b""[..], b"bad_line", b"BAD_LINES", b"NO_SET_BUYS", b"\xff", b"MOVE"] {
            assert_eq!(Code::parse(other), None);
        }
        // In the places of INSUFFICIENT_FUNDS and MOVED.
        for other in [&b"INSUFFICXXNT_FUNDS"[..], b"MXXXX"] {
            assert!(CODES[place_of(other, FACTOR)].is_some());
            assert_eq!(Code::parse(other), None);
        }
    }
}

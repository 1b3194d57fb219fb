//! The codes of error replies.

use crate::wire::label::Label;
use crate::wire::perfect_hash::PerfectHash;
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
        let code = CODES[HASH.place(key_of(field))]?;
        (code.as_str().as_bytes() == field).then_some(code)
    }
}

/// Number of places in the table of codes.
const PLACES: usize = 256;
const HASH: PerfectHash<PLACES> = PerfectHash::of(&KEYS);
/// The codes by the places of their keys.
static CODES: [Option<Code>; PLACES] = places();

/// The keys of all codes, in their order.
const KEYS: [u64; Code::ALL.len()] = keys();

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn keys() -> [u64; Code::ALL.len()] {
    let (mut keys, mut at) = ([0; Code::ALL.len()], 0);
    while at < keys.len() {
        keys[at] = key_of(<Code as VariantNames>::VARIANTS[at].as_bytes());
        at += 1;
    }
    keys
}

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn places() -> [Option<Code>; PLACES] {
    let (mut places, mut at) = ([None; PLACES], 0);
    while at < KEYS.len() {
        places[HASH.place(KEYS[at])] = Some(Code::ALL[at]);
        at += 1;
    }
    places
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
        for other in [&b"INSUFFICAANT_FUNDS"[..], b"MOOOO"] {
            assert!(CODES[HASH.place(key_of(other))].is_some());
            assert_eq!(Code::parse(other), None);
        }
    }
}

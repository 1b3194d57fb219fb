//! The codes of error replies.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

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
    EnumString,
    IntoStaticStr,
    VariantArray,
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
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the code as it is sent.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a code exactly as it is sent.
    pub fn parse(field: &[u8]) -> Option<Self> {
        std::str::from_utf8(field).ok()?.parse().ok()
    }
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
        assert_eq!(Code::parse(b"bad_line"), None);
    }
}

//! The codes of error replies.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($variant:ident $text:literal),+ $(,)?) => {
        /// The code of an error reply. The position in this list is part of the journal format: add
        /// new codes at the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(
            missing_docs,
            reason = "the table of codes in docs/PROTOCOL.md says when each is sent"
        )]
        pub enum Code { $($variant),+ }

        impl Code {
            /// All codes, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the code as it is sent.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Parses a code exactly as it is sent.
            pub fn parse(field: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str().as_bytes() == field)
            }
        }
    };
}

codes! {
    BadLine "BAD_LINE", LineTooLong "LINE_TOO_LONG", UnknownCommand "UNKNOWN_COMMAND",
    BadArguments "BAD_ARGUMENTS", BadUser "BAD_USER", BadSymbol "BAD_SYMBOL",
    BadAmount "BAD_AMOUNT", BadFilename "BAD_FILENAME", NoAccount "NO_ACCOUNT",
    InsufficientFunds "INSUFFICIENT_FUNDS", InsufficientShares "INSUFFICIENT_SHARES",
    AmountTooSmall "AMOUNT_TOO_SMALL", NoPendingBuy "NO_PENDING_BUY",
    NoPendingSell "NO_PENDING_SELL", NoSetBuy "NO_SET_BUY", NoSetSell "NO_SET_SELL",
    LimitExceeded "LIMIT_EXCEEDED", QuoteUnavailable "QUOTE_UNAVAILABLE",
    DumpFailed "DUMP_FAILED", Overloaded "OVERLOADED", ShuttingDown "SHUTTING_DOWN",
    ReadOnly "READ_ONLY",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

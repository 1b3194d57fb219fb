//! Error codes, and refusals: a code with what is needed to word it for the person who reads it.

use crate::{CommandName, Money, Symbol};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($variant:ident $text:literal),+ $(,)?) => {
        /// The code of an error reply. Its position in this list is part of the journal format: add at the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the table of codes in docs/PROTOCOL.md says when each is sent")]
        pub enum Code { $($variant),+ }

        impl Code {
            /// All of them, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as it is sent.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Reads a code exactly as it is sent.
            pub fn parse(field: &[u8]) -> Option<Self> {
                match std::str::from_utf8(field).ok()? { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

codes! {
    BadLine "BAD_LINE", LineTooLong "LINE_TOO_LONG", UnknownCommand "UNKNOWN_COMMAND", BadArguments "BAD_ARGUMENTS",
    BadUser "BAD_USER", BadSymbol "BAD_SYMBOL", BadAmount "BAD_AMOUNT", BadFilename "BAD_FILENAME",
    NoAccount "NO_ACCOUNT", InsufficientFunds "INSUFFICIENT_FUNDS", InsufficientShares "INSUFFICIENT_SHARES",
    AmountTooSmall "AMOUNT_TOO_SMALL", NoPendingBuy "NO_PENDING_BUY", NoPendingSell "NO_PENDING_SELL",
    NoSetBuy "NO_SET_BUY", NoSetSell "NO_SET_SELL", LimitExceeded "LIMIT_EXCEEDED",
    QuoteUnavailable "QUOTE_UNAVAILABLE", DumpFailed "DUMP_FAILED", Overloaded "OVERLOADED",
    ShuttingDown "SHUTTING_DOWN", ReadOnly "READ_ONLY",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a line was refused. Its layout is part of the journal format: add at the end. `Display` is the message of the
/// reply and of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says it")]
pub enum Refusal {
    #[error("the line is not UTF-8 text")]
    NotText,
    #[error("the line holds control characters, or U+FFFE or U+FFFF")]
    ControlCharacter,
    #[error("the tag must be [n] with n from 1 to 9223372036854775807")]
    BadTag,
    #[error("a line may have at most 1024 bytes")]
    LineTooLong,
    #[error("no such command; HELP lists them")]
    UnknownCommand,
    #[error("expected {}", .0.usage())]
    BadArguments(CommandName),
    #[error("wrong number of fields; HELP lists what each command takes")]
    BadSessionArguments,
    #[error("user must be 1 to 64 of A-Z a-z 0-9 _ . -")]
    BadUser,
    #[error("symbol must be 1 to 3 letters or digits")]
    BadSymbol,
    #[error("amount must be dollars from 0.01 to 999999999999.99 with at most two decimals")]
    BadAmount,
    #[error("filename must be a relative path to a file, at most 512 bytes, without ..")]
    BadFilename,
    #[error("filename leads out of the dump folder, or into the data folder")]
    FilenameLeadsOut,
    #[error("no account: the user has never had an ADD")]
    NoAccount,
    #[error("needs {needed} and {available} is available")]
    InsufficientFunds { needed: Money, available: Money },
    #[error("needs {needed} {} of {symbol} and {free} can be used", shares(*.needed))]
    InsufficientShares { symbol: Symbol, needed: u64, free: u64 },
    #[error("one share of {symbol} at {price} is more than {amount}")]
    AmountTooSmall { symbol: Symbol, amount: Money, price: Money },
    #[error("no BUY in the last 60 s to commit or cancel")]
    NoPendingBuy,
    #[error("no SELL in the last 60 s to commit or cancel")]
    NoPendingSell,
    #[error("no SET_BUY_AMOUNT for {0}")]
    NoSetBuy(Symbol),
    #[error("no SET_SELL_AMOUNT for {0}")]
    NoSetSell(Symbol),
    #[error("at most {0} pending orders a side")]
    TooManyPending(u32),
    #[error("no balance may pass {}", Money::BALANCE_MAX)]
    BalanceTooLarge,
    #[error("no holding may pass {} shares", crate::SHARES_MAX)]
    HoldingTooLarge,
    #[error("at most {0} subscriptions and watches a connection")]
    TooManySubscriptions(u32),
    #[error("no price for {0} could be had in time; nothing changed")]
    QuoteUnavailable(Symbol),
    #[error("the log could not be written: {0}")]
    DumpFailed(Box<str>),
    #[error("too many connections; try again later")]
    TooManyConnections,
    #[error("the server is stopping; nothing changed")]
    ShuttingDown,
    #[error("the journal cannot be written; ask again after the server is back whether this took effect")]
    ReadOnly,
    #[error(
        "the disk is almost full: only QUOTE and DISPLAY_SUMMARY are answered until there is room; nothing changed"
    )]
    DiskAlmostFull,
}

fn shares(count: u64) -> &'static str {
    if count == 1 { "share" } else { "shares" }
}

impl Refusal {
    /// The code it is sent under.
    pub const fn code(&self) -> Code {
        match self {
            Self::NotText | Self::ControlCharacter | Self::BadTag => Code::BadLine,
            Self::LineTooLong => Code::LineTooLong,
            Self::UnknownCommand => Code::UnknownCommand,
            Self::BadArguments(_) | Self::BadSessionArguments => Code::BadArguments,
            Self::BadUser => Code::BadUser,
            Self::BadSymbol => Code::BadSymbol,
            Self::BadAmount => Code::BadAmount,
            Self::BadFilename | Self::FilenameLeadsOut => Code::BadFilename,
            Self::NoAccount => Code::NoAccount,
            Self::InsufficientFunds { .. } => Code::InsufficientFunds,
            Self::InsufficientShares { .. } => Code::InsufficientShares,
            Self::AmountTooSmall { .. } => Code::AmountTooSmall,
            Self::NoPendingBuy => Code::NoPendingBuy,
            Self::NoPendingSell => Code::NoPendingSell,
            Self::NoSetBuy(_) => Code::NoSetBuy,
            Self::NoSetSell(_) => Code::NoSetSell,
            Self::TooManyPending(_) | Self::BalanceTooLarge | Self::HoldingTooLarge | Self::TooManySubscriptions(_) => {
                Code::LimitExceeded
            }
            Self::QuoteUnavailable(_) => Code::QuoteUnavailable,
            Self::DumpFailed(_) => Code::DumpFailed,
            Self::TooManyConnections => Code::Overloaded,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::ReadOnly | Self::DiskAlmostFull => Code::ReadOnly,
        }
    }
}

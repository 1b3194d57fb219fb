//! Refusals: the reason why a line was refused, with the values in its message.

use crate::code::Code;
use crate::commands::CommandName;
use crate::types::{Money, SHARES_MAX, Symbol};
use crate::wire::fields::Fields;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The reason why a line was refused. The layout is part of the journal format: add new variants at
/// the end. `Display` writes the message of the reply and of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the message of each variant describes it")]
pub enum Refusal {
    NotText,
    ControlCharacter,
    BadTag,
    LineTooLong,
    UnknownCommand,
    BadArguments(CommandName),
    BadSessionArguments,
    BadUser,
    BadSymbol,
    BadAmount,
    BadFilename,
    FilenameLeadsOut,
    NoAccount,
    InsufficientFunds { needed: Money, available: Money },
    InsufficientShares { symbol: Symbol, needed: u64, free: u64 },
    AmountTooSmall { symbol: Symbol, amount: Money, price: Money },
    NoPendingBuy,
    NoPendingSell,
    NoSetBuy(Symbol),
    NoSetSell(Symbol),
    TooManyPending(u32),
    BalanceTooLarge,
    HoldingTooLarge,
    TooManySubscriptions(u32),
    QuoteUnavailable(Symbol),
    DumpFailed(Box<str>),
    TooManyConnections,
    ShuttingDown,
    ReadOnly,
    DiskAlmostFull,
}

/// A part of a message.
#[derive(Clone, Copy, Debug)]
enum Word<'a> {
    Text(&'a str),
    Money(Money),
    Count(u64),
    Symbol(Symbol),
}

impl Refusal {
    /// Returns the code of the reply.
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
            Self::TooManyPending(_)
            | Self::BalanceTooLarge
            | Self::HoldingTooLarge
            | Self::TooManySubscriptions(_) => Code::LimitExceeded,
            Self::QuoteUnavailable(_) => Code::QuoteUnavailable,
            Self::DumpFailed(_) => Code::DumpFailed,
            Self::TooManyConnections => Code::Overloaded,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::ReadOnly | Self::DiskAlmostFull => Code::ReadOnly,
        }
    }

    /// Passes the message to `say` part by part. Refusals are as frequent as orders, and `fmt`
    /// would take most of their time.
    #[inline]
    fn words(&self, mut say: impl FnMut(Word<'_>)) {
        use Word::{Count, Money as Amount, Symbol as Stock, Text};
        macro_rules! all {
            ($($word:expr),+ $(,)?) => {{ $(say($word);)+ }};
        }
        match self {
            Self::NotText => all!(Text("the line is not UTF-8 text")),
            Self::ControlCharacter => {
                all!(Text("the line holds control characters, or U+FFFE or U+FFFF"))
            }
            Self::BadTag => all!(Text("the tag must be [n] with n from 1 to 9223372036854775807")),
            Self::LineTooLong => all!(Text("a line may have at most 1024 bytes")),
            Self::UnknownCommand => all!(Text("no such command; HELP lists them")),
            Self::BadArguments(name) => all!(Text("expected "), Text(name.usage())),
            Self::BadSessionArguments => {
                all!(Text("wrong number of fields; HELP lists what each command takes"))
            }
            Self::BadUser => all!(Text("user must be 1 to 64 of A-Z a-z 0-9 _ . -")),
            Self::BadSymbol => all!(Text("symbol must be 1 to 3 letters or digits")),
            Self::BadAmount => {
                all!(Text(
                    "amount must be dollars from 0.01 to 999999999999.99 with at most two decimals"
                ));
            }
            Self::BadFilename => {
                all!(Text(
                    "filename must be a relative path to a file, at most 512 bytes, without .."
                ));
            }
            Self::FilenameLeadsOut => {
                all!(Text("filename leads out of the dump folder, or into the data folder"))
            }
            Self::NoAccount => all!(Text("no account: the user has never had an ADD")),
            Self::InsufficientFunds { needed, available } => {
                all!(
                    Text("needs "),
                    Amount(*needed),
                    Text(" and "),
                    Amount(*available),
                    Text(" is available")
                );
            }
            Self::InsufficientShares { symbol, needed, free } => {
                let of = if *needed == 1 { " share of " } else { " shares of " };
                let (needed, free) = (Count(*needed), Count(*free));
                all!(
                    Text("needs "),
                    needed,
                    Text(of),
                    Stock(*symbol),
                    Text(" and "),
                    free,
                    Text(" can be used")
                );
            }
            Self::AmountTooSmall { symbol, amount, price } => {
                let (price, amount) = (Amount(*price), Amount(*amount));
                all!(
                    Text("one share of "),
                    Stock(*symbol),
                    Text(" at "),
                    price,
                    Text(" is more than "),
                    amount
                );
            }
            Self::NoPendingBuy => all!(Text("no BUY in the last 60 s to commit or cancel")),
            Self::NoPendingSell => all!(Text("no SELL in the last 60 s to commit or cancel")),
            Self::NoSetBuy(symbol) => all!(Text("no SET_BUY_AMOUNT for "), Stock(*symbol)),
            Self::NoSetSell(symbol) => all!(Text("no SET_SELL_AMOUNT for "), Stock(*symbol)),
            Self::TooManyPending(most) => {
                all!(Text("at most "), Count(u64::from(*most)), Text(" pending orders a side"));
            }
            Self::BalanceTooLarge => all!(Text("no balance may pass "), Amount(Money::BALANCE_MAX)),
            Self::HoldingTooLarge => {
                all!(Text("no holding may pass "), Count(SHARES_MAX), Text(" shares"))
            }
            Self::TooManySubscriptions(most) => {
                let most = Count(u64::from(*most));
                all!(Text("at most "), most, Text(" subscriptions and watches a connection"));
            }
            Self::QuoteUnavailable(symbol) => {
                all!(
                    Text("no price for "),
                    Stock(*symbol),
                    Text(" could be had in time; nothing changed")
                );
            }
            Self::DumpFailed(cause) => all!(Text("the log could not be written: "), Text(cause)),
            Self::TooManyConnections => all!(Text("too many connections; try again later")),
            Self::ShuttingDown => all!(Text("the server is stopping; nothing changed")),
            Self::ReadOnly => all!(Text(
                "the journal cannot be written; ask again after the server is back whether this took effect",
            )),
            Self::DiskAlmostFull => all!(Text(
                "the disk is almost full: only QUOTE and DISPLAY_SUMMARY are answered until there is room; nothing changed",
            )),
        }
    }

    /// Appends the message to a line, without a preceding comma.
    pub(crate) fn write_message(&self, line: &mut impl Fields) {
        self.words(|word| {
            match word {
                Word::Text(text) => line.put(text.as_bytes()),
                Word::Money(money) => line.bare_money(money),
                Word::Count(count) => line.bare_int(count),
                Word::Symbol(symbol) => line.put(symbol.as_bytes()),
            };
        });
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = Ok(());
        self.words(|word| {
            written = written.and_then(|()| match word {
                Word::Text(text) => f.write_str(text),
                Word::Money(money) => write!(f, "{money}"),
                Word::Count(count) => write!(f, "{count}"),
                Word::Symbol(symbol) => write!(f, "{symbol}"),
            });
        });
        written
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LineBuffer, ReplyBody};

    #[test]
    fn the_reply_has_the_same_message_as_the_log() {
        let symbol = Symbol::parse(b"XY").unwrap();
        let money = Money::from_cents(123_456_789_012);
        let cases = [
            (Refusal::BadArguments(CommandName::Quote), "expected QUOTE,user,symbol"),
            (
                Refusal::InsufficientFunds { needed: money, available: Money::from_cents(7) },
                "needs 1234567890.12 and 0.07 is available",
            ),
            (
                Refusal::InsufficientShares { symbol, needed: 1, free: 0 },
                "needs 1 share of XY and 0 can be used",
            ),
            (
                Refusal::InsufficientShares { symbol, needed: 20, free: 3 },
                "needs 20 shares of XY and 3 can be used",
            ),
            (
                Refusal::AmountTooSmall { symbol, amount: Money::from_cents(1), price: money },
                "one share of XY at 1234567890.12 is more than 0.01",
            ),
            (Refusal::NoSetSell(symbol), "no SET_SELL_AMOUNT for XY"),
            (Refusal::TooManyPending(1_000), "at most 1000 pending orders a side"),
            (Refusal::BalanceTooLarge, "no balance may pass 1000000000000000.00"),
            (Refusal::HoldingTooLarge, "no holding may pass 1000000000000000 shares"),
            (Refusal::DumpFailed("no room".into()), "the log could not be written: no room"),
        ];
        for (refusal, words) in cases {
            assert_eq!(refusal.to_string(), words);
            let mut out = LineBuffer::default();
            ReplyBody::write_refusal(&refusal, None, &mut out);
            assert_eq!(
                String::from_utf8_lossy(out.as_bytes()),
                format!("ERR,{},{words}\n", refusal.code())
            );
        }
    }
}

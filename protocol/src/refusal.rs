//! Refusals: the reason why a line was refused, with the values in its message.

use crate::code::Code;
use crate::commands::CommandName;
use crate::types::{Money, SHARES_MAX, Symbol};
use crate::wire::fields::Fields;
use crate::wire::label::Label;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Message of [`Refusal::BadMarketCommand`].
const BAD_MARKET_COMMAND: &str = "MARKET takes PAUSE, RESUME, STEP, SPEED with 0.001 to 1000000, \
                                  or SEEK with a time in milliseconds";

const READ_ONLY: &str = "the journal cannot be written; \
    ask again after the server is back whether this took effect";
const BAD_SESSION_ARGUMENTS: &str = "wrong number of fields; HELP lists what each command takes";
const BAD_AMOUNT: &str =
    "amount must be dollars from 0.01 to 999999999999.99 with at most two decimals";
const BAD_FILENAME: &str =
    "filename must be a relative path to a file, at most 512 bytes, without ..";
const FILENAME_LEADS_OUT: &str = "filename leads out of the dump folder, or into the data folder";
const UNKNOWN: &str = "it may have taken effect; DISPLAY_SUMMARY says";
const NO_OWNER: &str = "no server of the cluster owns the accounts now; nothing changed";
const DISK_ALMOST_FULL: &str = "the disk is almost full: \
    only QUOTE and DISPLAY_SUMMARY are answered until there is room; nothing changed";

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
    ReservedUser,
    TooManySubscribers(u32),
    HiddenFilename,
    BadSecret,
    AuthRequired,
    AuthFailed,
    LoggedInAlready,
    NeedsReply,
    NoLogins,
    Forbidden,
    NeedsPassword,
    NoPasswordSession,
    RateLimited(u64),
    TooManyOfLogin(u32),
    TooManyOfAddress(u32),
    TlsRequired,
    NoMarketClock,
    MarketEnded,
    MarketBehind,
    TooManyReaders(u32),
    Moved(Box<str>),
    Unknown,
    NoOwner,
    BadMarketCommand,
}

/// A part of a message.
#[derive(Clone, Copy, Debug)]
enum Word<'a> {
    Text(&'a str),
    /// Text of a frequent message.
    Label(&'static Label),
    Money(Money),
    Count(u64),
    Symbol(Symbol),
}

/// Text of a frequent message, at most 32 bytes.
macro_rules! label {
    ($text:literal) => {{ Word::Label(const { &Label::of(&[$text]) }) }};
}

/// Passes parts of a message to a function, in order.
macro_rules! say_all {
    ($say:ident: $($word:expr),+ $(,)?) => {{ $($say($word);)+ }};
}

impl Refusal {
    /// Returns the code of the reply.
    pub const fn code(&self) -> Code {
        match self {
            Self::NotText | Self::ControlCharacter | Self::BadTag => Code::BadLine,
            Self::LineTooLong => Code::LineTooLong,
            Self::UnknownCommand => Code::UnknownCommand,
            Self::BadArguments(_)
            | Self::BadSessionArguments
            | Self::BadSecret
            | Self::LoggedInAlready
            | Self::NeedsReply
            | Self::NoLogins
            | Self::NoMarketClock
            | Self::BadMarketCommand
            | Self::MarketEnded
            | Self::MarketBehind => Code::BadArguments,
            Self::BadUser | Self::ReservedUser => Code::BadUser,
            Self::BadSymbol => Code::BadSymbol,
            Self::BadAmount => Code::BadAmount,
            Self::BadFilename | Self::FilenameLeadsOut | Self::HiddenFilename => Code::BadFilename,
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
            | Self::TooManySubscriptions(_)
            | Self::TooManySubscribers(_) => Code::LimitExceeded,
            Self::QuoteUnavailable(_) => Code::QuoteUnavailable,
            Self::DumpFailed(_) => Code::DumpFailed,
            Self::TooManyConnections
            | Self::TooManyOfLogin(_)
            | Self::TooManyOfAddress(_)
            | Self::TooManyReaders(_) => Code::Overloaded,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::ReadOnly | Self::DiskAlmostFull | Self::NoOwner => Code::ReadOnly,
            Self::AuthRequired => Code::AuthRequired,
            Self::AuthFailed => Code::AuthFailed,
            Self::Forbidden | Self::NeedsPassword | Self::NoPasswordSession => Code::Forbidden,
            Self::RateLimited(_) => Code::RateLimited,
            Self::TlsRequired => Code::TlsRequired,
            Self::Moved(_) => Code::Moved,
            Self::Unknown => Code::Unknown,
        }
    }

    /// Returns true if nothing that its connection has sent later is carried out.
    pub const fn ends_connection(&self) -> bool {
        matches!(self.code(), Code::Moved | Code::Unknown)
    }

    /// Passes the message to `say` part by part. Refusals are as frequent as orders, and `fmt`
    /// would take most of their time.
    #[inline]
    fn words(&self, mut say: impl FnMut(Word<'_>)) {
        use Word::{Count, Money as Amount, Symbol as Stock, Text};
        let text = match self {
            Self::NotText => "the line is not UTF-8 text",
            Self::ControlCharacter => "the line holds control characters, or U+FFFE or U+FFFF",
            Self::BadTag => "the tag must be [n] with n from 1 to 9223372036854775807",
            Self::LineTooLong => "a line may have at most 1024 bytes",
            Self::UnknownCommand => "no such command; HELP lists them",
            Self::BadSessionArguments => BAD_SESSION_ARGUMENTS,
            Self::BadUser => "user must be 1 to 64 of A-Z a-z 0-9 _ . -",
            Self::ReservedUser => "daytraded is the server's own name",
            Self::BadSymbol => "symbol must be 1 to 3 letters or digits",
            Self::BadAmount => BAD_AMOUNT,
            Self::BadFilename => BAD_FILENAME,
            Self::HiddenFilename => "no name in filename may begin with a dot",
            Self::FilenameLeadsOut => FILENAME_LEADS_OUT,
            Self::NoAccount => "no account: the user has never had an ADD",
            Self::TooManyConnections => "too many connections; try again later",
            Self::ShuttingDown => "the server is stopping; nothing changed",
            Self::ReadOnly => READ_ONLY,
            Self::DiskAlmostFull => DISK_ALMOST_FULL,
            Self::BadArguments(name) => {
                return say_all!(say: Text("expected "), Text(name.usage()));
            }
            Self::InsufficientFunds { needed, available } => {
                return missing_funds(*needed, *available, say);
            }
            Self::InsufficientShares { symbol, needed, free } => {
                return missing_shares(*symbol, *needed, *free, say);
            }
            Self::AmountTooSmall { symbol, amount, price } => {
                return less_than_one_share(*symbol, *amount, *price, say);
            }
            Self::NoPendingBuy => return no_pending(label!("no BUY"), say),
            Self::NoPendingSell => return no_pending(label!("no SELL"), say),
            Self::NoSetBuy(of) => {
                return say_all!(say: label!("no SET_BUY_AMOUNT for "), Stock(*of));
            }
            Self::NoSetSell(of) => {
                return say_all!(say: label!("no SET_SELL_AMOUNT for "), Stock(*of));
            }
            Self::TooManyPending(most) => return limit(*most, " pending orders a side", say),
            Self::BalanceTooLarge => {
                return say_all!(say: Text("no balance may pass "), Amount(Money::BALANCE_MAX));
            }
            Self::HoldingTooLarge => {
                return say_all!(
                    say: Text("no holding may pass "), Count(SHARES_MAX), Text(" shares")
                );
            }
            Self::TooManySubscriptions(max) => {
                return limit(*max, " subscriptions and watches a connection", say);
            }
            Self::TooManySubscribers(max) => return limit(*max, " subscribers an account", say),
            Self::QuoteUnavailable(symbol) => return missing_quote(*symbol, say),
            Self::DumpFailed(cause) => return no_log(cause, say),
            _ => return self.session_words(say),
        };
        say(Text(text));
    }

    /// As [`Refusal::words`], for refusals of session commands.
    fn session_words(&self, mut say: impl FnMut(Word<'_>)) {
        use Word::{Count, Text};
        let text = match self {
            Self::RateLimited(wait_s) => {
                return say_all!(say: Text("too often; wait "), Count(*wait_s), Text(" s"));
            }
            Self::TooManyOfLogin(max) => return limit(*max, " connections a login", say),
            Self::TooManyOfAddress(max) => return limit(*max, " connections an address", say),
            Self::BadSecret => "a secret is 12 to 128 printable characters without comma or blank",
            Self::AuthRequired => "log in first: AUTH,user,secret",
            Self::AuthFailed => "no such login, or a wrong or expired secret",
            Self::LoggedInAlready => "this connection is logged in already",
            Self::NeedsReply => "AUTH and PASSWD always have a reply",
            Self::NoLogins => "this port has no logins; everything is allowed",
            Self::Forbidden => "this login may not do that",
            Self::NeedsPassword => "choose a password first: PASSWD,invitation,new",
            Self::NoPasswordSession => "log in with the password to change it",
            Self::TooManyReaders(max) => return limit(*max, " readers of journals at a time", say),
            Self::NoMarketClock => "the prices of this server have no clock",
            Self::BadMarketCommand => BAD_MARKET_COMMAND,
            Self::MarketEnded => "the market has no more prices",
            Self::MarketBehind => "a market goes forward only, and within its prices",
            Self::TlsRequired => "this port speaks TLS; connect to tls://HOST:PORT",
            Self::Unknown => UNKNOWN,
            Self::NoOwner => NO_OWNER,
            Self::Moved(address) => return say(Text(address)),
            _ => "refused",
        };
        say(Text(text));
    }

    /// Appends the message to a line, without a preceding comma.
    pub(crate) fn write_message(&self, line: &mut impl Fields) {
        self.words(|word| {
            match word {
                Word::Label(label) => line.label(label),
                Word::Money(money) => line.bare_money(money),
                Word::Count(count) => line.bare_int(count),
                Word::Symbol(symbol) => line.bare_symbol(symbol),
                Word::Text(text) => line.put_any(text.as_bytes()),
            };
        });
    }
}

/// Writes the message of [`Refusal::NoPendingBuy`] and [`Refusal::NoPendingSell`].
#[inline]
fn no_pending(which: Word<'_>, mut say: impl FnMut(Word<'_>)) {
    say_all!(say: which, label!(" in the last 60 s"), label!(" to commit or cancel"));
}

/// Writes the message of [`Refusal::InsufficientFunds`].
#[inline]
fn missing_funds(needed: Money, available: Money, mut say: impl FnMut(Word<'_>)) {
    use Word::Money as Amount;
    say_all!(
        say: label!("needs "), Amount(needed), label!(" and "), Amount(available),
        label!(" is available")
    );
}

/// Writes the message of [`Refusal::InsufficientShares`].
#[inline]
fn missing_shares(symbol: Symbol, needed: u64, free: u64, mut say: impl FnMut(Word<'_>)) {
    use Word::{Count, Symbol as Stock};
    let of = if needed == 1 { label!(" share of ") } else { label!(" shares of ") };
    say_all!(
        say: label!("needs "), Count(needed), of, Stock(symbol), label!(" and "), Count(free),
        label!(" can be used")
    );
}

/// Writes the message of [`Refusal::AmountTooSmall`].
#[inline]
fn less_than_one_share(symbol: Symbol, amount: Money, price: Money, mut say: impl FnMut(Word<'_>)) {
    use Word::{Money as Amount, Symbol as Stock};
    say_all!(
        say: label!("one share of "), Stock(symbol), label!(" at "), Amount(price),
        label!(" is more than "), Amount(amount)
    );
}

/// Writes the message of [`Refusal::DumpFailed`].
fn no_log(cause: &str, mut say: impl FnMut(Word<'_>)) {
    use Word::Text;
    say_all!(say: Text("the log could not be written: "), Text(cause));
}

/// Writes the message of [`Refusal::QuoteUnavailable`].
#[inline]
fn missing_quote(symbol: Symbol, mut say: impl FnMut(Word<'_>)) {
    use Word::{Symbol as Stock, Text};
    say_all!(
        say: Text("No price for "), Stock(symbol),
        Text(": the quote source does not answer. Nothing was changed.")
    );
}

/// Writes the message of a limit on a number of items. `items` names them.
#[inline]
fn limit(most: u32, items: &str, mut say: impl FnMut(Word<'_>)) {
    use Word::{Count, Text};
    say_all!(say: Text("at most "), Count(u64::from(most)), Text(items));
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = Ok(());
        self.words(|word| {
            written = written.and_then(|()| match word {
                Word::Text(text) => f.write_str(text),
                Word::Label(label) => f.write_str(label.as_str()),
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
            (Refusal::NoPendingSell, "no SELL in the last 60 s to commit or cancel"),
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

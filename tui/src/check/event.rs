//! One element of an audit log, as the rules see it.

use super::amount::Amount;
use daytrade_protocol::CommandName;

/// The six elements of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A command was received.
    UserCommand,
    /// The quote server answered.
    QuoteServer,
    /// Cash of a user changed.
    AccountTransaction,
    /// Something happened without a command: a fill, an expiry, a price from the cache.
    SystemEvent,
    /// A command was refused.
    ErrorEvent,
    /// Anything a team wants to say.
    DebugEvent,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::UserCommand,
        Self::QuoteServer,
        Self::AccountTransaction,
        Self::SystemEvent,
        Self::ErrorEvent,
        Self::DebugEvent,
    ];

    /// Returns the name of the element.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UserCommand => "userCommand",
            Self::QuoteServer => "quoteServer",
            Self::AccountTransaction => "accountTransaction",
            Self::SystemEvent => "systemEvent",
            Self::ErrorEvent => "errorEvent",
            Self::DebugEvent => "debugEvent",
        }
    }

    /// Returns the element of a name.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().as_bytes() == name)
    }

    /// Returns true if these children, a bit each, are what the schema asks for.
    pub(crate) const fn allows(self, present: u16) -> bool {
        let (needed, allowed) = self.children();
        let needed = bits(needed);
        present & needed == needed && present & !(needed | bits(allowed)) == 0
    }

    /// Returns the children in the order of the official schema: those that must be there, and
    /// those that may be.
    pub(crate) const fn children(self) -> (&'static [Child], &'static [Child]) {
        use Child::{
            Action, Command, CryptoKey, DebugMessage, ErrorMessage, FileName, Funds, Price,
            QuoteServerTime, Server, StockSymbol, Timestamp, TransactionNum, UserName,
        };
        const SUBJECT: &[Child] = &[Timestamp, Server, TransactionNum, Command];
        match self {
            Self::UserCommand | Self::SystemEvent => {
                (SUBJECT, &[UserName, StockSymbol, FileName, Funds])
            }
            Self::ErrorEvent => (SUBJECT, &[UserName, StockSymbol, FileName, Funds, ErrorMessage]),
            Self::DebugEvent => (SUBJECT, &[UserName, StockSymbol, FileName, Funds, DebugMessage]),
            Self::QuoteServer => (
                &[
                    Timestamp,
                    Server,
                    TransactionNum,
                    Price,
                    StockSymbol,
                    UserName,
                    QuoteServerTime,
                    CryptoKey,
                ],
                &[],
            ),
            Self::AccountTransaction => {
                (&[Timestamp, Server, TransactionNum, Action, UserName, Funds], &[])
            }
        }
    }
}

/// Returns a bit for each child of a list.
const fn bits(children: &[Child]) -> u16 {
    let (mut bits, mut at) = (0, 0);
    while at < children.len() {
        bits |= 1 << children[at] as u16;
        at += 1;
    }
    bits
}

/// The children that an element can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Timestamp,
    Server,
    TransactionNum,
    Command,
    UserName,
    StockSymbol,
    FileName,
    Funds,
    Price,
    QuoteServerTime,
    CryptoKey,
    Action,
    ErrorMessage,
    DebugMessage,
}

/// Number of kinds of children.
pub(crate) const CHILDREN: usize = 14;

impl Child {
    /// Every child, in the order of its number.
    pub(crate) const ALL: [Self; CHILDREN] = [
        Self::Timestamp,
        Self::Server,
        Self::TransactionNum,
        Self::Command,
        Self::UserName,
        Self::StockSymbol,
        Self::FileName,
        Self::Funds,
        Self::Price,
        Self::QuoteServerTime,
        Self::CryptoKey,
        Self::Action,
        Self::ErrorMessage,
        Self::DebugMessage,
    ];

    /// Returns the name of the element.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Server => "server",
            Self::TransactionNum => "transactionNum",
            Self::Command => "command",
            Self::UserName => "username",
            Self::StockSymbol => "stockSymbol",
            Self::FileName => "filename",
            Self::Funds => "funds",
            Self::Price => "price",
            Self::QuoteServerTime => "quoteServerTime",
            Self::CryptoKey => "cryptokey",
            Self::Action => "action",
            Self::ErrorMessage => "errorMessage",
            Self::DebugMessage => "debugMessage",
        }
    }

    /// Returns true if the schemas count blanks around its text as part of it: it is a string, and
    /// one of a list or of a pattern.
    pub(crate) const fn keeps_blanks(self) -> bool {
        matches!(
            self,
            Self::Server | Self::Command | Self::UserName | Self::StockSymbol | Self::Action
        )
    }

    /// Returns the child of a name.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        // The first letter and the length tell most names apart; the comparison decides.
        let likely = match (name.first()?, name.len()) {
            (b't', 9) => Self::Timestamp,
            (b's', 6) => Self::Server,
            (b't', 14) => Self::TransactionNum,
            (b'c', 7) => Self::Command,
            (b'u', 8) => Self::UserName,
            (b's', 11) => Self::StockSymbol,
            (b'f', 8) => Self::FileName,
            (b'f', 5) => Self::Funds,
            (b'p', 5) => Self::Price,
            (b'q', 15) => Self::QuoteServerTime,
            (b'c', 9) => Self::CryptoKey,
            (b'a', 6) => Self::Action,
            (b'e', 12) => Self::ErrorMessage,
            (b'd', 12) => Self::DebugMessage,
            _ => return None,
        };
        (likely.as_str().as_bytes() == name).then_some(likely)
    }
}

/// Something about an element that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What stands there.
    pub found: String,
    /// What the schema asks for.
    pub expected: String,
}

/// One element of the log. Values that are missing or cannot be read are None, and `faults` says
/// so.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    /// Which element it is.
    pub kind: Kind,
    /// Line on which it begins, from 1.
    pub line: u64,
    /// Byte at which it begins, from 0.
    pub byte: u64,
    /// When it happened, Unix milliseconds.
    pub at_ms: Option<u64>,
    /// Transaction number.
    pub number: Option<u64>,
    /// The command, if it is one of the sixteen.
    pub command: Option<CommandName>,
    /// The text of the command.
    pub command_text: Option<&'a str>,
    /// The user.
    pub user: Option<&'a str>,
    /// The stock symbol.
    pub symbol: Option<&'a str>,
    /// The file name, as it stands in the log.
    pub filename: Option<&'a str>,
    /// The funds.
    pub funds: Option<Amount>,
    /// The price of a quote.
    pub price: Option<Amount>,
    /// Whether funds and price are whole cents.
    pub to_the_cent: bool,
    /// Time of the quote server.
    pub quote_time: Option<i64>,
    /// Cryptographic key of a quote.
    pub key: Option<&'a str>,
    /// What happened to the cash: true for add, false for remove.
    pub adds: Option<bool>,
    /// What the schema does not allow.
    pub faults: &'a [Fault],
}

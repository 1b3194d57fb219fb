//! Records: the entries of the journal, one for each decision. Accounts and the audit log are views
//! of them.

use super::event::{Event, Events};
use super::market::MarketPosition;
use daytrade_protocol::{Attempt, Command, FileName, Money, Refusal, Symbol, UserName};
use serde::{Deserialize, Serialize};

/// One entry of the journal. The layout is the journal format: add variants at the end and never
/// change one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A well-formed command and its outcome.
    Transaction {
        /// Transaction number.
        number: u64,
        /// True if the server assigned the number because the request had no tag.
        assigned: bool,
        /// The command.
        command: Command,
        /// Price at which it was decided.
        price: Option<PriceUsed>,
        /// The outcome.
        outcome: Outcome,
    },
    /// A line that names an audited command and could not be parsed as one.
    Rejected {
        /// Transaction number.
        number: u64,
        /// True if the server assigned the number.
        assigned: bool,
        /// Readable parts of the line.
        attempt: Attempt,
        /// The error.
        refusal: Refusal,
    },
    /// An answer of the quote source, which charges for it.
    Hit(Hit),
    /// A pending order expired.
    Expired {
        /// Owner of the order.
        user: UserName,
        /// [`Event::Expired`].
        event: Event,
    },
    /// A trigger was fired by a price that arrived after it was armed.
    Filled {
        /// Owner of the trigger.
        user: UserName,
        /// [`Event::Filled`].
        event: Event,
    },
    /// The file of a DUMPLOG could not be written. The DUMPLOG's own record precedes this one.
    DumpFailed {
        /// Transaction number of the DUMPLOG.
        number: u64,
        /// User whose part of the log was requested.
        user: Option<UserName>,
        /// File that was requested.
        filename: FileName,
        /// The error.
        refusal: Refusal,
    },
    /// An answer of the quote source that only watchers wanted, under a number that the server
    /// assigned.
    WatchedHit(Hit),
    /// The market's clock has run this far. It is recorded before the prices up to there are shown.
    Market(MarketPosition),
    /// A server of a cluster took over the shard. The frames of this epoch are its own.
    Owner(Box<Owner>),
}

/// Who took over a shard of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Identity of the cluster, which is made with it.
    pub cluster: Box<str>,
    /// Name of the server.
    pub node: Box<str>,
    /// Address at which it takes clients, `host:port`.
    pub address: Box<str>,
    /// Drawn at random by each process, so that no two frames of this kind are the same bytes.
    pub incarnation: u128,
}

/// The price at which a command was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceUsed {
    /// Dollars a share.
    pub price: Money,
    /// True if it came from the cache and was not fetched for this transaction.
    pub cached: bool,
}

/// The outcome of a well-formed command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The command was carried out.
    Done(Events),
    /// The command was refused and changed nothing.
    Refused(Refusal),
}

/// An answer of the quote source, unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Transaction for which the quote was fetched.
    pub number: u64,
    /// User for whom the quote was fetched.
    pub user: UserName,
    /// Stock symbol.
    pub symbol: Symbol,
    /// Dollars a share.
    pub price: Money,
    /// Time given by the source, Unix milliseconds. It is only logged.
    pub source_time_ms: u64,
    /// Cryptographic key given by the source.
    pub key: Box<str>,
}

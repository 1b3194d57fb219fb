//! What goes into a shard and what it asks of others.

use super::snapshots::SnapshotNews;
use crate::quotes::QuoteNews;
use crate::session::{Outbox, ReplyTo};
use daytrade_protocol::{Attempt, Command, FileName, Refusal, UserName};
use std::sync::Arc;

/// Jobs of one connection, in the order they were sent.
#[derive(Debug)]
pub struct Batch {
    /// Where the replies go.
    pub outbox: Arc<Outbox>,
    /// The jobs.
    pub jobs: Vec<Job>,
}

/// One request for a shard.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whom to answer.
    pub to: ReplyTo,
    /// The transaction number.
    pub number: u64,
    /// Whether the server gave the number.
    pub assigned: bool,
    /// What to do.
    pub work: Work,
}

/// What a job asks.
#[derive(Clone, Debug)]
pub enum Work {
    /// One of the sixteen commands.
    Command(Command),
    /// A line that named one of the sixteen and could not be read as one: it is written down and
    /// refused.
    Rejected(Box<(Attempt, Refusal)>),
    /// Send this user's account events to the connection.
    Subscribe(UserName),
    /// Send them no more.
    Unsubscribe(UserName),
}

impl Job {
    /// Whose account it is about.
    pub fn user(&self) -> Option<&UserName> {
        match &self.work {
            Work::Command(command) => command.user(),
            Work::Rejected(rejected) => rejected.0.user.as_ref(),
            Work::Subscribe(_) | Work::Unsubscribe(_) => None,
        }
    }
}

/// News from the rest of the server.
#[derive(Debug)]
pub enum Control {
    /// About a price.
    Quote(QuoteNews),
    /// A dump has ended.
    DumpDone(Box<DumpDone>),
    /// About the snapshot under way.
    Snapshot(SnapshotNews),
    /// The server stops: whoever waits for a price is told so at once.
    Closing,
    /// Finish what is there, make it durable, end.
    Stop,
}

/// A dump to write, asked for after its DUMPLOG is durable.
#[derive(Debug)]
pub struct DumpRequest {
    /// The shard that holds the DUMPLOG's own record.
    pub shard: u16,
    /// The number of that record.
    pub record: u64,
    /// Its time, Unix milliseconds.
    pub time_ms: u64,
    /// What to answer when it is done.
    pub ticket: DumpTicket,
}

/// A DUMPLOG that waits for its file.
#[derive(Debug)]
pub struct DumpTicket {
    /// Whose connection.
    pub outbox: Arc<Outbox>,
    /// Whom to answer.
    pub to: ReplyTo,
    /// The transaction number.
    pub number: u64,
    /// Whose part of the log; None for all of it.
    pub user: Option<UserName>,
    /// Which file.
    pub filename: FileName,
}

/// The path written and how many events it holds, or why there is no file.
pub type DumpResult = Result<(Box<str>, u64), Refusal>;

/// How a dump ended.
#[derive(Debug)]
pub struct DumpDone {
    /// The DUMPLOG it was for.
    pub ticket: DumpTicket,
    /// What came of it.
    pub result: DumpResult,
}

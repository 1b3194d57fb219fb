//! DUMPLOGs between a shard and the dump service.

use super::replies::ReplyTo;
use super::reply_sink::ReplyTarget;
use daytrade_protocol::{FileName, Refusal, UserName};

/// A dump to write, requested once the record of its DUMPLOG is durable.
#[derive(Debug)]
pub struct DumpRequest {
    /// Shard that holds the DUMPLOG's record.
    pub shard: u16,
    /// Number of that record.
    pub record: u64,
    /// Time of that record, Unix milliseconds.
    pub time_ms: u64,
    /// The DUMPLOG to answer.
    pub dump: PendingDump,
}

/// A DUMPLOG that waits for its file.
#[derive(Debug)]
pub struct PendingDump {
    /// Receiver of the reply.
    pub target: ReplyTarget,
    /// The request that the reply belongs to.
    pub to: ReplyTo,
    /// Transaction number.
    pub number: u64,
    /// User whose part of the log is written; None for the whole log.
    pub user: Option<UserName>,
    /// Name of the file.
    pub filename: FileName,
}

/// The path written and its number of events, or the reason why there is no file.
pub type DumpResult = Result<(Box<str>, u64), Refusal>;

/// The end of a dump.
#[derive(Debug)]
pub struct DumpDone {
    /// The DUMPLOG to answer.
    pub dump: PendingDump,
    /// The result.
    pub result: DumpResult,
}

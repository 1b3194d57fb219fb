//! The audit log: a view of the journals, written as XML when a DUMPLOG or a READLOG asks for
//! it, and never on the way of a command.

mod destination;
mod direct_io;
mod dump;
mod entries;
mod error;
mod filter;
mod merge;
mod pace;
mod query;
mod read;
mod shard_log;
mod xml;

pub(crate) use direct_io::lower_thread_priority;
pub(crate) use dump::DumpService;
pub use filter::LogFilter;
pub(crate) use merge::LogMerger;
pub(crate) use query::LogQuery;
pub use read::{LogPart, LogReader};
pub use xml::AuditWriter;

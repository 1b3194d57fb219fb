//! The audit log: a view of the journals, written as XML when a DUMPLOG asks for it, and never on
//! the way of a command.

mod destination;
mod direct_io;
mod dump;
mod error;
mod merge;
mod xml;

pub(crate) use direct_io::lower_thread_priority;
pub(crate) use dump::DumpService;
pub(crate) use merge::LogMerger;
pub use xml::{AuditWriter, Origin};

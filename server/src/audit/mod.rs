//! The audit log: a view of the journals, written as XML when a DUMPLOG asks for it, and never on
//! the way of a command.

mod dump;
mod merge;
mod pieces;
mod xml;

pub use dump::{DumpService, spawn_dumps};
pub use xml::{AuditWriter, Origin};

//! The journal: what a shard decided, in the order it did, on disk before anybody is told.
//!
//! One folder a shard; in it segments named by their first record, each a header and then frames; one frame is one group
//! commit. The format is `docs/JOURNAL.md`. This module knows bytes, records and files; it must never look at an account.

mod frame;
mod position;
mod reader;
mod recovery;
mod segment;
mod storage;
mod tools;
mod writer;

pub use frame::{Fault, FrameBuilder, FrameHeader};
pub use position::{Position, Positions};
pub use reader::{Frame, JournalReader, ReadError};
pub use recovery::{Recovered, RecoveryError, recover};
pub use segment::segment_name;
pub use storage::{FsStorage, Storage, StorageFile};
pub use tools::{print, verify};
pub use writer::{JournalWriter, SyncMode, WriterOptions};

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

//! Replies: typed values, the lines they print to, and the way back.

mod body;
mod detail;
mod entry;
mod parse;
mod value;

pub use body::{Reply, ReplyBody};
pub use detail::{Detail, DetailWriter};
pub use entry::{Entry, EntryOutcome};
pub use parse::ServerLine;
pub use value::{DumpPath, ReplyError};

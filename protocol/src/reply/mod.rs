//! Replies: typed values, the lines they print to, and the way back.

mod body;
mod detail;
mod parse;
mod value;

pub use body::{Reply, ReplyBody};
pub use detail::{Detail, DetailWriter};
pub use parse::ServerLine;
pub use value::{DumpPath, ReplyError};

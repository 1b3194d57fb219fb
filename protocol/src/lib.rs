//! What both sides of a daytrade connection say: requests, replies, pushed lines, and the money and
//! names in them.
//!
//! Every value prints to the line that parses back to it. The crate reads bytes and writes bytes;
//! it must never do I/O, ask a clock, or keep state between lines (the codec's place in a stream
//! excepted).
//!
//! The specification is `docs/PROTOCOL.md`.

mod codec;
mod command;
mod digits;
mod error;
mod fields;
mod lines;
mod money;
mod names;
mod push;
mod refusal;
mod reply;
mod reply_parse;
mod request;
mod scan;
pub mod short;

pub use codec::{LINE_BYTES_MAX, LineBlock, LineCodec};
pub use command::{Command, CommandName, Side};
pub use error::Code;
pub use lines::Lines;
pub use money::{Money, MoneyError, SHARES_MAX};
pub use names::{FILENAME_BYTES_MAX, FileName, Symbol, USER_BYTES_MAX, UserName};
pub use push::Push;
pub use refusal::Refusal;
pub use reply::{Detail, DetailWriter, Reply, ReplyBody, Tag, TradeTerms};
pub use reply_parse::{ReplyError, ServerLine};
pub use request::{Attempt, Body, Invalid, Parsed, Request, SessionCommand, parse_line, trim};

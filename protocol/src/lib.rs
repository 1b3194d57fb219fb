//! The wire protocol of daytrade: requests, replies, pushed lines, and the values in them.
//!
//! Every value prints to the line that parses back to it. The crate reads bytes and writes bytes.
//! It must never do I/O, ask a clock, or keep state between lines (except the codec's position in a
//! stream).
//!
//! [`command_table!`] is the one table of commands: names, arguments, reply fields, usage texts,
//! parsing and printing all come from it. docs/PROTOCOL.md is the specification.
//!
//! ```
//! use daytrade_protocol::{Body, Command, LineBuffer, Money, Parsed, ReplyBody, parse_line};
//!
//! let Parsed::Request(request) = parse_line(b"[1] ADD,alice,63511.53") else { panic!() };
//! let Body::Command(Command::Add { amount, .. }) = request.body else { panic!() };
//! assert_eq!(amount, Money::from_cents(6_351_153));
//!
//! let mut out = LineBuffer::default();
//! ReplyBody::Add { available: amount }.write_to(request.tag, &mut out);
//! assert_eq!(out.as_bytes(), b"[1] OK,ADD,63511.53\n");
//! ```

// No input may panic: what can is named where it stands, with the reason why it cannot happen.
#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable
)]

mod code;
mod commands;
mod foreign;
mod push;
mod refusal;
mod reply;
mod request;
mod types;
mod wire;

pub use code::Code;
pub use commands::{
    Argument, ArgumentKind, Attempt, Command, CommandFields, CommandName, SESSION_HELP,
    SessionCommand, SessionName,
};
pub use foreign::{ForeignProtocol, TLS_HANDSHAKE};
pub use push::Push;
pub use refusal::Refusal;
pub use reply::{
    Detail, DetailWriter, DumpPath, Entry, EntryOutcome, Reply, ReplyBody, ReplyError, ServerLine,
};
pub use request::{Body, Invalid, Parsed, Request, parse_line, plain_head};
pub use types::{
    FILENAME_BYTES_MAX, FileName, Money, MoneyError, SECRET_BYTES_MAX, SECRET_BYTES_MIN,
    SHARES_MAX, Secret, Side, Symbol, Tag, TradeTerms, USER_BYTES_MAX, UserName, WORD_BYTES_MAX,
    Word,
};
pub use wire::{LINE_BYTES_MAX, LineBlock, LineBuffer, LineCodec, short_copy, trim};

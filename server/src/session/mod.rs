//! A connection: lines in, jobs to the shards, replies and pushed lines out.
//!
//! A session owns its socket and its buffers. It must never look at an account, and never wait for
//! a quote or a disk.

mod alarm;
mod connection;
mod dispatch;
mod help;
mod outbox;
mod replies;
mod writer;

pub use connection::{Context, serve};
pub use outbox::Outbox;
pub use replies::{Replies, ReplyTo};
pub use writer::Writer;

//! A connection: requests in, jobs to the shards, replies and pushed lines out.
//!
//! [`connection`] moves bytes, [`dispatch`] turns requests into jobs, [`outbox`] is the local sink
//! of replies. A session owns its socket and its buffers. It must never read an account, and never
//! wait for a quote or a disk.

mod access;
mod answers;
mod batches;
mod busy_poll;
mod connection;
mod context;
mod dispatch;
mod foreign;
mod help;
mod idle;
mod input;
mod lines;
mod link;
mod log_reading;
mod login;
mod moves;
mod outbox;
mod revocation;
mod session_commands;
mod spare;
mod stop;
mod subscriptions;
mod throttle;
mod timer;
mod transport;

pub use busy_poll::BusyPoll;
pub use connection::serve;
pub use context::Context;
#[cfg(feature = "test-support")]
pub use outbox::Outbox;
pub use outbox::OutputMemory;
pub use transport::{ReplyWriter, Writer};

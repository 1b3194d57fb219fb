//! A server as one of several that share their accounts: one owns them, the others follow.
//!
//! [`node`] drives it: it hears the other servers' [`heartbeat`]s, lets [`roster`] decide, and tells
//! the shards to follow, to take over and to let go. [`nats`] is the only code that knows NATS. That
//! no two servers answer at once does not depend on anything here: the log refuses all but the
//! newest owner. What is wrong here costs time only.

mod check;
mod feed;
mod heartbeat;
mod nats;
mod node;
mod roster;
mod setup;

pub(crate) use check::{Monitors, check_streams};
pub(crate) use nats::{Nats, NatsConfig, Plan, urls};
pub(crate) use node::{ClusterHandle, Node, NodeParts};
pub(crate) use setup::run as run_command;

//! A server as one of several that share their accounts: one owns them, the others follow.
//!
//! [`node`] drives it: it hears the other servers' [`heartbeat`]s, lets [`roster`] decide, and
//! tells the shards to follow, to take over and to let go. [`nats`] and [`endpoint`] are the only
//! code that knows NATS. That no two servers answer at once does not depend on anything here: the
//! log refuses all but the newest owner. What is wrong here costs time only.

mod check;
mod endpoint;
mod feed;
mod heartbeat;
mod log;
#[cfg(feature = "remote")]
mod logins;
mod nats;
mod node;
mod roster;

pub(crate) use check::{Monitors, check_streams};
pub(crate) use endpoint::{NatsConfig, urls};
pub(crate) use heartbeat::Heartbeat;
pub(crate) use log::NatsStream;
#[cfg(feature = "remote")]
pub(crate) use logins::{LoginFile, follow_logins};
pub(crate) use nats::{LOGINS, Nats, Plan, left_by};
pub(crate) use node::{ClusterHandle, Node, NodeParts};

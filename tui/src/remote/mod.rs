//! Servers on other machines: their addresses, their keys, and the login there.
//!
//! A secret is sent only to a server whose key is known, and never comes from an option.

mod address;
mod commands;
mod connect;
mod credentials;
mod folder;
mod known_servers;
mod moves;
mod options;
mod prompt;
mod trust;

pub(crate) use address::ServerAddress;
pub(crate) use commands::{LogArgs, LoginArgs, LogoutArgs, PasswdArgs, log, login, logout, passwd};
pub(crate) use connect::{Server, Stream};
pub(crate) use moves::Follower;
pub(crate) use options::RemoteArgs;

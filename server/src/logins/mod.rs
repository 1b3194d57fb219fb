//! Logins of servers that clients on other machines can reach: the users, their secrets, and the
//! sessions that have logged in.
//!
//! `users.toml` in the data folder is the only store; whoever changes it holds its lock, and a
//! running server hears of it over `control.sock`. A secret is kept as a hash, and must never reach
//! a log, a journal or an argument list.

mod control;
mod counts;
mod failures;
mod names;
mod network;
mod noted;
mod options;
mod quota;
mod secrets;
mod security_log;
mod service;
mod sessions;
mod store;
mod verifier;

pub(crate) use control::{
    Control, Notified, durable_frames, notify, reload_all, serve as serve_control,
};
pub(crate) use network::Network;
pub(crate) use options::{ServiceLimits, ServiceOptions};
pub(crate) use quota::Rates;
pub(crate) use secrets::{
    hash_password, is_password_form, new_invitation, new_password, new_token,
};
pub(crate) use security_log::SecurityLog;
pub(crate) use service::LoginService;
pub(crate) use store::{Invitation, Store, Token, UserEntry, Users, check_name, check_prefix};

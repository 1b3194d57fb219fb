//! Who may do what: roles, the accounts they are for, and what a session knows of its login.
//!
//! It holds rules and values only. It must never read a file, verify a secret or know a socket;
//! [`Logins`] is what verifies, and only servers with logins have one.

mod accounts;
mod grant;
mod logins;
mod role;
mod source;

pub use accounts::{Accounts, LoginNames};
pub(crate) use grant::local;
pub use grant::{Credential, Grant, LogScope};
pub use logins::{BoxFuture, Door, Granted, LogPermit, LoginEvent, LoginLimits, Logins};
pub use role::Role;
pub(crate) use source::Source;

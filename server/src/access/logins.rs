//! What a session asks of the logins of its server.

use super::grant::Grant;
use daytrade_protocol::{CommandName, Refusal, Secret, UserName};
use std::any::Any;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A future of a trait object.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Verifies secrets and keeps what is known of the logged-in sessions.
pub trait Logins: Send + Sync {
    /// Verifies the secret of a login.
    ///
    /// A refusal is `AuthFailed`, `RateLimited`, or one of too many connections. What was wrong
    /// with a secret is never said.
    fn log_in(
        &self,
        name: UserName,
        secret: Secret,
        peer: IpAddr,
    ) -> BoxFuture<Result<Granted, Refusal>>;

    /// Changes the password of a session's login, and ends the login's other sessions that logged
    /// in with the old one.
    fn change_password(
        &self,
        session: &Granted,
        old: Secret,
        new: Secret,
        peer: IpAddr,
    ) -> BoxFuture<Result<(), Refusal>>;

    /// Takes note of something that the security log records.
    fn note(&self, grant: Option<&Grant>, peer: IpAddr, event: LoginEvent<'_>);
}

/// What sessions tell the security log.
#[derive(Clone, Copy, Debug)]
pub enum LoginEvent<'a> {
    /// A line was refused because the role does not allow it.
    Forbidden(Option<CommandName>),
    /// The first command of a session for an account that is not the login's own.
    ActsFor(&'a UserName),
    /// A request was refused because there were too many.
    RateLimited,
    /// A connection did not get as far as a session.
    TlsFailed,
}

/// Where a connection came in that must log in.
pub struct Door {
    /// Verifies the login.
    pub logins: Arc<dyn Logins>,
    /// Address of the client.
    pub peer: IpAddr,
    /// Time by which it must have logged in.
    pub log_in_by: Instant,
    /// Fires if another connection takes its place among those that are not logged in.
    pub displaced: CancellationToken,
    /// Its place among them, given back when it is dropped.
    pub place: Option<Box<dyn Any + Send + Sync>>,
}

/// A session that has logged in.
pub struct Granted {
    /// Number of the session.
    pub id: u64,
    /// What it may do.
    pub grant: Arc<Grant>,
    /// Fires when the login has been changed.
    pub revoked: CancellationToken,
    /// The limits of the login, shared by its sessions.
    pub limits: Arc<dyn LoginLimits>,
    /// Its place among the login's connections, given back when it is dropped.
    #[allow(dead_code, reason = "it is there to be dropped")]
    pub place: Box<dyn Any + Send + Sync>,
}

/// The limits of one login, shared by its sessions.
pub trait LoginLimits: Send + Sync {
    /// Takes the right to send a line.
    ///
    /// # Errors
    /// The time of the next attempt, if the rate is used up.
    fn command(&self) -> Result<(), Instant>;

    /// Takes the right to a command that needs a price.
    ///
    /// # Errors
    /// The time of the next attempt, if the rate is used up.
    fn price(&self) -> Result<(), Instant>;

    /// Takes the right to read the log, or with `dump` to write it to a file.
    ///
    /// # Errors
    /// `RateLimited`.
    fn log(self: Arc<Self>, dump: bool) -> Result<LogPermit, Refusal>;
}

/// The right to read the log, held until that is done.
pub type LogPermit = Option<Arc<dyn Any + Send + Sync>>;

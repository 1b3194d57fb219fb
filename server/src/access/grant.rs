//! What one login may do.

use super::accounts::Accounts;
use super::role::Role;
use daytrade_protocol::{Body, CommandName, Parsed, Refusal, SessionCommand, UserName};
use std::sync::Arc;

/// How a session has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// With its password.
    Password,
    /// With the token of this id.
    Token(String),
    /// With an invitation: it may only choose a password.
    Invitation,
}

/// What a login may do, as it was when the session logged in.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Name of the login.
    pub name: UserName,
    /// Its role.
    pub role: Role,
    /// The accounts it may act for.
    pub accounts: Accounts,
    /// True if it may ADD money. Only a trader can lack this.
    pub may_add: bool,
    /// How the session has logged in.
    pub credential: Credential,
}

/// The part of the audit log that a login may read, and where its files go.
#[derive(Clone, Debug)]
pub struct LogScope {
    /// Events of these accounts.
    pub accounts: Accounts,
    /// Folder in the dump folder for its files; None for the dump folder itself. Its client reads
    /// the name of the file as it asked for it.
    pub folder: Option<String>,
}

impl Grant {
    /// Checks a line before anything else is done with it.
    ///
    /// # Errors
    /// The refusal if the login may not do that.
    pub fn check(&self, line: &Parsed) -> Result<(), Refusal> {
        let may = match line {
            Parsed::Nothing => true,
            Parsed::Request(request) => match &request.body {
                Body::Command(command) => self.may_command(command.name(), command.user()),
                Body::Session(command) => self.may_session(command),
            },
            Parsed::Invalid(invalid) => invalid.attempt.as_ref().is_none_or(|attempt| {
                // A replayed line without a readable user changes no account.
                attempt.user.is_none() && self.role == Role::Replayer
                    || self.may_command(attempt.name, attempt.user.as_ref())
            }),
        };
        match (may, &self.credential) {
            (true, _) if self.credential != Credential::Invitation || is_for_everybody(line) => {
                Ok(())
            }
            (_, Credential::Invitation) => Err(Refusal::NeedsPassword),
            _ => Err(Refusal::Forbidden),
        }
    }

    fn may_command(&self, name: CommandName, account: Option<&UserName>) -> bool {
        let is_allowed = account.is_some_and(|account| self.accounts.contains(account));
        match self.role {
            Role::Admin => true,
            Role::Monitor => false,
            Role::Auditor => name == CommandName::DumpLog,
            Role::Trader => is_allowed && (name != CommandName::Add || self.may_add),
            // A DUMPLOG of the whole log is one of its accounts.
            Role::Replayer => is_allowed || name == CommandName::DumpLog && account.is_none(),
        }
    }

    fn may_session(&self, command: &SessionCommand) -> bool {
        use SessionCommand as S;
        match command {
            S::Ping {}
            | S::Help {}
            | S::Quit {}
            | S::Whoami {}
            | S::Auth { .. }
            | S::Passwd { .. } => true,
            S::Stats {} => self.role != Role::Trader,
            S::Watch { .. }
            | S::Unwatch { .. }
            | S::Open { .. }
            | S::Market { action: None, .. } => {
                matches!(self.role, Role::Trader | Role::Auditor | Role::Admin)
            }
            S::Subscribe { user } | S::Unsubscribe { user } => match self.role {
                Role::Trader => self.accounts.contains(user),
                Role::Auditor | Role::Admin => true,
                Role::Monitor | Role::Replayer => false,
            },
            // The clock of the market is everybody's.
            S::Market { .. } => self.role == Role::Admin,
            S::Report { user, .. } => match self.role {
                Role::Trader | Role::Replayer => self.accounts.contains(user),
                Role::Auditor | Role::Admin => true,
                Role::Monitor => false,
            },
            S::ReadLog { user, .. } => match self.role {
                Role::Monitor => false,
                Role::Trader | Role::Replayer => {
                    user.as_ref().is_none_or(|user| self.accounts.contains(user))
                }
                Role::Auditor | Role::Admin => true,
            },
        }
    }

    /// Returns the part of the audit log that the login may read.
    pub fn log_scope(&self) -> LogScope {
        let (accounts, folder) = match self.role {
            Role::Admin | Role::Auditor => (Accounts::All, None),
            _ => (self.accounts.clone(), Some(format!("users/{}", self.name))),
        };
        LogScope { accounts, folder }
    }

    /// Returns true if a command's account is that of somebody else.
    pub fn acts_for_another(&self, account: Option<&UserName>) -> bool {
        account.is_some_and(|account| *account != self.name)
    }
}

/// The grant of every session where there are no logins.
pub(crate) fn local() -> Arc<Grant> {
    #[expect(clippy::expect_used, reason = "the name is a constant")]
    let name = UserName::parse(b"local").expect("a name");
    Arc::new(Grant {
        name,
        role: Role::Admin,
        accounts: Accounts::All,
        may_add: true,
        credential: Credential::Password,
    })
}

fn is_for_everybody(line: &Parsed) -> bool {
    match line {
        Parsed::Nothing => true,
        Parsed::Invalid(invalid) => invalid.attempt.is_none(),
        Parsed::Request(request) => matches!(
            request.body,
            Body::Session(
                SessionCommand::Ping {}
                    | SessionCommand::Help {}
                    | SessionCommand::Quit {}
                    | SessionCommand::Whoami {}
                    | SessionCommand::Auth { .. }
                    | SessionCommand::Passwd { .. }
            )
        ),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! Which events of the log somebody wants, or may see.

use crate::access::Accounts;
use daytrade_protocol::UserName;

/// Which events of the log somebody wants, or may see.
#[derive(Clone, Debug)]
pub enum LogFilter {
    /// All.
    Everything,
    /// Those of one user.
    User(UserName),
    /// Those of these accounts; without a user, only if the accounts are all.
    Accounts(Accounts),
}

impl LogFilter {
    /// Returns true if an event about this user is one of them.
    pub(super) fn takes(&self, about: Option<&UserName>) -> bool {
        match self {
            Self::Everything => true,
            Self::User(user) => about == Some(user),
            Self::Accounts(accounts) => {
                about.map_or(accounts.are_all(), |user| accounts.contains(user))
            }
        }
    }
}

//! The accounts that a login may act for.

use daytrade_protocol::UserName;
use parking_lot::RwLock;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The names of all logins, kept up to date: their accounts belong to them alone.
pub type LoginNames = Arc<RwLock<HashSet<UserName>>>;

/// The accounts that a login may act for.
#[derive(Clone, Debug)]
pub enum Accounts {
    /// None.
    None,
    /// The one that has the login's name.
    Own(UserName),
    /// All whose names begin with one of these.
    Prefixes(Vec<String>),
    /// All but those that have the name of a login.
    AllButLogins(LoginNames),
    /// All.
    All,
}

impl Accounts {
    /// Returns true if this account is one of them.
    pub fn contains(&self, account: &UserName) -> bool {
        match self {
            Self::None => false,
            Self::Own(name) => name == account,
            Self::Prefixes(prefixes) => {
                prefixes.iter().any(|prefix| account.as_bytes().starts_with(prefix.as_bytes()))
            }
            Self::AllButLogins(logins) => !logins.read().contains(account),
            Self::All => true,
        }
    }

    /// Returns true for every account, except perhaps those of logins.
    pub const fn are_all(&self) -> bool {
        matches!(self, Self::All | Self::AllButLogins(_))
    }
}

impl PartialEq for Accounts {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(one), Self::Own(two)) => one == two,
            (Self::Prefixes(one), Self::Prefixes(two)) => one == two,
            (one, two) => std::mem::discriminant(one) == std::mem::discriminant(two),
        }
    }
}

/// Prints the accounts as WHOAMI does.
impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Own(_) => f.write_str("own"),
            Self::Prefixes(prefixes) => f.write_str(&prefixes.join("|")),
            Self::AllButLogins(_) | Self::All => f.write_str("*"),
        }
    }
}

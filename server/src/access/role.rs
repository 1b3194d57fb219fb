//! The five roles of a login.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a login may do. docs/ACCESS.md has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "remote", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads the server's counters.
    Monitor,
    /// Trades for its own account.
    Trader,
    /// Reads the audit log of everybody.
    Auditor,
    /// Trades for many accounts: a grader's script.
    Replayer,
    /// May do everything.
    Admin,
}

impl Role {
    /// All roles, the least first.
    #[cfg(feature = "metrics")]
    pub const ALL: [Self; 5] =
        [Self::Monitor, Self::Trader, Self::Auditor, Self::Replayer, Self::Admin];

    /// Returns the name as it is sent and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Trader => "trader",
            Self::Auditor => "auditor",
            Self::Replayer => "replayer",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

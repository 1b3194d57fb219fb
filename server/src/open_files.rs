//! The limit on open files of the process. Each connection is an open file.

use crate::limits::{OPEN_FILES_PER_SHARD, OPEN_FILES_RESERVE, TURNED_AWAY_MAX, TURNED_AWAY_SHARE};
use anyhow::ensure;
use rustix::process::{Resource, getrlimit, setrlimit};

/// How many files each part of the server may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenFiles {
    /// Maximum number of connections.
    pub connections: usize,
    /// Maximum number of connections that are being turned away.
    pub turned_away: usize,
    /// Maximum number of connections to the quote server.
    pub quote_connections: usize,
}

impl OpenFiles {
    /// Shares out the limit of the process, which it raises to the maximum of the system. Journals,
    /// snapshots and dumps keep a reserve, so that clients can never take the files they need.
    ///
    /// # Errors
    /// If the limit does not leave a place for a connection.
    pub(crate) fn share(wanted: Self, shards: usize) -> anyhow::Result<Self> {
        let limit = raise_limit();
        let reserve = OPEN_FILES_RESERVE + shards * OPEN_FILES_PER_SHARD;
        let shared = Self::within(wanted, limit, reserve);
        ensure!(
            shared.connections > 0,
            "the limit of {limit} open files leaves no place for a connection: {reserve} are for \
             journals, snapshots and dumps; raise it (ulimit -n)"
        );
        if shared.connections < wanted.connections {
            let connections = shared.connections;
            tracing::warn!(limit, connections, "fewer connections: the limit on open files is low");
        }
        Ok(shared)
    }

    fn within(wanted: Self, limit: usize, reserve: usize) -> Self {
        let free = limit.saturating_sub(reserve);
        let quote_connections = wanted.quote_connections.min((free / 4).max(1));
        let free = free.saturating_sub(quote_connections);
        let turned_away = TURNED_AWAY_MAX.min(free / TURNED_AWAY_SHARE);
        let connections = wanted.connections.min(free.saturating_sub(turned_away));
        Self { connections, turned_away, quote_connections }
    }
}

/// Raises the limit to the maximum of the system and returns it. Many systems start with 1,024,
/// fewer than the connections a server accepts. If this is not permitted, it stays unchanged.
fn raise_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit);
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
    let current = if raised.is_ok() { limit.maximum } else { before };
    current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_together_stay_within_the_limit() {
        let wanted = OpenFiles { connections: 10_000, turned_away: 0, quote_connections: 256 };
        for limit in 60..20_000 {
            let OpenFiles { connections, turned_away, quote_connections } =
                OpenFiles::within(wanted, limit, 50);
            assert!(connections + turned_away + quote_connections + 50 <= limit);
            assert!(connections <= 10_000 && quote_connections > 0);
        }
        assert_eq!(OpenFiles::within(wanted, 1 << 20, 50).connections, 10_000);
        assert_eq!(OpenFiles::within(wanted, 40, 50).connections, 0);
    }
}

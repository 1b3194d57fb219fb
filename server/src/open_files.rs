//! How many files the process may have open: a connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit to what the system allows at most; many systems begin with 1,024, which is
/// fewer than the connections a server takes. Without the right to, it stays as it is, and `accept`
/// says so when it is reached.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

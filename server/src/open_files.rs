//! The limit on open files of the process. Each connection is an open file.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit to the maximum of the system. Many systems start with 1,024, fewer than the
/// connections a server accepts. If this is not permitted, the limit stays unchanged, and `accept`
/// reports when it is reached.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
}

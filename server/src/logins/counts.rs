//! How many logins there were, by how they ended.

use daytrade_protocol::Refusal;
use std::sync::atomic::{AtomicU64, Ordering};

/// Logins since the start, by result.
#[derive(Debug, Default)]
pub(super) struct LoginCounts {
    ok: AtomicU64,
    failed: AtomicU64,
    rate_limited: AtomicU64,
    refused: AtomicU64,
}

impl LoginCounts {
    /// Counts a login.
    pub(super) fn count<T>(&self, result: &Result<T, Refusal>) {
        let count = match result {
            Ok(_) => &self.ok,
            Err(Refusal::AuthFailed) => &self.failed,
            Err(Refusal::RateLimited(_)) => &self.rate_limited,
            Err(_) => &self.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counts with the names of the results.
    #[cfg(feature = "metrics")]
    pub(super) fn by_result(&self) -> [(&'static str, u64); 4] {
        [
            ("ok", &self.ok),
            ("failed", &self.failed),
            ("rate_limited", &self.rate_limited),
            ("refused", &self.refused),
        ]
        .map(|(result, count)| (result, count.load(Ordering::Relaxed)))
    }
}

//! Options of the logins, and the limits among them.

use super::network::Network;
use super::quota::Rates;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Options of the logins of a server.
#[derive(Clone, Debug)]
pub(crate) struct ServiceOptions {
    /// What can change while the server runs.
    pub limits: ServiceLimits,
    /// Places for connections, and how many of them only admins and monitors may take.
    pub places: Arc<Semaphore>,
    /// Number of those places.
    pub kept: usize,
}

/// Limits of logins, which can change while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct ServiceLimits {
    /// Rates of every login.
    pub rates: Rates,
    /// Maximum number of connections of a login.
    pub connections: usize,
    /// Networks whose failures do not count.
    pub trusted: Vec<Network>,
}

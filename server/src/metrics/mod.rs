//! `--metrics`: what the server measures, for Prometheus, and whether it lives and is ready, for
//! whoever starts and balances servers. Plain HTTP for this machine alone.
//!
//! It reads what is counted anyway. It must never hold up a command, and never name a user.

mod exposition;
mod health;
mod http;

pub(crate) use health::Health;

use anyhow::Context as _;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Begins to answer, before there is a server to ask about. Must be called within a tokio runtime.
///
/// # Errors
/// If the address is taken.
pub(crate) async fn start(address: Option<SocketAddr>) -> anyhow::Result<Health> {
    let health = Health::default();
    if let Some(address) = address {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address} for metrics"))?;
        tracing::info!(metrics = %listener.local_addr()?, "answers /metrics, /livez and /readyz");
        tokio::spawn(http::serve(listener, health.clone()));
    }
    Ok(health)
}

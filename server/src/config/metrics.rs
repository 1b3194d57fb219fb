//! Options for whoever watches the server.

use clap::Args;
use std::net::SocketAddr;

/// Options for whoever watches the server.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Watching the server")]
pub struct MetricsArgs {
    /// Address to answer /metrics, /livez and /readyz on over HTTP (loopback only) [default: none]
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
}

impl MetricsArgs {
    /// Refuses an address beyond this machine: the answers have no protection.
    ///
    /// # Errors
    /// A message for the command line.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.metrics.filter(|address| !address.ip().is_loopback()) {
            None => Ok(()),
            Some(address) => anyhow::bail!(
                "--metrics {address} is not a loopback address; metrics have no protection"
            ),
        }
    }
}

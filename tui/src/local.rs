//! A server in this process, on a free loopback port.

use anyhow::Context as _;
use clap::Args;
use daytrade_server::{Config, Server, SyncMode};
use daytrade_server::{QuoteArgs, ServeArgs};
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Options of the server in this process, which runs without `--connect` only.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server in this process")]
pub struct LocalArgs {
    /// Data folder [default: a new temporary one]
    #[arg(long, conflicts_with = "connect")]
    pub data_dir: Option<PathBuf>,
    /// Shards of a new data folder [default: one for each core]
    #[arg(
        long,
        conflicts_with = "connect",
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub shards: Option<u16>,
    /// Options of the quote source.
    #[command(flatten)]
    pub quotes: QuoteArgs,
    /// When to sync the journal to disk
    #[arg(
        long,
        default_value = "always",
        value_name = "always|interval:MS|never",
        value_parser = ServeArgs::parse_fsync
    )]
    pub fsync: SyncMode,
}

/// A running server in this process.
pub(crate) struct LocalServer {
    runtime: Runtime,
    server: Option<Server>,
    address: SocketAddr,
    /// Temporary data folder, removed after the server has stopped.
    _temporary: Option<TempDir>,
}

impl LocalServer {
    /// Starts a server. DUMPLOG writes to the current folder, because workloads name `./testLOG`.
    ///
    /// # Errors
    /// An error with a message, if the data folder cannot be used.
    pub(crate) fn start(args: &LocalArgs) -> anyhow::Result<Self> {
        let runtime = daytrade_server::runtime()?;
        let (data_dir, temporary) = if let Some(data_dir) = &args.data_dir {
            (data_dir.clone(), None)
        } else {
            let temporary = tempfile::Builder::new()
                .prefix("daytrade-")
                .tempdir()
                .context("cannot create a temporary folder")?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let local = Config::local(data_dir, PathBuf::from("."), args.quotes.clone());
        let config = Config { shards: args.shards, fsync: args.fsync, ..local };
        let server = runtime.block_on(Server::start(config))?;
        let address = server.address();
        Ok(Self { runtime, server: Some(server), address, _temporary: temporary })
    }

    /// Starts a server with this configuration.
    ///
    /// # Errors
    /// An error with a message, if the data folder cannot be used.
    pub(crate) fn with_config(config: Config) -> anyhow::Result<Self> {
        let runtime = daytrade_server::runtime()?;
        let server = runtime.block_on(Server::start(config))?;
        let address = server.address();
        Ok(Self { runtime, server: Some(server), address, _temporary: None })
    }

    /// Returns the address of the server.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server gracefully.
    ///
    /// # Errors
    /// An error if the server could not sync its journal.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        match self.server.take() {
            Some(server) => self.runtime.block_on(server.stop()),
            None => Ok(()),
        }
    }
}

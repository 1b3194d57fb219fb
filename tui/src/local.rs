//! A server inside this process, on a free loopback port.

use anyhow::Context as _;
use clap::Args;
use daytrade_server::config::{QuoteArgs, ServeArgs};
use daytrade_server::{Config, Server, SyncMode};
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How the server inside this process works; without `--connect` only.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server in this process")]
pub struct LocalArgs {
    /// Keep its data in this folder [default: a fresh temporary one]
    #[arg(long, conflicts_with = "connect")]
    pub data_dir: Option<PathBuf>,
    /// Shards of a new data folder [default: one for each core]
    #[arg(long, conflicts_with = "connect", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub shards: Option<u16>,
    /// Where prices come from.
    #[command(flatten)]
    pub quotes: QuoteArgs,
    /// When a journal frame is made durable
    #[arg(long, default_value = "always", value_name = "always|interval:MS|never", value_parser = ServeArgs::parse_fsync)]
    pub fsync: SyncMode,
}

/// A server that lives as long as this.
pub struct LocalServer {
    runtime: Runtime,
    server: Option<Server>,
    address: SocketAddr,
    /// Removed when everything has ended.
    _temporary: Option<TempDir>,
}

impl LocalServer {
    /// Starts it. DUMPLOG files go to the current folder, as a grader expects of `./testLOG`.
    ///
    /// # Errors
    /// In words, when the data folder cannot be used.
    pub fn start(args: &LocalArgs) -> anyhow::Result<Self> {
        let runtime = daytrade_server::runtime::runtime()?;
        let (data_dir, temporary) = if let Some(data_dir) = &args.data_dir {
            (data_dir.clone(), None)
        } else {
            let temporary = tempfile::Builder::new()
                .prefix("daytrade-")
                .tempdir()
                .context("no temporary folder")?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let local = Config::local(data_dir, PathBuf::from("."), args.quotes.clone());
        let config = Config { shards: args.shards, fsync: args.fsync, ..local };
        let server = runtime.block_on(Server::start(config))?;
        let address = server.address();
        Ok(Self { runtime, server: Some(server), address, _temporary: temporary })
    }

    /// Starts a server that keeps its data.
    ///
    /// # Errors
    /// In words, when the data folder cannot be used.
    pub fn with_config(config: Config) -> anyhow::Result<Self> {
        let runtime = daytrade_server::runtime::runtime()?;
        let server = runtime.block_on(Server::start(config))?;
        let address = server.address();
        Ok(Self { runtime, server: Some(server), address, _temporary: None })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When its journal could not be synced.
    pub fn stop(mut self) -> anyhow::Result<()> {
        match self.server.take() {
            Some(server) => self.runtime.block_on(server.stop()),
            None => Ok(()),
        }
    }
}

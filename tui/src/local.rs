//! A server in this process, on a free loopback port.

use anyhow::Context as _;
use clap::Args;
use daytrade_server::{Config, Server, SyncMode};
use daytrade_server::{QuoteArgs, ServeArgs};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};
use std::time::Duration;
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

/// A server and what it runs on.
struct Running {
    runtime: Runtime,
    server: Server,
    /// Temporary data folder, removed after the server has stopped.
    _temporary: Option<TempDir>,
}

impl Running {
    fn stop(self) -> anyhow::Result<()> {
        self.runtime.block_on(self.server.stop())
    }
}

/// A running server in this process.
pub(crate) struct LocalServer {
    /// Shared with [`RUNNING`]; None once it is being stopped.
    running: Arc<Mutex<Option<Running>>>,
    address: SocketAddr,
}

/// The servers of this process, for [`stop_all`].
static RUNNING: Mutex<Vec<Weak<Mutex<Option<Running>>>>> = Mutex::new(Vec::new());

/// Time that the servers have to stop after a panic.
const STOP_MAX: Duration = Duration::from_secs(2);

/// Stops the servers of this process after a panic, so that their journals are synced and closed.
/// Returns after [`STOP_MAX`] at the latest, because the panic may be a server's own.
pub(crate) fn stop_all() {
    let Some(mut running) = RUNNING.try_lock_for(STOP_MAX) else { return };
    let (stopped, all_stopped) = channel();
    for server in running.drain(..).filter_map(|server| server.upgrade()) {
        let stopped = stopped.clone();
        // Threads of their own: this one may belong to a runtime.
        let stop = move || {
            let server = server.try_lock_for(STOP_MAX).and_then(|mut server| server.take());
            let _ = server.map(Running::stop);
            drop(stopped);
        };
        let _ = std::thread::Builder::new().spawn(stop);
    }
    drop(stopped);
    // Ends when every sender is dropped.
    let _: Result<(), _> = all_stopped.recv_timeout(STOP_MAX);
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
        Self::run(runtime, config, temporary)
    }

    /// Starts a server with this configuration.
    ///
    /// # Errors
    /// An error with a message, if the data folder cannot be used.
    pub(crate) fn with_config(config: Config) -> anyhow::Result<Self> {
        let runtime = daytrade_server::runtime()?;
        Self::run(runtime, config, None)
    }

    fn run(runtime: Runtime, config: Config, temporary: Option<TempDir>) -> anyhow::Result<Self> {
        let server = runtime.block_on(Server::start(config))?;
        let address = server.address();
        let running = Running { runtime, server, _temporary: temporary };
        let running = Arc::new(Mutex::new(Some(running)));
        RUNNING.lock().push(Arc::downgrade(&running));
        Ok(Self { running, address })
    }

    /// Returns the address of the server.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server gracefully.
    ///
    /// # Errors
    /// An error if the server could not sync its journal.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let running = self.running.lock().take();
        running.map_or(Ok(()), Running::stop)
    }
}

//! The command line of `daytraded`, and the configuration it resolves to.

#[cfg(feature = "remote")]
mod admin;
#[cfg(feature = "cluster")]
mod cluster;
mod commands;
mod file;
mod layers;
#[cfg(feature = "metrics")]
mod metrics;
mod quotes;
mod remembered;
#[cfg(feature = "remote")]
mod remote;
mod retention;
mod units;

#[cfg(feature = "remote")]
pub(crate) use admin::{
    BackupArgs, BackupCommand, InitArgs, NewUser, Rights, TokenCommand, UserCommand,
};
#[cfg(feature = "cluster")]
pub use cluster::{ClusterArgs, ClusterConfig};
#[cfg(feature = "cluster")]
pub(crate) use cluster::{ClusterCommand, ConfArgs, LogArgs, SHARDS as CLUSTER_SHARDS};
pub(crate) use commands::{CliCommand, ConfigCommand, JournalCommand, QuoteServerArgs};
pub(crate) use layers::{DEFAULT_FILE, Layered, Misconfigured, Sources};
#[cfg(feature = "metrics")]
pub use metrics::MetricsArgs;
pub use quotes::QuoteArgs;
pub(crate) use remembered::remember;
pub use remembered::remembered_market;
#[cfg(feature = "remote")]
pub use remote::{RemoteArgs, RemoteConfig};
pub use retention::Retention;

use crate::journal::SyncMode;
use crate::limits::{
    CONNECTIONS_DEFAULT, DUMP_QUOTA, IDLE_TIMEOUT_S, MEMORY_LIMIT, MEMORY_LIMIT_BYTES, SHARDS_MAX,
    SNAPSHOT_RECORDS_MIN,
};
#[cfg(feature = "remote")]
use crate::telemetry::LogFormat;
use anyhow::Context as _;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser};
use etcetera::BaseStrategy as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Default address to listen on.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:4462";

/// A trading server with a line protocol and a durable journal.
#[derive(Debug, Parser)]
#[command(
    name = "daytraded",
    version,
    about,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Cli {
    /// File of settings, named as the options; an empty name reads no file [default:
    /// /etc/daytraded/daytraded.toml, if it exists]
    #[arg(
        long,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub config: Option<PathBuf>,
    /// Print all settings as such a file, with where each comes from, and exit
    #[arg(long)]
    pub print_config: bool,
    /// Options of the server.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Another command than serving.
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

/// Options of the server.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on for plain lines (loopback only) [default: 127.0.0.1:4462; none with
    /// --listen-tls]
    #[arg(long, value_name = "LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The data folder [default: daytrade in the user's state folder]
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Shards of a new data folder [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=SHARDS_MAX as i64))]
    pub shards: Option<u16>,
    /// Source of prices.
    #[command(flatten)]
    pub quotes: QuoteArgs,
    /// When a journal frame is made durable
    #[arg(
        long,
        default_value = "always",
        value_name = "always|interval:MS|never",
        value_parser = ServeArgs::parse_fsync
    )]
    pub fsync: SyncMode,
    /// The folder DUMPLOG files are confined to [default: dumps in the data folder]
    #[arg(long)]
    pub dump_dir: Option<PathBuf>,
    /// Maximum size of all files in the dump folder, for example 500MiB; a plain number is bytes
    #[arg(long, default_value = DUMP_QUOTA, value_name = "SIZE", value_parser = units::bytes)]
    pub dump_quota: u64,
    /// Write the runtime log to this file instead of stderr
    #[arg(long)]
    pub log_file: Option<PathBuf>,
    /// Level of the runtime log: error, warn, info, debug, trace
    #[arg(long, default_value = "info")]
    pub log_level: tracing::Level,
    /// Form of the lines of the runtime log
    #[cfg(feature = "remote")]
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Maximum number of connections
    #[arg(long, default_value_t = CONNECTIONS_DEFAULT, value_parser = parse_connections)]
    pub max_connections: usize,
    /// Maximum memory for replies that clients do not read, over all connections; past it the
    /// connection that holds most is closed
    #[arg(long, default_value = MEMORY_LIMIT, value_name = "SIZE", value_parser = units::bytes)]
    pub memory_limit: u64,
    /// Close a connection after this many seconds without a complete line, a pending reply or a
    /// subscription; 0 disables this
    #[arg(
        long,
        default_value_t = IDLE_TIMEOUT_S,
        value_name = "SECONDS",
        value_parser = units::seconds(0, 31_536_000)
    )]
    pub idle_timeout: u64,
    /// Records between two snapshots of a shard, or eight for each user beyond 1,000 if more
    #[arg(
        long,
        default_value_t = SNAPSHOT_RECORDS_MIN,
        value_name = "RECORDS",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub snapshot_every: u64,
    /// MiB of journal to keep for each shard. Segments older than that and than two snapshots are
    /// removed, and with them that part of the audit log
    #[arg(long, default_value = "all", value_name = "all|MIB", value_parser = retention::parse)]
    pub journal_retention: Retention,
    /// Options for clients on other machines.
    #[cfg(feature = "remote")]
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Options for whoever watches the server.
    #[cfg(feature = "metrics")]
    #[command(flatten)]
    pub metrics: MetricsArgs,
    /// Options for a cluster.
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on for plain lines. Port 0 selects any free port.
    pub listen: Option<SocketAddr>,
    /// Data folder.
    pub data_dir: PathBuf,
    /// Number of shards of a new data folder.
    pub shards: Option<u16>,
    /// Source of prices.
    pub quotes: QuoteArgs,
    /// Sync mode of the journal.
    pub fsync: SyncMode,
    /// Folder of DUMPLOG files.
    pub dump_dir: PathBuf,
    /// Maximum size of all files in that folder, bytes. None for a replay in this process, which
    /// writes to the user's own folder.
    pub dump_quota: Option<u64>,
    /// Maximum number of connections.
    pub max_connections: usize,
    /// Maximum memory for the output of all connections, bytes.
    pub memory_limit: usize,
    /// Idle time after which a connection is closed, or None.
    pub idle_timeout: Option<Duration>,
    /// Number of records between two snapshots of a shard.
    pub snapshot_every: u64,
    /// Amount of journal to keep.
    pub journal_retention: Retention,
    /// Whether sessions note when they have read requests, so that their times are measured.
    pub times_requests: bool,
    /// How clients on other machines, and logins, are served.
    #[cfg(feature = "remote")]
    pub remote: RemoteConfig,
    /// The cluster it is a member of.
    #[cfg(feature = "cluster")]
    pub cluster: Option<ClusterConfig>,
}

impl Config {
    /// Creates the configuration of a server on any free loopback port, with defaults otherwise.
    pub fn local(data_dir: PathBuf, dump_dir: PathBuf, quotes: QuoteArgs) -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            data_dir,
            shards: None,
            quotes,
            fsync: SyncMode::Always,
            dump_dir,
            dump_quota: None,
            max_connections: CONNECTIONS_DEFAULT,
            memory_limit: MEMORY_LIMIT_BYTES,
            idle_timeout: None,
            snapshot_every: SNAPSHOT_RECORDS_MIN,
            journal_retention: Retention::All,
            times_requests: false,
            #[cfg(feature = "remote")]
            remote: RemoteConfig::default(),
            #[cfg(feature = "cluster")]
            cluster: None,
        }
    }
}

impl ServeArgs {
    /// Parses `always`, `interval:MS` or `never`.
    ///
    /// # Errors
    /// Returns a message for the command line.
    pub fn parse_fsync(text: &str) -> Result<SyncMode, String> {
        match text {
            "always" => Ok(SyncMode::Always),
            "never" => Ok(SyncMode::Never),
            _ => text
                .strip_prefix("interval:")
                .and_then(|time| units::milliseconds(1, u64::MAX)(time).ok())
                .map(|ms| SyncMode::Interval(Duration::from_millis(ms)))
                .ok_or_else(|| format!("{text:?} is not one of always, interval:MS, never")),
        }
    }

    /// Resolves the arguments to a configuration with all defaults.
    ///
    /// # Errors
    /// Returns an error if no data folder is given and the user has no home folder.
    pub fn resolve(&self) -> anyhow::Result<Config> {
        let data_dir = match &self.data_dir {
            Some(data_dir) => data_dir.clone(),
            None => default_data_dir()?,
        };
        #[cfg(feature = "metrics")]
        self.metrics.check()?;
        let dump_dir = self.dump_dir.clone().unwrap_or_else(|| data_dir.join("dumps"));
        Ok(Config {
            listen: self.plain_address()?,
            data_dir,
            shards: self.shards,
            quotes: self.quotes.clone(),
            fsync: self.fsync,
            dump_dir,
            dump_quota: Some(self.dump_quota),
            max_connections: self.max_connections,
            memory_limit: usize::try_from(self.memory_limit).unwrap_or(usize::MAX),
            idle_timeout: (self.idle_timeout > 0).then(|| Duration::from_secs(self.idle_timeout)),
            snapshot_every: self.snapshot_every,
            journal_retention: self.journal_retention,
            #[cfg(feature = "metrics")]
            times_requests: self.metrics.metrics.is_some(),
            #[cfg(not(feature = "metrics"))]
            times_requests: false,
            #[cfg(feature = "remote")]
            remote: self.remote.resolve(),
            #[cfg(feature = "cluster")]
            cluster: self.cluster.resolve(),
        })
    }

    /// Returns the address for plain lines, if there is one.
    fn plain_address(&self) -> anyhow::Result<Option<SocketAddr>> {
        #[cfg(feature = "remote")]
        if self.listen.is_none() && !self.remote.listen_tls.is_empty() {
            return Ok(None);
        }
        let address = self.listen.map_or_else(|| DEFAULT_ADDRESS.parse(), Ok)?;
        anyhow::ensure!(
            address.ip().is_loopback(),
            "{address} is not a loopback address: plain lines have no protection; use --listen-tls"
        );
        Ok(Some(address))
    }
}

fn parse_connections(text: &str) -> Result<usize, String> {
    let most = tokio::sync::Semaphore::MAX_PERMITS;
    text.parse()
        .ok()
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| format!("{text:?} is not 1 to {most}"))
}

/// Returns the default data folder: `daytrade` in the user's state folder.
///
/// # Errors
/// Returns an error if the user has no home folder.
pub fn default_data_dir() -> anyhow::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy().context("no home folder; use --data-dir")?;
    Ok(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("daytrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_definition_is_valid() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn sync_modes_are_parsed() {
        assert_eq!(
            ServeArgs::parse_fsync("interval:50"),
            Ok(SyncMode::Interval(Duration::from_millis(50)))
        );
        assert!(
            ServeArgs::parse_fsync("interval:0").is_err()
                && ServeArgs::parse_fsync("sometimes").is_err()
        );
    }
}

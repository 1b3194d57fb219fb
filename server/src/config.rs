//! The command line of `daytraded`, and what it comes to.

use crate::journal::SyncMode;
use crate::limits::{
    CONNECTIONS_DEFAULT, HEDGE_AFTER_MS, IDLE_TIMEOUT_S, QUOTE_CONNECTIONS_MAX, QUOTE_TIMEOUT_MS,
    REFRESH_BUDGET, SHARDS_MAX, SNAPSHOT_RECORDS_MIN,
};
use crate::quotes::LegacyOptions;
use crate::quotes::quote_server::{Delay, QuoteFaults};
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use etcetera::BaseStrategy as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Where the server listens unless it is told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:4462";

/// Trade stocks over a line protocol, durably.
#[derive(Debug, Parser)]
#[command(
    name = "daytraded",
    version,
    about,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Something else to do than serve.
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

/// What `daytraded` does besides serving.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Stand in for the legacy quote server
    QuoteServer(QuoteServerArgs),
    /// Look at a journal without changing it; the server must not be running
    #[command(subcommand)]
    Journal(JournalCommand),
}

/// What can be done with a journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Check every frame; exit 1 at the first damage
    Verify {
        /// The data folder
        data_dir: PathBuf,
    },
    /// Print every record, a line each
    Print {
        /// The data folder
        data_dir: PathBuf,
    },
}

/// The options of the stand-in quote server.
#[derive(Debug, Args)]
pub struct QuoteServerArgs {
    /// Where to listen (loopback only)
    #[arg(long, default_value = "127.0.0.1:4444")]
    pub listen: SocketAddr,
    /// How long answers take
    #[arg(long, value_enum, default_value = "none")]
    pub delay: Delay,
    /// What goes wrong how often, in percent: na, wrong, early, silent, refuse
    #[arg(long, default_value = "", value_name = "FAULT:PERCENT,...")]
    pub faults: QuoteFaults,
    /// How wrong its clock is, in milliseconds
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "MS")]
    pub clock_skew: i64,
    /// The seed of delays and faults [default: that of the market]
    #[arg(long)]
    pub seed: Option<u64>,
    /// The market to quote from
    #[arg(long, default_value = "simulated:1", value_name = "simulated[:SEED][:frozen]")]
    pub quotes: QuoteSpec,
}

/// The options of the server.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Where to listen (loopback only)
    #[arg(long, default_value = DEFAULT_ADDRESS)]
    pub listen: SocketAddr,
    /// The data folder [default: daytrade in the user's state folder]
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Shards of a new data folder [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=SHARDS_MAX as i64))]
    pub shards: Option<u16>,
    /// Where prices come from.
    #[command(flatten)]
    pub quotes: QuoteArgs,
    /// When a journal frame is made durable
    #[arg(long, default_value = "always", value_name = "always|interval:MS|never", value_parser = ServeArgs::parse_fsync)]
    pub fsync: SyncMode,
    /// The folder DUMPLOG files are confined to [default: dumps in the data folder]
    #[arg(long)]
    pub dump_dir: Option<PathBuf>,
    /// Write the runtime log to this file instead of stderr
    #[arg(long)]
    pub log_file: Option<PathBuf>,
    /// How much to log: error, warn, info, debug, trace
    #[arg(long, default_value = "info")]
    pub log_level: tracing::Level,
    /// Connections at once
    #[arg(long, default_value_t = CONNECTIONS_DEFAULT, value_parser = parse_connections)]
    pub max_connections: usize,
    /// Close a connection that sends no whole line for so many seconds, waits for nothing and
    /// listens to nothing; 0 never
    #[arg(long, default_value_t = IDLE_TIMEOUT_S, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    pub idle_timeout: u64,
    /// Take a snapshot of a shard after so many records, or twice as many as it has users
    #[arg(long, default_value_t = SNAPSHOT_RECORDS_MIN, value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub snapshot_every: u64,
    /// How much journal to keep for each shard, in MiB; what is older than that and than two
    /// snapshots is removed, and with it the audit log of that time
    #[arg(long, default_value = "all", value_name = "all|MIB", value_parser = parse_retention)]
    pub journal_retention: Retention,
}

/// How much of the journal is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// All of it: it is the audit log.
    #[default]
    All,
    /// At least so many bytes a shard.
    Bytes(u64),
}

fn parse_retention(text: &str) -> Result<Retention, String> {
    let bytes = |mib: u64| mib.checked_mul(1 << 20).map(Retention::Bytes);
    match text {
        "all" => Ok(Retention::All),
        _ => text
            .parse()
            .ok()
            .and_then(bytes)
            .ok_or_else(|| format!("{text:?} is neither all nor a number of MiB")),
    }
}

/// Where prices come from and how they are asked for.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Quotes")]
pub struct QuoteArgs {
    /// Where prices come from; a frozen market keeps every first price
    #[arg(
        long,
        default_value = "simulated",
        value_name = "simulated[:SEED][:frozen]|legacy:HOST:PORT|csv:FILE"
    )]
    pub quotes: QuoteSpec,
    /// Market time for each second of real time, with csv:FILE
    #[arg(long, default_value = "1", value_name = "X", value_parser = crate::quotes::csv::parse_speed)]
    pub speed: u64,
    /// Begin a csv:FILE anew at its end
    #[arg(long = "loop")]
    pub looped: bool,
    /// How long a quote may take, in milliseconds
    #[arg(long, default_value_t = QUOTE_TIMEOUT_MS, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub quote_timeout: u64,
    /// Ask a legacy quote server on another connection after so many milliseconds without an
    /// answer; 0 never
    #[arg(long, default_value_t = HEDGE_AFTER_MS, value_name = "MS")]
    pub hedge_after: u64,
    /// Connections to a legacy quote server at once
    #[arg(long, default_value_t = QUOTE_CONNECTIONS_MAX as u64, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub quote_connections: u64,
    /// Quotes a second that no command waits for: of symbols with triggers and watchers, when they
    /// are 60 s old
    #[arg(long, default_value_t = REFRESH_BUDGET, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub refresh_budget: u64,
}

impl QuoteArgs {
    /// How a legacy quote server is asked.
    pub fn legacy(&self) -> LegacyOptions {
        LegacyOptions {
            timeout: Duration::from_millis(self.quote_timeout),
            hedge_after: (self.hedge_after > 0).then(|| Duration::from_millis(self.hedge_after)),
            connections: self.quote_connections as usize,
        }
    }
}

/// Everything a server has to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Shards of a new data folder.
    pub shards: Option<u16>,
    /// Where prices come from.
    pub quotes: QuoteArgs,
    /// When a frame is made durable.
    pub fsync: SyncMode,
    /// The folder of DUMPLOG files.
    pub dump_dir: PathBuf,
    /// Connections at once.
    pub max_connections: usize,
    /// After what silence a connection is closed.
    pub idle_timeout: Option<Duration>,
    /// After how many records a shard takes a snapshot.
    pub snapshot_every: u64,
    /// How much of the journal is kept.
    pub journal_retention: Retention,
}

impl Config {
    /// A server on any free loopback port, everything else by default.
    pub fn local(data_dir: PathBuf, dump_dir: PathBuf, quotes: QuoteArgs) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir,
            shards: None,
            quotes,
            fsync: SyncMode::Always,
            dump_dir,
            max_connections: CONNECTIONS_DEFAULT,
            idle_timeout: None,
            snapshot_every: SNAPSHOT_RECORDS_MIN,
            journal_retention: Retention::All,
        }
    }
}

impl ServeArgs {
    /// Reads `always`, `interval:MS` or `never`.
    ///
    /// # Errors
    /// In words for the command line.
    pub fn parse_fsync(text: &str) -> Result<SyncMode, String> {
        match text {
            "always" => Ok(SyncMode::Always),
            "never" => Ok(SyncMode::Never),
            _ => text
                .strip_prefix("interval:")
                .and_then(|ms| ms.parse().ok())
                .filter(|ms| *ms > 0)
                .map(|ms| SyncMode::Interval(Duration::from_millis(ms)))
                .ok_or_else(|| format!("{text:?} is none of always, interval:MS, never")),
        }
    }

    /// The arguments with their defaults worked out.
    ///
    /// # Errors
    /// When the user has no home folder and no data folder is given.
    pub fn resolve(&self) -> anyhow::Result<Config> {
        let data_dir = match &self.data_dir {
            Some(data_dir) => data_dir.clone(),
            None => default_data_dir()?,
        };
        let dump_dir = self.dump_dir.clone().unwrap_or_else(|| data_dir.join("dumps"));
        Ok(Config {
            listen: self.listen,
            data_dir,
            shards: self.shards,
            quotes: self.quotes.clone(),
            fsync: self.fsync,
            dump_dir,
            max_connections: self.max_connections,
            idle_timeout: (self.idle_timeout > 0).then(|| Duration::from_secs(self.idle_timeout)),
            snapshot_every: self.snapshot_every,
            journal_retention: self.journal_retention,
        })
    }
}

fn parse_connections(text: &str) -> Result<usize, String> {
    let most = tokio::sync::Semaphore::MAX_PERMITS;
    text.parse()
        .ok()
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| format!("{text:?} is not 1 to {most}"))
}

/// `daytrade` in the user's state folder.
///
/// # Errors
/// When the user has no home folder.
pub fn default_data_dir() -> anyhow::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy().context("no home folder; use --data-dir")?;
    Ok(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("daytrade"))
}

/// Where prices come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteSpec {
    /// A market out of a seed; without one, the data folder's own.
    Simulated {
        /// The seed.
        seed: Option<u64>,
        /// Whether every symbol keeps its first price.
        frozen: bool,
    },
    /// A file of prices.
    Csv {
        /// Which.
        path: PathBuf,
    },
    /// The legacy quote server.
    Legacy {
        /// `HOST:PORT`.
        address: String,
    },
}

impl FromStr for QuoteSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown =
            || format!("{text:?} is none of simulated[:SEED][:frozen], legacy:HOST:PORT, csv:FILE");
        let (kind, rest) =
            text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("legacy", Some(address))
                if address.rsplit_once(':').is_some_and(|(host, port)| {
                    !host.is_empty() && port.parse::<u16>().is_ok()
                }) =>
            {
                Ok(Self::Legacy { address: address.to_owned() })
            }
            ("csv", Some(path)) if !path.is_empty() => Ok(Self::Csv { path: path.into() }),
            ("simulated", rest) => {
                let (seed, frozen) = match rest {
                    None => (None, false),
                    Some("frozen") => (None, true),
                    Some(rest) => match rest.strip_suffix(":frozen") {
                        Some(seed) => (Some(seed), true),
                        None => (Some(rest), false),
                    },
                };
                let seed = seed.map(str::parse).transpose().map_err(|_| unknown())?;
                Ok(Self::Simulated { seed, frozen })
            }
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn quote_sources_are_read_in_every_form() {
        let simulated = |seed, frozen| Ok(QuoteSpec::Simulated { seed, frozen });
        assert_eq!("simulated".parse(), simulated(None, false));
        assert_eq!("simulated:7".parse(), simulated(Some(7), false));
        assert_eq!("simulated:7:frozen".parse(), simulated(Some(7), true));
        assert_eq!("simulated:frozen".parse(), simulated(None, true));
        assert_eq!(
            "legacy:[::1]:4444".parse(),
            Ok(QuoteSpec::Legacy { address: "[::1]:4444".to_owned() })
        );
        assert_eq!("csv:a:b.csv".parse(), Ok(QuoteSpec::Csv { path: "a:b.csv".into() }));
        for bad in
            ["", "simulated:", "simulated:x", "legacy", "legacy:host", "legacy::1", "csv", "csv:"]
        {
            assert!(bad.parse::<QuoteSpec>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sync_modes_are_read() {
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

//! The commands of `daytraded` other than serving.

#[cfg(feature = "remote")]
use super::admin::{BackupArgs, InitArgs, RestoreArgs, UserArgs};
#[cfg(feature = "cluster")]
use super::cluster::ClusterCommand;
use crate::quotes::QuoteSpec;
use crate::quotes::quote_server::{Delay, QuoteFaults};
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Commands of `daytraded` other than serving.
#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Emulate the legacy quote server
    QuoteServer(QuoteServerArgs),
    /// Make a data folder with a key, a certificate and a first login
    #[cfg(feature = "remote")]
    Init(InitArgs),
    /// Change the logins of a data folder, and of the server that runs on it
    #[cfg(feature = "remote")]
    User(UserArgs),
    /// Copy a data folder as it is now, while its server runs or not
    #[cfg(feature = "remote")]
    Backup(BackupArgs),
    /// Make a data folder of a backup
    #[cfg(feature = "remote")]
    Restore(RestoreArgs),
    /// Set up, look at and end a cluster
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Check a configuration file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Let the running server read its settings, logins and certificate again, and open its log
    /// file anew
    #[cfg(feature = "remote")]
    Reload {
        /// The data folder [default: daytrade in the user's state folder]
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Print shell completions
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for each command
    Man {
        /// Folder to write the pages of all commands to
        folder: Option<PathBuf>,
    },
    /// Inspect a journal without changing it; the server must not be running
    #[command(subcommand)]
    Journal(JournalCommand),
}

/// Commands for configuration files.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check names and values; exit 2 at the first mistake
    Check {
        /// The file [default: /etc/daytraded/daytraded.toml]
        file: Option<PathBuf>,
    },
}

/// Commands for a journal.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Check every frame; exit 1 at the first damage
    Verify {
        /// The data folder
        data_dir: PathBuf,
    },
    /// Print every record, one per line
    Print {
        /// The data folder
        data_dir: PathBuf,
    },
}

/// Options of the emulated quote server.
#[derive(Debug, Args)]
pub(crate) struct QuoteServerArgs {
    /// Address to listen on (loopback only)
    #[arg(long, default_value = "127.0.0.1:4444")]
    pub listen: SocketAddr,
    /// Delay of the answers
    #[arg(long, value_enum, default_value = "none")]
    pub delay: Delay,
    /// Probability of each fault, in percent: na, wrong, early, silent, refuse
    #[arg(long, default_value = "", value_name = "FAULT:PERCENT,...")]
    pub faults: QuoteFaults,
    /// Offset of its clock, in milliseconds
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "MS")]
    pub clock_skew: i64,
    /// The seed of delays and faults [default: the seed of the market]
    #[arg(long)]
    pub seed: Option<u64>,
    /// The market to quote from
    #[arg(long, default_value = "simulated:1", value_name = "simulated[:SEED][:frozen]")]
    pub quotes: QuoteSpec,
}

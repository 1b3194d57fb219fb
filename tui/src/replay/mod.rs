//! Replay of a workload file through a server: replies in the order of the file, a summary and an
//! exit code.
//!
//! One thread reads the file and one runs all connections. Lines are sent as they are. The server
//! may reply in any order; early replies wait in the reorder buffer. `state` connects the parts,
//! each of which owns its own data. The replay uses the protocol and the network, never a screen.

mod connection;
mod control;
mod ending;
mod expect;
mod input;
mod instants;
mod line;
mod monitor;
mod printer;
mod progress;
mod read_buffer;
mod reorder_buffer;
mod run;
mod sender;
mod sent_log;
mod source;
mod state;
mod summary;
mod tally;

pub use crate::replay_message::{
    Control, EXCHANGES_MAX, Exchange, LINES_PER_SECOND_1X, Pace, Progress, Stage,
};
pub(crate) use monitor::ReplayMonitor;
pub(crate) use run::run;

use crate::local::LocalArgs;
use crate::remote::{RemoteArgs, Server};
use clap::{Args, Parser as _};
use std::io;
use std::path::PathBuf;

/// Options of `daytrade replay`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// Workload file; - for standard input
    #[arg(default_value = "-")]
    pub file: PathBuf,
    /// Use this server, HOST:PORT or tls://HOST:PORT, instead of one in this process
    #[arg(long, value_name = "SERVER")]
    pub connect: Option<String>,
    /// Spread the users over this many connections; each user's order is kept
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,
    /// Ask for no replies; the counts of the summary then come from the server
    #[arg(long, conflicts_with_all = ["expect", "fail_fast", "mask"])]
    pub noreply: bool,
    /// Print no replies
    #[arg(long, short)]
    pub quiet: bool,
    /// Print no replies, and the summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Send at most this many lines per second
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// Compare the replies with this file, in which a field * matches any value
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Stop at the first refusal, or with --expect at the first difference. Each line then waits
    /// for the reply to the one before, so that nothing is sent after it
    #[arg(long)]
    pub fail_fast: bool,
    /// Add a table of the times of each command to the summary
    #[arg(long, short)]
    pub verbose: bool,
    /// Print times, keys and counts that differ from run to run as *: the format of --expect files
    #[arg(long, conflicts_with_all = ["quiet", "json"])]
    pub mask: bool,
    /// Judge the audit log that the workload's last DUMPLOG wrote, as daytrade check does
    #[arg(long, conflicts_with_all = ["noreply", "ui"])]
    pub check: bool,
    /// Follow the replay in the trading screen: pause, step, change the speed, jump to the next
    /// refusal, and see each request with its reply
    #[arg(long, conflicts_with_all = ["noreply", "quiet", "json", "mask"])]
    pub ui: bool,
    /// Options of the server in this process.
    #[command(flatten)]
    pub local: LocalArgs,
    /// Options of a server with TLS.
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// The server, if it is known already: on the screen nothing can be asked.
    #[arg(skip)]
    pub(crate) server: Option<Server>,
}

/// A command line with the options of a replay only.
#[derive(Debug, clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    args: ReplayArgs,
}

impl ReplayArgs {
    /// Returns the options of a monitored replay of this file, on a server in this process and with
    /// the defaults of the command line.
    ///
    /// # Errors
    /// If the file is standard input, or its name cannot be parsed.
    pub(crate) fn of_file(file: &str) -> io::Result<Self> {
        if file == "-" {
            return Err(io::Error::other("standard input is the keyboard; name a file"));
        }
        let command_line = CommandLine::try_parse_from(["replay", "--ui", "--", file])
            .map_err(io::Error::other)?;
        Ok(command_line.args)
    }
}

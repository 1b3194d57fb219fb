//! Workload files run through a server: replies in the order of the file, a summary, an exit code.
//!
//! One thread reads the file, one drives all connections. The lines go out as they are; replies
//! come back in whatever order the server finishes them and wait in a window until it is their
//! turn. The engine uses the protocol and the network, never a screen.

mod connection;
mod expect;
mod line;
mod run;
mod source;
mod state;
mod steer;
mod summary;
mod watching;
mod window;

pub use crate::replay_message::{
    Control as Steer, EXCHANGES_MAX, Exchange, LINES_PER_SECOND_1X, Pace, Progress, Stage,
};
pub use expect::mask_line;
pub use run::run;
pub use summary::Summary;
pub use watching::Watching;

use crate::local::LocalArgs;
use clap::{Args, Parser as _};
use std::io;
use std::path::PathBuf;

/// What to replay and how.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The workload file; - for standard input
    #[arg(default_value = "-")]
    pub file: PathBuf,
    /// Use the server at HOST:PORT instead of one in this process
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// Spread the users over this many connections; each user's order is kept
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,
    /// Ask for no replies; the summary then counts what the server counted
    #[arg(long, conflicts_with_all = ["expect", "fail_fast", "mask"])]
    pub noreply: bool,
    /// Print no replies
    #[arg(long, short)]
    pub quiet: bool,
    /// Print no replies, and the summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Send at most this many lines a second
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// Compare the replies with this file, in which a field * stands for anything
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Stop at the first refusal, or with --expect at the first difference
    #[arg(long)]
    pub fail_fast: bool,
    /// Print times, keys and counts that differ from run to run as *: the form of --expect files
    #[arg(long, conflicts_with_all = ["quiet", "json"])]
    pub mask: bool,
    /// Watch it in the screen: pause, step, speed, the next refusal, each request beside its reply
    #[arg(long, conflicts_with_all = ["noreply", "quiet", "json", "mask"])]
    pub ui: bool,
    /// The server in this process.
    #[command(flatten)]
    pub local: LocalArgs,
}

/// A command line that is nothing but a replay.
#[derive(Debug, clap::Parser)]
struct Alone {
    #[command(flatten)]
    args: ReplayArgs,
}

impl ReplayArgs {
    /// A watched replay of this file on a server of its own, with the defaults of the command line.
    ///
    /// # Errors
    /// When that is no command line.
    pub fn of_file(file: &str) -> io::Result<Self> {
        if file == "-" {
            return Err(io::Error::other("the terminal's input is the keyboard: a file, please"));
        }
        let alone =
            Alone::try_parse_from(["replay", "--ui", "--", file]).map_err(io::Error::other)?;
        Ok(alone.args)
    }
}

//! The command line of `daytrade`.

use crate::exit::{Exit, Failure};
use crate::generate::{GenerateArgs, generate};
use crate::net;
use crate::replay::{self, ReplayArgs};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

/// Trade stocks, and replay workload files.
#[derive(Debug, Parser)]
#[command(name = "daytrade", version, about, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Without a command, a workload on standard input is replayed: daytrade < FILE is daytrade replay -.

Exit codes: 0 done, 1 replies differ from what was expected, 2 usage or unreadable file,
3 no connection or connection lost, 130 interrupted.";

/// What `daytrade` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workload file through a server and print the replies in the order of the file
    Replay(Box<ReplayArgs>),
    /// Write a workload with the mix of real ones to standard output
    Generate(GenerateArgs),
    /// Send lines to a server and print what it says; exit 1 if a line was refused
    Send(SendArgs),
    /// Print shell completions
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

/// What to send where.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// The lines, in order: ADD,alice,500
    #[arg(required = true, value_name = "LINE")]
    pub lines: Vec<String>,
    /// The server
    #[arg(long, value_name = "HOST:PORT", default_value = daytrade_server::config::DEFAULT_ADDRESS)]
    pub connect: String,
}

/// The whole program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => without_command(),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Generate(args)) => printed(|out| generate(&args, out)),
        Some(Command::Send(args)) => send(&args),
        Some(Command::Completions { shell }) => printed(|out| {
            clap_complete::generate(shell, &mut Cli::command(), "daytrade", &mut *out);
            Ok(())
        }),
        Some(Command::Man) => printed(|out| clap_mangen::Man::new(Cli::command()).render(&mut &mut *out)),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(Failure { exit, error }) => {
            let _ = writeln!(io::stderr(), "daytrade: {error:#}");
            exit.into()
        }
    }
}

/// A workload on standard input is replayed; in a terminal there is nothing to read.
fn without_command() -> Result<Exit, Failure> {
    if !io::stdin().is_terminal() {
        let matches = Cli::command().try_get_matches_from(["daytrade", "replay", "-"]).map_err(Failure::usage)?;
        return match Cli::from_arg_matches(&matches).map_err(Failure::usage)?.command {
            Some(Command::Replay(args)) => replay::run(&args),
            _ => Ok(Exit::Usage),
        };
    }
    let mut out = io::stderr();
    if !io::stdout().is_terminal() {
        let _ = writeln!(out, "not a terminal; try: replay FILE, send LINE");
        return Ok(Exit::Usage);
    }
    let words = "\
The trading screen is not built yet. What works:

  daytrade < workloads/10-users.txt           replay a workload and see every reply
  daytrade replay FILE --quiet                only the summary
  daytrade generate --users 10 > FILE         write a workload
  daytrade send 'ADD,alice,500'               talk to a running daytraded

daytrade --help says more.";
    let _ = writeln!(out, "{words}");
    Ok(Exit::Usage)
}

fn send(args: &SendArgs) -> Result<Exit, Failure> {
    let mut refused = false;
    net::ask(&args.connect, &args.lines, |line| {
        refused |= line.starts_with("ERR,") || line.contains("] ERR,");
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    })?;
    Ok(if refused { Exit::Differs } else { Exit::Done })
}

/// Runs what prints to standard output; a reader that has seen enough is no error.
fn printed(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Exit, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match print(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::usage(error)),
        Ok(()) => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

//! The command line of `daytrade`.

pub mod config;
pub mod picture;
pub mod place;
pub mod screen;
pub mod shown;
pub mod watch;

use crate::convert::{ConvertArgs, convert};
use crate::exit::{Exit, Failure};
use crate::generate::{GenerateArgs, generate};
use crate::net;
use crate::replay::{self, ReplayArgs};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use daytrade_protocol::{Detail, ServerLine};
use picture::SnapshotArgs;
use screen::ScreenArgs;
use shown::{QuoteOfArgs, ShowArgs, Shown};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

/// Trade stocks, and replay workload files.
#[derive(Debug, Parser)]
#[command(name = "daytrade", version, about, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// The trading screen.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Without a command, the trading screen opens in a terminal, and a workload on standard input is replayed:
daytrade < FILE is daytrade replay -.

Exit codes: 0 done, 1 replies differ from what was expected, 2 usage or unreadable file,
3 no connection or connection lost, 130 interrupted.";

/// What `daytrade` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workload file through a server and print the replies in the order of the file
    Replay(Box<ReplayArgs>),
    /// Write a workload with the mix of real ones to standard output
    Generate(GenerateArgs),
    /// Turn downloaded price histories (date, open, high, low, close) into a file for --quotes
    /// csv:FILE
    ConvertPrices(ConvertArgs),
    /// Show cash, reserves and counts
    Status(ShowArgs),
    /// Show the price of a symbol
    Quote(QuoteOfArgs),
    /// Show what is held
    Holdings(ShowArgs),
    /// Show orders that wait for their commit
    Pending(ShowArgs),
    /// Show set amounts and armed triggers
    Triggers(ShowArgs),
    /// Show the newest transactions
    Activity(ShowArgs),
    /// Print every change of the account and of the watched prices as it happens
    Watch(ShowArgs),
    /// Print the trading screen as text or HTML
    Snapshot(Box<SnapshotArgs>),
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
        None => without_command(&cli.screen),
        Some(Command::Status(args)) => shown::show(Shown::Status, &args),
        Some(Command::Quote(args)) => shown::quote(&args),
        Some(Command::Holdings(args)) => shown::show(Shown::Holdings, &args),
        Some(Command::Pending(args)) => shown::show(Shown::Pending, &args),
        Some(Command::Triggers(args)) => shown::show(Shown::Triggers, &args),
        Some(Command::Activity(args)) => shown::show(Shown::Activity, &args),
        Some(Command::Watch(args)) => watch::watch(&args),
        Some(Command::Snapshot(args)) => picture::snapshot(&args),
        Some(Command::Replay(args)) if args.ui => screen::replay(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Generate(args)) => printed(|out| generate(&args, out)),
        Some(Command::ConvertPrices(args)) => converted(&args),
        Some(Command::Send(args)) => send(&args),
        Some(Command::Completions { shell }) => printed(|out| {
            clap_complete::generate(shell, &mut Cli::command(), "daytrade", &mut *out);
            Ok(())
        }),
        Some(Command::Man) => printed(|out| {
            clap_mangen::Man::new(Cli::command()).render(&mut &mut *out)?;
            out.write_all(crate::app::keys::as_man_section().as_bytes())
        }),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(Failure { exit, error }) => {
            let _ = writeln!(io::stderr(), "daytrade: {error:#}");
            exit.into()
        }
    }
}

/// A workload on standard input is replayed; in a terminal the screen opens.
fn without_command(args: &ScreenArgs) -> Result<Exit, Failure> {
    if !io::stdin().is_terminal() {
        let matches = Cli::command()
            .try_get_matches_from(["daytrade", "replay", "-"])
            .map_err(Failure::usage)?;
        return match Cli::from_arg_matches(&matches).map_err(Failure::usage)?.command {
            Some(Command::Replay(args)) => replay::run(&args),
            _ => Ok(Exit::Usage),
        };
    }
    let mut out = io::stderr();
    if !io::stdout().is_terminal() {
        let _ = writeln!(out, "not a terminal; try: status, watch --json, replay FILE");
        return Ok(Exit::Usage);
    }
    screen::screen(args)
}

fn converted(args: &ConvertArgs) -> Result<Exit, Failure> {
    let mut rows = Vec::new();
    convert(args, &mut rows).map_err(Failure::usage)?;
    printed(|out| out.write_all(&rows))
}

fn send(args: &SendArgs) -> Result<Exit, Failure> {
    let mut refused = false;
    let people_read = io::stdout().is_terminal();
    net::ask(&args.connect, &args.lines, |line| {
        refused |= line.starts_with("ERR,") || line.contains("] ERR,");
        // The one reply that is a table: in columns for people, as it came for scripts.
        if let (true, Ok(ServerLine::Detail(_, Detail::Stat { name, value }))) =
            (people_read, ServerLine::parse(line.as_bytes()))
        {
            return writeln!(io::stdout().lock(), "{:<28} {value}", name.replace('_', " "));
        }
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

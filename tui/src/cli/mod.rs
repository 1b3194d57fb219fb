//! The command line of `daytrade`.

mod config;
pub(crate) mod endpoint;
mod picture;
mod practice;
mod query;
mod saved;
mod screen;
pub(crate) mod snapshot;
mod table;
mod watch;

use crate::check::{self, CheckArgs};
use crate::convert::{Aliases, ConvertArgs, convert};
use crate::exit::{Exit, Failure};
use crate::generate::{GenerateArgs, generate};
use crate::net;
use crate::remote::{self, LogArgs, LoginArgs, LogoutArgs, PasswdArgs, RemoteArgs};
use crate::replay::{self, ReplayArgs};
use crate::report::{self, ReportArgs};
use anyhow::Context as _;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use daytrade_protocol::{Detail, ServerLine, SessionName, Tag};
use practice::PracticeArgs;
use query::{ActivityArgs, Query, QueryArgs, QuoteQueryArgs};
use screen::ScreenArgs;
use snapshot::SnapshotArgs;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Trade stocks, and replay workload files.
#[derive(Debug, Parser)]
#[command(
    name = "daytrade",
    version,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    /// Options of the trading screen.
    #[command(flatten)]
    screen: ScreenArgs,
    /// Subcommand; without one, the trading screen opens.
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Without a command, daytrade opens the trading screen in a terminal. If standard input is a file or
a pipe, it replays the workload there: daytrade < FILE is the same as daytrade replay -.

Exit codes: 0 success, 1 replies differ from the expected ones or a log breaks
a rule, 2 wrong usage or unreadable file,
3 no connection or lost connection, 130 interrupted.";

/// The subcommands of `daytrade`.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run a workload file through a server and print the replies in the order of the file
    Replay(Box<ReplayArgs>),
    /// Write a generated workload to standard output
    Generate(GenerateArgs),
    /// Judge an audit log, of this or any other program, by the rules of the assignment
    Check(Box<CheckArgs>),
    /// Turn downloaded price histories (date, open, high, low, close) into a file for --quotes
    /// csv:FILE
    ConvertPrices(ConvertArgs),
    /// Practise on real prices, with an account of their own
    Practice(Box<PracticeArgs>),
    /// Show cash, reserves and counts
    Status(QueryArgs),
    /// Show the price of a symbol
    Quote(QuoteQueryArgs),
    /// Show the stocks held
    Holdings(QueryArgs),
    /// Show pending orders, which wait for their commit
    Pending(QueryArgs),
    /// Show trigger amounts and armed triggers
    Triggers(QueryArgs),
    /// Show the newest transactions
    Activity(ActivityArgs),
    /// Show what became of the money: profit, round trips, positions, value over time
    Report(Box<ReportArgs>),
    /// Print every change of the account and of the watched prices as it happens
    Watch(QueryArgs),
    /// Print the trading screen as text or HTML
    Snapshot(Box<SnapshotArgs>),
    /// Log in at a server with TLS and remember the secret
    Login(LoginArgs),
    /// Forget the secrets of a server
    Logout(LogoutArgs),
    /// Change the password of a login
    Passwd(PasswdArgs),
    /// Print the audit log of a server
    Log(LogArgs),
    /// Send lines to a server and print its replies; exit 1 if a line was refused
    Send(SendArgs),
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
}

/// Options of `daytrade send`.
#[derive(Debug, Args)]
struct SendArgs {
    /// Request lines, in order: ADD,alice,500
    #[arg(required = true, value_name = "LINE")]
    lines: Vec<String>,
    /// Server
    #[arg(long, value_name = "SERVER", default_value = daytrade_server::DEFAULT_ADDRESS)]
    connect: String,
    /// Options of a server with TLS.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse_from(options_after_command(std::env::args_os().collect()));
    let result = match cli.command {
        None => without_command(&cli.screen),
        Some(Command::Status(args)) => query::account(Query::Status, &args, 0),
        Some(Command::Quote(args)) => query::quote(&args),
        Some(Command::Holdings(args)) => query::account(Query::Holdings, &args, 0),
        Some(Command::Pending(args)) => query::account(Query::Pending, &args, 0),
        Some(Command::Triggers(args)) => query::account(Query::Triggers, &args, 0),
        Some(Command::Activity(args)) => query::account(Query::Activity, &args.query, args.last),
        Some(Command::Practice(args)) => practice::practice(&args),
        Some(Command::Report(args)) => report::report(&args),
        Some(Command::Watch(args)) => watch::watch(&args),
        Some(Command::Snapshot(args)) => snapshot::snapshot(&args),
        Some(Command::Replay(args)) if args.ui => screen::replay(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Generate(args)) => print_with(|out| generate(&args, out)),
        Some(Command::Check(args)) => check::check(&args, &mut BufWriter::new(io::stdout().lock())),
        Some(Command::ConvertPrices(args)) => convert_prices(&args),
        Some(Command::Login(args)) => remote::login(&args),
        Some(Command::Logout(args)) => remote::logout(&args),
        Some(Command::Passwd(args)) => remote::passwd(&args),
        Some(Command::Log(args)) => remote::log(&args),
        Some(Command::Send(args)) => send(&args),
        Some(Command::Completions { shell }) => print_with(|out| {
            clap_complete::generate(shell, &mut Cli::command(), "daytrade", &mut *out);
            Ok(())
        }),
        Some(Command::Man { folder: None }) => print_with(|out| {
            clap_mangen::Man::new(Cli::command()).render(&mut &mut *out)?;
            out.write_all(crate::app::keys::as_man_section().as_bytes())
        }),
        Some(Command::Man { folder: Some(folder) }) => man_pages(&folder),
    };
    match result {
        Ok(exit) => exit.into(),
        // The reader of the output has closed it.
        Err(Failure { exit: Exit::Done, .. }) => Exit::Done.into(),
        Err(Failure { exit, error }) => {
            let _ = writeln!(io::stderr(), "daytrade: {error:#}");
            exit.into()
        }
    }
}

/// Writes the man pages of all commands to a folder.
fn man_pages(folder: &Path) -> Result<Exit, Failure> {
    let write = || -> anyhow::Result<()> {
        clap_mangen::generate_to(Cli::command(), folder)?;
        let mut page = OpenOptions::new().append(true).open(folder.join("daytrade.1"))?;
        page.write_all(crate::app::keys::as_man_section().as_bytes())?;
        Ok(())
    };
    write().with_context(|| folder.display().to_string()).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// Moves options that stand before the name of a subcommand after that name, because every
/// subcommand has options of its own: `daytrade --user bob status` becomes `daytrade status --user
/// bob`.
fn options_after_command(args: Vec<OsString>) -> Vec<OsString> {
    let command = Cli::command();
    let takes_value = |name: &str| {
        let is_it = |arg: &&clap::Arg| arg.get_long() == Some(name);
        command.get_arguments().find(is_it).is_some_and(|arg| arg.get_action().takes_values())
    };
    let mut at = 1;
    while let Some(option) = args.get(at).and_then(|arg| arg.to_str()?.strip_prefix("--")) {
        at += 1 + usize::from(!option.contains('=') && takes_value(option));
    }
    let name = args.get(at).and_then(|arg| arg.to_str()).unwrap_or_default();
    let is_command = command.get_subcommands().any(|command| command.get_name() == name);
    if at == 1 || !is_command {
        return args;
    }
    let mut moved = args;
    let name = moved.remove(at);
    moved.insert(1, name);
    moved
}

/// Opens the screen in a terminal; otherwise replays the workload on standard input.
fn without_command(args: &ScreenArgs) -> Result<Exit, Failure> {
    if !io::stdin().is_terminal() {
        let matches = Cli::command()
            .try_get_matches_from(["daytrade", "replay", "-"])
            .map_err(Failure::usage)?;
        return match Cli::from_arg_matches(&matches).map_err(Failure::usage)?.command {
            Some(Command::Replay(mut replay)) => {
                let endpoint = &args.endpoint;
                replay.connect.clone_from(&endpoint.connect);
                replay.remote = endpoint.remote.clone();
                replay.local.quotes = endpoint.quotes.clone();
                replay.local.data_dir.clone_from(&endpoint.data_dir);
                replay::run(&replay)
            }
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

fn convert_prices(args: &ConvertArgs) -> Result<Exit, Failure> {
    let mut rows = Vec::new();
    let aliases = convert(args, &mut rows, &mut io::stderr()).map_err(Failure::usage)?;
    let Some(output) = &args.output else {
        if !aliases.is_empty() {
            let _ =
                writeln!(io::stderr(), "short symbols (--output writes them beside the prices):");
            aliases.write(io::stderr()).map_err(Failure::usage)?;
        }
        return print_with(|out| out.write_all(&rows));
    };
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write(output, &rows).map_err(Failure::usage)?;
    if !aliases.is_empty() {
        let mut table = Vec::new();
        aliases.write(&mut table).map_err(Failure::usage)?;
        write(&Aliases::path_beside(output), &table).map_err(Failure::usage)?;
    }
    Ok(Exit::Done)
}

fn send(args: &SendArgs) -> Result<Exit, Failure> {
    if args.lines.iter().any(|line| holds_secret(line)) {
        return Err(Failure::usage(anyhow::anyhow!(
            "a secret must not be an argument, which everybody on this machine can read; use \
             daytrade login or passwd"
        )));
    }
    let server = args.remote.server(&args.connect)?;
    let mut refused = false;
    let in_terminal = io::stdout().is_terminal();
    let mut requests = args.lines.join("\n");
    requests.push('\n');
    net::exchange(&server, requests.as_bytes(), |line| {
        refused |=
            Tag::split_from(line.as_bytes()).is_some_and(|(_, body)| body.starts_with(b"ERR,"));
        // STATS is a table: columns for people, the reply's own lines for scripts.
        if let (true, Ok(ServerLine::Detail(_, Detail::Stat { name, value }))) =
            (in_terminal, ServerLine::parse(line.as_bytes()))
        {
            return writeln!(io::stdout().lock(), "{:<28} {value}", name.replace('_', " "));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    })?;
    Ok(if refused { Exit::Differs } else { Exit::Done })
}

/// Returns true for a line that holds a secret, or was meant to.
fn holds_secret(line: &str) -> bool {
    line.split(['\n', '\r']).any(|line| {
        let body =
            Tag::split_from(line.trim().as_bytes()).map_or(line.as_bytes(), |(_, body)| body);
        let name = body.split(|byte| *byte == b',').next().unwrap_or_default();
        let name = SessionName::parse(name.trim_ascii());
        matches!(name, Some(SessionName::Auth | SessionName::Passwd))
    })
}

/// Runs a function that prints to standard output. A reader that closes the pipe is no error.
fn print_with(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Exit, Failure> {
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
    fn options_may_stand_before_the_command() {
        for (typed, read) in [
            ("daytrade --user bob status --json", "daytrade status --user bob --json"),
            (
                "daytrade --ascii --user=bob --connect a:1 send PING",
                "daytrade send --ascii --user=bob --connect a:1 PING",
            ),
            ("daytrade --user status", "daytrade --user status"),
            ("daytrade --user bob", "daytrade --user bob"),
            ("daytrade status --user bob", "daytrade status --user bob"),
            ("daytrade nonsense", "daytrade nonsense"),
        ] {
            let args = typed.split(' ').map(OsString::from).collect();
            let read: Vec<OsString> = read.split(' ').map(OsString::from).collect();
            assert_eq!(options_after_command(args), read);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

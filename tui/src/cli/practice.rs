//! `daytrade practice`: real prices, played from a file, with an account of their own.
//!
//! Each price file has its own folder with its own account. The market goes on where it stopped.

use super::config::{AppearanceArgs, ConfigFile};
use super::endpoint::{Endpoint, EndpointArgs};
use super::screen::run_on;
use crate::convert::{Aliases, parse_time};
use crate::exit::{Exit, Failure};
use crate::net;
use crate::remote::RemoteArgs;
use anyhow::Context as _;
use clap::Args;
use daytrade_protocol::{Command, Money, Request, SessionCommand, Symbol, UserName, Word};
use daytrade_server::{QuoteArgs, QuoteSpec, default_data_dir, read_prices};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// Symbols of a file that are watched at first.
const WATCHED_MAX: usize = 20;

/// Options of `daytrade practice`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PracticeArgs {
    /// Price file: daytrade convert-prices makes them from downloads
    pub file: PathBuf,
    /// Begin at this day or time of the file, the first time
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
    /// Minutes of the market in a minute
    #[arg(long, default_value = "1", value_name = "X", value_parser = daytrade_server::parse_speed)]
    pub speed: u64,
    /// Dollars to begin with
    #[arg(long, default_value = "10000", value_name = "DOLLARS", value_parser = dollars)]
    pub cash: Money,
    /// Name of the practice account and its market [default: that of the file]
    #[arg(long)]
    pub name: Option<String>,
    /// Play the file back and forth without an end
    #[arg(long = "loop")]
    pub looped: bool,
    /// Begin anew: remove the account and its history
    #[arg(long)]
    pub reset: bool,
    /// Do not ask before --reset removes something
    #[arg(long, requires = "reset")]
    pub yes: bool,
    /// Appearance.
    #[command(flatten)]
    pub appearance: AppearanceArgs,
}

fn dollars(text: &str) -> Result<Money, String> {
    Money::parse_amount(text.as_bytes())
        .map_err(|_| format!("{text:?} is not an amount of dollars, 0.01 to 999999999999.99"))
}

/// Opens the screen on a practice market.
///
/// # Errors
/// A failure, if the file, the folder or the terminal cannot be used.
pub(crate) fn practice(args: &PracticeArgs) -> Result<Exit, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::usage(anyhow::anyhow!(
            "practice needs a terminal; daytraded --quotes csv:FILE is the same market for scripts"
        )));
    }
    let file = fs::canonicalize(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))
        .map_err(Failure::usage)?;
    let rows = read_prices(&file).map_err(Failure::usage)?;
    let symbols: BTreeSet<Symbol> = rows.iter().map(|row| row.symbol).collect();
    let name = name_of(args, &file)?;
    let folder = default_data_dir().map_err(Failure::usage)?.join("practice").join(name.as_str());
    if args.reset && !reset(&folder, args.yes)? {
        return Ok(Exit::Done);
    }
    let is_new = !folder.exists();
    let quotes = QuoteArgs {
        quotes: QuoteSpec::Csv { path: file.clone() },
        speed: args.speed,
        looped: args.looped,
        ..QuoteArgs::default()
    };
    let endpoint = EndpointArgs {
        connect: None,
        user: Some(name.to_string()),
        data_dir: Some(folder),
        quotes,
        remote: RemoteArgs::default(),
    }
    .open()?;
    if is_new {
        begin(&endpoint, args)?;
    }
    let aliases = match Aliases::path_beside(&file) {
        path if path.exists() => Aliases::read(&path).map_err(Failure::usage)?,
        _ => Aliases::default(),
    };
    let config = ConfigFile::read()?;
    let watchlist = symbols.into_iter().take(WATCHED_MAX).collect();
    run_on(endpoint, &config, &args.appearance, watchlist, aliases)
}

/// Returns the name of the account: that of the file, as far as it is a name.
fn name_of(args: &PracticeArgs, file: &Path) -> Result<UserName, Failure> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("practice");
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let from_file: String = stem.chars().filter(is_part).take(64).collect();
    let name = args.name.clone().unwrap_or(from_file);
    // A name is also a folder: never one above.
    UserName::parse(name.as_bytes())
        .filter(|name| !name.as_str().starts_with('.'))
        .with_context(|| format!("{name:?} is not a name: letters, digits, _ and -; use --name"))
        .map_err(Failure::usage)
}

/// Removes an account after asking. Returns false if the answer is no.
fn reset(folder: &Path, yes: bool) -> Result<bool, Failure> {
    if !folder.exists() {
        return Ok(true);
    }
    if !yes {
        let mut out = io::stdout().lock();
        let _ = write!(out, "remove the account in {} and begin anew? [y/N] ", folder.display());
        let _ = out.flush();
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(Failure::usage)?;
        if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            return Ok(false);
        }
    }
    fs::remove_dir_all(folder)
        .with_context(|| format!("cannot remove {}", folder.display()))
        .map_err(Failure::usage)?;
    Ok(true)
}

/// Pays in the cash, and goes to the first day.
fn begin(endpoint: &Endpoint, args: &PracticeArgs) -> Result<(), Failure> {
    let mut lines = Vec::new();
    if let Some(from) = &args.from {
        let time_ms = parse_time(from)
            .with_context(|| format!("{from:?} is not a date: 2024-01-02"))
            .map_err(Failure::usage)?;
        let word = |text: &str| Word::parse(text.as_bytes());
        let (action, value) = (word("SEEK"), word(&time_ms.to_string()));
        Request::new(SessionCommand::Market { action, value }).write_to(&mut lines);
    }
    let add = Command::Add { user: endpoint.user.clone(), amount: args.cash };
    Request::new(add).write_to(&mut lines);
    let mut refused = None;
    net::exchange(&endpoint.server, &lines, |line| {
        if line.starts_with("ERR,") {
            refused.get_or_insert(line.to_owned());
        }
        Ok(())
    })?;
    match refused {
        None => Ok(()),
        Some(line) => Err(Failure::usage(anyhow::anyhow!("the practice cannot begin: {line}"))),
    }
}

//! `daytrade practice`: real prices, played from a file, with an account of their own.
//!
//! Each price file has its own folder with its own account. The market goes on where it stopped.

use super::config::{AppearanceArgs, ConfigFile};
use super::endpoint::{Endpoint, EndpointArgs};
use super::screen::run_on;
use crate::convert::parse_time;
use crate::exit::{Exit, Failure};
use crate::net;
use crate::remote::RemoteArgs;
use anyhow::Context as _;
use clap::Args;
use daytrade_protocol::{Command, Money, Request, SessionCommand, Symbol, UserName, Word};
use daytrade_server::{
    QuoteArgs, QuoteSpec, default_data_dir, read_prices, remembered_market, running_at,
};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// Symbols of a file that are watched at first.
const WATCHED_MAX: usize = 20;
/// What a practice begins with.
const CASH_CENTS: i64 = 1_000_000;

/// Options of `daytrade practice`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PracticeArgs {
    /// Price file: daytrade convert-prices makes them from downloads
    pub file: PathBuf,
    /// Begin at this day or time of the file instead of its first price; only when it is new
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub from: Option<i64>,
    /// Minutes of the market in a minute
    #[arg(long, default_value = "1", value_name = "X", value_parser = daytrade_server::parse_speed)]
    pub speed: u64,
    /// Dollars to begin with [default: 10000]
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    pub cash: Option<Money>,
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

fn moment(text: &str) -> Result<i64, String> {
    parse_time(text).ok_or_else(|| format!("{text:?} is not a date: 2024-01-02"))
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
    if !is_new {
        check_account(&folder, &file, args)?;
    }
    let quotes = QuoteArgs {
        quotes: Some(QuoteSpec::Csv { path: file.clone() }),
        speed: args.speed,
        looped: args.looped,
        ..QuoteArgs::default()
    };
    let endpoint = EndpointArgs {
        connect: None,
        user: Some(name.to_string()),
        data_dir: Some(folder.clone()),
        aliases: None,
        quotes,
        remote: RemoteArgs::default(),
    }
    .open()?;
    // A day begins before its first price, and a market begins with it.
    let first_ms = rows.iter().map(|row| row.time_ms).min();
    let from = args.from.filter(|from| u64::try_from(*from).ok() > first_ms);
    if is_new && let Err(failure) = begin(&endpoint, from, args.cash) {
        // Nothing has begun, so nothing may be left of it.
        endpoint.close()?;
        let _ = fs::remove_dir_all(&folder);
        return Err(failure);
    }
    let config = ConfigFile::read()?;
    let watchlist = symbols.into_iter().take(WATCHED_MAX).collect();
    run_on(endpoint, &config, &args.appearance, watchlist)
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

/// Checks that an account that has begun is of this file, and that it is not to begin otherwise.
fn check_account(folder: &Path, file: &Path, args: &PracticeArgs) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::usage(anyhow::anyhow!(text)));
    if args.from.is_some() || args.cash.is_some() {
        return usage(
            "this practice has begun: --from and --cash are for its beginning; --reset begins anew"
                .to_owned(),
        );
    }
    match remembered_market(folder).map(|market| market.spec()) {
        Some(QuoteSpec::Csv { path }) if path != file => usage(format!(
            "the practice in {} plays {}; --name gives this file one of its own",
            folder.display(),
            path.display()
        )),
        _ => Ok(()),
    }
}

/// Removes an account after asking. Returns false if the answer is no.
fn reset(folder: &Path, yes: bool) -> Result<bool, Failure> {
    if !folder.exists() {
        return Ok(true);
    }
    if running_at(folder).is_some() {
        let folder = folder.display();
        let problem = anyhow::anyhow!("the practice in {folder} is open in another daytrade");
        return Err(Failure::usage(problem));
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

/// Pays in the cash, and goes to a time after the first price.
fn begin(endpoint: &Endpoint, from: Option<i64>, cash: Option<Money>) -> Result<(), Failure> {
    if let Some(time_ms) = from {
        let word = |text: &str| Word::parse(text.as_bytes());
        let (action, value) = (word("SEEK"), word(&time_ms.to_string()));
        ask(endpoint, &Request::new(SessionCommand::Market { action, value }))?;
    }
    let amount = cash.unwrap_or(Money::from_cents(CASH_CENTS));
    ask(endpoint, &Request::new(Command::Add { user: endpoint.user.clone(), amount }))
}

/// Sends a request that must be carried out.
fn ask(endpoint: &Endpoint, request: &Request) -> Result<(), Failure> {
    let mut lines = Vec::new();
    request.write_to(&mut lines);
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

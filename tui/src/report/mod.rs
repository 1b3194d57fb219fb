//! `daytrade report`: what became of the money of an account.
//!
//! The server sends the records of the account one after the other (REPORT); here they become
//! figures. Nothing is changed and nothing is asked of the market.

mod curve;
mod ledger;
mod output;

use crate::cli::endpoint::EndpointArgs;
use crate::convert::parse_time;
use crate::exit::{Exit, Failure};
use crate::net;
use crate::remote::Server;
use clap::Args;
use daytrade_protocol::{
    Detail, Push, Reply, ReplyBody, Request, ServerLine, SessionCommand, UserName,
};
use ledger::Ledger;
use output::{Csv, Style};
use std::io::{self, BufWriter, IsTerminal as _, Write};

/// Options of `daytrade report`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReportArgs {
    /// Account [default: as --user]
    #[arg(value_name = "USER")]
    pub account: Option<String>,
    /// First day or time to report: 2024-01-02, or Unix milliseconds
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<u64>,
    /// Last time to report; a day without a time is reported whole
    #[arg(long, value_name = "TIME", value_parser = last_time)]
    pub until: Option<u64>,
    /// Print every entry as a row, with cash and value after it
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Server.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
}

fn time(text: &str) -> Result<u64, String> {
    parse_time(text)
        .and_then(|ms| u64::try_from(ms).ok())
        .ok_or_else(|| format!("{text:?} is not a time: 2024-01-02, 2024-01-02T09:30:00Z"))
}

fn last_time(text: &str) -> Result<u64, String> {
    const DAY_MS: u64 = 86_400_000;
    let from = time(text)?;
    let is_day = text.len() == "2024-01-02".len() && from.is_multiple_of(DAY_MS);
    Ok(if is_day { from + DAY_MS - 1 } else { from })
}

/// Prints the report of an account.
///
/// # Errors
/// A failure, if there is no such account or the server cannot be used.
pub(crate) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let mut endpoint_args = args.endpoint.clone();
    endpoint_args.user = args.account.clone().or(endpoint_args.user);
    let endpoint = endpoint_args.open_closed()?;
    let (user, aliases) = (endpoint.user.clone(), endpoint.aliases.clone());
    let mut ledger = Ledger::new(args.from.unwrap_or(0));
    let mut csv = args.csv.then(|| Csv::new(BufWriter::new(io::stdout().lock())));
    let refused = fetch(&endpoint.server, &user, args.until, |detail| match detail {
        Detail::Event(entry) => {
            let is_within = ledger.take(entry);
            match &mut csv {
                Some(csv) if is_within => csv.row(entry, &ledger),
                _ => Ok(()),
            }
        }
        Detail::Price { symbol, price, .. } => {
            ledger.price(*symbol, *price);
            Ok(())
        }
        _ => Ok(()),
    });
    let priced = match &refused {
        Ok(None) if args.until.is_none() => market_prices(&endpoint.server, &mut ledger),
        _ => Ok(()),
    };
    endpoint.close()?;
    priced?;
    if let Some(cause) = refused? {
        return Err(Failure { exit: Exit::Differs, error: anyhow::anyhow!(cause) });
    }
    if ledger.deposits == daytrade_protocol::Money::ZERO && ledger.counts.commands == 0 {
        let error = anyhow::anyhow!("{user} has no account, or nothing happened then");
        return Err(Failure { exit: Exit::Differs, error });
    }
    if let Some(csv) = csv {
        csv.end().map_err(Failure::output)?;
        return Ok(Exit::Done);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if args.json {
        output::json(&user, &ledger, &mut out)
    } else {
        let style = Style { draws: io::stdout().is_terminal(), aliases: &aliases };
        output::text(&user, &ledger, style, &mut out)
    };
    written.and_then(|()| out.flush()).map_err(Failure::output)?;
    Ok(Exit::Done)
}

/// Takes the prices of a market with a clock, which cost nothing and leave no trace. Any other
/// server is not asked: a price of a quote server costs money.
fn market_prices(server: &Server, ledger: &mut Ledger) -> Result<(), Failure> {
    let mut lines = Vec::new();
    Request::new(SessionCommand::Market { action: None, value: None }).write_to(&mut lines);
    let mut has_clock = false;
    net::exchange(server, &lines, |line| {
        has_clock |= line.starts_with("OK,");
        Ok(())
    })?;
    if !has_clock || ledger.positions.is_empty() {
        return Ok(());
    }
    lines.clear();
    for symbol in ledger.positions.keys() {
        Request::new(SessionCommand::Watch { symbol: *symbol }).write_to(&mut lines);
    }
    net::exchange(server, &lines, |line| {
        if let Ok(ServerLine::Push(Push::Quote { symbol, price, .. })) =
            ServerLine::parse(line.as_bytes())
        {
            ledger.price(symbol, price);
        }
        Ok(())
    })
}

/// Asks for the records of an account, and passes the lines of the reply to a function. Returns the
/// refusal, if it is refused.
fn fetch(
    server: &Server,
    user: &UserName,
    to_ms: Option<u64>,
    mut take: impl FnMut(&Detail) -> io::Result<()>,
) -> Result<Option<String>, Failure> {
    let from_ms = to_ms.map(|_| 0);
    let mut line = Vec::new();
    let command = SessionCommand::Report { user: user.clone(), from_ms, to_ms };
    Request::new(command).write_to(&mut line);
    let mut refused = None;
    net::exchange(server, &line, |line| match ServerLine::parse(line.as_bytes()) {
        Ok(ServerLine::Detail(_, detail)) => take(&detail),
        Ok(ServerLine::Reply(Reply { body: ReplyBody::Refused { code, message }, .. })) => {
            refused = Some(format!("{code}: {message}"));
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(refused)
}

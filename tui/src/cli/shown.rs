//! What the screen shows as lists without one: `status`, `quote`, `holdings`, `pending`,
//! `triggers`, `activity`.

use super::place::PlaceArgs;
use super::screen::{runtime, settled};
use crate::app::App;
use crate::exit::{Exit, Failure};
use clap::{Args, ValueEnum};
use daytrade_protocol::{CommandName, Side, Symbol};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _};

/// A command that shows part of the account.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Whose account, on which server.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Say it as JSON
    #[arg(long)]
    pub json: bool,
}

/// The price of a symbol.
#[derive(Clone, Debug, Args)]
pub struct QuoteOfArgs {
    /// The symbol
    pub symbol: String,
    /// The rest.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// What can be shown as a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is the list of that name")]
pub enum Shown {
    Status,
    Holdings,
    Pending,
    Triggers,
    Activity,
}

/// Prints part of the account: aligned in a terminal, separated by tabs in a pipe, or as JSON.
///
/// # Errors
/// As [`super::screen::screen`].
pub fn show(what: Shown, args: &ShowArgs) -> Result<Exit, Failure> {
    let place = args.place.open()?;
    let model = runtime()?.block_on(settled(&place, Vec::new()))?;
    let (header, rows) = rows_of(what, &model);
    place.close()?;
    if model.account.current().is_none() {
        let words = if model.account.is_missing() {
            "has no account yet"
        } else {
            "has not been told of in time"
        };
        return Err(Failure {
            exit: Exit::Differs,
            error: anyhow::anyhow!("{} {words}", model.connection.user()),
        });
    }
    print_rows(header, &rows, args.json, what != Shown::Status)
}

/// Prints one price.
///
/// # Errors
/// As [`super::screen::screen`], and when the symbol is none or has no price.
pub fn quote(args: &QuoteOfArgs) -> Result<Exit, Failure> {
    let no_symbol = || {
        Failure::usage(anyhow::anyhow!("{:?} is no symbol: 1 to 3 letters or digits", args.symbol))
    };
    let symbol = Symbol::parse(args.symbol.as_bytes()).ok_or_else(no_symbol)?;
    let place = args.show.place.open()?;
    let model = runtime()?.block_on(settled(&place, vec![symbol]))?;
    place.close()?;
    let Some(seen) = model.market.quotes().get(symbol) else {
        return Err(Failure::link(anyhow::anyhow!("no price of {symbol} in time")));
    };
    let row = vec![json!(symbol.as_str()), json!(seen.price.to_string()), json!(seen.at_ms)];
    print_rows(&["symbol", "price", "at_ms"], &[row], args.show.json, false)
}

fn rows_of(what: Shown, model: &App) -> (&'static [&'static str], Vec<Vec<Value>>) {
    let none = crate::app::Account::default();
    let account = model.account.current().unwrap_or(&none);
    let money = |money: daytrade_protocol::Money| json!(money.to_string());
    match what {
        Shown::Status => (
            &["user", "cash", "reserved", "realised", "holdings", "pending", "triggers"],
            vec![vec![
                json!(model.connection.user().as_str()),
                money(account.cash),
                money(account.reserved),
                money(account.realised),
                json!(account.holdings.len()),
                json!(account.pending.len()),
                json!(account.triggers.len()),
            ]],
        ),
        Shown::Holdings => (
            &["symbol", "shares", "free", "reserved", "basis", "average"],
            account
                .holdings
                .iter()
                .map(|h| {
                    vec![
                        json!(h.symbol.as_str()),
                        json!(h.shares()),
                        json!(h.free),
                        json!(h.reserved),
                        money(h.basis),
                        money(h.average()),
                    ]
                })
                .collect(),
        ),
        Shown::Pending => (
            &["side", "symbol", "shares", "price", "total", "left_ms"],
            account
                .pending
                .iter()
                .map(|order| {
                    let terms = order.terms;
                    vec![
                        json!(order.side.as_str()),
                        json!(terms.symbol.as_str()),
                        json!(terms.shares),
                        money(terms.price),
                        money(terms.total),
                        json!(model.clock.left_ms(order.expires_at_ms)),
                    ]
                })
                .collect(),
        ),
        Shown::Triggers => (
            &["side", "symbol", "amount", "price", "shares"],
            account
                .triggers
                .iter()
                .map(|t| {
                    vec![
                        json!(t.side.as_str()),
                        json!(t.symbol.as_str()),
                        money(t.amount),
                        t.price.map_or(Value::Null, money),
                        json!(
                            t.price
                                .filter(|_| t.side == Side::Buy)
                                .map_or(t.shares, |price| t.amount.whole_shares(price))
                        ),
                    ]
                })
                .collect(),
        ),
        Shown::Activity => (
            &["at_ms", "number", "command", "symbol", "amount", "outcome"],
            account
                .history
                .iter()
                // As on the screen: what was only looked at is no activity.
                .filter(|past| past.command != CommandName::DisplaySummary)
                .map(|past| {
                    vec![
                        json!(past.at_ms),
                        json!(past.number),
                        json!(past.command.as_str()),
                        past.symbol.map_or(Value::Null, |symbol| json!(symbol.as_str())),
                        past.amount.map_or(Value::Null, money),
                        json!(past.refused.map_or("OK", daytrade_protocol::Code::as_str)),
                    ]
                })
                .collect(),
        ),
    }
}

fn print_rows(
    header: &[&str],
    rows: &[Vec<Value>],
    as_json: bool,
    many: bool,
) -> Result<Exit, Failure> {
    let object = |row: &Vec<Value>| {
        Value::Object(header.iter().map(|name| (*name).to_owned()).zip(row.clone()).collect())
    };
    if as_json {
        let objects: Vec<_> = rows.iter().map(object).collect();
        let shown = if many {
            Value::Array(objects)
        } else {
            objects.into_iter().next().unwrap_or(Value::Null)
        };
        return super::printed(|out| writeln!(out, "{shown}"));
    }
    let words = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(words).collect()));
    if !io::stdout().is_terminal() {
        return super::printed(|out| {
            lines.iter().try_for_each(|line| writeln!(out, "{}", line.join("\t")))
        });
    }
    let widths: Vec<usize> = (0..header.len())
        .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0))
        .collect();
    super::printed(|out| {
        lines.iter().try_for_each(|line| {
            let cells: Vec<_> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(out, "{}", cells.join("  ").trim_end())
        })
    })
}

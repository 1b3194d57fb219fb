//! Queries: the lists of the screen as text or JSON (`status`, `quote`, `holdings`, `pending`,
//! `triggers`, `activity`).

use super::endpoint::EndpointArgs;
use super::screen::{load_model, runtime};
use crate::app::{Account, App};
use crate::exit::{Exit, Failure};
use crate::net::ANSWER_TIMEOUT;
use clap::Args;
use daytrade_protocol::{Code, CommandName, Money, Side, Symbol};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _};

/// Options of a query about the account.
#[derive(Clone, Debug, Args)]
pub(crate) struct QueryArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Server and user.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
}

/// Options of `daytrade quote`.
#[derive(Clone, Debug, Args)]
pub(crate) struct QuoteQueryArgs {
    /// Symbol, 1 to 3 letters or digits
    pub symbol: String,
    /// Options of every query.
    #[command(flatten)]
    pub query: QueryArgs,
}

/// Subject of a query about the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    Status,
    Holdings,
    Pending,
    Triggers,
    Activity,
}

/// Prints part of the account: in columns in a terminal, separated by tabs in a pipe, or as JSON.
///
/// # Errors
/// As [`super::screen::screen`], and a failure if the account is unknown.
pub(crate) fn account(query: Query, args: &QueryArgs) -> Result<Exit, Failure> {
    let endpoint = args.endpoint.open()?;
    let model = runtime()?.block_on(load_model(&endpoint, Vec::new()))?;
    let (header, rows) = rows_of(query, &model);
    endpoint.close()?;
    if model.account.current().is_none() {
        let message = if let Some(refused) = model.account.refused() {
            refused.to_owned()
        } else if model.account.is_missing() {
            format!("{} has no account yet", model.connection.user())
        } else {
            format!(
                "No answer about {} from {} within {} s",
                model.connection.user(),
                model.connection.address(),
                ANSWER_TIMEOUT.as_secs()
            )
        };
        return Err(Failure { exit: Exit::Differs, error: anyhow::anyhow!(message) });
    }
    print_rows(header, &rows, args.json, query != Query::Status)
}

/// Prints one price.
///
/// # Errors
/// As [`super::screen::screen`], and a failure if the symbol is invalid or has no price.
pub(crate) fn quote(args: &QuoteQueryArgs) -> Result<Exit, Failure> {
    let invalid = || {
        Failure::usage(anyhow::anyhow!(
            "{:?} is not a symbol: 1 to 3 letters or digits",
            args.symbol
        ))
    };
    let symbol = Symbol::parse(args.symbol.as_bytes()).ok_or_else(invalid)?;
    let endpoint = args.query.endpoint.open()?;
    let model = runtime()?.block_on(load_model(&endpoint, vec![symbol]))?;
    endpoint.close()?;
    let Some(seen) = model.market.quotes().get(symbol) else {
        let error = anyhow::anyhow!("No price for {symbol}: the quote source does not answer.");
        return Err(Failure { exit: Exit::Differs, error });
    };
    let row = vec![json!(symbol.as_str()), json!(seen.price.to_string()), json!(seen.at_ms)];
    print_rows(&["symbol", "price", "at_ms"], &[row], args.query.json, false)
}

/// Names of the columns, and the rows.
type Table = (&'static [&'static str], Vec<Vec<Value>>);

/// Returns the table of a query.
fn rows_of(query: Query, model: &App) -> Table {
    let empty = Account::default();
    let account = model.account.current().unwrap_or(&empty);
    match query {
        Query::Status => status(model, account),
        Query::Holdings => holdings(account),
        Query::Pending => pending(model, account),
        Query::Triggers => triggers(account),
        Query::Activity => activity(account),
    }
}

fn status(model: &App, account: &Account) -> Table {
    let row = vec![
        json!(model.connection.user().as_str()),
        money(account.cash),
        money(account.reserved),
        money(account.realised),
        json!(account.holdings.len()),
        json!(account.pending.len()),
        json!(account.triggers.len()),
    ];
    (&["user", "cash", "reserved", "realised", "holdings", "pending", "triggers"], vec![row])
}

fn holdings(account: &Account) -> Table {
    let rows = account.holdings.iter().map(|holding| {
        vec![
            json!(holding.symbol.as_str()),
            json!(holding.shares()),
            json!(holding.free),
            json!(holding.reserved),
            money(holding.basis),
            money(holding.average()),
        ]
    });
    (&["symbol", "shares", "free", "reserved", "basis", "average"], rows.collect())
}

fn pending(model: &App, account: &Account) -> Table {
    let rows = account.pending.iter().map(|order| {
        let terms = order.terms;
        vec![
            json!(order.side.as_str()),
            json!(terms.symbol.as_str()),
            json!(terms.shares),
            money(terms.price),
            money(terms.total),
            json!(model.clock.left_ms(order.expires_at_ms)),
        ]
    });
    (&["side", "symbol", "shares", "price", "total", "left_ms"], rows.collect())
}

fn triggers(account: &Account) -> Table {
    let rows = account.triggers.iter().map(|trigger| {
        // A buy trigger reserves cash, so its number of shares follows from the price.
        let price = trigger.price.filter(|_| trigger.side == Side::Buy);
        vec![
            json!(trigger.side.as_str()),
            json!(trigger.symbol.as_str()),
            money(trigger.amount),
            trigger.price.map_or(Value::Null, money),
            json!(price.map_or(trigger.shares, |price| trigger.amount.whole_shares(price))),
        ]
    });
    (&["side", "symbol", "amount", "price", "shares"], rows.collect())
}

fn activity(account: &Account) -> Table {
    // As on the screen: a query of the account is no activity.
    let transactions =
        account.history.iter().filter(|past| past.command != CommandName::DisplaySummary);
    let rows = transactions.map(|past| {
        vec![
            json!(past.at_ms),
            json!(past.number),
            json!(past.command.as_str()),
            past.symbol.map_or(Value::Null, |symbol| json!(symbol.as_str())),
            past.amount.map_or(Value::Null, money),
            json!(past.refused.map_or("OK", Code::as_str)),
        ]
    });
    (&["at_ms", "number", "command", "symbol", "amount", "outcome"], rows.collect())
}

fn money(amount: Money) -> Value {
    json!(amount.to_string())
}

/// Prints rows: JSON objects, columns in a terminal, or fields separated by tabs.
fn print_rows(
    header: &[&str],
    rows: &[Vec<Value>],
    as_json: bool,
    is_list: bool,
) -> Result<Exit, Failure> {
    let object = |row: &Vec<Value>| {
        Value::Object(header.iter().map(|name| (*name).to_owned()).zip(row.clone()).collect())
    };
    if as_json {
        let objects: Vec<_> = rows.iter().map(object).collect();
        let value = if is_list {
            Value::Array(objects)
        } else {
            objects.into_iter().next().unwrap_or(Value::Null)
        };
        return super::print_with(|out| writeln!(out, "{value}"));
    }
    let text = |value: &Value| match value {
        Value::String(string) => string.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(text).collect()));
    if !io::stdout().is_terminal() {
        return super::print_with(|out| {
            lines.iter().try_for_each(|line| writeln!(out, "{}", line.join("\t")))
        });
    }
    let widths: Vec<usize> = (0..header.len())
        .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0))
        .collect();
    super::print_with(|out| {
        lines.iter().try_for_each(|line| {
            let cells: Vec<_> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(out, "{}", cells.join("  ").trim_end())
        })
    })
}

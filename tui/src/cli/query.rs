//! Queries: the lists of the screen as text or JSON (`status`, `quote`, `holdings`, `pending`,
//! `triggers`, `activity`).

use super::endpoint::EndpointArgs;
use super::screen::{Wants, load_model, runtime};
use super::table::{self, Column, Kind, Table, money};
use crate::app::{Account, App, Outcome};
use crate::exit::{Exit, Failure};
use crate::net::ANSWER_TIMEOUT;
use clap::Args;
use daytrade_protocol::{Money, Side, Symbol};
use serde_json::{Value, json};

/// The columns of a price.
const QUOTE: &[Column] = &[("symbol", Kind::Text), ("price", Kind::Money), ("at_ms", Kind::Time)];

/// The columns of the account.
const STATUS: &[Column] = &[
    ("user", Kind::Text),
    ("cash", Kind::Money),
    ("reserved", Kind::Money),
    ("realised", Kind::Money),
    ("holdings", Kind::Count),
    ("pending", Kind::Count),
    ("triggers", Kind::Count),
    ("equity", Kind::Money),
    ("profit", Kind::Money),
];

/// The columns of the shares held.
const HOLDINGS: &[Column] = &[
    ("symbol", Kind::Text),
    ("shares", Kind::Count),
    ("free", Kind::Count),
    ("reserved", Kind::Count),
    ("basis", Kind::Money),
    ("average", Kind::Money),
    ("price", Kind::Money),
    ("profit", Kind::Money),
];

/// The columns of the pending orders.
const PENDING: &[Column] = &[
    ("side", Kind::Text),
    ("symbol", Kind::Text),
    ("shares", Kind::Count),
    ("price", Kind::Money),
    ("total", Kind::Money),
    ("left_ms", Kind::Left),
];

/// The columns of the triggers.
const TRIGGERS: &[Column] = &[
    ("side", Kind::Text),
    ("symbol", Kind::Text),
    ("amount", Kind::Money),
    ("price", Kind::Money),
    ("shares", Kind::Count),
];

/// The columns of the activity.
const ACTIVITY: &[Column] = &[
    ("at_ms", Kind::Time),
    ("number", Kind::Number),
    ("command", Kind::Text),
    ("symbol", Kind::Text),
    ("amount", Kind::Money),
    ("outcome", Kind::Text),
    ("words", Kind::Text),
];

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

/// Options of `daytrade activity`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ActivityArgs {
    /// Number of lines, the newest first
    #[arg(long, short = 'n', default_value_t = 20, value_name = "LINES")]
    pub last: usize,
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
/// Of the activity, `last` lines.
///
/// # Errors
/// As [`super::screen::screen`], and a failure if the account is unknown.
pub(crate) fn account(query: Query, args: &QueryArgs, last: usize) -> Result<Exit, Failure> {
    let endpoint = args.endpoint.open()?;
    let past = matches!(query, Query::Status | Query::Holdings | Query::Activity);
    let wants = Wants { past, ..Wants::default() };
    let model = runtime()?.block_on(load_model(&endpoint, Vec::new(), wants))?;
    let mut table = table_of(query, &model, last);
    if !args.json {
        table::show_names(&mut table, |symbol| model.market.shown_name(symbol));
    }
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
    if query == Query::Activity && !model.knows_past() {
        let error = anyhow::anyhow!("the records of the account did not arrive in time");
        return Err(Failure::link(error));
    }
    table::print(&table, args.json, query != Query::Status)
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
    let endpoint = args.query.endpoint.open()?;
    let symbol = endpoint.aliases.find(&args.symbol);
    let Some(symbol) = symbol.or_else(|| Symbol::parse(args.symbol.as_bytes())) else {
        endpoint.close()?;
        return Err(invalid());
    };
    let model = runtime()?.block_on(load_model(&endpoint, vec![symbol], Wants::default()))?;
    endpoint.close()?;
    let Some(seen) = model.market.quotes().get(symbol) else {
        let error = anyhow::anyhow!("No price for {symbol}: the quote source does not answer.");
        return Err(Failure { exit: Exit::Differs, error });
    };
    let row = vec![json!(symbol.as_str()), json!(seen.price.to_string()), json!(seen.at_ms)];
    let mut table = (QUOTE, vec![row]);
    if !args.query.json {
        table::show_names(&mut table, |symbol| model.market.shown_name(symbol));
    }
    table::print(&table, args.query.json, false)
}

/// Returns the table of a query, with this many of the newest lines of activity.
fn table_of(query: Query, model: &App, last: usize) -> Table {
    let empty = Account::default();
    let account = model.account.current().unwrap_or(&empty);
    match query {
        Query::Status => status(model, account),
        Query::Holdings => holdings(model, account),
        Query::Pending => pending(model, account),
        Query::Triggers => triggers(account),
        Query::Activity => activity(model, last),
    }
}

fn status(model: &App, account: &Account) -> Table {
    // An account whose shares have no price at all has no value that could be shown.
    let has_prices =
        account.holdings.iter().all(|holding| model.market.quotes().get(holding.symbol).is_some());
    let equity = account
        .cash
        .checked_add(account.reserved)
        .and_then(|sum| sum.checked_add(model.market_value().0))
        .filter(|_| has_prices);
    let mut profits = account.holdings.iter().map(|holding| {
        account.profit(holding.symbol, model.market.quotes()).unwrap_or(Money::ZERO)
    });
    let profit = profits.try_fold(account.realised, Money::checked_add);
    let row = vec![
        json!(model.connection.user().as_str()),
        money(account.cash),
        money(account.reserved),
        money(account.realised),
        json!(account.holdings.len()),
        json!(account.pending.len()),
        json!(account.triggers.len()),
        equity.map_or(Value::Null, money),
        profit.filter(|_| has_prices).map_or(Value::Null, money),
    ];
    (STATUS, vec![row])
}

fn holdings(model: &App, account: &Account) -> Table {
    let rows = account.holdings.iter().map(|holding| {
        let price = model.market.quotes().price(holding.symbol);
        let profit = account.profit(holding.symbol, model.market.quotes());
        vec![
            json!(holding.symbol.as_str()),
            json!(holding.shares()),
            json!(holding.free),
            json!(holding.reserved),
            money(holding.basis),
            money(holding.average()),
            price.map_or(Value::Null, money),
            profit.map_or(Value::Null, money),
        ]
    });
    (HOLDINGS, rows.collect())
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
    (PENDING, rows.collect())
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
    (TRIGGERS, rows.collect())
}

/// Returns the newest lines of activity, newest first: what the account's records say.
fn activity(model: &App, last: usize) -> Table {
    let lines = model.activity.lines().iter().rev().filter(|line| line.is_past).take(last);
    let rows = lines.map(|line| {
        let (symbol, amount) = line.subject.terms();
        let number = if line.tag > 0 { json!(line.tag) } else { Value::Null };
        let outcome = match line.outcome {
            Outcome::Refused => line.message.split([' ', ':']).next().unwrap_or_default(),
            _ => "OK",
        };
        vec![
            json!(line.at_ms),
            number,
            json!(line.subject.name()),
            symbol.map_or(Value::Null, |symbol| json!(symbol.as_str())),
            amount.map_or(Value::Null, money),
            json!(outcome),
            json!(line.message.trim_end_matches(" (earlier session)")),
        ]
    });
    (ACTIVITY, rows.collect())
}

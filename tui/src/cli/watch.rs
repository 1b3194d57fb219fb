//! `daytrade watch`: prints every change as it happens.

use super::config::ConfigFile;
use super::endpoint::Endpoint;
use super::query::QueryArgs;
use super::screen::{apply_link_event, runtime};
use crate::app::{KeyMap, LinkEvent};
use crate::exit::{Exit, Failure};
use crate::link::spawn_link;
use crate::term::now_ms;
use daytrade_protocol::{Code, Money, Push, ServerLine, Symbol};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Prints one line for each change, until the reader closes the output or the user interrupts.
///
/// # Errors
/// As [`super::screen::screen`], and a link failure if the link is lost.
pub(crate) fn watch(args: &QueryArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let endpoint = args.endpoint.open()?;
    let watchlist = config.watchlist(&endpoint.place)?;
    let result = runtime()?.block_on(print_changes(&endpoint, watchlist, args.json));
    endpoint.close()?;
    result
}

async fn print_changes(
    endpoint: &Endpoint,
    symbols: Vec<Symbol>,
    as_json: bool,
) -> Result<Exit, Failure> {
    let mut model = endpoint.model(symbols, KeyMap::default(), now_ms());
    let (requests, mut events) = spawn_link(endpoint.server.clone(), now_ms);
    let (mut has_started, mut was_up) = (false, false);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        };
        let Some(event) = event else { return Ok(Exit::Done) };
        was_up |= matches!(event, LinkEvent::Up(_));
        let change = match &event {
            LinkEvent::Line { line: ServerLine::Push(push), .. } => Some(push_to_json(push)),
            LinkEvent::Down { cause, .. } => {
                let message = if was_up {
                    format!("the connection is lost: {cause}")
                } else {
                    format!("cannot connect to {cause}")
                };
                return Err(Failure::link(anyhow::anyhow!(message)));
            }
            _ => None,
        };
        apply_link_event(&mut model, event, &requests);
        if let Some(refused) = model.account.refused() {
            let error = anyhow::anyhow!(refused.to_owned());
            return Err(Failure { exit: Exit::Differs, error });
        }
        // Current state of the account, before its first change.
        let first = model.account.current().filter(|_| !has_started).map(|account| {
            has_started = true;
            account_to_json(
                model.connection.user().as_str(),
                account.cash,
                account.reserved,
                account.realised,
            )
        });
        for change in first.into_iter().chain(change) {
            let line = if as_json { change.to_string() } else { change_to_text(&change) };
            let mut out = io::stdout().lock();
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                return Ok(Exit::Done);
            }
        }
    }
}

/// Returns a pushed line as a JSON object.
fn push_to_json(push: &Push) -> Value {
    match push {
        Push::Quote { symbol, price, at_ms } => json!({
            "type": "quote", "symbol": symbol.as_str(), "price": price.to_string(),
            "at_ms": at_ms,
        }),
        Push::Expired { user, side, terms } | Push::Filled { user, side, terms } => json!({
            "type": if matches!(push, Push::Filled { .. }) { "filled" } else { "expired" },
            "user": user.as_str(), "side": side.as_str(), "symbol": terms.symbol.as_str(),
            "shares": terms.shares, "price": terms.price.to_string(),
            "total": terms.total.to_string(),
        }),
        Push::Account { user, available, reserved, realised } => {
            account_to_json(user.as_str(), *available, *reserved, *realised)
        }
        Push::Order { user, at_ms, number, command, symbol, amount, refused } => json!({
            "type": "order", "user": user.as_str(), "at_ms": at_ms, "number": number,
            "command": command.as_str(), "symbol": symbol.map(|symbol| symbol.to_string()),
            "amount": amount.map(|amount| amount.to_string()),
            "outcome": refused.map_or("OK", Code::as_str),
        }),
        Push::ByeSlowConsumer => json!({"type": "bye", "reason": "SLOW_CONSUMER"}),
        Push::ByeIdle => json!({"type": "bye", "reason": "IDLE"}),
        Push::ByeRevoked => json!({"type": "bye", "reason": "REVOKED"}),
        Push::ByeMoved => json!({"type": "bye", "reason": "MOVED"}),
        Push::Moved(address) => json!({"type": "moved", "address": address}),
    }
}

/// Returns a change as `name=value` pairs.
fn change_to_text(change: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values = change.as_object().into_iter().flatten();
    values.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
}

/// Returns the account as a JSON object with the names of `status --json`.
fn account_to_json(user: &str, cash: Money, reserved: Money, realised: Money) -> Value {
    json!({
        "type": "account", "user": user, "cash": cash.to_string(), "reserved": reserved.to_string(),
        "realised": realised.to_string(),
    })
}

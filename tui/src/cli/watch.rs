//! `daytrade watch`: every change as it happens.

use super::config::ConfigFile;
use super::screen::{runtime, take};
use super::shown::ShowArgs;
use crate::app::{App, KeyMap, LinkEvent};
use crate::exit::{Exit, Failure};
use crate::link::spawn_link;
use crate::term::now_ms;
use daytrade_protocol::{Money, Push, ServerLine};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Prints one JSON object for each change, as it happens, until the link is lost or nobody reads
/// any more.
///
/// # Errors
/// As [`super::screen::screen`], and when the link is lost.
pub fn watch(args: &ShowArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let place = args.place.open()?;
    let watched = runtime()?.block_on(async {
        let mut model = App::new(place.user.clone(), &place.address, config.watchlist(), KeyMap::default(), now_ms());
        let (ask, mut heard) = spawn_link(place.address.clone(), now_ms);
        let mut is_begun = false;
        loop {
            tokio::select! {
                event = heard.recv() => {
                    let Some(event) = event else { return Ok(Exit::Done) };
                    let change = match &event {
                        LinkEvent::Line { line: ServerLine::Push(push), .. } => Some(pushed(push)),
                        LinkEvent::Down { cause, .. } => {
                            return Err(Failure::link(anyhow::anyhow!("the link is lost: {cause}")));
                        }
                        _ => None,
                    };
                    take(&mut model, event, &ask);
                    // The account as it is, before the first change of it.
                    let first = model.account.current().filter(|_| !is_begun).map(|account| {
                        is_begun = true;
                        account_now(model.connection.user().as_str(), account.cash, account.reserved, account.realised)
                    });
                    for change in first.into_iter().chain(change) {
                        let mut out = io::stdout().lock();
                        let line = if args.json { change.to_string() } else { plain_change(&change) };
                        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                            return Ok(Exit::Done);
                        }
                    }
                }
                _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
            }
        }
    });
    place.close()?;
    watched
}

fn pushed(push: &Push) -> Value {
    match push {
        Push::Quote { symbol, price, at_ms } => {
            json!({"type": "quote", "symbol": symbol.as_str(), "price": price.to_string(), "at_ms": at_ms})
        }
        Push::Expired { user, side, terms } | Push::Filled { user, side, terms } => json!({
            "type": if matches!(push, Push::Filled { .. }) { "filled" } else { "expired" },
            "user": user.as_str(), "side": side.as_str(), "symbol": terms.symbol.as_str(),
            "shares": terms.shares, "price": terms.price.to_string(), "total": terms.total.to_string(),
        }),
        Push::Account { user, available, reserved, realised } => {
            account_now(user.as_str(), *available, *reserved, *realised)
        }
        Push::ByeSlowConsumer => json!({"type": "bye", "reason": "SLOW_CONSUMER"}),
        Push::ByeIdle => json!({"type": "bye", "reason": "IDLE"}),
    }
}

fn plain_change(change: &Value) -> String {
    let words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values = change.as_object().into_iter().flatten();
    values.map(|(name, value)| format!("{name}={}", words(value))).collect::<Vec<_>>().join(" ")
}

/// The account by the names that `status --json` gives them.
fn account_now(user: &str, cash: Money, reserved: Money, realised: Money) -> Value {
    json!({
        "type": "account", "user": user, "cash": cash.to_string(), "reserved": reserved.to_string(),
        "realised": realised.to_string(),
    })
}

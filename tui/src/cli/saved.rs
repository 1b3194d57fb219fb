//! What the screen keeps for its next session: watchlist, sort order and alerts of each user at
//! each server. Nothing here is about money; what cannot be read is left out.

use super::config::state_file;
use crate::app::{Alert, Market, Sort};
use daytrade_protocol::{Money, Symbol};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The maximum number of users and servers that are kept: those used last.
const SCREENS_MAX: usize = 100;

/// The file in the state folder.
const FILE: &str = "daytrade-screens.toml";

/// What is kept of every screen, by user and server.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Screens {
    screens: BTreeMap<String, Screen>,
}

/// What is kept of one screen.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Screen {
    used_ms: u64,
    watchlist: Vec<String>,
    sort: Sort,
    reversed: bool,
    alerts: Vec<SavedAlert>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedAlert {
    symbol: String,
    price: String,
    up: bool,
}

fn read() -> Screens {
    let Some(path) = state_file(FILE) else { return Screens::default() };
    let Ok(text) = std::fs::read_to_string(&path) else { return Screens::default() };
    toml::from_str(&text).unwrap_or_else(|_| {
        // What cannot be read is kept aside: it is about to be replaced.
        let _ = std::fs::rename(&path, path.with_extension("toml.bad"));
        Screens::default()
    })
}

/// Returns the watchlist of the last session of this user at this server.
pub(super) fn watchlist(place: &str) -> Option<Vec<Symbol>> {
    let screen = read().screens.remove(place)?;
    let symbols = screen.watchlist.iter();
    Some(symbols.filter_map(|name| Symbol::parse(name.as_bytes())).collect())
}

/// Restores alerts and sort order of the last session of this user at this server.
pub(super) fn restore(place: &str, market: &mut Market) {
    let Some(screen) = read().screens.remove(place) else { return };
    market.restore_sort(screen.sort, screen.reversed);
    market.restore_alerts(screen.alerts.iter().filter_map(|saved| {
        Some(Alert {
            symbol: Symbol::parse(saved.symbol.as_bytes())?,
            price: Money::parse_amount(saved.price.as_bytes()).ok()?,
            up: saved.up,
        })
    }));
}

/// Keeps watchlist, alerts and sort order for the next session of this user at this server. Errors
/// are ignored: the session has already ended.
pub(super) fn save(place: &str, market: &Market, now_ms: u64) {
    let mut kept = read();
    let alert = |alert: &Alert| SavedAlert {
        symbol: alert.symbol.to_string(),
        price: alert.price.to_string(),
        up: alert.up,
    };
    let screen = Screen {
        used_ms: now_ms,
        watchlist: market.watchlist().iter().map(ToString::to_string).collect(),
        sort: market.sort(),
        reversed: market.is_reversed(),
        alerts: market.alerts().iter().map(alert).collect(),
    };
    kept.screens.insert(place.to_owned(), screen);
    while kept.screens.len() > SCREENS_MAX
        && let Some(oldest) = kept
            .screens
            .iter()
            .min_by_key(|(_, screen)| screen.used_ms)
            .map(|(name, _)| name.clone())
    {
        kept.screens.remove(&oldest);
    }
    if let Ok(text) = toml::to_string(&kept) {
        super::config::save(state_file(FILE), &text);
    }
}

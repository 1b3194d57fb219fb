//! Asks for the records of the account and takes them in: all of them once, later those since a lost
//! connection, and those of other clients' orders.

use super::activity::SAME_EVENT_MS;
use super::past::Past;
use super::{ActivityLine, App, Effect, Outcome};
use daytrade_protocol::{CommandName, ReplyBody};

/// The minimum time between two requests for the records of other clients' orders, in milliseconds.
const RECORDS_PAUSE_MS: u64 = 1_000;

impl App {
    /// Notes that records from a server time on are to be asked for: another client has made an
    /// order.
    pub(super) fn want_records(&mut self, from_ms: u64) {
        let wanted_ms = self.records_wanted_ms.unwrap_or(from_ms);
        self.records_wanted_ms = Some(wanted_ms.min(from_ms));
    }

    /// Asks for the records that are wanted, unless others are arriving or it is too early: the
    /// server reads its journal for them.
    pub(super) fn request_records(&mut self, effects: &mut Vec<Effect>) {
        let is_early = self.clock.now_ms() < self.records_not_before_ms;
        if self.past.is_some() || self.past_wanted || is_early {
            return;
        }
        let Some(from_ms) = self.records_wanted_ms.take() else { return };
        if self.connection.request_past(Some(from_ms), self.clock, effects) {
            let mut past = Past::new(self.connection.user().clone(), Some(from_ms), self.clock);
            past.is_news = true;
            self.past = Some(past);
            self.records_not_before_ms = self.clock.now_ms() + RECORDS_PAUSE_MS;
        }
    }

    /// Returns the local time at which records may be asked for, if any are wanted.
    pub(crate) fn records_due_ms(&self) -> Option<u64> {
        let waits = self.connection.is_live() && self.past.is_none();
        self.records_wanted_ms.filter(|_| waits).map(|_| self.records_not_before_ms)
    }
}

/// Takes in the records that this screen did not cause, once all have arrived.
pub(super) fn on_past(app: &mut App, body: &ReplyBody, effects: &mut Vec<Effect>) {
    let Some(past) = app.past.take() else { return };
    if matches!(body, ReplyBody::Refused { .. }) {
        match (past.from_ms, app.account.current()) {
            // They are asked for again.
            (Some(from_ms), _) => app.want_records(from_ms),
            // An earlier version of the server, or a role that may not: the newest ten are known.
            (None, Some(account)) => {
                app.activity.add_history(&account.history, app.connection.user());
            }
            (None, None) => {}
        }
        return;
    }
    let is_whole = past.from_ms.is_none();
    if is_whole {
        app.equity.set_past(&past.equity);
        app.account.set_past_fills(past.fills, app.clock.started_ms());
    } else {
        app.account.add_missing_fills(past.fills);
    }
    if past.is_news
        && let Some(line) = past.lines.iter().rfind(|line| is_trade_of_others(app, line))
    {
        app.notify(&line.message.clone());
    }
    app.activity.add_past(past.lines);
    // What is asked for after the next loss overlaps a little.
    if is_whole || app.past_known_ms.is_some() {
        let newest_ms = past.newest_ms.map(|newest| newest.saturating_sub(SAME_EVENT_MS));
        app.past_known_ms = app.past_known_ms.max(newest_ms);
    }
    app.request_records(effects);
}

/// Returns true for a trade that this screen did not make.
fn is_trade_of_others(app: &App, line: &ActivityLine) -> bool {
    line.subject.command().is_some_and(|command| {
        matches!(command, CommandName::CommitBuy | CommandName::CommitSell)
            && line.outcome == Outcome::Ok
            && !app.activity.has_sent(line.tag, command)
    })
}

//! Reconciles the activity with a new summary: requests whose reply was lost, and changes while the
//! link was down.

use super::text::{dollars, signed};
use super::{Account, AccountState, Activity, ActivityLine, Clock, Outcome, Subject, Transaction};
use daytrade_protocol::{CommandName, Money};

/// The maximum number of transactions in a summary.
const HISTORY_MAX: usize = 10;

/// Settles the requests whose reply was lost with the help of the account's history.
pub(super) fn settle_unknown(state: &AccountState, activity: &mut Activity, clock: Clock) {
    if let Some(account) = state.current() {
        activity.settle(|line| outcome(line, &account.history, clock));
    }
}

/// Returns the outcome of a request according to the history.
fn outcome(line: &ActivityLine, history: &[Transaction], clock: Clock) -> (Outcome, String) {
    if line.subject.command().is_some_and(CommandName::only_reads) {
        // The history lists only commands that change an account, or try to.
        let message = "the reply was lost; the command only reads, so nothing has changed";
        return (Outcome::Untold, message.to_owned());
    }
    let oldest_ms = history.last().map_or(0, |past| past.at_ms);
    let reaches_back = history.len() < HISTORY_MAX
        || oldest_ms < line.at_ms.saturating_add_signed(clock.offset_ms());
    let is_same = |past: &&Transaction| {
        past.number == line.tag && Some(past.command) == line.subject.command()
    };
    match history.iter().find(is_same) {
        Some(Transaction { refused: None, .. }) => {
            (Outcome::Ok, "it took effect, as the server says now".to_owned())
        }
        Some(Transaction { refused: Some(code), .. }) => {
            (Outcome::Refused, format!("it was refused: {code}"))
        }
        None if reaches_back => {
            (Outcome::Lost, "it never reached the server, as it says now".to_owned())
        }
        None => (
            Outcome::Untold,
            "UNKNOWN: the server's history does not reach back so far; cash and lists are right"
                .to_owned(),
        ),
    }
}

/// Displays one message about the changes while the link was down.
pub(super) fn report_changes(state: &mut AccountState, activity: &mut Activity, clock: Clock) {
    let mut messages = activity.take_settled();
    let Some((before, now)) = state.take_before_loss() else {
        if !messages.is_empty() {
            activity.notify(&messages.join(", "), clock);
        }
        return;
    };
    messages.push(changes(&before, now));
    let message = format!("connected again: {}", messages.join(", "));
    activity.add_to_log(&message, clock);
    activity.add_news(Subject::Link, String::new(), &message, clock);
    activity.notify(&message, clock);
}

/// Returns the difference between two summaries as a message.
fn changes(before: &Account, now: &Account) -> String {
    let gone = before.pending.iter().filter(|order| !now.pending.contains(order)).count();
    let fired = before.triggers.iter().filter(|trigger| {
        trigger.price.is_some() && now.trigger(trigger.side, trigger.symbol).is_none()
    });
    let fired = fired.count();
    let mut parts = Vec::new();
    if gone > 0 {
        parts.push(format!("{gone} pending no more"));
    }
    if fired > 0 {
        let noun = if fired == 1 { "trigger" } else { "triggers" };
        parts.push(format!("{fired} {noun} fired or removed"));
    }
    if now.cash != before.cash {
        let by = Money::from_cents(now.cash.cents().saturating_sub(before.cash.cents()));
        let (from, to) = (dollars(before.cash), dollars(now.cash));
        parts.push(format!("cash {from} -> {to} ({})", signed(by)));
    }
    if parts.is_empty() { "nothing changed meanwhile".to_owned() } else { parts.join(", ") }
}

//! Handles the lines that the server sends without being asked: prices, orders of other clients,
//! expiries, fills and changes of the account.

use super::past;
use super::server_lines::on_price;
use super::text::signed;
use super::{Action, App, Effect, Outcome, Subject};
use daytrade_protocol::{EntryOutcome, Push, Side, TradeTerms};

/// The display time of the message about an expired order or a fired trigger, in milliseconds.
const PUSH_NOTICE_MS: u64 = 10_000;

/// Handles a line that the server sends without being asked.
pub(super) fn on_push(app: &mut App, push: &Push, text: String, effects: &mut Vec<Effect>) {
    match push {
        Push::Quote { symbol, price, at_ms } => on_price(app, *symbol, *price, *at_ms, effects),
        Push::Expired { side, terms, .. } => on_expired(app, *side, *terms, text, effects),
        Push::Filled { side, terms, .. } => on_filled(app, *side, *terms, text, effects),
        Push::Order { .. } => on_order(app, push, text, effects),
        Push::Account { available, reserved, realised, .. } => {
            app.account.set_balances(*available, *reserved, *realised);
            app.connection.request_summary(app.clock, effects);
        }
        Push::ByeSlowConsumer | Push::ByeIdle => {
            app.notify("the server has closed the connection");
        }
        // The link follows.
        Push::Moved(_) | Push::ByeMoved => {}
        Push::ByeRevoked => app.notify("your login has been changed; the server ended the session"),
    }
}

/// Lists a command of another client of the same user. An own one is known from its reply.
fn on_order(app: &mut App, push: &Push, text: String, effects: &mut Vec<Effect>) {
    let Some(entry) = past::entry_of(push) else { return };
    if app.activity.has_sent(entry.number, entry.command) {
        return;
    }
    if entry.outcome == EntryOutcome::Done {
        app.connection.request_summary(app.clock, effects);
    }
    let mut line = past::past_line(&entry, app.connection.user(), app.clock.started_ms());
    line.reply = text;
    // The shares and the price of an order are in its record only.
    if entry.outcome == EntryOutcome::Done && past::has_terms(entry.command) {
        line.outcome = Outcome::Waiting;
        "another client; its record is asked for".clone_into(&mut line.message);
        app.activity.add_order(line);
        app.want_records(entry.at_ms);
        app.request_records(effects);
    } else {
        app.activity.add_order(line);
    }
}

fn on_expired(
    app: &mut App,
    side: Side,
    terms: TradeTerms,
    text: String,
    effects: &mut Vec<Effect>,
) {
    let TradeTerms { symbol, .. } = terms;
    let action = if side == Side::Buy { Action::Buy } else { Action::Sell };
    let message = past::expired(side, Some(terms));
    app.trade.offer_again(side, terms, PUSH_NOTICE_MS, app.clock);
    announce(app, Subject::Expired(symbol), text, &message, effects);
    let notice = format!("{message}. Press {} to place it again.", app.keys.key(action));
    app.activity.notify_for(notice, PUSH_NOTICE_MS, app.clock);
}

/// Lists what has happened by itself, rings for it, and asks for the account.
fn announce(
    app: &mut App,
    subject: Subject,
    text: String,
    message: &str,
    effects: &mut Vec<Effect>,
) {
    app.activity.add_news(subject, text, message, app.clock);
    app.activity.ring(message, app.settings.bell, app.clock, effects);
    app.activity.notify_for(message.to_owned(), PUSH_NOTICE_MS, app.clock);
    app.connection.request_summary(app.clock, effects);
}

fn on_filled(
    app: &mut App,
    side: Side,
    terms: TradeTerms,
    text: String,
    effects: &mut Vec<Effect>,
) {
    let TradeTerms { symbol, .. } = terms;
    let mut message = past::filled(side, Some(terms));
    if side == Side::Sell
        && let Some(profit) = app.account.profit_of_sale(terms)
    {
        message = format!("{message}, profit {}", signed(profit));
    }
    app.account.record_fill(side, terms, app.clock);
    announce(app, Subject::Trigger(symbol), text, &message, effects);
}

//! Handles the events of the link: connections, replies and pushes.

use super::orders::{update_opens, update_watches};
use super::past::Past;
use super::pushes::on_push;
use super::reconcile::{report_changes, settle_unknown};
use super::records::on_past;
use super::reply_text::reply_text;
use super::text::{dollars, signed};
use super::{
    Account, App, Effect, FormKind, LinkEvent, MarketClock, Outcome, Popup, Purpose, Subject,
    WANTS_LOGIN,
};
use daytrade_protocol::{
    Body, Code, Command, Detail, Money, Reply, ReplyBody, ServerLine, SessionCommand, Side, Symbol,
    Tag, TradeTerms,
};

/// A reply to a command of the trader.
struct TraderReply<'a> {
    tag: u64,
    outcome: Outcome,
    message: String,
    body: &'a ReplyBody,
}

pub(super) fn on_link_event(app: &mut App, event: LinkEvent, effects: &mut Vec<Effect>) {
    match event {
        LinkEvent::Up(identity) => {
            app.connection.set_identity(identity);
            on_link_up(app, effects);
        }
        LinkEvent::Down { cause, next_try_ms, attempt } => {
            on_link_down(app, cause, next_try_ms, attempt);
        }
        LinkEvent::Moved(address) => app.connection.set_address(address),
        LinkEvent::Followed { address, again } => on_followed(app, address, &again),
        LinkEvent::Health(health) => app.connection.set_health(health, app.clock),
        LinkEvent::Line { line, text, took_us } => {
            app.connection.set_heard(app.clock);
            match line {
                ServerLine::Reply(reply) => on_reply(app, &reply, text, took_us, effects),
                ServerLine::Detail(Some(tag), Detail::Event(entry))
                    if app.connection.is_past(tag.get()) =>
                {
                    if let Some(past) = &mut app.past {
                        past.take(&entry);
                    }
                }
                ServerLine::Detail(Some(tag), Detail::Price { symbol, price, at_ms })
                    if app.connection.is_past(tag.get()) =>
                {
                    app.market.record_old_quote(symbol, price, at_ms);
                }
                ServerLine::Detail(Some(tag), detail) => {
                    app.connection.add_detail(tag.get(), detail);
                }
                ServerLine::Detail(None, _) => {}
                ServerLine::Push(push) => on_push(app, &push, text, effects),
            }
        }
    }
}

fn on_link_up(app: &mut App, effects: &mut Vec<Effect>) {
    let was_offline = app.connection.set_live(app.clock);
    app.activity.add_to_log(&format!("connected to {}", app.connection.address()), app.clock);
    app.market.clear_watched();
    app.past_wanted = true;
    let subscribe = SessionCommand::Subscribe { user: app.connection.user().clone() };
    app.connection.send_session(subscribe, app.clock, effects);
    app.connection.request_summary(app.clock, effects);
    update_watches(app, effects);
    let market = SessionCommand::Market { action: None, value: None };
    app.connection.send_session(market, app.clock, effects);
    if was_offline {
        app.activity.record_reconnect();
        app.notify("connected again; asking what changed meanwhile");
    }
}

fn on_link_down(app: &mut App, cause: String, next_try_ms: u64, attempt: u32) {
    app.market.set_offline();
    if app.connection.is_live() {
        app.account.remember_before_loss();
        let message = format!("Link down: {cause}");
        app.activity.add_news(Subject::Link, String::new(), &message, app.clock);
    }
    app.activity.add_to_log(&cause, app.clock);
    for tag in app.connection.set_offline(cause, next_try_ms, attempt, app.clock) {
        app.activity.record_lost(tag);
    }
    if let Some(Popup::Form(form)) = app.view.popup_mut()
        && form.is_sending()
    {
        form.lose("no reply: what became of it is asked after reconnecting".to_owned());
    }
}

/// Notes that the accounts are elsewhere. What was not carried out waits for its reply there.
fn on_followed(app: &mut App, address: String, again: &[u64]) {
    let message = format!("the accounts are at {address} now");
    app.activity.add_to_log(&message, app.clock);
    app.notify(&message);
    for tag in app.connection.set_moving(address, again, app.clock) {
        app.activity.record_lost(tag);
        if let Some(form) = app.view.form_in_flight(tag) {
            form.lose("no reply: what became of it is asked where the accounts are now".to_owned());
        }
    }
}

fn on_reply(
    app: &mut App,
    reply: &Reply,
    text: String,
    took_us: Option<u64>,
    effects: &mut Vec<Effect>,
) {
    let Some(tag) = reply.tag.map(Tag::get) else { return };
    let Some((sent, details)) = app.connection.take_answered(tag) else { return };
    let took_us = took_us.unwrap_or_else(|| app.clock.since_ms(sent.sent_ms) * 1_000);
    if sent.purpose != Purpose::Past {
        app.activity.record_round_trip(took_us);
    }
    match sent.purpose {
        Purpose::Summary => on_summary(app, &reply.body, &details, effects),
        Purpose::Past => on_past(app, &reply.body, effects),
        Purpose::Subscription => match (&sent.body, &reply.body) {
            (Body::Session(SessionCommand::Market { action, .. }), body) => {
                on_market(app, action.is_some(), body);
            }
            (
                Body::Session(SessionCommand::Watch { symbol }),
                ReplyBody::Refused { message, .. },
            ) => {
                let text = format!("No current prices for {symbol}: {message}.");
                if app.market.note_unwatched() {
                    app.activity.add_to_log(&text, app.clock);
                }
                app.notify(&text);
            }
            (_, ReplyBody::Open { symbol, price, at_ms, market }) => {
                app.market.set_open(*symbol, *price, *at_ms, market);
            }
            _ => {}
        },
        Purpose::Trader | Purpose::Form(_) => {
            let (outcome, message) = match &reply.body {
                ReplyBody::Refused { message, .. } => (Outcome::Refused, message.to_string()),
                // The price follows by itself.
                ReplyBody::SetBuyAmount { amount, .. }
                | ReplyBody::SetSellAmount { amount, .. }
                    if matches!(sent.purpose, Purpose::Form(Some(_))) =>
                {
                    (Outcome::Ok, format!("Amount {} set", dollars(*amount)))
                }
                body => (Outcome::Ok, message_of(app, body, &sent.body)),
            };
            if let ReplyBody::Refused { code: Code::QuoteUnavailable, .. } = &reply.body {
                app.market.set_unavailable(app.clock);
            }
            app.activity.record_reply(tag, outcome, text, &message, took_us);
            apply_trade(app, &reply.body, &sent.body, sent.sent_ms);
            let reply = TraderReply { tag, outcome, message, body: &reply.body };
            if let Purpose::Form(next) = sent.purpose {
                on_form_reply(app, &reply, next, effects);
            } else if outcome == Outcome::Refused || matches!(reply.body, ReplyBody::Quote { .. }) {
                app.notify(&reply.message);
            }
            if !matches!(reply.body, ReplyBody::Quote { .. }) {
                app.connection.request_summary(app.clock, effects);
            }
        }
    }
    if let ReplyBody::Quote { symbol, price, at_ms, .. } = reply.body {
        on_price(app, symbol, price, at_ms, effects);
    }
}

/// Notes what the server says about the market's clock; an answer to the trader is displayed.
fn on_market(app: &mut App, is_wanted: bool, body: &ReplyBody) {
    match body {
        ReplyBody::Market { time_ms, .. } => {
            app.market.set_clock(MarketClock::At(*time_ms, app.clock.now_ms()));
        }
        // A login that may not ask learns nothing.
        ReplyBody::Refused { code: Code::Forbidden, .. } => {}
        _ => app.market.set_clock(MarketClock::None),
    }
    if is_wanted || app.market_wanted {
        app.market_wanted = false;
        app.notify(&reply_text(body));
    }
}

pub(super) fn on_price(
    app: &mut App,
    symbol: Symbol,
    price: Money,
    at_ms: u64,
    effects: &mut Vec<Effect>,
) {
    app.market.record_quote(symbol, price, at_ms, app.clock.now_ms());
    update_opens(app, effects);
    let crossed = app.market.take_crossed_alerts(symbol, price);
    for alert in &crossed {
        let message = alert.rang();
        app.activity.add_news(Subject::Alert(alert.symbol), String::new(), &message, app.clock);
        app.activity.ring(&message, app.settings.bell, app.clock, effects);
    }
    if !crossed.is_empty() {
        update_watches(app, effects);
    }
}

/// Closes a form whose request took effect although its reply was lost.
fn settle_form(app: &mut App) {
    let Some(Popup::Form(form)) = app.view.popup_mut() else { return };
    let Some(tag) = form.lost() else { return };
    match app.activity.lines().iter().rfind(|line| line.tag == tag).map(|line| line.outcome) {
        Some(Outcome::Lost) => form.refuse("It never arrived; Enter sends it now.".to_owned()),
        Some(Outcome::Refused) => form.refuse("It was refused.".to_owned()),
        Some(Outcome::Unknown | Outcome::Waiting) => {}
        Some(Outcome::Untold) => {
            form.refuse("Nobody knows what became of it: look at the account first.".to_owned());
        }
        // The second request of a trigger follows the reply to the first, which was lost.
        _ if matches!(form.kind(), FormKind::Trigger(_)) => {
            form.refuse("See Triggers: if it is not armed, Enter sets it again.".to_owned());
        }
        _ => drop(app.view.take_popup()),
    }
}

fn on_summary(app: &mut App, body: &ReplyBody, details: &[Detail], effects: &mut Vec<Effect>) {
    match body {
        ReplyBody::DisplaySummary { .. } => {
            app.account.replace(Account::from_details(details), app.clock);
            if std::mem::take(&mut app.past_wanted)
                && app.connection.request_past(app.past_known_ms, app.clock, effects)
            {
                let user = app.connection.user().clone();
                app.past = Some(Past::new(user, app.past_known_ms, app.clock));
            }
            settle_unknown(&app.account, &mut app.activity, app.clock);
            settle_form(app);
            report_changes(&mut app.account, &mut app.activity, app.clock);
        }
        ReplyBody::Refused { code: Code::NoAccount, .. } => {
            app.account.set_missing();
            app.activity.settle_as_lost("it never reached the server: there is no account");
            settle_form(app);
        }
        ReplyBody::Refused { code, message } => {
            match code {
                Code::Forbidden => app.account.set_refused(format!("{code}: {message}")),
                Code::AuthRequired => app.account.set_refused(WANTS_LOGIN.to_owned()),
                _ => {}
            }
            app.notify(&format!("the account could not be shown: {message}"));
        }
        _ => {}
    }
    app.update_banner();
    update_watches(app, effects);
    app.connection.request_wanted_summary(app.clock, effects);
}

/// Returns the message about a reply: for a price with its age, for a sale with its profit.
fn message_of(app: &App, body: &ReplyBody, sent: &Body) -> String {
    let text = reply_text(body);
    if let Body::Command(Command::Add { amount, .. }) = sent {
        return format!("Added {}, {text}", dollars(*amount));
    }
    if let ReplyBody::Quote { symbol, at_ms, .. } = body {
        let age_ms = app.clock.server_ms().saturating_sub(*at_ms);
        let next_ms = app.market.next_price_ms(*symbol, app.clock);
        return match next_ms.filter(|_| age_ms >= 1_000) {
            Some(next_ms) => {
                let (age, next) = (age_ms / 1_000, next_ms.div_ceil(1_000));
                format!("{text}, {age} s old; a new one in {next} s")
            }
            None => text,
        };
    }
    let ReplyBody::CommitSell { terms } = body else { return text };
    let profit = app.account.profit_of_sale(*terms);
    profit.map_or(text.clone(), |profit| format!("{text}, profit {}", signed(profit)))
}

/// Applies a reply about an order or a trade, before the next summary arrives.
fn apply_trade(app: &mut App, body: &ReplyBody, sent: &Body, sent_ms: u64) {
    let amount = match sent {
        Body::Command(command) => command.funds(),
        Body::Session(_) => None,
    };
    match body {
        ReplyBody::Buy { terms, expires_at_ms } => {
            order_made(app, Side::Buy, *terms, amount, (sent_ms, *expires_at_ms));
        }
        ReplyBody::Sell { terms, expires_at_ms } => {
            order_made(app, Side::Sell, *terms, amount, (sent_ms, *expires_at_ms));
        }
        ReplyBody::CommitBuy { terms } => {
            app.account.record_fill(Side::Buy, *terms, app.clock);
            order_ended(app, Side::Buy);
        }
        ReplyBody::CommitSell { terms } => {
            app.account.record_fill(Side::Sell, *terms, app.clock);
            order_ended(app, Side::Sell);
        }
        ReplyBody::CancelBuy { .. } => order_ended(app, Side::Buy),
        ReplyBody::CancelSell { .. } => order_ended(app, Side::Sell),
        ReplyBody::CancelSetBuy { symbol, .. } => app.trade.note_removed((Side::Buy, *symbol)),
        ReplyBody::CancelSetSell { symbol, .. } => app.trade.note_removed((Side::Sell, *symbol)),
        _ => {}
    }
}

fn order_made(
    app: &mut App,
    side: Side,
    terms: TradeTerms,
    amount: Option<Money>,
    (sent_ms, expires_at_ms): (u64, u64),
) {
    app.clock.synchronize(sent_ms, expires_at_ms);
    app.trade.remember_order(side, terms, amount.unwrap_or(terms.total));
}

fn order_ended(app: &mut App, side: Side) {
    app.account.remove_newest(side);
    app.update_banner();
}

/// Sends the second command of a form, closes the form after success, or displays the refusal in
/// it.
fn on_form_reply(
    app: &mut App,
    reply: &TraderReply<'_>,
    next: Option<Command>,
    effects: &mut Vec<Effect>,
) {
    let is_refused = reply.outcome == Outcome::Refused;
    let next_tag = app.connection.next_tag();
    let form = app.view.form_in_flight(reply.tag);
    if let Some(next) = next.filter(|_| !is_refused) {
        if let Some(form) = form {
            form.continue_sending(next_tag);
        }
        app.send(next, Purpose::Form(None), effects);
        return;
    }
    let Some(form) = form else {
        if is_refused {
            app.notify(&reply.message);
        }
        return;
    };
    if is_refused {
        form.refuse(reply.message.clone());
        return;
    }
    let shown = form.shown_price();
    app.trade.set_draft(None);
    app.view.take_popup();
    let reserved = match reply.body {
        ReplyBody::Buy { terms, .. } | ReplyBody::Sell { terms, .. } => Some(terms.price),
        _ => None,
    };
    if let (Some(shown), Some(reserved)) = (shown, reserved)
        && shown != reserved
    {
        app.notify(&format!("reserved at {} (you saw {})", dollars(reserved), dollars(shown)));
    }
}

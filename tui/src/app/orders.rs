//! Sends the requests of the trader: forms, commits, cancels and the removal of triggers. Only this
//! module and the command line send a command that moves money, and only for a key pressed now.

use super::consequences::Consequence;
use super::{App, Effect, Form, FormKind, Key, Link, Pane, Popup, Purpose};
use daytrade_protocol::{Command, Money, SessionCommand, Side, Symbol};
use std::collections::BTreeSet;

/// Opens a form: with the draft or the expired order if there is one for it, or else empty.
pub(super) fn open_form(app: &mut App, kind: FormKind, effects: &mut Vec<Effect>) {
    let needs_link = !matches!(kind, FormKind::AddSymbol | FormKind::Alert);
    if needs_link && matches!(app.connection.link(), Link::ReplayOnly) {
        app.notify("a replay has no account of its own: nothing here trades");
        return;
    }
    if needs_link && !app.connection.is_live() {
        app.notify("not connected: trading waits until the link is back");
        return;
    }
    let selected = app.focused_symbol();
    let new = || Form::new(kind, selected.filter(|_| kind != FormKind::AddSymbol));
    let mut form = app.trade.take_form(kind, selected).unwrap_or_else(new);
    if kind == FormKind::AddMoney && app.account.is_missing() {
        form.set_default_amount("10000.00");
    }
    form.propose_amount();
    show_form(app, form, effects);
}

/// Displays a form and watches the price of its symbol.
pub(super) fn show_form(app: &mut App, form: Form, effects: &mut Vec<Effect>) {
    app.view.open_popup(Popup::Form(form));
    update_watches(app, effects);
}

/// Handles a key of a form.
pub(super) fn edit_form(app: &mut App, mut form: Form, key: Key, effects: &mut Vec<Effect>) {
    match key {
        // A form that is not in flight is kept as a draft.
        Key::Esc | Key::Ctrl('c') => {
            let is_open = form.is_sending() || form.lost().is_some();
            app.trade.set_draft((!is_open).then_some(form));
        }
        Key::Enter => submit(app, form, effects),
        key => {
            form.on_key(key, app.account.current(), app.market.quotes());
            show_form(app, form, effects);
        }
    }
}

/// Sends a form, or displays why it cannot be sent.
fn submit(app: &mut App, mut form: Form, effects: &mut Vec<Effect>) {
    let lines = form.consequences(app.account.current(), &app.market, app.clock);
    let blocked = lines.into_iter().find(|line| line.blocks);
    if let (FormKind::AddSymbol, Some(symbol)) = (form.kind(), form.stock()) {
        add_symbol(app, symbol, effects);
        return;
    }
    if let (FormKind::Alert, Some(symbol), None) = (form.kind(), form.stock(), &blocked) {
        if let Ok(price) = form.typed_price() {
            add_alert(app, symbol, price, effects);
        }
        return;
    }
    if form.is_sending() || form.lost().is_some() {
        app.view.open_popup(Popup::Form(form));
        return;
    }
    if let Some(blocked) = blocked {
        form.refuse(not_sent(&blocked));
    } else if app.connection.is_live()
        && let Some((command, next)) = form.commands(app.connection.user(), app.market.quotes())
    {
        if app.connection.waiting().any(|waiting| *waiting == command) {
            form.refuse("Not sent: the same request is not answered yet.".to_owned());
            app.view.open_popup(Popup::Form(form));
            return;
        }
        form.start_sending(app.connection.next_tag(), app.market.quotes());
        app.view.open_popup(Popup::Form(form));
        app.send(command, Purpose::Form(next), effects);
        return;
    }
    app.view.open_popup(Popup::Form(form));
}

/// Returns the message that a form is not sent, and why.
pub(super) fn not_sent(line: &Consequence) -> String {
    let end = if line.text.ends_with('.') { "" } else { "." };
    format!("Not sent: {}{end}", line.text)
}

/// Adds a symbol to the watchlist and selects it.
pub(super) fn add_symbol(app: &mut App, symbol: Symbol, effects: &mut Vec<Effect>) {
    app.market.add_symbol(symbol);
    if let Some(row) = app.shown_symbols().iter().position(|listed| *listed == symbol) {
        app.select(Pane::Watchlist, row);
    }
    update_watches(app, effects);
}

/// Adds a price alert; displays the result or the error.
pub(super) fn add_alert(app: &mut App, symbol: Symbol, price: Money, effects: &mut Vec<Effect>) {
    match app.market.add_alert(symbol, price) {
        Ok(alert) => {
            app.notify(&format!("Alert set: {}", alert.describe()));
            update_watches(app, effects);
        }
        Err(message) => app.notify(&message),
    }
}

/// Commits or cancels the order of the banner.
pub(super) fn commit_or_cancel(app: &mut App, is_commit: bool, effects: &mut Vec<Effect>) {
    let Some(order) = app.next_pending().copied() else {
        app.notify("nothing is pending");
        return;
    };
    if app.view.pane() == Pane::Pending
        && app.selected_pending().is_some_and(|selected| *selected != order)
    {
        let (side, terms) = (order.side.as_str(), order.terms);
        app.notify(&format!(
            "the newest {side} comes first: {} {}; nothing was sent",
            terms.shares, terms.symbol
        ));
        return;
    }
    if !app.connection.is_live() {
        app.notify("not connected: nothing was sent");
        return;
    }
    if app.connection.may_account_change() {
        app.notify("one moment: an answer is awaited; nothing was sent");
        return;
    }
    if app.trade.is_guard_over(app.clock) {
        let user = app.connection.user().clone();
        let command = match (is_commit, order.side) {
            (true, Side::Buy) => Command::CommitBuy { user },
            (true, Side::Sell) => Command::CommitSell { user },
            (false, Side::Buy) => Command::CancelBuy { user },
            (false, Side::Sell) => Command::CancelSell { user },
        };
        app.send(command, Purpose::Trader, effects);
    }
}

/// Removes the selected trigger, or in the pane of alerts the selected alert.
pub(super) fn remove_selected(app: &mut App, effects: &mut Vec<Effect>) {
    match app.view.pane() {
        Pane::Alerts => remove_alert(app, effects),
        Pane::Triggers => remove_trigger(app, effects),
        _ => app.notify("choose a trigger first: Tab to its pane, or screen 3"),
    }
}

fn remove_alert(app: &mut App, effects: &mut Vec<Effect>) {
    let Some(index) = app.selected_alert() else {
        app.notify("no alert is set");
        return;
    };
    let alert = app.market.remove_alert(index);
    app.notify(&format!("Alert removed: {}", alert.describe()));
    update_watches(app, effects);
}

fn remove_trigger(app: &mut App, effects: &mut Vec<Effect>) {
    let account = app.account.current();
    let exists = |(side, symbol): &(Side, Symbol)| {
        account.is_some_and(|account| account.trigger(*side, *symbol).is_some())
    };
    let Some((side, symbol)) = app.trade.selected_trigger().filter(exists) else {
        app.trade.select_trigger(None);
        app.notify("choose a trigger first: the one that was chosen is gone");
        return;
    };
    if app.connection.may_account_change() {
        app.notify("one moment: an answer is awaited; nothing was sent");
        return;
    }
    let user = app.connection.user().clone();
    let command = match side {
        Side::Buy => Command::CancelSetBuy { user, symbol },
        Side::Sell => Command::CancelSetSell { user, symbol },
    };
    app.send(command, Purpose::Trader, effects);
}

/// Watches the prices of the symbols on the watchlist, in the account, of alerts and of the open
/// form, and no others.
pub(super) fn update_watches(app: &mut App, effects: &mut Vec<Effect>) {
    if !app.connection.is_live() {
        return;
    }
    let mut wanted: BTreeSet<Symbol> = app.market.watchlist().iter().copied().collect();
    wanted.extend(app.account.current().into_iter().flat_map(super::Account::symbols));
    wanted.extend(app.market.alerts().iter().map(|alert| alert.symbol));
    match app.view.popup() {
        Some(Popup::Form(form)) if form.kind() != FormKind::AddSymbol => {
            wanted.extend(form.stock());
        }
        Some(Popup::Palette(_)) => wanted.extend(app.preview().and_then(|form| form.stock())),
        _ => {}
    }
    let changes = app.market.set_watched(wanted, app.clock);
    let unwatch = changes.unwatch.into_iter().map(|symbol| SessionCommand::Unwatch { symbol });
    let watch = changes.watch.into_iter();
    let watch = watch
        .flat_map(|symbol| [SessionCommand::Watch { symbol }, SessionCommand::Open { symbol }]);
    for command in unwatch.chain(watch) {
        app.connection.send_session(command, app.clock, effects);
    }
}

/// Asks for the opening prices that may have changed.
pub(super) fn update_opens(app: &mut App, effects: &mut Vec<Effect>) {
    for symbol in app.market.take_stale_opens(app.clock) {
        app.connection.send_session(SessionCommand::Open { symbol }, app.clock, effects);
    }
}

//! Dispatches a key to the popup, to the filter, or to the action that it is bound to.

use super::orders::{commit_or_cancel, edit_form, open_form, remove_selected, update_watches};
use super::palette::edit_palette;
use super::replay::Asked;
use super::{
    Action, App, Effect, FormKind, Key, Link, Palette, Pane, Popup, Purpose, Screen, Settings,
    output,
};
use daytrade_protocol::{Command, Side};

/// The number of rows of a page.
const PAGE_ROWS: isize = 10;
/// An upper bound of the rows of the help: its keys, groups and marks.
const HELP_ROWS: usize = Action::ALL.len() + 15;

pub(super) fn on_key(app: &mut App, key: Key, effects: &mut Vec<Effect>) {
    if key == Key::Ctrl('c') && app.view.record_interrupt(app.clock) {
        effects.push(Effect::Quit);
        return;
    }
    let action = app.keys.action(key, app.view.screen() == Screen::Replay);
    match app.view.take_popup() {
        Some(Popup::Form(form)) => edit_form(app, form, key, effects),
        Some(Popup::Palette(palette)) => edit_palette(app, palette, key, effects),
        Some(Popup::ConfirmQuit) => match key {
            // The key that commits is not among them: it must not quit.
            Key::Char('q') | Key::Enter | Key::Ctrl('c') => effects.push(Effect::Quit),
            _ => app.notify("stayed"),
        },
        Some(Popup::Settings(row)) => edit_settings(app, row, key, action),
        Some(popup) => scroll_popup(app, &popup, key, action, effects),
        None if app.view.is_filtering() => edit_filter(app, key),
        None => {
            if let Some(action) = action {
                perform(app, action, effects);
            }
        }
    }
}

/// Handles a key of a popup that is only read: it scrolls or copies; any other key closes it.
fn scroll_popup(
    app: &mut App,
    popup: &Popup,
    key: Key,
    action: Option<Action>,
    effects: &mut Vec<Effect>,
) {
    let by = match action {
        Some(Action::Down) => 1,
        Some(Action::Up) => -1,
        Some(Action::PageDown) => PAGE_ROWS,
        Some(Action::PageUp) => -PAGE_ROWS,
        Some(Action::Top) => isize::MIN,
        _ => 0,
    };
    let scroll =
        |row: usize, rows: usize| row.saturating_add_signed(by).min(rows.saturating_sub(1));
    let popup = match *popup {
        Popup::Help(row) if by != 0 => Popup::Help(scroll(row, HELP_ROWS)),
        Popup::Log(row) if by != 0 => Popup::Log(scroll(row, app.activity.log().len())),
        Popup::Exchange(row) if by != 0 => Popup::Exchange(scroll(row, app.rows(Pane::Activity))),
        Popup::Exchange(row) if action == Some(Action::Copy) => {
            output::copy_activity(app, row, effects);
            Popup::Exchange(row)
        }
        _ if key == Key::Ctrl('c') => {
            perform(app, Action::Quit, effects);
            return;
        }
        _ => return,
    };
    app.view.open_popup(popup);
}

fn edit_settings(app: &mut App, row: usize, key: Key, action: Option<Action>) {
    let row = match (key, action) {
        (_, Some(Action::Down)) => (row + 1) % Settings::COUNT,
        (_, Some(Action::Up)) => (row + Settings::COUNT - 1) % Settings::COUNT,
        (Key::Left, _) => {
            app.settings.change(row, true);
            row
        }
        (Key::Right | Key::Enter | Key::Char(' '), _) => {
            app.settings.change(row, false);
            row
        }
        _ => return,
    };
    app.view.open_popup(Popup::Settings(row));
}

/// Edits the filter of the watchlist, or on the screens with a search the search.
fn edit_filter(app: &mut App, key: Key) {
    // Enter keeps the words, Esc removes them.
    let ends = matches!(key, Key::Enter | Key::Esc | Key::Ctrl('c'));
    if ends {
        app.view.stop_filtering();
    }
    if key != Key::Enter {
        edit_words(app, Some(key).filter(|_| !ends));
    }
    let pane = app.view.pane();
    if pane != Pane::Replay {
        app.select(pane, 0);
    }
}

/// Edits the filter or the search of the displayed screen; without a key, shows everything again.
fn edit_words(app: &mut App, key: Option<Key>) {
    match (app.view.screen(), key) {
        (Screen::Replay, key) => app.replay.edit_search(key),
        (Screen::Activity, None) => app.activity.search_mut().clear(),
        (Screen::Activity, Some(key)) => app.activity.search_mut().on_key(key),
        (_, None) => app.market.filter_mut().set(""),
        (_, Some(key)) => app.market.filter_mut().on_key(key),
    }
}

/// Performs an action.
pub(super) fn perform(app: &mut App, action: Action, effects: &mut Vec<Effect>) {
    if action != Action::MoreKeys {
        app.view.reset_hint_page();
    }
    match action {
        Action::Buy => open_form(app, FormKind::Order(Side::Buy), effects),
        Action::Sell => open_form(app, FormKind::Order(Side::Sell), effects),
        Action::Trigger => open_form(app, FormKind::Trigger(Side::Buy), effects),
        Action::AddMoney => open_form(app, FormKind::AddMoney, effects),
        Action::AddSymbol => open_form(app, FormKind::AddSymbol, effects),
        Action::Alert => open_form(app, FormKind::Alert, effects),
        Action::Commit => commit_or_cancel(app, true, effects),
        Action::Cancel | Action::Undo => commit_or_cancel(app, false, effects),
        Action::RemoveTrigger => remove_selected(app, effects),
        Action::Requote => {
            if let Some(symbol) = app.focused_symbol() {
                let command = Command::Quote { user: app.connection.user().clone(), symbol };
                app.send(command, Purpose::Trader, effects);
            }
        }
        Action::DropSymbol => drop_symbol(app, effects),
        // Before the first connection there is nothing to go back to.
        Action::Back if matches!(app.connection.link(), Link::Connecting(_)) => {
            effects.push(Effect::Quit);
        }
        Action::Copy => output::copy(app, effects),
        Action::Export => output::export(app, effects),
        Action::Reconnect => effects.push(Effect::Reconnect),
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Quit => {
            let is_busy = app.account.pending().next().is_some()
                || app.connection.waiting().next().is_some()
                || app.stops_triggers();
            if is_busy {
                app.view.open_popup(Popup::ConfirmQuit);
            } else {
                effects.push(Effect::Quit);
            }
        }
        action if action.is_replay_action() => control_replay(app, action, effects),
        action => change_view(app, action),
    }
}

fn drop_symbol(app: &mut App, effects: &mut Vec<Effect>) {
    let Some(symbol) = app.selected_symbol() else { return };
    let row = app.row(Pane::Watchlist);
    app.market.remove_symbol(symbol);
    let last = app.rows(Pane::Watchlist).saturating_sub(1);
    app.select(Pane::Watchlist, row.min(last));
    update_watches(app, effects);
}

fn control_replay(app: &mut App, action: Action, effects: &mut Vec<Effect>) {
    if app.replay.progress().is_none() {
        let key = app.keys.key(Action::Palette);
        app.notify(&format!("no replay: {key} replay FILE starts one"));
        return;
    }
    match app.replay.control(action) {
        Asked::Request(request) => effects.push(Effect::Replay(request)),
        Asked::Nothing => {}
        Asked::Message(message) => app.notify(message),
    }
}

/// Performs an action that changes only the display.
fn change_view(app: &mut App, action: Action) {
    match action {
        Action::Down => app.move_selection(app.view.list(), 1),
        Action::Up => app.move_selection(app.view.list(), -1),
        Action::PageDown => app.move_selection(app.view.list(), PAGE_ROWS),
        Action::PageUp => app.move_selection(app.view.list(), -PAGE_ROWS),
        Action::Top => app.move_selection(app.view.list(), isize::MIN),
        Action::Bottom => app.move_selection(app.view.list(), isize::MAX),
        Action::NextPane => app.view.move_focus(true, !app.market.alerts().is_empty()),
        Action::PreviousPane => app.view.move_focus(false, !app.market.alerts().is_empty()),
        Action::Trade => app.view.show(Screen::Trade),
        Action::Holdings => app.view.show(Screen::Holdings),
        Action::Triggers => app.view.show(Screen::Triggers),
        Action::Activity => app.view.show(Screen::Activity),
        Action::Replay => app.view.show(Screen::Replay),
        Action::Detail => show_detail(app),
        Action::Back => {
            app.view.show_lists();
            edit_words(app, None);
        }
        Action::Filter => app.view.start_filtering(),
        Action::Sort => app.market.next_sort(),
        Action::Reverse => app.market.reverse(),
        Action::Zoom => app.view.toggle_zoom(),
        Action::Left | Action::Right if app.view.pane() == Pane::Chart => {
            app.view.chart_mut().move_crosshair(action == Action::Left);
        }
        Action::Left | Action::Shorter => app.view.chart_mut().change_timeframe(false),
        Action::Right | Action::Longer => app.view.chart_mut().change_timeframe(true),
        Action::ChartStyle => app.view.chart_mut().toggle_bars(),
        Action::Pause => app.market.toggle_frozen(),
        Action::HideMoney => app.view.set_money_hidden(!app.view.is_money_hidden()),
        Action::MoreKeys => app.view.next_hint_page(),
        Action::Help => app.view.open_popup(Popup::Help(0)),
        Action::Palette => app.view.open_popup(Popup::Palette(Palette::default())),
        Action::Settings => app.view.open_popup(Popup::Settings(0)),
        Action::Log => app.view.open_popup(Popup::Log(0)),
        _ => {}
    }
}

/// Displays the chart of a symbol, or request and reply of a line of activity.
fn show_detail(app: &mut App) {
    match app.view.pane() {
        Pane::Activity if app.rows(Pane::Activity) > 0 => {
            app.view.open_popup(Popup::Exchange(app.row(Pane::Activity)));
        }
        Pane::Activity | Pane::Replay => {}
        _ if app.view.screen() == Screen::Trade => app.view.toggle_chart(),
        _ => {}
    }
}

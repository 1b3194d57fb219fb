//! Handles clicks, the wheel and pasted text. Only keys move money.

use super::actions::{on_key, perform};
use super::{Action, App, Effect, HitTarget, Key, Pane, Popup};

/// The number of rows that one turn of the wheel scrolls.
const WHEEL_ROWS: isize = 3;
/// The maximum length of a pasted text, in characters.
const PASTE_CHARS_MAX: usize = 200;

/// Types a pasted text into a field. Line ends are left out, because they would send it.
pub(super) fn on_paste(app: &mut App, text: &str, effects: &mut Vec<Effect>) {
    let has_field = matches!(app.view.popup(), Some(Popup::Form(_) | Popup::Palette(_)));
    if !app.view.is_filtering() && !has_field {
        return;
    }
    for letter in text.chars().filter(|letter| !letter.is_control()).take(PASTE_CHARS_MAX) {
        on_key(app, Key::Char(letter), effects);
    }
}

pub(super) fn on_click(app: &mut App, target: HitTarget, effects: &mut Vec<Effect>) {
    if app.view.popup().is_some() {
        return;
    }
    let is_double = app.view.record_click(target, app.clock);
    match target {
        HitTarget::Screen(screen) => app.view.show(screen),
        HitTarget::Row(pane, row) => {
            app.view.focus_on(pane);
            app.select(pane, row);
            match pane {
                Pane::Watchlist | Pane::Holdings | Pane::Triggers if is_double => {
                    perform(app, Action::Buy, effects);
                }
                Pane::Activity if is_double => app.view.open_popup(Popup::Exchange(row)),
                _ => {}
            }
        }
        HitTarget::Pane(pane) => app.view.focus_on(pane),
        HitTarget::Header(sort) => app.market.sort_by(sort),
        // Only keys move money, whatever is drawn as a button.
        HitTarget::Button(
            Action::Commit | Action::Cancel | Action::Undo | Action::RemoveTrigger,
        ) => {}
        HitTarget::Button(action) => perform(app, action, effects),
    }
}

/// Scrolls the popup, or else the pane under the pointer.
pub(super) fn on_scroll(app: &mut App, down: bool, pane: Option<Pane>) {
    let by = if down { WHEEL_ROWS } else { -WHEEL_ROWS };
    let row_max = app.activity.log().len().max(Action::ALL.len());
    match app.view.popup_mut() {
        Some(Popup::Help(row) | Popup::Log(row)) => {
            *row = row.saturating_add_signed(by).min(row_max);
        }
        Some(_) => {}
        None if pane == Some(Pane::Chart) => app.view.chart_mut().change_timeframe(down),
        None => app.move_selection(pane.unwrap_or_else(|| app.view.pane()), by),
    }
}

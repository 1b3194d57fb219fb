//! What stands where, by the size of the screen.

use super::{Pen, alerts, banner, chart, form, holdings, lists, popups, replay, span, strips};
use crate::model::{Pane, Screen, text};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

/// Below this the screen is two lines.
const MINI: (u16, u16) = (20, 5);
/// Below this width or height there is one list.
const COMPACT: (u16, u16) = (60, 18);
/// From this width there are two columns.
const TWO_COLUMNS: u16 = 100;
/// From this width there are three.
const THREE_COLUMNS: u16 = 160;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect) {
    if area.width < MINI.0 || area.height < MINI.1 {
        tiny(pen, area);
        return;
    }
    let small = area.width < COMPACT.0 || area.height < COMPACT.1;
    let flags = banner::banner_lines(pen.model);
    let notice = u16::from(!small || pen.model.notice.is_some() || area.height >= 10);
    let tabs = u16::from(!small);
    let hints = u16::from(area.height >= 8);
    let [head, tab, flag, body, say, status, hint] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(tabs),
        Constraint::Length(flags),
        Constraint::Min(0),
        Constraint::Length(notice),
        Constraint::Length(1),
        Constraint::Length(hints),
    ])
    .areas(area);
    strips::account(pen, head);
    strips::tabs(pen, tab);
    banner::banner(pen, flag);
    match pen.model.screen {
        Screen::Replay => replay::draw(pen, body),
        _ if small => one_list(pen, body),
        Screen::Trade if pen.model.zoomed => one_list(pen, body),
        Screen::Trade if area.width >= THREE_COLUMNS => three_columns(pen, body),
        Screen::Trade if area.width >= TWO_COLUMNS => two_columns(pen, body),
        Screen::Trade => compact(pen, body),
        Screen::Holdings => holdings::holdings(pen, body),
        Screen::Triggers => triggers_and_alerts(pen, body),
        Screen::Activity => lists::activity(pen, body),
    }
    strips::notice(pen, say);
    strips::status(pen, status);
    strips::hints(pen, hint);
    // Cash, the link and the order that waits stay in sight whatever lies over the rest.
    let below = Rect { y: flag.bottom(), height: area.bottom() - flag.bottom(), ..area };
    let is_docked = pen.model.screen == Screen::Trade
        && area.width >= THREE_COLUMNS
        && !small
        && !pen.model.zoomed;
    popups::draw(pen, below, is_docked);
}

/// Cash and the newest order, in whatever there is.
fn tiny(pen: &mut Pen<'_>, area: Rect) {
    let cash =
        pen.model.account.as_ref().map_or("...".to_owned(), |account| pen.money(account.cash));
    let shortest = [format!("Cash {cash}"), cash];
    let fits = |words: &&String| words.chars().count() <= usize::from(area.width);
    match shortest.iter().find(fits) {
        Some(words) => pen.line(area, 0, Line::raw(words.clone())),
        None => pen.line(area, 0, Line::raw("too small")),
    }
    if let Some(order) = pen.model.next_pending() {
        let left = text::countdown(pen.model.left_ms(order.expires_at_ms));
        let words = format!("{} {} {left}", order.side.as_str(), order.terms.symbol);
        let words = if fits(&&words) { words } else { left };
        pen.line(area, 1, Line::from(span(words, pen.look.theme.warn)));
    }
}

fn one_list(pen: &mut Pen<'_>, area: Rect) {
    match pen.model.screen {
        Screen::Trade => match pen.model.focus {
            Pane::Pending => lists::pending(pen, area),
            Pane::Holdings => holdings::holdings(pen, area),
            Pane::Triggers => lists::triggers(pen, area),
            Pane::Alerts => alerts::alerts(pen, area),
            Pane::Watchlist | Pane::Activity | Pane::Replay if pen.model.chart => {
                chart::draw(pen, area)
            }
            Pane::Watchlist | Pane::Activity | Pane::Replay => lists::watchlist(pen, area),
        },
        Screen::Replay => replay::draw(pen, area),
        Screen::Holdings => holdings::holdings(pen, area),
        Screen::Triggers => lists::triggers(pen, area),
        Screen::Activity => lists::activity(pen, area),
    }
}

fn triggers_and_alerts(pen: &mut Pen<'_>, area: Rect) {
    let wanted = (pen.model.alerts.len() + pen.model.rung.len()).clamp(1, 6) as u16 + 2;
    let [top, bottom] =
        Layout::vertical([Constraint::Min(5), Constraint::Length(wanted)]).areas(area);
    lists::triggers(pen, top);
    alerts::alerts(pen, bottom);
}

fn compact(pen: &mut Pen<'_>, area: Rect) {
    let [main, strip, log] =
        Layout::vertical([Constraint::Min(5), Constraint::Length(5), Constraint::Length(2)])
            .areas(area);
    match pen.model.focus {
        _ if pen.model.chart => chart::draw(pen, main),
        Pane::Holdings => holdings::holdings(pen, main),
        Pane::Triggers => lists::triggers(pen, main),
        Pane::Alerts => alerts::alerts(pen, main),
        _ => lists::watchlist(pen, main),
    }
    // Triggers stand beside the orders once there are any.
    if pen.model.rows(Pane::Triggers) > 0 && pen.model.focus != Pane::Triggers {
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(56), Constraint::Min(0)]).areas(strip);
        lists::pending(pen, left);
        lists::triggers(pen, right);
    } else {
        lists::pending(pen, strip);
    }
    lists::newest(pen, log);
}

fn two_columns(pen: &mut Pen<'_>, area: Rect) {
    let log = (area.height / 5).clamp(4, 9);
    let [columns, bottom] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(log)]).areas(area);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(52), Constraint::Min(0)]).areas(columns);
    left_column(pen, left);
    right_column(pen, right);
    lists::activity(pen, bottom);
}

fn three_columns(pen: &mut Pen<'_>, area: Rect) {
    let log = (area.height / 5).clamp(4, 12);
    let [columns, bottom] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(log)]).areas(area);
    let [left, middle, right] = Layout::horizontal([
        Constraint::Percentage(38),
        Constraint::Min(0),
        Constraint::Length(52),
    ])
    .areas(columns);
    left_column(pen, left);
    right_column(pen, middle);
    let replay = if pen.model.replay.is_some() { 6 } else { 0 };
    let [ticket, link, short, rung] = Layout::vertical([
        Constraint::Min(0),
        Constraint::Length(6),
        Constraint::Length(replay),
        Constraint::Length((right.height / 4).max(4)),
    ])
    .areas(right);
    form::ticket(pen, ticket);
    alerts::link_health(pen, link);
    alerts::replay_in_short(pen, short);
    alerts::alerts(pen, rung);
    lists::activity(pen, bottom);
}

fn left_column(pen: &mut Pen<'_>, area: Rect) {
    let [top, bottom] =
        Layout::vertical([Constraint::Percentage(58), Constraint::Min(0)]).areas(area);
    lists::watchlist(pen, top);
    holdings::holdings(pen, bottom);
}

fn right_column(pen: &mut Pen<'_>, area: Rect) {
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Percentage(46),
        Constraint::Percentage(27),
        Constraint::Min(0),
    ])
    .areas(area);
    chart::draw(pen, top);
    lists::pending(pen, middle);
    lists::triggers(pen, bottom);
}

//! The arrangement of the panes, by the size of the screen.

use super::text_width::width;
use super::{
    DrawContext, alerts, banner, chart, equity, form, holdings, lists, popups, replay, span,
    status_bar, watchlist,
};
use crate::app::{Pane, Screen, text};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

/// The minimum size of a screen with more than two lines.
const TINY: (u16, u16) = (20, 5);
/// The minimum size of a screen with more than one list.
const COMPACT: (u16, u16) = (60, 18);
/// The minimum height of a screen whose banner has a second line.
const TALL_BANNER: u16 = 20;
/// The height of the list of the largest screen with one list only. A larger screen has other parts
/// besides it as far as the list has that many rows left, or all it needs.
const ONE_LIST: u16 = 13;
/// The heights of the strip with orders and triggers, with two rows and with all it may have.
const STRIP: (u16, u16) = (5, 8);
/// The minimum height of the holdings with the curve of the equity.
const EQUITY_FROM: u16 = 16;
/// The minimum width of two columns.
const TWO_COLUMNS: u16 = 100;
/// The minimum width of three columns.
const THREE_COLUMNS: u16 = 160;

pub(super) fn draw(ctx: &mut DrawContext<'_>, area: Rect) {
    if area.width < TINY.0 || area.height < TINY.1 {
        tiny(ctx, area);
        return;
    }
    let small = area.width < COMPACT.0 || area.height < COMPACT.1;
    let flags = banner::banner_lines(ctx.app, small || area.height < TALL_BANNER);
    let notice = u16::from(!small || ctx.app.activity.notice().is_some() || area.height >= 10);
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
    status_bar::account(ctx, head);
    status_bar::tabs(ctx, tab);
    banner::banner(ctx, flag);
    match ctx.app.view.screen() {
        Screen::Replay => replay::draw(ctx, body),
        _ if small => one_list(ctx, body),
        Screen::Trade if ctx.app.view.is_zoomed() => one_list(ctx, body),
        Screen::Trade if area.width >= THREE_COLUMNS => three_columns(ctx, body),
        Screen::Trade if area.width >= TWO_COLUMNS => two_columns(ctx, body),
        Screen::Trade => compact(ctx, body),
        Screen::Holdings => holdings_and_equity(ctx, body),
        Screen::Triggers => triggers_and_alerts(ctx, body),
        Screen::Activity => lists::activity(ctx, body),
    }
    status_bar::notice(ctx, say);
    status_bar::status(ctx, status);
    status_bar::hints(ctx, hint);
    // No popup covers cash, the banner and the link, as far as there is room for one.
    let end = if body.height < 6 { area.bottom() } else { status.y };
    let below = Rect { y: flag.bottom(), height: end - flag.bottom(), ..area };
    let is_docked = ctx.app.view.screen() == Screen::Trade
        && area.width >= THREE_COLUMNS
        && !small
        && !ctx.app.view.is_zoomed();
    popups::draw(ctx, below, is_docked);
}

/// Draws cash and the newest order on a tiny screen.
fn tiny(ctx: &mut DrawContext<'_>, area: Rect) {
    let cash =
        ctx.app.account.current().map_or("...".to_owned(), |account| ctx.money(account.cash));
    let shortest = [format!("Cash {cash}"), cash];
    let fits = |text: &&String| width(text) <= usize::from(area.width);
    match shortest.iter().find(fits) {
        Some(text) => ctx.line(area, 0, Line::raw(text.clone())),
        None => ctx.line(area, 0, Line::raw("too small")),
    }
    if let Some(order) = ctx.app.next_pending() {
        let left = text::countdown(ctx.app.clock.left_ms(order.expires_at_ms));
        let text = format!("{} {} {left}", order.side.as_str(), order.terms.symbol);
        let text = if fits(&&text) { text } else { left };
        ctx.line(area, 1, Line::from(span(text, ctx.options.theme.warn)));
    }
}

fn one_list(ctx: &mut DrawContext<'_>, area: Rect) {
    match ctx.app.view.screen() {
        Screen::Trade => match ctx.app.view.focus() {
            Pane::Pending => lists::pending(ctx, area),
            Pane::Holdings => holdings::holdings(ctx, area),
            Pane::Triggers => lists::triggers(ctx, area),
            Pane::Alerts => alerts::alerts(ctx, area),
            Pane::Chart => chart::draw(ctx, area),
            Pane::Watchlist | Pane::Activity | Pane::Replay => watchlist::watchlist(ctx, area),
        },
        Screen::Replay => replay::draw(ctx, area),
        Screen::Holdings => holdings::holdings(ctx, area),
        Screen::Triggers => triggers_and_alerts(ctx, area),
        Screen::Activity => lists::activity(ctx, area),
    }
}

fn holdings_and_equity(ctx: &mut DrawContext<'_>, area: Rect) {
    if area.height < EQUITY_FROM {
        holdings::holdings(ctx, area);
        return;
    }
    let (top, bottom) = if area.width >= TWO_COLUMNS {
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(58), Constraint::Min(0)]).areas(area);
        (left, right)
    } else {
        let curve = (area.height / 3).clamp(6, 12);
        let [top, bottom] =
            Layout::vertical([Constraint::Min(0), Constraint::Length(curve)]).areas(area);
        (top, bottom)
    };
    holdings::holdings(ctx, top);
    equity::equity(ctx, bottom);
}

fn triggers_and_alerts(ctx: &mut DrawContext<'_>, area: Rect) {
    let wanted =
        (ctx.app.market.alerts().len() + ctx.app.activity.bell_log().len()).clamp(1, 6) as u16 + 2;
    let [top, bottom] =
        Layout::vertical([Constraint::Min(3), Constraint::Length(wanted.min(area.height / 2))])
            .areas(area);
    lists::triggers(ctx, top);
    alerts::alerts(ctx, bottom);
}

fn compact(ctx: &mut DrawContext<'_>, area: Rect) {
    let focus = ctx.app.view.focus();
    let height_of = |pane| ctx.app.rows(pane).min(usize::from(ONE_LIST)) as u16 + 3;
    let needed = match focus {
        Pane::Chart => ONE_LIST,
        Pane::Holdings | Pane::Triggers | Pane::Alerts => height_of(focus),
        _ => height_of(Pane::Watchlist),
    };
    let left = area.height.saturating_sub(needed.clamp(5, ONE_LIST));
    let orders = height_of(Pane::Pending).max(height_of(Pane::Triggers));
    let strip = if left < 4 { 0 } else { orders.clamp(STRIP.0, STRIP.1).min(left) };
    let log = (left - strip).min(2);
    let [main, strip, log] =
        Layout::vertical([Constraint::Min(5), Constraint::Length(strip), Constraint::Length(log)])
            .areas(area);
    match ctx.app.view.focus() {
        Pane::Chart => chart::draw(ctx, main),
        Pane::Holdings => holdings::holdings(ctx, main),
        Pane::Triggers => lists::triggers(ctx, main),
        Pane::Alerts => alerts::alerts(ctx, main),
        _ => watchlist::watchlist(ctx, main),
    }
    if strip.height == 0 {
        lists::newest(ctx, log);
        return;
    }
    // The triggers are next to the orders, if there are any.
    if ctx.app.rows(Pane::Triggers) > 0 && ctx.app.view.focus() != Pane::Triggers {
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(56), Constraint::Min(0)]).areas(strip);
        lists::pending(ctx, left);
        lists::triggers(ctx, right);
    } else {
        lists::pending(ctx, strip);
    }
    lists::newest(ctx, log);
}

fn two_columns(ctx: &mut DrawContext<'_>, area: Rect) {
    let log = (area.height / 5).clamp(4, 9);
    let [columns, bottom] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(log)]).areas(area);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(52), Constraint::Min(0)]).areas(columns);
    left_column(ctx, left);
    right_column(ctx, right);
    lists::activity(ctx, bottom);
}

fn three_columns(ctx: &mut DrawContext<'_>, area: Rect) {
    let log = (area.height / 5).clamp(4, 12);
    let [columns, bottom] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(log)]).areas(area);
    let [left, middle, right] = Layout::horizontal([
        Constraint::Percentage(38),
        Constraint::Min(0),
        Constraint::Length(52),
    ])
    .areas(columns);
    left_column(ctx, left);
    right_column(ctx, middle);
    let replay = if ctx.app.replay.progress().is_some() { 6 } else { 0 };
    let [ticket, link, short, rung] = Layout::vertical([
        Constraint::Min(0),
        Constraint::Length(6),
        Constraint::Length(replay),
        Constraint::Length((right.height / 4).max(4)),
    ])
    .areas(right);
    form::ticket(ctx, ticket);
    alerts::link_health(ctx, link);
    alerts::replay_summary(ctx, short);
    alerts::alerts(ctx, rung);
    lists::activity(ctx, bottom);
}

fn left_column(ctx: &mut DrawContext<'_>, area: Rect) {
    let [top, bottom] =
        Layout::vertical([Constraint::Percentage(58), Constraint::Min(0)]).areas(area);
    watchlist::watchlist(ctx, top);
    holdings::holdings(ctx, bottom);
}

fn right_column(ctx: &mut DrawContext<'_>, area: Rect) {
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Percentage(46),
        Constraint::Percentage(27),
        Constraint::Min(0),
    ])
    .areas(area);
    chart::draw(ctx, top);
    lists::pending(ctx, middle);
    // A wide screen has a pane for alerts.
    if ctx.app.view.focus() == Pane::Alerts && ctx.buffer.area.width < THREE_COLUMNS {
        alerts::alerts(ctx, bottom);
    } else {
        lists::triggers(ctx, bottom);
    }
}

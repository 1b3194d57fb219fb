//! The lists of pending orders, triggers and activity.

use super::table::{Cells, number_column, table, text_column, visible};
use super::text_width::fit_words;
use super::{DrawContext, span};
use crate::app::{Action, ActivityLine, Link, Outcome, Pane, Screen, Trigger, outcome_word, text};
use daytrade_protocol::Side;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

/// Returns the text of an empty pane: that the account is being loaded, or else `empty`.
pub(super) fn empty_text(ctx: &DrawContext<'_>, empty: &str) -> String {
    let app = ctx.app;
    if app.account.current().is_some() || app.account.is_missing() {
        return empty.to_owned();
    }
    match app.connection.link() {
        Link::Live(since) if app.clock.since_ms(*since) >= 1_000 => {
            format!("loading, {} s", app.clock.since_ms(*since) / 1_000)
        }
        Link::Offline { .. } => "no data: offline".to_owned(),
        Link::ReplayOnly => "a replay has no account of its own".to_owned(),
        _ => "loading".to_owned(),
    }
}

/// Draws the pending orders.
pub(super) fn pending(ctx: &mut DrawContext<'_>, area: Rect) {
    let app = ctx.app;
    let count = app.rows(Pane::Pending);
    let title =
        if count == 0 { "Pending".to_owned() } else { format!("Pending: {count}, 60 s to commit") };
    let footer = format!(
        "{} commit  {} cancel  {} undo",
        ctx.key(Action::Commit),
        ctx.key(Action::Cancel),
        ctx.key(Action::Undo)
    );
    let inner =
        ctx.pane(area, Pane::Pending, &title, "newest order commits first, per side", &footer);
    let theme = ctx.options.theme;
    let columns = [
        text_column("SIDE", 0),
        text_column("SYM", 0),
        number_column("SHARES", 5),
        number_column("PRICE", 3),
        number_column("NOW", 2),
        number_column("GAIN", 4),
        number_column("TOTAL", 6),
        text_column("", 1),
        number_column("LEFT", 0),
        text_column("", 0),
    ];
    let next = app.next_pending();
    let bar_cells = if area.width >= 90 { 24 } else { 10 };
    let range = visible(ctx, inner, Pane::Pending, count);
    let first = range.start;
    let rows: Vec<Cells> = app
        .account
        .pending()
        .skip(first)
        .take(range.len())
        .map(|order| {
            let left = app.clock.left_ms(order.expires_at_ms);
            let is_next = next.is_some_and(|next| std::ptr::eq(next, order));
            let style = if left <= 20_000 { theme.warn } else { theme.text };
            let now = app.market.shown_quotes().price(order.terms.symbol);
            let gain = now.and_then(|now| order.worth_at(now));
            let gain_style = theme.moved(gain.map_or(0, daytrade_protocol::Money::cents));
            vec![
                (order.side.as_str().to_owned(), theme.text),
                (app.market.shown_name(order.terms.symbol), theme.text),
                (ctx.share_count(order.terms.shares), theme.text),
                (text::dollars(order.terms.price), theme.text),
                (now.map_or("-".to_owned(), text::dollars), theme.text),
                (gain.map_or(String::new(), |gain| ctx.signed_money(gain)), gain_style),
                (ctx.money(order.terms.total), theme.text),
                (format!("[{}]", ctx.options.glyphs.bar(left, 60_000, bar_cells)), style),
                (if left == 0 { "expired".to_owned() } else { text::countdown(left) }, style),
                (if is_next { "NEXT".to_owned() } else { String::new() }, theme.title),
            ]
        })
        .collect();
    let empty = empty_text(ctx, "Nothing pending. A buy or sell waits here for its commit.");
    table(ctx, inner, (Pane::Pending, first), &columns, &rows, &empty);
}

/// Draws the triggers, the nearest to the price first.
pub(super) fn triggers(ctx: &mut DrawContext<'_>, area: Rect) {
    let triggers = ctx.app.triggers_by_nearness();
    let armed = triggers.iter().filter(|(trigger, _)| trigger.price.is_some()).count();
    let alerts = ctx.app.market.alerts().len() as u64;
    let alerts =
        if alerts > 0 { format!(", {}", text::count(alerts, "alert")) } else { String::new() };
    let count = format!("{armed} armed, {} incomplete{alerts}", triggers.len() - armed);
    let footer =
        format!("{} set  {} remove", ctx.key(Action::Trigger), ctx.key(Action::RemoveTrigger));
    let inner = ctx.pane(area, Pane::Triggers, "Triggers", &count, &footer);
    let columns = [
        text_column("SIDE", 0),
        text_column("SYM", 0),
        number_column("AMOUNT", 4),
        number_column("FIRES AT", 0),
        number_column("NOW", 2),
        number_column("AWAY", 5),
        text_column("", 1),
        text_column("STATE", 3),
    ];
    let range = visible(ctx, inner, Pane::Triggers, triggers.len());
    let first = range.start;
    let rows: Vec<Cells> =
        triggers[range].iter().map(|(trigger, away)| trigger_row(ctx, trigger, *away)).collect();
    let empty =
        empty_text(ctx, &format!("No triggers. Press {} to set one.", ctx.key(Action::Trigger)));
    table(ctx, inner, (Pane::Triggers, first), &columns, &rows, &empty);
}

/// Returns the row of a trigger; `away` is its distance from the price in hundredths of a percent.
fn trigger_row(ctx: &DrawContext<'_>, trigger: &Trigger, away: Option<i64>) -> Cells {
    let (app, theme, glyphs) = (ctx.app, ctx.options.theme, ctx.options.glyphs);
    let now = app.market.shown_quotes().price(trigger.symbol);
    let (fires, state, style) = if let Some(price) = trigger.price {
        let (at_most, at_least) = glyphs.bounds;
        let (sign, verb, shares) = match trigger.side {
            Side::Buy => (at_most, "buys", trigger.amount.whole_shares(price)),
            Side::Sell => (at_least, "sells", trigger.shares),
        };
        let state = format!("armed, {verb} {}", ctx.share_count(shares));
        (format!("{sign} {}", ctx.money(price)), state, theme.text)
    } else {
        let state = format!("incomplete: {} sets its price", ctx.key(Action::Trigger));
        ("no price".to_owned(), state, theme.warn)
    };
    let away = away.filter(|_| !app.view.is_money_hidden());
    // The bar is full at the price itself and empty a tenth away from it.
    let bar = away.map_or(String::new(), |away| {
        let near = 1_000_u64.saturating_sub(away.unsigned_abs());
        format!("[{}]", glyphs.bar(near, 1_000, 10))
    });
    let away =
        away.map_or(String::new(), |away| text::percent(away).trim_start_matches('+').to_owned());
    vec![
        (trigger.side.as_str().to_owned(), style),
        (ctx.app.market.shown_name(trigger.symbol), style),
        (ctx.money(trigger.amount), style),
        (fires, style),
        (now.map_or("-".to_owned(), text::dollars), theme.text),
        (away, theme.text),
        (bar, theme.dim),
        (state, style),
    ]
}

/// The width for which the numbers of the activity make room.
const MESSAGE_CLAIM: usize = 56;

/// Draws the activity, newest line first.
pub(super) fn activity(ctx: &mut DrawContext<'_>, area: Rect) {
    let footer = match ctx.app.view.screen() {
        Screen::Activity => format!(
            "{} search  {} request and reply  {} copy  {} export",
            ctx.key(Action::Filter),
            ctx.key(Action::Detail),
            ctx.key(Action::Copy),
            ctx.key(Action::Export)
        ),
        _ => format!("{} full log  {} export", ctx.key(Action::Activity), ctx.key(Action::Export)),
    };
    let count = ctx.app.rows(Pane::Activity);
    let search = ctx.app.activity.search();
    let state = if ctx.app.view.screen() == Screen::Activity && !search.is_empty() {
        let all = text::thousands(ctx.app.activity.lines().len() as u64);
        format!("{} of {all} match {}", text::thousands(count as u64), search.text())
    } else {
        "newest first".to_owned()
    };
    let inner = ctx.pane(area, Pane::Activity, "Activity", &state, &footer);
    let columns = [
        text_column("TIME", 3),
        text_column("WHAT", 0),
        text_column("", 0),
        number_column("TOOK", 2),
        number_column("TAG", 1),
        text_column("", 0).claiming(MESSAGE_CLAIM),
    ];
    let range = if ctx.app.view.screen() == Screen::Activity {
        visible(ctx, inner, Pane::Activity, count)
    } else {
        0..count.min(usize::from(inner.height.saturating_sub(1)))
    };
    let first = range.start;
    let rows = activity_rows(ctx, range);
    let empty = if ctx.app.activity.lines().is_empty() {
        "Nothing yet. What you do, and what the server does for you, is noted here.".to_owned()
    } else {
        format!("Nothing matches. {} shows all.", ctx.key(Action::Back))
    };
    table(ctx, inner, (Pane::Activity, first), &columns, &rows, &empty);
}

/// Draws the newest lines of activity without a frame.
pub(super) fn newest(ctx: &mut DrawContext<'_>, area: Rect) {
    for (row, line) in (0..area.height).zip(ctx.app.activity.lines().iter().rev()) {
        let (word, style) = outcome_label(line.outcome, ctx);
        let request = ctx.words(&line.subject.summary());
        let head = if line.outcome == Outcome::News {
            String::new()
        } else {
            format!("{request} {word}: ")
        };
        let text = format!(
            " {} {head}{}",
            text::moment(line.at_ms, ctx.app.clock.now_ms()),
            ctx.words(&line.message)
        );
        let text = fit_words(&text, usize::from(area.width));
        ctx.line(area, row, Line::from(span(text, style)));
    }
}

/// Returns the word and the style of an outcome.
fn outcome_label(outcome: Outcome, ctx: &DrawContext<'_>) -> (&'static str, Style) {
    let theme = &ctx.options.theme;
    let style = match outcome {
        Outcome::Waiting => theme.dim,
        Outcome::Ok => theme.text,
        Outcome::Refused => theme.bad,
        Outcome::Unknown | Outcome::Untold | Outcome::Lost => theme.warn,
        Outcome::News => theme.title,
    };
    (outcome_word(outcome), style)
}

fn activity_rows(ctx: &DrawContext<'_>, range: std::ops::Range<usize>) -> Vec<Cells> {
    let theme = &ctx.options.theme;
    let now_ms = ctx.app.clock.now_ms();
    let row = |line: &ActivityLine| {
        let (word, style) = outcome_label(line.outcome, ctx);
        let took = line.took_us.map_or(String::new(), text::millis);
        let text = ctx.words(&line.message);
        let request = ctx.words(&line.subject.summary());
        let tag = if line.tag > 0 { format!("#{}", line.tag) } else { String::new() };
        vec![
            (text::moment(line.at_ms, now_ms), theme.dim),
            (request, theme.text),
            (word.to_owned(), style),
            (took, theme.dim),
            (tag, theme.dim),
            (text, style),
        ]
    };
    ctx.app.shown_activity().skip(range.start).take(range.len()).map(row).collect()
}

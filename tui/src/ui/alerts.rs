//! The panes at the right of a wide screen: the state of the link, alerts and the replay.

use super::text_width::fit_words;
use super::{DrawContext, span};
use crate::app::{Action, Health, HitTarget, Link, Pane, text};
use crate::replay_message::Stage;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Draws the active alerts, then the messages that the bell rang for, newest first.
pub(super) fn alerts(ctx: &mut DrawContext<'_>, area: Rect) {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let footer =
        format!("{} new alert  {} remove", ctx.key(Action::Alert), ctx.key(Action::RemoveTrigger));
    let bell = if app.settings.bell { "bell on" } else { "bell off" };
    let inner = ctx.pane(area, Pane::Alerts, "Alerts", bell, &footer);
    let focused = app.view.pane() == Pane::Alerts;
    let mut row = 0;
    for (at, alert) in app.market.alerts().iter().enumerate() {
        let is_selected = focused && app.selected_alert() == Some(at);
        let mark = if is_selected { ctx.options.glyphs.mark } else { ' ' };
        let row_area = Rect { y: inner.y + row, height: 1, ..inner };
        if row >= inner.height {
            return;
        }
        ctx.line(inner, row, Line::from(span(format!("{mark}{}", alert.describe()), theme.text)));
        if is_selected {
            ctx.buffer.set_style(row_area, theme.selected);
        }
        ctx.hits.add(row_area, HitTarget::Row(Pane::Alerts, at));
        row += 1;
    }
    for (at_ms, text) in app.activity.bell_log().iter().rev() {
        let text = fit_words(&ctx.words(text), usize::from(inner.width).saturating_sub(11));
        ctx.line(
            inner,
            row,
            Line::from(vec![
                span(format!(" {} ", text::clock(*at_ms)), theme.dim),
                span(text, theme.title),
            ]),
        );
        row += 1;
    }
    if row == 0 {
        let text =
            format!(" None. {} rings the bell when a price is crossed.", ctx.key(Action::Alert));
        ctx.line(inner, 0, Line::from(span(fit_words(&text, usize::from(inner.width)), theme.dim)));
    }
}

/// Draws round-trip times and counts.
pub(super) fn link_health(ctx: &mut DrawContext<'_>, area: Rect) {
    let app = ctx.app;
    let since = |ms: u64| {
        let minutes = app.clock.since_ms(ms) / 60_000;
        if minutes < 60 {
            format!("{minutes}m")
        } else {
            format!("{}h {}m", minutes / 60, minutes % 60)
        }
    };
    let state = match app.connection.link() {
        Link::Live(ms) => {
            let word = match app.connection.health() {
                Health::Good => "LIVE",
                Health::Slow => "SLOW",
                Health::NoReply => "NO REPLY",
            };
            format!("{word} {}", since(*ms))
        }
        Link::Offline { since_ms, .. } => format!("OFFLINE {}", since(*since_ms)),
        Link::Connecting(_) => "connecting".to_owned(),
        Link::Moving(_) => "moving".to_owned(),
        Link::ReplayOnly => String::new(),
    };
    let inner = ctx.frame(
        area,
        "Link",
        &state,
        &format!("{} reconnect", ctx.key(Action::Reconnect)),
        false,
    );
    let at = |row_area| app.activity.round_trip(row_area).map_or("-".to_owned(), text::millis);
    let last = app.activity.round_trips().back().map_or("-".to_owned(), |last| text::millis(*last));
    let cells = usize::from(inner.width).saturating_sub(2);
    let spark = app.activity.round_trips().iter().map(|us| i64::try_from(*us).unwrap_or(i64::MAX));
    let counts = app.activity.counts();
    let rows = [
        format!(" last {last}  p50 {}  p90 {}  p99 {}", at(500), at(900), at(990)),
        format!(" {}", ctx.options.glyphs.sparkline(spark, cells)),
        format!(
            " sent {}  ok {}  refused {}  lost {}",
            counts.sent, counts.ok, counts.refused, counts.lost
        ),
        format!(
            " max {}  waiting {}  reconnects {}  clock {:+} ms",
            text::millis(app.activity.worst_us()),
            app.connection.waiting().count(),
            counts.reconnects,
            app.clock.offset_ms()
        ),
    ];
    for (row, text) in (0..).zip(rows) {
        ctx.line(inner, row, Line::raw(fit_words(&text, usize::from(inner.width))));
    }
}

/// Draws the progress of the replay.
pub(super) fn replay_summary(ctx: &mut DrawContext<'_>, area: Rect) {
    let Some(replay) = ctx.app.replay.progress() else { return };
    let state = match &replay.stage {
        Stage::Starting => "starting".to_owned(),
        Stage::Running => replay.pace.words(),
        Stage::Ended => "ended".to_owned(),
        Stage::Failed(_) => "FAILED".to_owned(),
    };
    let footer = format!("{} opens it", ctx.key(Action::Replay));
    let inner = ctx.frame(area, "Replay", &state, &footer, false);
    let rows = super::replay::counts(ctx, inner.width);
    for (row, text) in (0..).zip(rows) {
        ctx.line(inner, row, Line::raw(fit_words(&text, usize::from(inner.width))));
    }
}

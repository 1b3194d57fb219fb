//! The panes at the right of a wide screen: the link's health, alerts, a replay in short.

use super::{Pen, span};
use crate::model::{Action, Link, Pane, Spot, text};
use crate::replay::Stage;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Prices to hear of, then what the bell rang for, newest first.
pub(super) fn alerts(pen: &mut Pen<'_>, area: Rect) {
    let (model, theme) = (pen.model, pen.look.theme);
    let foot =
        format!("{} new alert  {} remove", pen.key(Action::Alert), pen.key(Action::RemoveTrigger));
    let bell = if model.settings.bell { "bell on" } else { "bell off" };
    let inner = pen.pane(area, Pane::Alerts, "Alerts", bell, &foot);
    let focused = model.pane() == Pane::Alerts;
    let mut row = 0;
    for (at, alert) in model.alerts.iter().enumerate() {
        let is_selected = focused && model.selected_alert() == Some(at);
        let mark = if is_selected { pen.look.glyphs.mark } else { ' ' };
        let place = Rect { y: inner.y + row, height: 1, ..inner };
        if row >= inner.height {
            return;
        }
        pen.line(
            inner,
            row,
            Line::from(span(format!("{mark}waits: {}", alert.words("crosses")), theme.text)),
        );
        if is_selected {
            pen.buffer.set_style(place, theme.sel);
        }
        pen.hits.add(place, Spot::Row(Pane::Alerts, at));
        row += 1;
    }
    for (at_ms, words) in model.rung.iter().rev() {
        let words =
            super::fit_words(&pen.words(words), usize::from(inner.width).saturating_sub(11));
        pen.line(
            inner,
            row,
            Line::from(vec![
                span(format!(" {} ", text::clock(*at_ms)), theme.dim),
                span(words, theme.title),
            ]),
        );
        row += 1;
    }
    if row == 0 {
        let words =
            format!(" None. {} rings the bell when a price is crossed.", pen.key(Action::Alert));
        pen.line(
            inner,
            0,
            Line::from(span(super::fit_words(&words, usize::from(inner.width)), theme.dim)),
        );
    }
}

/// Round trips and counts.
pub(super) fn link_health(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let since = |ms: u64| {
        let minutes = model.now_ms.saturating_sub(ms) / 60_000;
        if minutes < 60 {
            format!("{minutes}m")
        } else {
            format!("{}h {}m", minutes / 60, minutes % 60)
        }
    };
    let state = match &model.link {
        Link::Live(ms) => format!("LIVE {}", since(*ms)),
        Link::Offline { since_ms, .. } => format!("OFFLINE {}", since(*since_ms)),
        Link::Connecting(_) => "connecting".to_owned(),
        Link::Apart => String::new(),
    };
    let inner = pen.frame(
        area,
        "Link",
        &state,
        &format!("{} reconnect", pen.key(Action::Reconnect)),
        false,
    );
    let at = |place| model.round_trip(place).map_or("-".to_owned(), text::millis);
    let last = model.round_trips.back().map_or("-".to_owned(), |last| text::millis(*last));
    let cells = usize::from(inner.width).saturating_sub(2);
    let spark = model.round_trips.iter().map(|us| i64::try_from(*us).unwrap_or(i64::MAX));
    let counts = model.counts;
    let rows = [
        format!(" last {last}  p50 {}  p90 {}  p99 {}", at(500), at(900), at(990)),
        format!(" {}", pen.look.glyphs.sparkline(spark, cells)),
        format!(
            " sent {}  ok {}  refused {}  lost {}",
            counts.sent, counts.ok, counts.refused, counts.lost
        ),
        format!(
            " max {}  waiting {}  reconnects {}  clock {:+} ms",
            text::millis(model.worst_us),
            model.waiting().len(),
            counts.reconnects,
            model.offset_ms
        ),
    ];
    for (row, words) in (0..).zip(rows) {
        pen.line(inner, row, Line::raw(super::fit_words(&words, usize::from(inner.width))));
    }
}

/// How far the replay has come, in short.
pub(super) fn replay_in_short(pen: &mut Pen<'_>, area: Rect) {
    let Some(replay) = &pen.model.replay else { return };
    let state = match &replay.stage {
        Stage::Starting => "starting".to_owned(),
        Stage::Running => replay.pace.words(),
        Stage::Ended => "ended".to_owned(),
        Stage::Failed(_) => "FAILED".to_owned(),
    };
    let foot = format!("{} opens it", pen.key(Action::Replay));
    let inner = pen.frame(area, "Replay", &state, &foot, false);
    let rows = super::replay::counts(pen, inner.width);
    for (row, words) in (0..).zip(rows) {
        pen.line(inner, row, Line::raw(super::fit_words(&words, usize::from(inner.width))));
    }
}

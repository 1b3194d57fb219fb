//! Screen 5: the replay of a workload, with each request next to its reply.

use super::table::{Cells, number_column, table, text_column, visible};
use super::text_width::{fit_words, split_lines};
use super::{DrawContext, span};
use crate::app::{Action, Pane, text};
use crate::replay_message::{Exchange, Pace, Stage};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

/// Draws the screen.
pub(super) fn draw(ctx: &mut DrawContext<'_>, area: Rect) {
    let Some(replay) = ctx.app.replay.progress() else {
        let inner = ctx.pane(area, Pane::Replay, "Replay", "", "");
        let key = ctx.key(Action::Palette);
        let rows = [
            format!(" No replay. {key} replay FILE runs a workload file on a server of its own,"),
            " or start with: daytrade replay FILE --ui".to_owned(),
        ];
        for (row, text) in (0..).zip(rows) {
            let text = fit_words(&text, usize::from(inner.width));
            ctx.line(inner, row, Line::from(span(text, ctx.options.theme.dim)));
        }
        return;
    };
    let last = replay.exchanges.len().saturating_sub(1);
    let selected = replay.exchanges.iter().rev().nth(ctx.app.row(Pane::Replay).min(last)).cloned();
    let head = if area.height >= 14 { 6 } else { 3 };
    let footer = if area.height >= 14 { (area.height / 4).clamp(4, 14) } else { 0 };
    let [top, list, below] = Layout::vertical([
        Constraint::Length(head),
        Constraint::Min(3),
        Constraint::Length(footer),
    ])
    .areas(area);
    progress(ctx, top);
    exchanges_list(ctx, list);
    if let Some(selected) = selected.filter(|_| below.height >= 4) {
        side_by_side(ctx, below, &selected);
    }
}

fn progress(ctx: &mut DrawContext<'_>, area: Rect) {
    let Some(replay) = ctx.app.replay.progress() else { return };
    let (state, style) = match &replay.stage {
        Stage::Starting => ("starting".to_owned(), ctx.options.theme.dim),
        Stage::Running if replay.pace == Pace::Paused => (
            format!(
                "PAUSED, {} resumes, {} one line",
                ctx.key(Action::ReplayPause),
                ctx.key(Action::ReplayStep)
            ),
            ctx.options.theme.warn,
        ),
        Stage::Running => (format!("running, speed {}", replay.pace.words()), ctx.options.theme.ok),
        Stage::Ended => ("ended".to_owned(), ctx.options.theme.ok),
        Stage::Failed(text) => (format!("FAILED: {text}"), ctx.options.theme.bad),
    };
    let title = format!("Replay {}", replay.file);
    let inner = ctx.frame(area, &title, "", "", false);
    ctx.line(
        inner,
        0,
        Line::from(span(fit_words(&format!(" {state}"), usize::from(inner.width)), style)),
    );
    for (row, text) in (1..).zip(counts(ctx, inner.width)) {
        ctx.line(inner, row, Line::raw(fit_words(&text, usize::from(inner.width))));
    }
}

/// Returns the lines with the progress bar, the number of lines and the outcomes.
pub(super) fn counts(ctx: &DrawContext<'_>, width: u16) -> Vec<String> {
    let Some(replay) = ctx.app.replay.progress() else { return Vec::new() };
    let (whole, sent) = replay.bytes;
    let percent = sent.min(whole) * 100 / whole.max(1);
    let cells = usize::from(width).saturating_sub(12).min(60);
    let bar = ctx.options.glyphs.bar(sent, whole.max(1), cells);
    let speed = if replay.pace == Pace::Max {
        format!("   {} lines/s", text::thousands(replay.lines_per_second()))
    } else {
        String::new()
    };
    vec![
        if whole > 0 { format!(" [{bar}] {percent:>3}%") } else { " of standard input".to_owned() },
        format!(" {} lines sent{speed}", text::thousands(replay.lines)),
        format!(
            " ok {}   refused {}   not as expected {}",
            text::thousands(replay.ok),
            text::thousands(replay.refused),
            text::thousands(replay.differences)
        ),
    ]
}

fn exchanges_list(ctx: &mut DrawContext<'_>, area: Rect) {
    let Some(replay) = ctx.app.replay.progress() else { return };
    let keys = [
        (Action::ReplayFaster, "faster"),
        (Action::ReplaySlower, "slower"),
        (Action::ReplayJump, "next refusal"),
        (Action::Copy, "copy"),
    ];
    let footer = keys.map(|(action, word)| format!("{} {word}", ctx.key(action))).join("  ");
    let inner = ctx.pane(area, Pane::Replay, "Requests", "newest first", &footer);
    let theme = ctx.options.theme;
    let columns = [
        number_column("LINE", 1),
        text_column("REQUEST", 0),
        text_column("", 3),
        text_column("REPLY", 2),
    ];
    let range = visible(ctx, inner, Pane::Replay, replay.exchanges.len());
    let first = range.start;
    let rows: Vec<Cells> = replay
        .exchanges
        .iter()
        .rev()
        .skip(first)
        .take(range.len())
        .map(|exchange| {
            let (word, style) = match (&exchange.difference, exchange.refused) {
                (Some(_), _) => ("DIFFERS", theme.bad),
                (None, true) => ("refused", theme.bad),
                (None, false) => ("ok", theme.text),
            };
            // The request has the tag already. Spaces between the fields let them be wrapped whole.
            let last = exchange.reply.lines().last().unwrap_or_default();
            let last = last.split_once("] ").map_or(last, |(_, reply)| reply).replace(',', " ");
            vec![
                (text::thousands(exchange.file_line), theme.dim),
                (exchange.request.clone(), theme.text),
                (word.to_owned(), style),
                (last, style),
            ]
        })
        .collect();
    table(ctx, inner, (Pane::Replay, first), &columns, &rows, "Nothing sent yet.");
}

fn side_by_side(ctx: &mut DrawContext<'_>, area: Rect, exchange: &Exchange) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Min(0)]).areas(area);
    let title = format!("Line {}", text::thousands(exchange.file_line));
    let request = ctx.frame(left, &title, "request", "", false);
    lines(ctx, request, &exchange.request);
    let reply =
        ctx.frame(right, "Reply", if exchange.refused { "refused" } else { "ok" }, "", false);
    let text = match &exchange.difference {
        Some(difference) => format!("{}\nNOT AS EXPECTED: {difference}", exchange.reply),
        None => exchange.reply.clone(),
    };
    lines(ctx, reply, &text);
}

/// Draws a text at any width, split at any character.
fn lines(ctx: &mut DrawContext<'_>, area: Rect, text: &str) {
    let parts = split_lines(text, usize::from(area.width));
    for (row, part) in (0..area.height).zip(parts) {
        ctx.line(area, row, Line::raw(part));
    }
}

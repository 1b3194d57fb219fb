//! Screen 5: a workload on its way through a server, each request beside its reply.

use super::table::{Cells, number, table, visible, words};
use super::{Pen, span};
use crate::model::{Action, Pane, text};
use crate::replay::{Exchange, Pace, Stage};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect) {
    let Some(replay) = &pen.model.replay else {
        let inner = pen.pane(area, Pane::Replay, "Replay", "", "");
        let key = pen.key(Action::Palette);
        let rows = [
            format!(" No replay. {key} replay FILE runs a workload file on a server of its own,"),
            " or start with: daytrade replay FILE --ui".to_owned(),
        ];
        for (row, words) in (0..).zip(rows) {
            let words = super::fit_words(&words, usize::from(inner.width));
            pen.line(inner, row, Line::from(span(words, pen.look.theme.dim)));
        }
        return;
    };
    let last = replay.exchanges.len().saturating_sub(1);
    let chosen = replay.exchanges.iter().rev().nth(pen.model.row(Pane::Replay).min(last)).cloned();
    // The progress, the list, the chosen request beside its reply.
    let head = if area.height >= 14 { 6 } else { 3 };
    let foot = if area.height >= 14 { (area.height / 4).clamp(4, 14) } else { 0 };
    let [top, list, below] =
        Layout::vertical([Constraint::Length(head), Constraint::Min(3), Constraint::Length(foot)])
            .areas(area);
    progress(pen, top);
    exchanges_list(pen, list);
    if let Some(chosen) = chosen.filter(|_| below.height >= 4) {
        side_by_side(pen, below, &chosen);
    }
}

fn progress(pen: &mut Pen<'_>, area: Rect) {
    let Some(replay) = &pen.model.replay else { return };
    let (state, style) = match &replay.stage {
        Stage::Starting => ("starting".to_owned(), pen.look.theme.dim),
        Stage::Running if replay.pace == Pace::Paused => (
            format!(
                "PAUSED, {} goes on, {} one line",
                pen.key(Action::ReplayPause),
                pen.key(Action::ReplayStep)
            ),
            pen.look.theme.warn,
        ),
        Stage::Running => (format!("running, speed {}", replay.pace.words()), pen.look.theme.ok),
        Stage::Ended => ("ended".to_owned(), pen.look.theme.ok),
        Stage::Failed(words) => (format!("FAILED: {words}"), pen.look.theme.bad),
    };
    let title = format!("Replay {}", replay.file);
    let inner = pen.frame(area, &title, "", "", false);
    pen.line(
        inner,
        0,
        Line::from(span(super::fit_words(&format!(" {state}"), usize::from(inner.width)), style)),
    );
    for (row, words) in (1..).zip(counts(pen, inner.width)) {
        pen.line(inner, row, Line::raw(super::fit_words(&words, usize::from(inner.width))));
    }
}

/// A bar, lines and outcomes.
pub(super) fn counts(pen: &Pen<'_>, width: u16) -> Vec<String> {
    let Some(replay) = &pen.model.replay else { return Vec::new() };
    let (whole, sent) = replay.bytes;
    let percent = sent.min(whole) * 100 / whole.max(1);
    let cells = usize::from(width).saturating_sub(12).min(60);
    let bar = pen.look.glyphs.bar(sent, whole.max(1), cells);
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

fn exchanges_list(pen: &mut Pen<'_>, area: Rect) {
    let Some(replay) = &pen.model.replay else { return };
    let keys = [
        (Action::ReplayFaster, "faster"),
        (Action::ReplaySlower, "slower"),
        (Action::ReplayJump, "next refusal"),
        (Action::Copy, "copy"),
    ];
    let foot = keys.map(|(action, word)| format!("{} {word}", pen.key(action))).join("  ");
    let inner = pen.pane(area, Pane::Replay, "Requests", "newest first", &foot);
    let theme = pen.look.theme;
    let columns = [number("LINE", 1), words("REQUEST", 0), words("", 3), words("REPLY", 2)];
    let range = visible(pen, inner, Pane::Replay, replay.exchanges.len());
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
            // The tag is in the request already; fields stand apart, so that none is cut.
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
    table(pen, inner, (Pane::Replay, first), &columns, &rows, "Nothing sent yet.");
}

fn side_by_side(pen: &mut Pen<'_>, area: Rect, exchange: &Exchange) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Min(0)]).areas(area);
    let title = format!("Line {}", text::thousands(exchange.file_line));
    let request = pen.frame(left, &title, "request", "", false);
    lines(pen, request, &exchange.request);
    let reply =
        pen.frame(right, "Reply", if exchange.refused { "refused" } else { "ok" }, "", false);
    let words = match &exchange.difference {
        Some(difference) => format!("{}\nNOT AS EXPECTED: {difference}", exchange.reply),
        None => exchange.reply.clone(),
    };
    lines(pen, reply, &words);
}

fn lines(pen: &mut Pen<'_>, area: Rect, text: &str) {
    let width = usize::from(area.width).max(1);
    let letters: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
    let parts = letters.iter().flat_map(|line| line.chunks(width));
    for (row, part) in (0..area.height).zip(parts) {
        pen.line(area, row, Line::raw(part.iter().collect::<String>()));
    }
}

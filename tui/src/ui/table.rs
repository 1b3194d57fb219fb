//! Lists in columns. Columns are as wide as what stands in them and leave whole, in a fixed order,
//! when there is no room; a number is never cut.

use super::{Pen, span};
use crate::model::{Pane, Sort, Spot};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::ops::Range;

/// One column: its name, whether numbers stand in it, how soon it leaves (0 never), and how a click
/// on it sorts.
#[derive(Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    number: bool,
    leaves: u8,
    sort: Option<Sort>,
}

impl Column {
    /// A click on its name sorts by it.
    pub(super) const fn by(self, sort: Sort) -> Self {
        Self { sort: Some(sort), ..self }
    }
}

pub(super) const fn words(name: &'static str, leaves: u8) -> Column {
    Column { name, number: false, leaves, sort: None }
}

pub(super) const fn number(name: &'static str, leaves: u8) -> Column {
    Column { name, number: true, leaves, sort: None }
}

pub(super) type Cells = Vec<(String, Style)>;

/// Which of so many rows are in sight: those around the selected one. Only they need to be made.
pub(super) fn visible(pen: &Pen<'_>, inner: Rect, pane: Pane, count: usize) -> Range<usize> {
    let room = usize::from(inner.height.saturating_sub(header_rows(inner)));
    let selected = pen.model.row(pane).min(count.saturating_sub(1));
    let first = (selected + 1).saturating_sub(room);
    let first = first.min(count);
    first..count.min(first + room)
}

fn header_rows(inner: Rect) -> u16 {
    u16::from(inner.height > 1)
}

/// Draws the rows of a list that are in sight; `first` says which of all rows the first of them is.
pub(super) fn table(
    pen: &mut Pen<'_>,
    inner: Rect,
    (pane, first): (Pane, usize),
    columns: &[Column],
    rows: &[Cells],
    empty: &str,
) {
    let theme = pen.look.theme;
    if rows.is_empty() {
        let words = super::fit_words(&format!(" {empty}"), usize::from(inner.width));
        pen.line(inner, 0, Line::from(span(words, theme.dim)));
        return;
    }
    if inner.height == 0 {
        return;
    }
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells =
                rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| text.chars().count());
            cells.chain([column.name.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    // Words at the end may be shortened, so they push nothing out beyond a few.
    let wants = |at: usize| {
        if at + 1 == columns.len() && !columns[at].number { widths[at].min(24) } else { widths[at] }
    };
    let total = |shown: &[usize]| shown.iter().map(|at| wants(*at) + 2).sum::<usize>() + 1;
    while total(&shown) > usize::from(inner.width) {
        let Some(out) = shown
            .iter()
            .copied()
            .filter(|at| columns[*at].leaves > 0)
            .min_by_key(|at| columns[*at].leaves)
        else {
            break;
        };
        shown.retain(|at| *at != out);
    }
    let top = header_rows(inner);
    if top > 0 {
        header(pen, inner, columns, &shown, &widths);
    }
    let selected = pen.model.row(pane).min(pen.model.rows(pane).saturating_sub(1));
    let focused = pen.model.pane() == pane;
    for (row, (index, cells)) in (top..inner.height).zip((first..).zip(rows)) {
        let is_selected = index == selected && focused;
        let mark = if is_selected { pen.look.glyphs.mark } else { ' ' };
        let mut spans = vec![Span::raw(mark.to_string())];
        let mut room = usize::from(inner.width).saturating_sub(1);
        for at in &shown {
            let (text, style) = &cells[*at];
            // The last column may be words, which may be cut; numbers are dropped whole.
            let width = widths[*at] + 2;
            if width > room && columns[*at].number {
                break;
            }
            let text =
                if columns[*at].number { text.clone() } else { super::fit_words(text, room) };
            room = room.saturating_sub(width);
            spans.push(span(cell(&text, widths[*at], columns[*at].number), *style));
        }
        let area = Rect { y: inner.y + row, height: 1, ..inner };
        pen.line(inner, row, Line::from(spans));
        if is_selected {
            pen.buffer.set_style(area, theme.sel);
        }
        pen.hits.add(area, Spot::Row(pane, index));
    }
}

fn header(pen: &mut Pen<'_>, inner: Rect, columns: &[Column], shown: &[usize], widths: &[usize]) {
    let mut spans = vec![Span::raw(" ")];
    let mut x = inner.x + 1;
    for at in shown {
        let (column, width) = (columns[*at], widths[*at] as u16);
        let sorted = column.sort.is_some_and(|sort| sort == pen.model.sort);
        let style = if sorted { pen.look.theme.title } else { pen.look.theme.dim };
        spans.push(span(cell(column.name, widths[*at], column.number), style));
        if let Some(sort) = column.sort {
            pen.hits
                .add(Rect { x, width, height: 1, ..inner }.intersection(inner), Spot::Header(sort));
        }
        x = x.saturating_add(width + 2);
    }
    pen.line(inner, 0, Line::from(spans));
}

fn cell(text: &str, width: usize, number: bool) -> String {
    if number { format!("{text:>width$}  ") } else { format!("{text:<width$}  ") }
}

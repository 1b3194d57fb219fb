//! Lists in columns. A column is as wide as its content. Columns that do not fit are left out as a
//! whole, in a fixed order, so that a number is never cut.

use super::text_width::{fit_words, pad, width};
use super::{DrawContext, span};
use crate::app::{HitTarget, Pane, Sort};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;
use std::ops::Range;

/// The maximum width that the last column claims, unless it says so itself.
const LAST_COLUMN_MAX: usize = 24;
/// The number of spaces after a column.
const GAP: usize = 2;

/// A column of a list.
#[derive(Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    is_number: bool,
    /// Order in which columns are left out, lowest first; 0 for a column that is always displayed.
    drop_order: u8,
    /// The sort order that a click on the header selects.
    sort: Option<Sort>,
    /// The maximum width that the column claims if it is the last one. It contains text, which can
    /// be shortened.
    claim: usize,
}

impl Column {
    /// Makes the header sort the watchlist.
    pub(super) const fn sorts_by(self, sort: Sort) -> Self {
        Self { sort: Some(sort), ..self }
    }

    /// Makes the last column claim up to this width.
    pub(super) const fn claiming(self, claim: usize) -> Self {
        Self { claim, ..self }
    }
}

/// Creates a column of text.
pub(super) const fn text_column(name: &'static str, drop_order: u8) -> Column {
    Column { name, is_number: false, drop_order, sort: None, claim: LAST_COLUMN_MAX }
}

/// Creates a column of numbers.
pub(super) const fn number_column(name: &'static str, drop_order: u8) -> Column {
    Column { name, is_number: true, drop_order, sort: None, claim: LAST_COLUMN_MAX }
}

/// The texts of a row with their styles, one for each column.
pub(super) type Cells = Vec<(String, Style)>;

/// The widths of the columns of the lists that were displayed last. A column keeps its width while
/// its content becomes shorter, so that nothing jumps to and fro.
#[derive(Clone, Debug, Default)]
pub struct ColumnWidths(BTreeMap<Pane, (u16, Vec<usize>)>);

impl ColumnWidths {
    /// Returns the widths for a list: at least the ones before, as long as the pane has the same
    /// width.
    fn grow(&mut self, pane: Pane, pane_width: u16, widths: Vec<usize>) -> Vec<usize> {
        let (last_width, last) = self.0.entry(pane).or_default();
        if *last_width != pane_width || last.len() != widths.len() {
            (*last_width, *last) = (pane_width, widths);
        } else {
            for (last, width) in last.iter_mut().zip(widths) {
                *last = width.max(*last);
            }
        }
        last.clone()
    }

    fn set(&mut self, pane: Pane, pane_width: u16, widths: &[usize]) {
        self.0.insert(pane, (pane_width, widths.to_vec()));
    }
}

/// The columns of a list that are displayed.
struct Layout<'a> {
    columns: &'a [Column],
    /// Width of each column.
    widths: Vec<usize>,
    /// Indices of the displayed columns.
    shown: Vec<usize>,
}

/// Returns the width of each column.
fn widths(columns: &[Column], rows: &[Cells]) -> Vec<usize> {
    let width_of = |(at, column): (usize, &Column)| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| width(text));
        cells.chain([width(column.name)]).max().unwrap_or(0)
    };
    columns.iter().enumerate().map(width_of).collect()
}

impl<'a> Layout<'a> {
    fn new(columns: &'a [Column], widths: Vec<usize>, columns_max: usize) -> Self {
        let mut layout = Self { columns, widths, shown: (0..columns.len()).collect() };
        while layout.total() > columns_max {
            let can_drop = layout.shown.iter().copied().filter(|at| columns[*at].drop_order > 0);
            let Some(dropped) = can_drop.min_by_key(|at| columns[*at].drop_order) else { break };
            layout.shown.retain(|at| *at != dropped);
        }
        // A column that was left out for a wider one may fit now.
        let mut hidden: Vec<usize> =
            (0..columns.len()).filter(|at| !layout.shown.contains(at)).collect();
        hidden.sort_by_key(|at| std::cmp::Reverse(columns[*at].drop_order));
        for at in hidden {
            let shown = layout.shown.clone();
            layout.shown.push(at);
            layout.shown.sort_unstable();
            if layout.total() > columns_max {
                layout.shown = shown;
            }
        }
        layout
    }

    fn total(&self) -> usize {
        let claimed = |at: usize| {
            if at + 1 == self.columns.len() && !self.columns[at].is_number {
                self.widths[at].min(self.columns[at].claim)
            } else {
                self.widths[at]
            }
        };
        self.shown.iter().map(|at| claimed(*at) + GAP).sum::<usize>() + 1
    }

    /// Returns the text of a cell, padded to its column.
    fn cell(&self, text: &str, at: usize) -> String {
        pad(text, self.widths[at], self.columns[at].is_number) + "  "
    }

    /// Returns the spans of a row. Words are shortened and numbers left out if they do not fit.
    fn row(&self, cells: &Cells, mark: char, columns_max: usize) -> Vec<Span<'static>> {
        let mut spans = vec![Span::raw(mark.to_string())];
        let mut free = columns_max.saturating_sub(1);
        for at in &self.shown {
            let (text, style) = &cells[*at];
            let (columns, is_number) = (self.widths[*at] + GAP, self.columns[*at].is_number);
            if columns > free && is_number {
                break;
            }
            let text = if is_number { text.clone() } else { fit_words(text, free) };
            free = free.saturating_sub(columns);
            spans.push(span(self.cell(&text, *at), *style));
        }
        spans
    }

    fn draw_header(&self, ctx: &mut DrawContext<'_>, inner: Rect) {
        let mut spans = vec![Span::raw(" ")];
        let mut x = inner.x + 1;
        for at in &self.shown {
            let (column, width) = (self.columns[*at], self.widths[*at] as u16);
            let is_sorted = column.sort.is_some_and(|sort| sort == ctx.app.market.sort());
            let style = if is_sorted { ctx.options.theme.title } else { ctx.options.theme.dim };
            spans.push(span(self.cell(column.name, *at), style));
            if let Some(sort) = column.sort {
                let area = Rect { x, width, height: 1, ..inner }.intersection(inner);
                ctx.hits.add(area, HitTarget::Header(sort));
            }
            x = x.saturating_add(width + GAP as u16);
        }
        ctx.line(inner, 0, Line::from(spans));
    }
}

/// Returns the range of rows that are visible, with the selected one among them. Only their cells
/// are needed.
pub(super) fn visible(
    ctx: &DrawContext<'_>,
    inner: Rect,
    pane: Pane,
    count: usize,
) -> Range<usize> {
    let height = usize::from(inner.height.saturating_sub(header_rows(inner)));
    let selected = ctx.app.row(pane).min(count.saturating_sub(1));
    let first = (selected + 1).saturating_sub(height).min(count);
    first..count.min(first + height)
}

fn header_rows(inner: Rect) -> u16 {
    u16::from(inner.height > 1)
}

/// Draws the visible rows of a list; `first` is the index of the first of them.
pub(super) fn table(
    ctx: &mut DrawContext<'_>,
    inner: Rect,
    (pane, first): (Pane, usize),
    columns: &[Column],
    rows: &[Cells],
    empty: &str,
) {
    let theme = ctx.options.theme;
    let columns_max = usize::from(inner.width);
    if rows.is_empty() {
        let text = fit_words(&format!(" {empty}"), columns_max);
        ctx.line(inner, 0, Line::from(span(text, theme.dim)));
        return;
    }
    if inner.height == 0 {
        return;
    }
    let layout = layout(ctx, inner, pane, columns, rows);
    let top = header_rows(inner);
    if top > 0 {
        layout.draw_header(ctx, inner);
    }
    let count = ctx.app.rows(pane);
    scrollbar(ctx, inner, (first, rows.len(), count));
    let selected = ctx.app.row(pane).min(count.saturating_sub(1));
    let is_focused = ctx.app.view.pane() == pane;
    for (row, (index, cells)) in (top..inner.height).zip((first..).zip(rows)) {
        let is_selected = index == selected && is_focused;
        let mark = if is_selected { ctx.options.glyphs.mark } else { ' ' };
        let area = Rect { y: inner.y + row, height: 1, ..inner };
        ctx.line(inner, row, Line::from(layout.row(cells, mark, columns_max)));
        if is_selected {
            ctx.buffer.set_style(area, theme.selected);
        }
        ctx.hits.add(area, HitTarget::Row(pane, index));
    }
}

/// Returns the columns with the widths they had before, or with the ones they need now if more of
/// them fit that way.
fn layout<'a>(
    ctx: &mut DrawContext<'_>,
    inner: Rect,
    pane: Pane,
    columns: &'a [Column],
    rows: &[Cells],
) -> Layout<'a> {
    let columns_max = usize::from(inner.width);
    let needed = widths(columns, rows);
    let grown = ctx.widths.grow(pane, inner.width, needed.clone());
    let steady = Layout::new(columns, grown, columns_max);
    let tight = Layout::new(columns, needed, columns_max);
    if tight.shown.len() <= steady.shown.len() {
        return steady;
    }
    ctx.widths.set(pane, inner.width, &tight.widths);
    tight
}

/// Marks the visible part of a longer list on the right border of its pane.
fn scrollbar(
    ctx: &mut DrawContext<'_>,
    inner: Rect,
    (first, visible, count): (usize, usize, usize),
) {
    let top = header_rows(inner);
    let height = usize::from(inner.height - top);
    if count <= visible || height < 3 || inner.right() >= ctx.buffer.area.right() {
        return;
    }
    let length = (height * visible / count).max(1);
    let from = first * (height - length) / (count - visible);
    let thumb = if ctx.options.glyphs.braille { "\u{2588}" } else { "#" };
    for row in from..from + length {
        let y = inner.y + top + row as u16;
        ctx.buffer.set_string(inner.right(), y, thumb, ctx.options.theme.dim);
    }
}

//! What the chart shows besides prices: the trader's own cost, triggers, alerts and trades, and the
//! crosshair.

use super::chart::{PriceBar, TimeRange, row_of};
use super::text_width::{fit_words, width};
use super::{DrawContext, span};
use crate::app::text;
use daytrade_protocol::{Money, Side, Symbol};
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::collections::BTreeMap;

/// Draws a dotted line for each of the trader's own prices.
pub(super) fn draw_marks(
    ctx: &mut DrawContext<'_>,
    plot: Rect,
    marks: &[(i64, &str)],
    low: i64,
    high: i64,
) {
    let dot = if ctx.options.glyphs.braille { "┈" } else { "." };
    for (cents, _) in marks.iter().filter(|(cents, _)| (low..=high).contains(cents)) {
        let row = row_of(*cents, low, high, plot.height);
        let text = dot.repeat(usize::from(plot.width));
        ctx.line(plot, row, Line::from(span(text, ctx.options.theme.dim)));
    }
}

/// Draws the names of the trader's own prices above everything else, at the oldest end of the plot.
/// Prices in the same row share it.
pub(super) fn draw_mark_names(
    ctx: &mut DrawContext<'_>,
    plot: Rect,
    marks: &[(i64, &str)],
    low: i64,
    high: i64,
) {
    let mut names: BTreeMap<u16, String> = BTreeMap::new();
    for (cents, name) in marks.iter().filter(|(cents, _)| (low..=high).contains(cents)) {
        let names = names.entry(row_of(*cents, low, high, plot.height)).or_default();
        if !names.split(", ").any(|known| known == *name) {
            names.push_str(if names.is_empty() { "" } else { ", " });
            names.push_str(name);
        }
    }
    for (row, names) in names {
        let text = fit_words(&format!("{names} "), usize::from(plot.width));
        ctx.line(plot, row, Line::from(span(text, ctx.options.theme.text)));
    }
}

/// Draws a vertical line at a column, with the time and the price there.
pub(super) fn draw_crosshair(
    ctx: &mut DrawContext<'_>,
    plot: Rect,
    (column, bar): (u16, Option<PriceBar>),
    range: TimeRange,
) {
    let glyph = if ctx.options.glyphs.braille { "│" } else { "|" };
    for y in plot.y..plot.bottom() {
        let cell = &mut ctx.buffer[(plot.x + column, y)];
        if cell.symbol() == " " {
            cell.set_symbol(glyph).set_style(ctx.options.theme.focus);
        }
    }
    let span_ms = range.to_ms - range.from_ms;
    let at_ms = range.from_ms + span_ms * u64::from(column) / u64::from(plot.width.max(2) - 1);
    let price = bar.map_or("no price".to_owned(), |bar| text::dollars(Money::from_cents(bar.last)));
    let label = format!(" {} {price} ", text::clock(at_ms));
    let columns = width(&label) as u16;
    if columns <= plot.width {
        let x = (plot.x + column).saturating_sub(columns / 2).clamp(plot.x, plot.right() - columns);
        ctx.buffer.set_string(x, plot.y, label, ctx.options.theme.selected);
    }
}

/// Draws a letter for each trade.
pub(super) fn draw_fills(
    ctx: &mut DrawContext<'_>,
    plot: Rect,
    symbol: Symbol,
    range: TimeRange,
    (low, high): (i64, i64),
) {
    let app = ctx.app;
    for fill in app.account.fills().iter().filter(|fill| fill.terms.symbol == symbol) {
        let (letter, style) = if fill.side == Side::Buy {
            ("B", ctx.options.theme.up)
        } else {
            ("S", ctx.options.theme.down)
        };
        let cents = fill.terms.price.cents();
        let column = range.column(fill.at_ms, u64::from(plot.width));
        if let Some(x) = column.filter(|_| (low..=high).contains(&cents)) {
            let y = plot.y + row_of(cents, low, high, plot.height);
            ctx.buffer.set_string(plot.x + x as u16, y, letter, style);
        }
    }
}

/// Returns the trader's own prices with their names: cost, triggers and alerts.
pub(super) fn marks(ctx: &DrawContext<'_>, symbol: Symbol) -> Vec<(i64, &'static str)> {
    let mut marks = Vec::new();
    if let Some(account) = ctx.app.account.current() {
        if let Some(holding) = account.holding(symbol).filter(|_| !ctx.app.view.is_money_hidden()) {
            marks.push((holding.average().cents(), "your cost"));
        }
        for trigger in account
            .triggers
            .iter()
            .filter(|trigger| trigger.symbol == symbol && !ctx.app.view.is_money_hidden())
        {
            if let Some(price) = trigger.price {
                let name = if trigger.side == Side::Buy { "buy trigger" } else { "sell trigger" };
                marks.push((price.cents(), name));
            }
        }
    }
    let alerts = ctx.app.market.alerts().iter().filter(|alert| alert.symbol == symbol);
    marks.extend(alerts.map(|alert| (alert.price.cents(), "alert")));
    marks
}

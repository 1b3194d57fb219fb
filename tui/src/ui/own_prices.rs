//! What the chart shows besides prices: the trader's own cost, triggers, alerts and trades, and the
//! crosshair.

use super::plot::{PriceBar, TimeRange, row_of};
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

/// Draws the trader's own orders, triggers, alerts and cost of a symbol around its price, highest
/// first.
pub(super) fn ladder(ctx: &mut DrawContext<'_>, area: Rect, symbol: Symbol) {
    let theme = ctx.options.theme;
    let Some(now) = ctx.app.market.shown_quotes().price(symbol) else { return };
    let mut steps: Vec<(i64, String)> =
        marks(ctx, symbol).into_iter().map(|(cents, name)| (cents, name.to_owned())).collect();
    if !ctx.app.view.is_money_hidden() {
        let orders = ctx.app.account.pending().filter(|order| order.terms.symbol == symbol);
        steps.extend(orders.map(|order| {
            let (side, shares) = (order.side.as_str().to_lowercase(), order.terms.shares);
            let name = format!("pending {side} of {}", text::thousands(shares));
            (order.terms.price.cents(), name)
        }));
    }
    if steps.is_empty() || area.height < 4 {
        return;
    }
    steps.push((now.cents(), "price".to_owned()));
    steps.sort_by_key(|(cents, name)| (std::cmp::Reverse(*cents), name != "price"));
    let title = format!(" YOUR PRICES OF {}", ctx.app.market.shown_name(symbol));
    ctx.line(area, 0, Line::from(span(title, theme.dim)));
    // The price stays in view, with as many of its neighbours as there is room for.
    let rows = usize::from(area.height - 1);
    let at = steps.iter().position(|(_, name)| name == "price").unwrap_or(0);
    let from = at.saturating_sub(rows / 2).min(steps.len().saturating_sub(rows));
    for (row, (cents, name)) in (1..area.height).zip(steps.iter().skip(from)) {
        let away = text::basis_points(Money::from_cents(cents.saturating_sub(now.cents())), now);
        let away = away.filter(|_| name != "price").map_or(String::new(), text::percent);
        let price = text::dollars(Money::from_cents(*cents));
        let style = if name == "price" { theme.title } else { theme.text };
        let mark = if name == "price" { ctx.options.glyphs.mark } else { ' ' };
        let line = format!(" {mark}{price:>12} {away:>9}  {name}");
        if width(&line) <= usize::from(area.width) {
            ctx.line(area, row, Line::from(span(line, style)));
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

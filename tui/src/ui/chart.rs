//! The price of one symbol over time, with the trader's own cost, triggers, buys and sells. All
//! calculations use integers.

use super::own_prices::{draw_crosshair, draw_fills, draw_mark_names, draw_marks, marks};
use super::plot::{
    SCALE, TIMES_FROM_ROWS, TimeRange, bounds, draw_bars, draw_braille, draw_scale, draw_stars,
    draw_times,
};
use super::text_width::width;
use super::{DrawContext, span};
use crate::app::{Action, HitTarget, Pane, SymbolQuote, Timeframe, text};
use daytrade_protocol::Symbol;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Draws the chart of the selected symbol.
pub(super) fn draw(ctx: &mut DrawContext<'_>, area: Rect) {
    let app = ctx.app;
    ctx.hits.add(area, HitTarget::Pane(Pane::Chart));
    let Some(symbol) = app.focused_symbol() else {
        let inner = ctx.frame(area, "Chart", "", "", false);
        ctx.line(inner, 0, Line::raw("choose a symbol"));
        return;
    };
    let quote = app.market.shown_quote(symbol);
    let inner = frame(ctx, area, symbol, quote);
    let Some(quote) = quote.filter(|_| inner.width > SCALE + 4 && inner.height > 1) else {
        ctx.line(inner, 0, Line::from(span("no price yet", ctx.options.theme.dim)));
        return;
    };
    let has_times = inner.height >= TIMES_FROM_ROWS;
    let inner = Rect { height: inner.height - u16::from(has_times), ..inner };
    let plot = Rect { x: inner.x + SCALE, width: inner.width - SCALE, ..inner };
    let chart = app.view.chart();
    let dots = if ctx.options.glyphs.braille && !chart.has_bars() { 2 } else { 1 };
    let columns = usize::from(plot.width) * dots;
    let now_ms = app.clock.server_ms();
    let range = TimeRange::new(chart.timeframe(), &quote.history, now_ms, columns);
    let price_bars = range.price_bars(&quote.history, columns);
    let marks = marks(ctx, symbol);
    let (low, high) = bounds(price_bars.iter().flatten(), &marks);
    draw_scale(ctx, inner, low, high);
    if has_times {
        draw_times(ctx, Rect { y: plot.bottom(), height: 1, ..plot }, range);
    }
    draw_marks(ctx, plot, &marks, low, high);
    match (chart.has_bars(), ctx.options.glyphs.braille) {
        (true, _) => draw_bars(ctx, plot, &price_bars, low, high),
        (false, true) => draw_braille(ctx, plot, &price_bars, low, high),
        (false, false) => draw_stars(ctx, plot, &price_bars, low, high),
    }
    draw_fills(ctx, plot, symbol, range, (low, high));
    draw_mark_names(ctx, plot, &marks, low, high);
    if app.view.pane() == Pane::Chart
        && let Some(column) = chart.crosshair(plot.width)
    {
        let bar = price_bars.get(usize::from(column) * dots).copied().flatten();
        draw_crosshair(ctx, plot, (column, bar), range);
    }
}

/// Formats milliseconds as `m:ss`.
fn minutes(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Draws the frame with the price, the time ranges and the keys.
fn frame(
    ctx: &mut DrawContext<'_>,
    area: Rect,
    symbol: Symbol,
    quote: Option<&SymbolQuote>,
) -> Rect {
    let name = ctx.app.market.shown_name(symbol);
    let title = match quote {
        Some(quote) => {
            let change = quote
                .change_basis_points()
                .map_or(String::new(), |points| ctx.options.glyphs.change(points));
            format!("{name} {} {change}", text::dollars(quote.price))
        }
        None => name,
    };
    let next = ctx.app.market.next_price_ms(symbol, ctx.app.clock);
    let next = next.map(|ms| format!("{}  next price in {}", title.trim_end(), minutes(ms)));
    let selected = ctx.app.view.chart().timeframe();
    let timeframes = Timeframe::ALL.map(|timeframe| {
        let name = timeframe.name();
        if timeframe == selected { format!("[{name}]") } else { name.to_owned() }
    });
    let is_focused = ctx.app.view.pane() == Pane::Chart;
    let (left, right) = (ctx.key(Action::Left), ctx.key(Action::Right));
    let crosshair = if is_focused { format!("{left} {right} crosshair  ") } else { String::new() };
    let footer = format!(
        "{crosshair}{} {} time  {} requote  {} line/bars",
        ctx.key(Action::Shorter),
        ctx.key(Action::Longer),
        ctx.key(Action::Requote),
        ctx.key(Action::ChartStyle)
    );
    let mut timeframes = timeframes.join(" ");
    let columns = usize::from(area.width);
    let fits =
        |right: &str| next.as_ref().is_some_and(|next| width(next) + width(right) + 9 <= columns);
    let short = format!("[{}]", selected.name());
    if !fits(&timeframes) && fits(&short) {
        timeframes = short;
    }
    let title = if fits(&timeframes) { next.unwrap_or(title) } else { title };
    ctx.frame(area, title.trim_end(), &timeframes, &footer, is_focused)
}

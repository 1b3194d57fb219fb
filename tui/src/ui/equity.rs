//! The value of the account over the day.

use super::plot::curve;
use super::text_width::width;
use super::{DrawContext, span};
use crate::app::text;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// The maximum cells of the sparkline.
const SPARK_MAX: usize = 24;

/// Draws the curve of the day in a pane of its own.
pub(super) fn equity(ctx: &mut DrawContext<'_>, area: Rect) {
    let is_hidden = ctx.app.view.is_money_hidden();
    let range = match ctx.app.equity.range() {
        Some((low, high)) if !is_hidden => {
            format!("low {}  high {}", text::dollars(low), text::dollars(high))
        }
        _ => String::new(),
    };
    let inner = ctx.frame(area, "Equity today", &range, "", false);
    let points = ctx.app.equity.points();
    let missing = match () {
        () if is_hidden => "hidden",
        () if points.len() < 2 => "The curve begins with the second minute of the day.",
        () => {
            let now_ms = ctx.app.clock.now_ms();
            curve(ctx, inner, points, now_ms);
            return;
        }
    };
    ctx.line(inner, 0, Line::from(span(format!(" {missing}"), ctx.options.theme.dim)));
}

/// Draws the day as a line of text; returns the number of lines drawn.
pub(super) fn equity_line(ctx: &mut DrawContext<'_>, area: Rect) -> u16 {
    let points = ctx.app.equity.points();
    let Some((low, high)) = ctx.app.equity.range() else { return 0 };
    if points.len() < 2 || ctx.app.view.is_money_hidden() {
        return 0;
    }
    let values = points.iter().map(|(_, value)| value.cents());
    let spark = ctx.options.glyphs.sparkline(values, SPARK_MAX);
    let (low, high) = (text::dollars(low), text::dollars(high));
    let line = format!(" equity today {spark} {low} to {high}");
    if area.height == 0 || width(&line) > usize::from(area.width) {
        return 0;
    }
    ctx.line(area, 0, Line::from(span(line, ctx.options.theme.text)));
    1
}

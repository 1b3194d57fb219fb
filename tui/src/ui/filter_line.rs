//! The line in which a filter of the watchlist, or a search in the activity, is typed.

use super::text_width::{byte_of, with_cursor};
use super::{DrawContext, span};
use crate::app::{Screen, Search};
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;

/// Draws the filter or the search that is being typed.
pub(super) fn draw(ctx: &mut DrawContext<'_>, area: Rect) {
    match ctx.app.view.screen() {
        Screen::Activity => search(ctx, area, ctx.app.activity.search()),
        Screen::Replay => search(ctx, area, ctx.app.replay.search()),
        _ => filter(ctx, area),
    }
}

fn search(ctx: &mut DrawContext<'_>, area: Rect, search: &Search) {
    let theme = ctx.options.theme;
    let text = with_cursor(search.text(), search.cursor());
    let hint = "   Enter keep   Esc all";
    let spans = vec![span(format!(" search: {text}"), theme.title), span(hint, theme.dim)];
    ctx.line(area, 0, Line::from(spans));
}

/// Draws the filter that is being typed, with an invalid word underlined.
fn filter(ctx: &mut DrawContext<'_>, area: Rect) {
    let theme = ctx.options.theme;
    let filter = ctx.app.market.filter();
    let text = with_cursor(filter.text(), filter.cursor());
    let cursor = byte_of(filter.text(), filter.cursor());
    let (from, to) = filter.invalid().unwrap_or((text.len(), text.len()));
    // The underscore of the cursor moves the following text by one byte.
    let shifted = |at: usize, is_end: bool| {
        let is_after_cursor = if is_end { at > cursor } else { at >= cursor };
        (at + usize::from(is_after_cursor)).min(text.len())
    };
    let (from, to) = (shifted(from, false), shifted(to, true));
    let underlined = theme.bad.add_modifier(Modifier::UNDERLINED);
    let hint = if filter.invalid().is_some() {
        "   xyz held chg<-1 away<3% age>60s"
    } else {
        "   Enter keep   Esc all"
    };
    ctx.line(
        area,
        0,
        Line::from(vec![
            span(format!(" filter: {}", &text[..from]), theme.title),
            span(&text[from..to], underlined),
            span(&text[to..], theme.title),
            span(hint, theme.dim),
        ]),
    );
}

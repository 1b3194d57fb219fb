//! The lines that never scroll away: a lost connection, a request whose outcome is unknown, and the
//! order that the next commit applies to.

use super::text_width::{fit_parts, width};
use super::{DrawContext, span};
use crate::app::{Action, App, Link, Pending, ends_order, text};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

/// The minimum width for the longer texts of the order.
const WIDE: usize = 150;
/// The length of an order's reservation, in milliseconds.
const ORDER_LIFETIME_MS: u64 = 60_000;
/// The minimum length of the bar of the time left, with its brackets and a space.
const BAR_MIN: usize = 6;
/// The maximum width of the prices since a reservation.
const SPARK_MAX: usize = 30;

/// Returns the number of lines of the banner. A small screen has no line about the worth of an
/// order.
pub(super) fn banner_lines(app: &App, is_small: bool) -> u16 {
    u16::from(matches!(app.connection.link(), Link::Offline { .. }))
        + u16::from(app.source_silence().is_some())
        + u16::from(app.activity.unknown().next().is_some())
        + u16::from(app.next_pending().is_some())
        + u16::from(!is_small && app.commit_worth().is_some())
}

/// Draws the banner.
pub(super) fn banner(ctx: &mut DrawContext<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let lines = [offline(ctx, area), no_quotes(ctx, area), unknown(ctx, area), order(ctx, area)];
    let mut row = 0;
    for (text, style) in lines.into_iter().flatten() {
        ctx.line(area, row, Line::from(span(text, style)));
        row += 1;
    }
    if row < area.height {
        worth(ctx, area, row);
    }
}

/// Returns the line about a quote source that does not answer.
fn no_quotes(ctx: &DrawContext<'_>, area: Rect) -> Option<(String, Style)> {
    ctx.app.source_silence()?;
    let newest_ms = ctx.app.market.quotes().newest_ms();
    let age = newest_ms.map_or(String::new(), |newest_ms| {
        let age_ms = ctx.app.clock.server_ms().saturating_sub(newest_ms);
        format!("; the last price is {} s old", age_ms / 1_000)
    });
    let parts = [
        " !! NO QUOTES".to_owned(),
        format!("  the quote source does not answer{age}."),
        " A price may be used for 60 s.".to_owned(),
    ];
    Some((fit_parts(parts, usize::from(area.width)), ctx.options.theme.bad))
}

/// Draws what the commit of the order in the banner is worth at the price of now, and the prices
/// since the reservation.
fn worth(ctx: &mut DrawContext<'_>, area: Rect, row: u16) {
    let (Some(worth), Some(order)) = (ctx.app.commit_worth(), ctx.app.next_pending()) else {
        return;
    };
    let theme = ctx.options.theme;
    let symbol = order.terms.symbol;
    let reserved_ms = order.expires_at_ms.saturating_sub(ORDER_LIFETIME_MS);
    let Some(quote) = ctx.app.market.shown_quote(symbol) else { return };
    let about = if ctx.app.is_quote_current(symbol) { "" } else { "~" };
    let head = format!(
        "    reserved {}, now {about}{}: commit is worth ",
        text::dollars(order.terms.price),
        text::dollars(quote.price)
    );
    let gain = format!("{about}{}", ctx.signed_money(worth));
    let free = usize::from(area.width).saturating_sub(width(&head) + width(&gain) + 3);
    let since = quote.history.iter().filter(|(at_ms, _)| *at_ms >= reserved_ms);
    let prices = since.map(|(_, price)| price.cents());
    let spark = ctx
        .options
        .glyphs
        .sparkline(std::iter::once(order.terms.price.cents()).chain(prices), free.min(SPARK_MAX));
    let style = theme.moved(worth.cents());
    let spans = vec![span(head, theme.text), span(gain, style), span(format!("  {spark}"), style)];
    let fits: usize = spans.iter().take(2).map(ratatui::text::Span::width).sum();
    if fits <= usize::from(area.width) {
        ctx.line(area, row, Line::from(spans));
    }
}

/// Returns the line about a lost connection.
fn offline(ctx: &DrawContext<'_>, area: Rect) -> Option<(String, Style)> {
    let Link::Offline { since_ms, cause, next_try_ms, attempt } = ctx.app.connection.link() else {
        return None;
    };
    let now_ms = ctx.app.clock.now_ms();
    let down_ms = now_ms - since_ms;
    let down =
        if down_ms < 10_000 { format!("0:0{}", down_ms / 1_000) } else { text::countdown(down_ms) };
    let next = match next_try_ms.saturating_sub(now_ms).div_ceil(1_000) {
        0 => format!("Trying now (attempt {attempt})."),
        next => format!("Next try in {next} s (attempt {attempt})."),
    };
    let parts = [
        format!(" !! OFFLINE {down} "),
        format!(" {cause}."),
        format!(" {next}"),
        format!(" {}: try now ", ctx.key(Action::Reconnect)),
    ];
    Some((fit_parts(parts, usize::from(area.width)), ctx.options.theme.bad))
}

/// Returns the line about the newest request whose outcome is unknown.
fn unknown(ctx: &DrawContext<'_>, area: Rect) -> Option<(String, Style)> {
    let lost = ctx.app.activity.unknown().next_back()?;
    let name = lost.subject.name();
    let parts = [
        format!(" ?? {name} sent {}, no reply: UNKNOWN.", text::clock(lost.at_ms)),
        " The server is asked after reconnecting.".to_owned(),
        " It is never sent twice.".to_owned(),
    ];
    Some((fit_parts(parts, usize::from(area.width)), ctx.options.theme.warn))
}

/// The parts of the line about an order.
struct OrderLine {
    long: String,
    short: String,
    clock: String,
    /// Time to spare when the commit arrives at the server, on a wide screen.
    spare: String,
    keys: String,
    more: String,
}

/// Returns the line about the order that the next commit applies to.
fn order(ctx: &DrawContext<'_>, area: Rect) -> Option<(String, Style)> {
    let order = ctx.app.next_pending()?;
    let columns = usize::from(area.width);
    let left_ms = ctx.app.clock.left_ms(order.expires_at_ms);
    let line = order_parts(ctx, order, left_ms, columns);
    let OrderLine { long, short, clock, spare, keys, more } = &line;
    let required = width(clock) + width(spare) + width(keys) + width(more) + 1;
    let subject = if width(long) + required <= columns { long } else { short };
    let free = columns.saturating_sub(width(subject) + required + 3);
    let bar = if free >= BAR_MIN {
        let cells = free.min(if columns >= WIDE { 60 } else { 30 }) - 1;
        format!("[{}] ", ctx.options.glyphs.bar(left_ms, ORDER_LIFETIME_MS, cells))
    } else {
        String::new()
    };
    // A number is dropped whole, never cut.
    let name = ctx.app.market.shown_name(order.terms.symbol);
    let side = order.side.as_str();
    let forms = [
        format!("{subject}{bar}{clock}{spare}{keys}{more}"),
        format!("{subject}{clock}{keys}"),
        format!("{subject}{clock}"),
        format!(" {side} {name} {clock}{keys}"),
        format!(" {side} {name} {clock}"),
        format!(" {clock}"),
        clock.clone(),
    ];
    let fitting = forms.into_iter().find(|form| width(form) <= columns)?;
    Some((fitting, order_style(ctx, left_ms)))
}

fn order_style(ctx: &DrawContext<'_>, left_ms: u64) -> Style {
    let theme = ctx.options.theme;
    match left_ms {
        20_001.. => theme.warn,
        5_001..=20_000 => theme.warn.add_modifier(Modifier::BOLD),
        _ => theme.bad.add_modifier(Modifier::REVERSED),
    }
}

fn order_parts(ctx: &DrawContext<'_>, order: &Pending, left_ms: u64, columns: usize) -> OrderLine {
    let is_live = ctx.app.connection.is_live();
    let (side, symbol) = (order.side.as_str(), ctx.app.market.shown_name(order.terms.symbol));
    let (shares, price) = (ctx.share_count(order.terms.shares), text::dollars(order.terms.price));
    let total = ctx.money(order.terms.total);
    let long = format!(" >> {side} {shares} {symbol} @ {price} = {total} ");
    let short = format!(" >> {side} {symbol} {total} ");
    let about = if is_live { "" } else { "about " };
    let clock = if left_ms == 0 {
        "expired".to_owned()
    } else {
        format!("{about}{}", text::countdown(left_ms))
    };
    let more = ctx.app.account.pending().count() - 1;
    let more = if more > 0 { format!("  +{more}") } else { String::new() };
    // Twice the 99th percentile of the round-trip time.
    let late_ms = ctx.app.activity.round_trip(990).unwrap_or(0) / 500;
    let mut keys = key_hints(ctx, left_ms, late_ms);
    // The two keys are displayed even where nothing else fits.
    if width(&short) + width(&clock) + width(&keys) + width(&more) > columns
        && left_ms > 0
        && is_live
    {
        keys = format!(" {}/{}", ctx.key(Action::Commit), ctx.key(Action::Cancel));
    }
    let spare = if columns >= WIDE && left_ms > late_ms && is_live {
        let spare_ms = left_ms.saturating_sub(late_ms / 2);
        let (seconds, tenths) = (spare_ms / 1_000, spare_ms % 1_000 / 100);
        let key = ctx.key(Action::Commit);
        format!("   {key} now would arrive with {seconds}.{tenths} s to spare")
    } else {
        String::new()
    };
    OrderLine { long, short, clock, spare, keys, more }
}

/// Returns the keys for the order, or why there are none now.
fn key_hints(ctx: &DrawContext<'_>, left_ms: u64, late_ms: u64) -> String {
    if left_ms == 0 {
        return String::new();
    }
    if !ctx.app.connection.is_live() {
        return " left if the server runs".to_owned();
    }
    let sent = ctx.app.connection.waiting().map(daytrade_protocol::Command::name);
    if let Some(name) = sent.into_iter().find(|name| ends_order(*name)) {
        return format!("   {name} sent, waiting for the reply");
    }
    let (commit, cancel) = (ctx.key(Action::Commit), ctx.key(Action::Cancel));
    let warning = if left_ms <= late_ms { "  too late to be sure  " } else { "   " };
    format!("{warning}{commit} COMMIT  {cancel} cancel")
}

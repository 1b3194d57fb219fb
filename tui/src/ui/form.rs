//! Forms with their consequences.

use super::own_prices::ladder;
use super::text_width::{fit_words, width, with_cursor, wrap};
use super::{DrawContext, span};
use crate::app::{Action, Field, Form, FormKind, Popup};
use daytrade_protocol::{Side, Symbol};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

/// The minimum height of a ticket that lists the trader's own prices.
const LADDER_FROM: u16 = 24;

/// Lines of a pane, drawn one below the other.
struct Rows {
    area: Rect,
    next: u16,
}

impl Rows {
    fn line(&mut self, ctx: &mut DrawContext<'_>, text: String, style: Style) {
        ctx.line(self.area, self.next, Line::from(span(text, style)));
        self.next += 1;
    }
}

/// Draws an open ticket in its own pane, or an explanation if none is open.
pub(super) fn ticket(ctx: &mut DrawContext<'_>, area: Rect) {
    if let Some(Popup::Form(form)) = ctx.app.view.popup()
        && form.kind().is_ticket()
    {
        draw_form(ctx, area, form);
        return;
    }
    let inner = ctx.frame(area, "Ticket", "", "", false);
    let rows = [
        format!(
            " {} buys, {} sells, {} sets a trigger.",
            ctx.key(Action::Buy),
            ctx.key(Action::Sell),
            ctx.key(Action::Trigger)
        ),
        " Nothing is bought or sold until you press".to_owned(),
        format!(" {} on the order in the banner.", ctx.key(Action::Commit)),
    ];
    for (row, text) in (0..).zip(&rows) {
        ctx.line(inner, row, Line::from(span(text, ctx.options.theme.dim)));
    }
    if let Some(symbol) = ctx.app.focused_symbol() {
        let top = rows.len() as u16 + 1;
        let free = inner.height.saturating_sub(top);
        ladder(ctx, Rect { y: inner.y + top, height: free, ..inner }, symbol);
    }
}

/// Draws a form.
pub(super) fn draw_form(ctx: &mut DrawContext<'_>, area: Rect, form: &Form) {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let lines = form.consequences(app.account.current(), &app.market, app.clock);
    let can_send = !lines.iter().any(|line| line.blocks)
        && !form.is_sending()
        && (app.connection.is_live() || form.kind() == FormKind::AddSymbol);
    let (title, side) = title_of(form);
    let state = match (form.is_sending(), can_send) {
        (true, _) => "sending...",
        (_, true) => "ok to send",
        _ if side.is_some() => "cannot send",
        _ => "",
    };
    let footer = if side.is_some() { "Tab field  Left/Right side" } else { "Tab field" };
    let inner = ctx.frame(area, &title, state, footer, true);
    let mut rows = Rows { area: inner, next: 0 };
    if let Some(side) = side {
        let text =
            if side == Side::Buy { " Side      [BUY]   sell" } else { " Side       buy   [SELL]" };
        rows.line(ctx, text.to_owned(), theme.text);
    }
    for field in form.fields() {
        draw_field(ctx, &mut rows, form, *field);
    }
    rows.next += 1;
    for line in &lines {
        // Prices of the market are not private.
        let text = if line.label == "Quote" { line.text.clone() } else { ctx.words(&line.text) };
        let style = if line.blocks { theme.warn } else { theme.text };
        let parts = wrap(&text, usize::from(inner.width).saturating_sub(12));
        for (at, part) in parts.into_iter().enumerate() {
            let label = if at == 0 { line.label } else { "" };
            rows.line(ctx, format!(" {label:<9} {part}"), style);
        }
    }
    if let Some(refused) = form.refused() {
        for part in wrap(&ctx.words(refused), usize::from(inner.width).saturating_sub(2)) {
            rows.line(ctx, format!(" {part}"), theme.bad);
        }
    }
    draw_footer(ctx, &rows, form, can_send);
    if area.height >= LADDER_FROM
        && let Some(symbol) = Symbol::parse(form.input(Field::Symbol).value().as_bytes())
    {
        let top = rows.next + 1;
        let free = inner.height.saturating_sub(top + 3);
        ladder(ctx, Rect { y: inner.y + top, height: free, ..inner }, symbol);
    }
}

fn draw_field(ctx: &mut DrawContext<'_>, rows: &mut Rows, form: &Form, field: Field) {
    let theme = ctx.options.theme;
    let is_focused = field == form.focus() && !form.is_sending();
    let help = match (field, form.kind()) {
        (Field::Amount, FormKind::Order(_)) if is_focused => {
            "   m max  h half  = 1 share;  10s, 5k, 1m"
        }
        (Field::Amount, FormKind::Trigger(_)) if is_focused => {
            "   dollars to trade for;  10s, 5k, 1m"
        }
        (Field::Price, _) if is_focused => "   dollars a share",
        _ => "",
    };
    // An amount that was calculated from the account is as private as the account.
    let is_hidden =
        ctx.app.view.is_money_hidden() && field == Field::Amount && form.is_amount_private();
    let input = form.input(field);
    let (text, cursor) =
        if is_hidden { ("*****", "*****".len()) } else { (input.value(), input.cursor()) };
    let text = if is_focused { with_cursor(text, cursor) } else { text.to_owned() };
    let mark = if is_focused { ctx.options.glyphs.mark } else { ' ' };
    let style = if is_focused { theme.title } else { theme.text };
    rows.line(ctx, format!("{mark}{:<9} {text}{help}", field.name()), style);
}

/// Draws the effect of Enter and Esc at the bottom of a form.
fn draw_footer(ctx: &mut DrawContext<'_>, rows: &Rows, form: &Form, can_send: bool) {
    let kind = form.kind();
    let theme = ctx.options.theme;
    let enter = match kind {
        _ if form.is_sending() => "Sent: the reply is awaited",
        _ if !can_send && (kind.is_ticket() || kind == FormKind::AddMoney) => {
            "Enter: off until this can be sent"
        }
        FormKind::Order(_) => "Enter: reserve for 60 s",
        FormKind::Trigger(_) => "Enter: arm it",
        FormKind::AddMoney | FormKind::AddSymbol => "Enter: add it",
        FormKind::Alert => "Enter: ring at this price, once",
    };
    let style = if can_send { theme.title } else { theme.dim };
    let keeps_draft = kind.is_ticket() && !form.is_sending();
    let close = if keeps_draft { "   Esc: close, keep the draft" } else { "   Esc: close" };
    let both = format!(" {enter}{close}");
    let fits = width(&both) <= usize::from(rows.area.width);
    let enter = if fits { both } else { format!(" {enter}") };
    let last = rows.area.height.saturating_sub(1);
    let has_commit = matches!(kind, FormKind::Order(_)) && rows.next < last;
    if rows.next <= last {
        let row = if has_commit { last - 1 } else { last };
        ctx.line(rows.area, row, Line::from(span(enter, style)));
    }
    if has_commit {
        let commit = format!(" Nothing is traded until you press {}.", ctx.key(Action::Commit));
        ctx.line(rows.area, last, Line::from(span(commit, theme.dim)));
    }
}

/// Returns the title of a form, and its side if it trades.
fn title_of(form: &Form) -> (String, Option<Side>) {
    let side_of = |side| if side == Side::Buy { "Buy" } else { "Sell" };
    let symbol = form.input(Field::Symbol).value();
    match form.kind() {
        FormKind::Order(side) => (format!("{} {symbol}", side_of(side)), Some(side)),
        FormKind::Trigger(side) => (format!("{} trigger {symbol}", side_of(side)), Some(side)),
        FormKind::AddMoney => ("Add money".to_owned(), None),
        FormKind::AddSymbol => ("Add a symbol".to_owned(), None),
        FormKind::Alert => (format!("Alert {symbol}"), None),
    }
}

/// Draws the consequences of an order that is being typed.
pub(super) fn preview(ctx: &mut DrawContext<'_>, area: Rect, form: &Form) {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let lines = form.consequences(app.account.current(), &app.market, app.clock);
    for (row, line) in (0..area.height).zip(&lines) {
        let text = if line.label == "Quote" { line.text.clone() } else { ctx.words(&line.text) };
        let text = fit_words(&format!(" {:<9} {text}", line.label), usize::from(area.width));
        let style = if line.blocks { theme.warn } else { theme.text };
        ctx.line(area, row, Line::from(span(text, style)));
    }
}

//! Forms with what would come of them.

use super::{Pen, span};
use crate::model::{Action, Form, FormKind, Model, Popup};
use daytrade_protocol::Side;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// The form in its own pane, or what it is for.
pub(super) fn ticket(pen: &mut Pen<'_>, area: Rect) {
    if let Some(Popup::Form(form)) = &pen.model.popup
        && Model::is_ticket(form.kind)
    {
        draw_form(pen, area, form);
        return;
    }
    let inner = pen.frame(area, "Ticket", "", "", false);
    let rows = [
        format!(
            " {} buys, {} sells, {} sets a trigger.",
            pen.key(Action::Buy),
            pen.key(Action::Sell),
            pen.key(Action::Trigger)
        ),
        " Nothing is bought or sold until you press".to_owned(),
        format!(" {} on the order in the banner.", pen.key(Action::Commit)),
    ];
    for (row, words) in (0..).zip(rows) {
        pen.line(inner, row, Line::from(span(words, pen.look.theme.dim)));
    }
}

pub(super) fn draw_form(pen: &mut Pen<'_>, area: Rect, form: &Form) {
    let (model, theme) = (pen.model, pen.look.theme);
    let lines =
        form.consequences(model.account.as_ref(), &model.quotes, model.now_ms, model.offset_ms);
    let may = !lines.iter().any(|line| line.stops)
        && !form.sending
        && (model.is_live() || form.kind == FormKind::AddSymbol);
    let (title, side) = title_of(form);
    let state = match (form.sending, may) {
        (true, _) => "sending...",
        (_, true) => "ok to send",
        _ if side.is_some() => "cannot send",
        _ => "",
    };
    let foot = if side.is_some() { "Tab field  Left/Right side" } else { "Tab field" };
    let inner = pen.frame(area, &title, state, foot, true);
    let mut row = 0;
    if let Some(side) = side {
        let words =
            if side == Side::Buy { " Side      [BUY]   sell" } else { " Side       buy   [SELL]" };
        pen.line(inner, row, Line::from(span(words, theme.text)));
        row += 1;
    }
    for (at, name) in form.fields().iter().enumerate() {
        let here = at == form.field && !form.sending;
        let cursor = if here { "_" } else { "" };
        let help = match (*name, form.kind) {
            ("Amount", FormKind::Order(_)) if here => "   m max  h half  = 1 share",
            ("Amount", FormKind::Trigger(_)) if here => "   dollars to trade for",
            ("Price", _) if here => "   dollars a share",
            _ => "",
        };
        let mark = if here { pen.look.glyphs.mark } else { ' ' };
        // What was worked out from the account is as secret as the account.
        let hidden = pen.model.hide_money && *name == "Amount" && (form.filled || form.proposed);
        let value = if hidden { "*****" } else { form.value(at) };
        let words = format!("{mark}{name:<9} {value}{cursor}{help}");
        pen.line(inner, row, Line::from(span(words, if here { theme.title } else { theme.text })));
        row += 1;
    }
    row += 1;
    for line in &lines {
        // The market's prices are no secret.
        let words = if line.name == "Quote" { line.words.clone() } else { pen.words(&line.words) };
        let style = if line.stops { theme.warn } else { theme.text };
        for (at, part) in
            wrap(&words, usize::from(inner.width).saturating_sub(12)).into_iter().enumerate()
        {
            let name = if at == 0 { line.name } else { "" };
            pen.line(inner, row, Line::from(span(format!(" {name:<9} {part}"), style)));
            row += 1;
        }
    }
    if let Some(refused) = &form.refused {
        for part in wrap(&pen.words(refused), usize::from(inner.width).saturating_sub(2)) {
            pen.line(inner, row, Line::from(span(format!(" {part}"), theme.bad)));
            row += 1;
        }
    }
    let enter = match form.kind {
        _ if !may && side.is_some() => "Enter: off until this can be sent",
        FormKind::Order(_) => "Enter: reserve for 60 s",
        FormKind::Trigger(_) => "Enter: arm it",
        FormKind::AddMoney | FormKind::AddSymbol => "Enter: add it",
        FormKind::Alert => "Enter: ring at this price, once",
    };
    let style = if may { theme.title } else { theme.dim };
    let close = if side.is_some() { "   Esc: close, keep the draft" } else { "   Esc: close" };
    let enter_and_close = format!(" {enter}{close}");
    let fits = enter_and_close.chars().count() <= usize::from(inner.width);
    let enter = if fits { enter_and_close } else { format!(" {enter}") };
    let commit = format!(" Nothing is traded until you press {}.", pen.key(Action::Commit));
    let last = inner.height.saturating_sub(1);
    let two = matches!(form.kind, FormKind::Order(_)) && row < last;
    if row <= last {
        pen.line(inner, if two { last - 1 } else { last }, Line::from(span(enter, style)));
    }
    if two {
        pen.line(inner, last, Line::from(span(commit, theme.dim)));
    }
}

/// What the form is called, and its side if it trades.
fn title_of(form: &Form) -> (String, Option<Side>) {
    let side_of = |side| if side == Side::Buy { "Buy" } else { "Sell" };
    match form.kind {
        FormKind::Order(side) => (format!("{} {}", side_of(side), form.symbol), Some(side)),
        FormKind::Trigger(side) => {
            (format!("{} trigger {}", side_of(side), form.symbol), Some(side))
        }
        FormKind::AddMoney => ("Add money".to_owned(), None),
        FormKind::AddSymbol => ("Add a symbol".to_owned(), None),
        FormKind::Alert => (format!("Alert {}", form.symbol), None),
    }
}

/// What would come of an order that is being typed, line by line.
pub(super) fn preview(pen: &mut Pen<'_>, area: Rect, form: &Form) {
    let (model, theme) = (pen.model, pen.look.theme);
    let lines =
        form.consequences(model.account.as_ref(), &model.quotes, model.now_ms, model.offset_ms);
    for (row, line) in (0..area.height).zip(&lines) {
        let words = if line.name == "Quote" { line.words.clone() } else { pen.words(&line.words) };
        let words =
            super::fit_words(&format!(" {:<9} {words}", line.name), usize::from(area.width));
        pen.line(
            area,
            row,
            Line::from(span(words, if line.stops { theme.warn } else { theme.text })),
        );
    }
}

/// Words in lines of this width.
pub(super) fn wrap(words: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width
        {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

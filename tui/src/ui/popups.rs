//! What lies over the screen: forms with their consequences, keys, the command line, questions.

use super::{Pen, span};
use crate::model::{Action, Form, FormKind, Popup, suggestions, text};
use daytrade_protocol::Side;
use ratatui::layout::Rect;
use ratatui::text::Line;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect) {
    let docked = pen.model.screen == crate::model::Screen::Trade && area.width >= 160;
    match &pen.model.popup {
        None => greeting(pen, area),
        Some(Popup::Form(form)) if docked && !matches!(form.kind, FormKind::AddMoney | FormKind::AddSymbol) => {}
        Some(Popup::Form(form)) => {
            let place = middle(area, 64, 16);
            pen.clear(place);
            draw_form(pen, place, form);
        }
        Some(Popup::Help) => help(pen, area),
        Some(Popup::ConfirmQuit) => confirm(pen, area),
        Some(Popup::Palette(typed, wrong)) => palette(pen, area, typed, wrong.as_deref()),
        Some(Popup::Wire(row)) => wire(pen, area, *row),
    }
}

/// A place in the middle, no larger than the screen.
fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// The form in its own pane, or what it is for.
pub(super) fn ticket(pen: &mut Pen<'_>, area: Rect) {
    if let Some(Popup::Form(form)) = &pen.model.popup
        && !matches!(form.kind, FormKind::AddMoney | FormKind::AddSymbol)
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

fn draw_form(pen: &mut Pen<'_>, area: Rect, form: &Form) {
    let (model, theme) = (pen.model, pen.look.theme);
    let (title, sides) = match form.kind {
        FormKind::Order(side) => ("Ticket", Some(side)),
        FormKind::Trigger(side) => ("Trigger", Some(side)),
        FormKind::AddMoney => ("Add money", None),
        FormKind::AddSymbol => ("Add a symbol", None),
    };
    let state = if form.sending { "sending..." } else { "" };
    let foot = if sides.is_some() { "Tab field  Left/Right side  Esc close, keep draft" } else { "Esc close" };
    let inner = pen.frame(area, title, state, foot, true);
    let mut row = 0;
    if let Some(side) = sides {
        let words = if side == Side::Buy { " Side      [BUY]   sell" } else { " Side       buy   [SELL]" };
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
        let words = format!("{mark}{name:<9} {}{cursor}{help}", form.value(at));
        pen.line(inner, row, Line::from(span(words, if here { theme.title } else { theme.text })));
        row += 1;
    }
    row += 1;
    let lines = form.consequences(model.account.as_ref(), &model.quotes, model.now_ms, model.offset_ms);
    let may = !lines.iter().any(|line| line.stops) && !form.sending && model.is_live();
    for line in &lines {
        let words = if model.hide_money && line.name == "Cash" { "*****" } else { &line.words };
        let style = if line.stops { theme.warn } else { theme.text };
        for (at, part) in wrap(words, usize::from(inner.width).saturating_sub(12)).into_iter().enumerate() {
            let name = if at == 0 { line.name } else { "" };
            pen.line(inner, row, Line::from(span(format!(" {name:<9} {part}"), style)));
            row += 1;
        }
    }
    if let Some(refused) = &form.refused {
        for part in wrap(refused, usize::from(inner.width).saturating_sub(2)) {
            pen.line(inner, row, Line::from(span(format!(" {part}"), theme.bad)));
            row += 1;
        }
    }
    let enter = match form.kind {
        FormKind::Order(_) => "Enter reserves for 60 s; only the commit trades",
        FormKind::Trigger(_) => "Enter arms it",
        FormKind::AddMoney | FormKind::AddSymbol => "Enter adds it",
    };
    let last = inner.height.saturating_sub(1);
    if row <= last {
        pen.line(inner, last, Line::from(span(format!(" {enter}"), if may { theme.title } else { theme.dim })));
    }
}

fn wrap(words: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width {
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

/// A first start: who has no account is told what to press.
fn greeting(pen: &mut Pen<'_>, area: Rect) {
    if !pen.model.no_account || pen.model.account.is_some() || area.width < 40 || area.height < 12 {
        return;
    }
    let place = middle(area, 60, 9);
    pen.clear(place);
    let inner = pen.frame(place, "Welcome", &pen.model.user.clone(), "", true);
    let rows = [
        String::new(),
        " There is no account of this name yet.".to_owned(),
        format!(" Press {} to add practice money: 10,000.00 is proposed.", pen.key(Action::AddMoney)),
        format!(" Then {} buys the selected symbol, and {} commits.", pen.key(Action::Buy), pen.key(Action::Commit)),
        format!(" {} shows every key, {} quits.", pen.key(Action::Help), pen.key(Action::Quit)),
    ];
    for (row, words) in (0..).zip(rows) {
        pen.line(inner, row, Line::raw(words));
    }
}

fn help(pen: &mut Pen<'_>, area: Rect) {
    let place = middle(area, 96, area.height.saturating_sub(2).min(26));
    pen.clear(place);
    let inner = pen.frame(place, "Keys", "", "any key closes", true);
    let theme = pen.look.theme;
    let half = Action::ALL.len().div_ceil(2);
    let columns: &[&[Action]] =
        if inner.width >= 70 { &[&Action::ALL[..half], &Action::ALL[half..]] } else { &[Action::ALL] };
    let width = inner.width / columns.len() as u16;
    for (column, actions) in (0..).zip(columns) {
        let place = Rect { x: inner.x + column * width, width, ..inner };
        for (row, action) in (0..).zip(actions.iter()) {
            let keys = pen.model.keys.keys(*action);
            let line = Line::from(vec![span(format!(" {keys:<12} "), theme.title), span(action.help(), theme.text)]);
            pen.line(place, row, line);
        }
    }
}

fn confirm(pen: &mut Pen<'_>, area: Rect) {
    let pending = pen.model.pending().count();
    let place = middle(area, 56, 6);
    pen.clear(place);
    let inner = pen.frame(place, "Quit?", "", "", true);
    let waiting = pen.model.waiting().len();
    let rows = [
        format!(" {pending} pending: they run out, the reserve comes back."),
        if waiting > 0 { format!(" {waiting} sent and not yet answered.") } else { String::new() },
        " y or Enter quits, any other key stays".to_owned(),
    ];
    for (row, words) in (0..).zip(rows) {
        pen.line(inner, row, Line::raw(words));
    }
}

fn palette(pen: &mut Pen<'_>, area: Rect, typed: &str, wrong: Option<&str>) {
    let place = Rect { height: 9.min(area.height), ..middle(area, 76, 9) };
    pen.clear(place);
    let inner = pen.frame(place, "Command", "", "Tab complete  Enter do  Esc close", true);
    let theme = pen.look.theme;
    pen.line(inner, 0, Line::from(span(format!(" :{typed}_"), theme.title)));
    if let Some(wrong) = wrong {
        for (row, part) in (1..).zip(wrap(wrong, usize::from(inner.width).saturating_sub(2))) {
            pen.line(inner, row, Line::from(span(format!(" {part}"), theme.bad)));
        }
        return;
    }
    if typed.is_empty() || typed.contains(' ') {
        let lines = [
            "buy SYM AMOUNT      sell SYM AMOUNT     trigger buy SYM AMOUNT at PRICE",
            "add AMOUNT          quote SYM           watch SYM",
            "or a line of the server's own language: COMMIT_BUY,name",
        ];
        for (row, words) in (2..).zip(lines) {
            pen.line(inner, row, Line::from(span(format!(" {words}"), theme.dim)));
        }
        return;
    }
    for (row, action) in (1..).zip(suggestions(typed).into_iter().take(6)) {
        pen.line(inner, row, Line::from(span(format!("  {:<16} {}", action.name(), action.help()), theme.text)));
    }
}

fn wire(pen: &mut Pen<'_>, area: Rect, row: usize) {
    let Some(line) = pen.model.activity.iter().rev().nth(row) else { return };
    let place = middle(area, area.width.saturating_sub(4).min(120), 10);
    pen.clear(place);
    let inner = pen.frame(place, "Request and reply", &text::clock(line.at_ms), "any key closes", true);
    let theme = pen.look.theme;
    let width = usize::from(inner.width).saturating_sub(4);
    let request = if line.tag > 0 {
        format!("[{}] {}", line.tag, line.request)
    } else {
        "(the server said so by itself)".to_owned()
    };
    let mut at = 0;
    for (mark, words, style) in
        [("->", &request, theme.text), ("<-", &line.reply, theme.text), ("  ", &line.words, theme.title)]
    {
        for part in words.chars().collect::<Vec<_>>().chunks(width.max(1)) {
            let part: String = part.iter().collect();
            pen.line(inner, at, Line::from(span(format!(" {mark} {part}"), style)));
            at += 1;
        }
    }
}

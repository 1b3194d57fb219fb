//! What lies over the screen: keys, the command line, settings, questions. The account and the
//! banner stay in sight.

use super::form::{draw_form, preview, wrap};
use super::{Pen, span};
use crate::model::{Action, Link, Model, Palette, Popup, Screen, describe, suggestions, text};
use ratatui::layout::Rect;
use ratatui::text::Line;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, is_docked: bool) {
    match &pen.model.popup {
        None => greeting(pen, area),
        Some(Popup::Form(form)) if is_docked && Model::is_ticket(form.kind) => {}
        Some(Popup::Form(form)) => {
            let place = middle(area, 64, if Model::is_ticket(form.kind) { 18 } else { 9 });
            pen.clear(place);
            draw_form(pen, place, form);
        }
        Some(Popup::Help(row)) => help(pen, area, *row),
        Some(Popup::ConfirmQuit) => confirm(pen, area),
        Some(Popup::Palette(typed)) => palette(pen, area, typed),
        Some(Popup::Wire(row)) => wire(pen, area, *row),
        Some(Popup::Settings(row)) => settings(pen, area, *row),
        Some(Popup::Log(row)) => log(pen, area, *row),
    }
}

/// A place in the middle, no larger than the screen.
fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

/// A first start: who has no account is told what to press.
fn greeting(pen: &mut Pen<'_>, area: Rect) {
    let wanted =
        pen.model.no_account && pen.model.account.is_none() && pen.model.screen != Screen::Replay;
    if !wanted || area.width < 40 || area.height < 7 || matches!(pen.model.link, Link::Apart) {
        return;
    }
    let place = middle(area, 60, 9);
    pen.clear(place);
    let inner = pen.frame(place, "Welcome", &pen.model.user.clone(), "", true);
    let rows = [
        String::new(),
        " There is no account of this name yet.".to_owned(),
        format!(
            " Press {} to add practice money: 10,000.00 is proposed.",
            pen.key(Action::AddMoney)
        ),
        format!(
            " Then {} buys the selected symbol, and {} commits.",
            pen.key(Action::Buy),
            pen.key(Action::Commit)
        ),
        format!(" {} shows every key, {} quits.", pen.key(Action::Help), pen.key(Action::Quit)),
    ];
    let width = usize::from(inner.width).saturating_sub(2);
    for (row, words) in
        (0..inner.height).zip(rows.iter().flat_map(|words| wrap(words.trim(), width)))
    {
        pen.line(inner, row, Line::raw(format!(" {words}")));
    }
}

fn help(pen: &mut Pen<'_>, area: Rect, from: usize) {
    let place = middle(area, 100, area.height.min(Action::ALL.len() as u16 + 2));
    pen.clear(place);
    let foot =
        format!("{} {} scroll, any other key closes", pen.key(Action::Down), pen.key(Action::Up));
    let inner = pen.frame(place, "Keys", "", &foot, true);
    let theme = pen.look.theme;
    let columns: usize = if inner.width >= 84 { 2 } else { 1 };
    let width = inner.width / columns as u16;
    // As many as there is room for; what has been scrolled over is above.
    let rows = Action::ALL.len().div_ceil(columns);
    let from = from.min(rows.saturating_sub(usize::from(inner.height)));
    for column in 0..columns {
        let place = Rect { x: inner.x + column as u16 * width, width, ..inner };
        let actions = Action::ALL.iter().skip(column * rows).take(rows).skip(from);
        for (row, action) in (0..place.height).zip(actions) {
            let keys = pen.model.keys.keys(*action);
            let group = if action.is_of_replay() { "replay: " } else { "" };
            let words = super::fit_words(
                &format!("{group}{}", action.help()),
                usize::from(width).saturating_sub(14),
            );
            pen.line(
                place,
                row,
                Line::from(vec![
                    span(format!(" {keys:<12} "), theme.title),
                    span(words, theme.text),
                ]),
            );
        }
    }
}

/// What can be set, with the selected one marked.
fn settings(pen: &mut Pen<'_>, area: Rect, at: usize) {
    let rows = pen.model.settings.rows();
    let place = middle(area, 56, rows.len() as u16 + 3);
    pen.clear(place);
    let inner =
        pen.frame(place, "Settings", "", "Up/Down choose  Left/Right change  Esc close", true);
    for (row, (name, value)) in rows.iter().enumerate() {
        let (mark, style) = if row == at {
            (pen.look.glyphs.mark, pen.look.theme.title)
        } else {
            (' ', pen.look.theme.text)
        };
        pen.line(inner, row as u16, Line::from(span(format!("{mark}{name:<14} {value}"), style)));
    }
    let words = " Kept for next time; config.toml comes first.";
    pen.line(inner, rows.len() as u16, Line::from(span(words, pen.look.theme.dim)));
}

/// What the screen itself has noted, newest first.
fn log(pen: &mut Pen<'_>, area: Rect, from: usize) {
    let place =
        middle(area, area.width.saturating_sub(4).min(110), area.height.saturating_sub(2).min(24));
    pen.clear(place);
    let inner = pen.frame(place, "Log", "newest first", "any other key closes", true);
    if pen.model.log.is_empty() {
        pen.line(
            inner,
            0,
            Line::from(span(
                " Nothing yet. Connections made and lost are noted here.",
                pen.look.theme.dim,
            )),
        );
    }
    for (row, (at_ms, words)) in (0..inner.height).zip(pen.model.log.iter().rev().skip(from)) {
        let words =
            super::fit_words(&pen.words(words), usize::from(inner.width).saturating_sub(12));
        let line = vec![
            span(format!(" {} ", text::clock(*at_ms)), pen.look.theme.dim),
            span(words, pen.look.theme.text),
        ];
        pen.line(inner, row, Line::from(line));
    }
}

fn confirm(pen: &mut Pen<'_>, area: Rect) {
    let pending = pen.model.pending().count();
    let place = middle(area, 56, 6);
    pen.clear(place);
    let inner = pen.frame(place, "Quit?", "", "", true);
    let waiting = pen.model.waiting().len();
    let rows = [
        format!("{} or Enter quits, any other key stays.", pen.key(Action::Quit)),
        format!("{pending} pending: what is not committed runs out, the reserve comes back."),
        if waiting > 0 { format!("{waiting} sent and not yet answered.") } else { String::new() },
    ];
    let width = usize::from(inner.width).saturating_sub(2);
    for (row, words) in (0..inner.height).zip(rows.iter().flat_map(|words| wrap(words, width))) {
        pen.line(inner, row, Line::raw(format!(" {words}")));
    }
}

fn palette(pen: &mut Pen<'_>, area: Rect, palette: &Palette) {
    let place = middle(area, 80, 12);
    pen.clear(place);
    let inner =
        pen.frame(place, "Command", "", "Tab complete  Up earlier  Enter do  Esc close", true);
    let theme = pen.look.theme;
    pen.line(inner, 0, Line::from(span(format!(" :{}_", palette.text), theme.title)));
    let below =
        Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner };
    if let Some(wrong) = &palette.wrong {
        for (row, part) in (0..).zip(wrap(wrong, usize::from(inner.width).saturating_sub(2))) {
            pen.line(below, row, Line::from(span(format!(" {part}"), theme.bad)));
        }
        return;
    }
    if let Some(form) = pen.model.preview() {
        preview(pen, below, &form);
        return;
    }
    if palette.text.is_empty() {
        let lines = [
            "buy SYM AMOUNT      sell SYM AMOUNT     trigger buy SYM AMOUNT at PRICE",
            "add AMOUNT          quote SYM           watch SYM",
            "alert SYM PRICE     filter WORDS        theme NAME",
            "replay FILE         dumplog FILE        any action of the help by its name",
            "or a line of the server's own language: COMMIT_BUY,name",
        ];
        for (row, words) in (1..).zip(lines) {
            pen.line(
                below,
                row,
                Line::from(span(
                    super::fit_words(&format!(" {words}"), usize::from(below.width)),
                    theme.dim,
                )),
            );
        }
        return;
    }
    let first = palette.text.split(' ').next().unwrap_or_default();
    for (row, name) in (0..below.height).zip(suggestions(first)) {
        let words =
            super::fit_words(&format!("  {name:<16} {}", describe(name)), usize::from(below.width));
        pen.line(below, row, Line::from(span(words, theme.text)));
    }
}

fn wire(pen: &mut Pen<'_>, area: Rect, row: usize) {
    let Some(line) = pen.model.activity.iter().rev().nth(row) else { return };
    let place = middle(area, area.width.saturating_sub(4).min(120), 10);
    pen.clear(place);
    let inner = pen.frame(
        place,
        "Request and reply",
        &text::clock(line.at_ms),
        &format!("{} copy, any other key closes", pen.key(Action::Copy)),
        true,
    );
    let theme = pen.look.theme;
    let width = usize::from(inner.width).saturating_sub(4);
    let request = if line.tag > 0 {
        format!("[{}] {}", line.tag, line.request)
    } else {
        "(the server said so by itself)".to_owned()
    };
    let mut at = 0;
    for (mark, words, style) in [
        ("->", &request, theme.text),
        ("<-", &line.reply, theme.text),
        ("  ", &line.words, theme.title),
    ] {
        let words = pen.words(words);
        for part in words.chars().collect::<Vec<_>>().chunks(width.max(1)) {
            let part: String = part.iter().collect();
            pen.line(inner, at, Line::from(span(format!(" {mark} {part}"), style)));
            at += 1;
        }
    }
}

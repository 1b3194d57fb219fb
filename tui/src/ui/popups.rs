//! The windows above the screen: keys, command line, settings, log and questions. They never cover
//! the account and the banner.

use super::form::{draw_form, preview};
use super::help::help;
use super::text_width::{fit_words, split_lines, with_cursor, wrap};
use super::{DrawContext, span};
use crate::app::{Action, Link, Palette, Popup, Screen, describe, suggestions, text};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Draws the popup, or the welcome. A docked ticket is drawn in its own pane.
pub(super) fn draw(ctx: &mut DrawContext<'_>, area: Rect, is_docked: bool) {
    match ctx.app.view.popup() {
        None => welcome(ctx, area),
        Some(Popup::Form(form)) if is_docked && form.kind().is_ticket() => {}
        Some(Popup::Form(form)) => {
            let window = middle(area, 64, if form.kind().is_ticket() { 18 } else { 9 });
            ctx.clear(window);
            draw_form(ctx, window, form);
        }
        Some(Popup::Help(row)) => help(ctx, area, *row),
        Some(Popup::ConfirmQuit) => confirm(ctx, area),
        Some(Popup::Palette(typed)) => palette(ctx, area, typed),
        Some(Popup::Exchange(row)) => exchange(ctx, area, *row),
        Some(Popup::Settings(row)) => settings(ctx, area, *row),
        Some(Popup::Log(row)) => log(ctx, area, *row),
    }
}

/// Returns an area in the middle, no larger than the screen.
pub(super) fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

/// Draws the welcome to a user who has no account yet.
fn welcome(ctx: &mut DrawContext<'_>, area: Rect) {
    let wanted = ctx.app.account.is_missing()
        && ctx.app.account.current().is_none()
        && ctx.app.view.screen() != Screen::Replay;
    if !wanted
        || area.width < 40
        || area.height < 7
        || matches!(ctx.app.connection.link(), Link::ReplayOnly)
    {
        return;
    }
    let window = middle(area, 60, 9);
    ctx.clear(window);
    let inner = ctx.frame(window, "Welcome", ctx.app.connection.user().as_str(), "", true);
    let rows = [
        String::new(),
        " There is no account of this name yet.".to_owned(),
        format!(
            " Press {} to add practice money: 10,000.00 is proposed.",
            ctx.key(Action::AddMoney)
        ),
        format!(
            " Then {} buys the selected symbol, and {} commits.",
            ctx.key(Action::Buy),
            ctx.key(Action::Commit)
        ),
        format!(" {} shows every key, {} quits.", ctx.key(Action::Help), ctx.key(Action::Quit)),
    ];
    let width = usize::from(inner.width).saturating_sub(2);
    for (row, text) in (0..inner.height).zip(rows.iter().flat_map(|text| wrap(text.trim(), width)))
    {
        ctx.line(inner, row, Line::raw(format!(" {text}")));
    }
}

/// Draws the settings, with the selected one marked.
fn settings(ctx: &mut DrawContext<'_>, area: Rect, at: usize) {
    let rows = ctx.app.settings.rows();
    let window = middle(area, 56, rows.len() as u16 + 3);
    ctx.clear(window);
    let inner =
        ctx.frame(window, "Settings", "", "Up/Down choose  Left/Right change  Esc close", true);
    for (row, (name, value)) in rows.iter().enumerate() {
        let (mark, style) = if row == at {
            (ctx.options.glyphs.mark, ctx.options.theme.title)
        } else {
            (' ', ctx.options.theme.text)
        };
        ctx.line(inner, row as u16, Line::from(span(format!("{mark}{name:<14} {value}"), style)));
    }
    let text = " Kept for next time; config.toml comes first.";
    ctx.line(inner, rows.len() as u16, Line::from(span(text, ctx.options.theme.dim)));
}

/// Draws the log, newest message first.
fn log(ctx: &mut DrawContext<'_>, area: Rect, from: usize) {
    let window =
        middle(area, area.width.saturating_sub(4).min(110), area.height.saturating_sub(2).min(24));
    ctx.clear(window);
    let inner = ctx.frame(window, "Log", "newest first", "any other key closes", true);
    if ctx.app.activity.log().is_empty() {
        ctx.line(
            inner,
            0,
            Line::from(span(
                " Nothing yet. Connections made and lost are noted here.",
                ctx.options.theme.dim,
            )),
        );
    }
    for (row, (at_ms, text)) in
        (0..inner.height).zip(ctx.app.activity.log().iter().rev().skip(from))
    {
        let text = fit_words(&ctx.words(text), usize::from(inner.width).saturating_sub(12));
        let line = vec![
            span(format!(" {} ", text::clock(*at_ms)), ctx.options.theme.dim),
            span(text, ctx.options.theme.text),
        ];
        ctx.line(inner, row, Line::from(line));
    }
}

/// Draws the question before quitting.
fn confirm(ctx: &mut DrawContext<'_>, area: Rect) {
    let pending = ctx.app.account.pending().count();
    let window = middle(area, 60, 8);
    ctx.clear(window);
    let inner = ctx.frame(window, "Quit?", "", "", true);
    let waiting = ctx.app.connection.waiting().count();
    let mut rows = vec![format!("{} or Enter quits, any other key stays.", ctx.key(Action::Quit))];
    if pending > 0 {
        rows.push(format!(
            "{pending} pending: what is not committed expires, the reserve comes back."
        ));
    }
    if waiting > 0 {
        rows.push(format!("{waiting} sent and not yet answered."));
    }
    if ctx.app.stops_triggers() {
        rows.push(
            "Armed triggers fire only while this screen's own server runs: they wait until then."
                .to_owned(),
        );
    }
    let width = usize::from(inner.width).saturating_sub(2);
    for (row, text) in (0..inner.height).zip(rows.iter().flat_map(|text| wrap(text, width))) {
        ctx.line(inner, row, Line::raw(format!(" {text}")));
    }
}

/// Draws the command line with a preview, suggestions or an error.
fn palette(ctx: &mut DrawContext<'_>, area: Rect, palette: &Palette) {
    let window = middle(area, 80, 12);
    ctx.clear(window);
    let inner =
        ctx.frame(window, "Command", "", "Tab complete  Up earlier  Enter do  Esc close", true);
    let theme = ctx.options.theme;
    let line = with_cursor(palette.text(), palette.cursor());
    ctx.line(inner, 0, Line::from(span(format!(" :{line}"), theme.title)));
    let below =
        Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner };
    if let Some(error) = palette.error() {
        for (row, part) in (0..).zip(wrap(error, usize::from(inner.width).saturating_sub(2))) {
            ctx.line(below, row, Line::from(span(format!(" {part}"), theme.bad)));
        }
        return;
    }
    if let Some(form) = ctx.app.preview() {
        preview(ctx, below, &form);
        return;
    }
    if palette.text().is_empty() {
        let lines = [
            "buy SYM AMOUNT      sell SYM AMOUNT     trigger buy SYM AMOUNT at PRICE",
            "add AMOUNT          quote SYM           watch SYM",
            "alert SYM PRICE     filter WORDS        theme NAME",
            "replay FILE         dumplog FILE        any action of the help by its name",
            "or a line of the server's own language: COMMIT_BUY,name",
        ];
        for (row, text) in (1..).zip(lines) {
            ctx.line(
                below,
                row,
                Line::from(span(
                    fit_words(&format!(" {text}"), usize::from(below.width)),
                    theme.dim,
                )),
            );
        }
        return;
    }
    let first = palette.text().split(' ').next().unwrap_or_default();
    for (row, name) in (0..below.height).zip(suggestions(first)) {
        let text = fit_words(&format!("  {name:<16} {}", describe(name)), usize::from(below.width));
        ctx.line(below, row, Line::from(span(text, theme.text)));
    }
}

/// Draws request and reply of a line of activity.
fn exchange(ctx: &mut DrawContext<'_>, area: Rect, row: usize) {
    let Some(line) = ctx.app.shown_activity().nth(row) else { return };
    let window = middle(area, area.width.saturating_sub(4).min(120), 10);
    ctx.clear(window);
    let inner = ctx.frame(
        window,
        "Request and reply",
        &text::moment(line.at_ms, ctx.app.clock.now_ms()),
        &format!("{} copy, any other key closes", ctx.key(Action::Copy)),
        true,
    );
    let theme = ctx.options.theme;
    let width = usize::from(inner.width).saturating_sub(4);
    let request = if line.tag > 0 {
        format!("[{}] {}", line.tag, line.subject.wire_line())
    } else {
        "(a message that is not a reply)".to_owned()
    };
    let mut at = 0;
    for (mark, text, style) in [
        ("->", &request, theme.text),
        ("<-", &line.reply, theme.text),
        ("  ", &line.message, theme.title),
    ] {
        let text = ctx.words(text);
        for part in split_lines(&text, width) {
            ctx.line(inner, at, Line::from(span(format!(" {mark} {part}"), style)));
            at += 1;
        }
    }
}

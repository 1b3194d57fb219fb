//! Screen 5: the replay of a workload, with each request next to its reply.

use super::table::{Cells, number_column, table, text_column, visible};
use super::text_width::{fit_words, split_lines, wrap};
use super::{DrawContext, span};
use crate::account_at::{AccountAt, Order, Trigger};
use crate::app::{Action, Pane, text};
use crate::replay_message::{Exchange, Pace, Stage};
use daytrade_protocol::{Side, Symbol};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

/// The minimum width with the account beside request and reply.
const ACCOUNT_BESIDE: u16 = 110;

/// Draws the screen.
pub(super) fn draw(ctx: &mut DrawContext<'_>, area: Rect) {
    let Some(replay) = ctx.app.replay.progress() else {
        let inner = ctx.pane(area, Pane::Replay, "Replay", "", "");
        let key = ctx.key(Action::Palette);
        let rows = [
            format!(" No replay. {key} replay FILE runs a workload file on a server of its own,"),
            " or start with: daytrade replay FILE --ui".to_owned(),
        ];
        for (row, text) in (0..).zip(rows) {
            let text = fit_words(&text, usize::from(inner.width));
            ctx.line(inner, row, Line::from(span(text, ctx.options.theme.dim)));
        }
        return;
    };
    let number = ctx.app.replay.number_at(ctx.app.row(Pane::Replay));
    let selected = number.and_then(|number| ctx.app.replay.exchange(number)).cloned();
    let head = match area.height {
        ..14 => 3,
        14..20 => 6,
        _ if replay.reasons.is_empty() => 6,
        _ => 7,
    };
    let footer = match area.height {
        ..14 => 0,
        14..18 => 4,
        _ if area.width >= ACCOUNT_BESIDE => (area.height / 3).clamp(6, 16),
        _ => (area.height * 2 / 5).clamp(7, 16),
    };
    let [top, list, below] = Layout::vertical([
        Constraint::Length(head),
        Constraint::Min(3),
        Constraint::Length(footer),
    ])
    .areas(area);
    progress(ctx, top);
    exchanges_list(ctx, list);
    let Some((number, selected)) = number.zip(selected).filter(|_| below.height >= 4) else {
        return;
    };
    if area.width >= ACCOUNT_BESIDE {
        let [texts, account] =
            Layout::horizontal([Constraint::Percentage(64), Constraint::Min(0)]).areas(below);
        side_by_side(ctx, texts, &selected);
        account_after(ctx, account, number, &selected);
    } else if below.height >= 7 {
        let [texts, account] =
            Layout::vertical([Constraint::Length(below.height / 2), Constraint::Min(0)])
                .areas(below);
        side_by_side(ctx, texts, &selected);
        account_after(ctx, account, number, &selected);
    } else {
        side_by_side(ctx, below, &selected);
    }
}

fn progress(ctx: &mut DrawContext<'_>, area: Rect) {
    let Some(replay) = ctx.app.replay.progress() else { return };
    let (state, style) = match &replay.stage {
        Stage::Starting => ("starting".to_owned(), ctx.options.theme.dim),
        Stage::Running if replay.pace == Pace::Paused => (
            format!(
                "PAUSED, {} resumes at {}, {} and {} go one line forward and back",
                ctx.key(Action::ReplayPause),
                ctx.app.replay.resume_pace().words(),
                ctx.key(Action::ReplayStep),
                ctx.key(Action::ReplayBack)
            ),
            ctx.options.theme.warn,
        ),
        Stage::Running => (format!("running, speed {}", replay.pace.words()), ctx.options.theme.ok),
        Stage::Ended => ("ended".to_owned(), ctx.options.theme.ok),
        Stage::Failed(text) => (format!("FAILED: {text}"), ctx.options.theme.bad),
    };
    let title = format!("Replay {}", replay.file);
    let inner = ctx.frame(area, &title, "", "", false);
    ctx.line(
        inner,
        0,
        Line::from(span(fit_words(&format!(" {state}"), usize::from(inner.width)), style)),
    );
    for (row, text) in (1..).zip(counts(ctx, inner.width)) {
        ctx.line(inner, row, Line::raw(fit_words(&text, usize::from(inner.width))));
    }
}

/// Returns the lines with the progress bar, the number of lines and the outcomes.
pub(super) fn counts(ctx: &DrawContext<'_>, width: u16) -> Vec<String> {
    let Some(replay) = ctx.app.replay.progress() else { return Vec::new() };
    let (whole, sent) = replay.bytes;
    let percent = sent.min(whole) * 100 / whole.max(1);
    let cells = usize::from(width).saturating_sub(12).min(60);
    let bar = ctx.options.glyphs.bar(sent, whole.max(1), cells);
    let runs = replay.stage == Stage::Running && replay.pace != Pace::Paused;
    let speed = if runs {
        format!("   {} lines/s", text::thousands(replay.lines_per_second()))
    } else {
        String::new()
    };
    let left = replay
        .seconds_left()
        .map_or(String::new(), |seconds| format!("   {}:{:02} left", seconds / 60, seconds % 60));
    let mut lines = vec![
        if replay.stage == Stage::Starting {
            String::new()
        } else if whole > 0 {
            format!(" [{bar}] {percent:>3}%")
        } else {
            " of standard input".to_owned()
        },
        format!(" {} sent{speed}{left}", text::count(replay.lines, "line")),
        format!(
            " ok {}   refused {}   not as expected {}",
            text::thousands(replay.ok),
            text::thousands(replay.refused),
            text::thousands(replay.differences)
        ),
    ];
    let mut reasons: Vec<_> = replay.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let reason = |(code, count): &(&&str, &u64)| format!("{code} {}", text::thousands(**count));
    if !reasons.is_empty() {
        lines.push(format!(" {}", reasons.iter().map(reason).collect::<Vec<_>>().join("  ")));
    }
    lines
}

fn exchanges_list(ctx: &mut DrawContext<'_>, area: Rect) {
    let keys = [
        (Action::ReplayFaster, "faster"),
        (Action::ReplaySlower, "slower"),
        (Action::ReplayJumpBack, "refusal before"),
        (Action::ReplayJump, "next"),
        (Action::Filter, "search"),
        (Action::Copy, "copy"),
    ];
    let footer = keys.map(|(action, word)| format!("{} {word}", ctx.key(action))).join("  ");
    let (count, search) = (ctx.app.replay.rows(), ctx.app.replay.search());
    let state = if search.is_empty() {
        "newest first".to_owned()
    } else {
        format!("{} match {}", text::thousands(count as u64), search.text())
    };
    let inner = ctx.pane(area, Pane::Replay, "Requests", &state, &footer);
    let theme = ctx.options.theme;
    let columns = [
        number_column("LINE", 1),
        text_column("REQUEST", 0),
        text_column("", 3),
        text_column("REPLY", 2),
    ];
    let range = visible(ctx, inner, Pane::Replay, count);
    let first = range.start;
    let rows: Vec<Cells> = range
        .filter_map(|row| ctx.app.replay.exchange(ctx.app.replay.number_at(row)?))
        .map(|exchange| {
            let (word, style) = match (&exchange.difference, exchange.refused) {
                (Some(_), _) => ("DIFFERS", theme.bad),
                (None, Some(_)) => ("refused", theme.bad),
                (None, None) => ("ok", theme.text),
            };
            // The request has the tag already. Spaces between the fields let them be wrapped whole.
            let last = exchange.reply.lines().last().unwrap_or_default();
            let last = last.split_once("] ").map_or(last, |(_, reply)| reply).replace(',', " ");
            vec![
                (text::thousands(exchange.file_line), theme.dim),
                (exchange.request.clone(), theme.text),
                (word.to_owned(), style),
                (last, style),
            ]
        })
        .collect();
    let empty = if search.is_empty() { "Nothing sent yet." } else { "Nothing matches." };
    table(ctx, inner, (Pane::Replay, first), &columns, &rows, empty);
}

fn side_by_side(ctx: &mut DrawContext<'_>, area: Rect, exchange: &Exchange) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Min(0)]).areas(area);
    let title = format!("Line {}", text::thousands(exchange.file_line));
    let request = ctx.frame(left, &title, "request", "", false);
    lines(ctx, request, &exchange.request);
    let reply = ctx.frame(
        right,
        "Reply",
        if exchange.refused.is_some() { "refused" } else { "ok" },
        "",
        false,
    );
    let text = match &exchange.difference {
        Some(difference) => format!("{}\nNOT AS EXPECTED: {difference}", exchange.reply),
        None => exchange.reply.clone(),
    };
    lines(ctx, reply, &text);
}

/// Draws the account after an exchange.
fn account_after(ctx: &mut DrawContext<'_>, area: Rect, number: u64, exchange: &Exchange) {
    let title = format!("Account after line {}", text::thousands(exchange.file_line));
    let instant = ctx.app.replay.progress().and_then(|replay| replay.instant.as_ref());
    let account = instant.filter(|instant| instant.exchange == number).map(|at| &at.account);
    let (user, parts) = match account {
        None => (String::new(), vec!["shown while the replay is paused or has ended".to_owned()]),
        Some(Err(cause)) => (String::new(), vec![cause.clone()]),
        Some(Ok((user, account))) => (user.clone(), account_lines(account, ctx)),
    };
    let inner = ctx.frame(area, &title, &user, "", false);
    let columns = usize::from(inner.width).saturating_sub(1);
    let mut lines: Vec<String> = parts.iter().flat_map(|part| wrap(part, columns)).collect();
    let rows = usize::from(inner.height);
    if lines.len() > rows && rows > 0 {
        let more = lines.len() - rows + 1;
        lines.truncate(rows - 1);
        lines.push(format!("and {} more", text::count(more as u64, "line")));
    }
    for (row, line) in (0..inner.height).zip(lines) {
        ctx.line(inner, row, Line::raw(format!(" {line}")));
    }
}

/// Returns cash, shares, pending orders and triggers as text, without what there is none of.
fn account_lines(account: &AccountAt, ctx: &DrawContext<'_>) -> Vec<String> {
    let (cash, reserved) = (text::dollars(account.cash), text::dollars(account.reserved));
    let mut lines = vec![format!("cash {cash}  reserved {reserved}")];
    let mut add = |name: &str, parts: Vec<String>| {
        if !parts.is_empty() {
            lines.push(format!("{name} {}", parts.join("; ")));
        }
    };
    let order = |order: &Order| {
        let Order { side, terms } = order;
        let (shares, price) = (text::thousands(terms.shares), text::dollars(terms.price));
        format!("{} {shares} {} at {price}", side.as_str(), terms.symbol)
    };
    add("pending", account.pending.iter().map(order).collect());
    let (at_most, at_least) = ctx.options.glyphs.bounds;
    let trigger = |((side, symbol), trigger): (&(Side, Symbol), &Trigger)| {
        let sign = if *side == Side::Buy { at_most } else { at_least };
        let price = trigger
            .price
            .map_or("no price".to_owned(), |price| format!("{sign} {}", text::dollars(price)));
        format!("{} {symbol} for {} {price}", side.as_str(), text::dollars(trigger.amount))
    };
    add("triggers", account.triggers.iter().map(trigger).collect());
    let free = |(symbol, shares): (&Symbol, &u64)| format!("{symbol} {}", text::thousands(*shares));
    add("free shares", account.free.iter().map(free).collect());
    lines
}

/// Draws a text at any width, split at any character.
fn lines(ctx: &mut DrawContext<'_>, area: Rect, text: &str) {
    let parts = split_lines(text, usize::from(area.width));
    for (row, part) in (0..area.height).zip(parts) {
        ctx.line(area, row, Line::raw(part));
    }
}

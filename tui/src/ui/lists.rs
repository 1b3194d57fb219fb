//! The panes that are lists. Columns are as wide as what stands in them and leave whole, in a fixed order, when there is no
//! room; a number is never cut.

use super::{Pen, span};
use crate::model::{Action, Pane, Screen, Seen, Spot, Verdict, text};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// One column: its name, whether numbers stand in it, and how soon it leaves (0 never).
struct Column {
    name: &'static str,
    number: bool,
    leaves: u8,
}

const fn words(name: &'static str, leaves: u8) -> Column {
    Column { name, number: false, leaves }
}

const fn number(name: &'static str, leaves: u8) -> Column {
    Column { name, number: true, leaves }
}

type Cells = Vec<(String, Style)>;

/// Draws a list with its selected row in sight.
fn table(pen: &mut Pen<'_>, inner: Rect, pane: Pane, columns: &[Column], rows: &[Cells], empty: &str) {
    let theme = pen.look.theme;
    if rows.is_empty() {
        let words = super::fit_words(&format!(" {empty}"), usize::from(inner.width));
        pen.line(inner, 0, Line::from(span(words, theme.dim)));
        return;
    }
    if inner.height == 0 {
        return;
    }
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| text.chars().count());
            cells.chain([column.name.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    // Words at the end may be shortened, so they push nothing out beyond a few.
    let wants =
        |at: usize| if at + 1 == columns.len() && !columns[at].number { widths[at].min(24) } else { widths[at] };
    let total = |shown: &[usize]| shown.iter().map(|at| wants(*at) + 2).sum::<usize>() + 1;
    while total(&shown) > usize::from(inner.width) {
        let Some(out) = shown.iter().copied().filter(|at| columns[*at].leaves > 0).min_by_key(|at| columns[*at].leaves)
        else {
            break;
        };
        shown.retain(|at| *at != out);
    }
    let header: Vec<Span<'_>> = std::iter::once(Span::raw(" "))
        .chain(shown.iter().map(|at| span(cell(columns[*at].name, widths[*at], columns[*at].number), theme.dim)))
        .collect();
    let with_header = inner.height > 2;
    if with_header {
        pen.line(inner, 0, Line::from(header));
    }
    let top = u16::from(with_header);
    let room = usize::from(inner.height - top);
    let selected = pen.model.row(pane).min(rows.len() - 1);
    let first = (selected + 1).saturating_sub(room);
    let focused = pen.model.pane() == pane;
    for (row, (index, cells)) in (top..).zip(rows.iter().enumerate().skip(first).take(room)) {
        let is_selected = index == selected && focused;
        let mark = if is_selected { pen.look.glyphs.mark } else { ' ' };
        let mut spans = vec![Span::raw(mark.to_string())];
        let mut room = usize::from(inner.width).saturating_sub(1);
        for at in &shown {
            let (text, style) = &cells[*at];
            // The last column may be words, which may be cut; numbers are dropped whole.
            let width = widths[*at] + 2;
            if width > room && columns[*at].number {
                break;
            }
            let text = if columns[*at].number { text.clone() } else { super::fit_words(text, room) };
            room = room.saturating_sub(width);
            spans.push(span(cell(&text, widths[*at], columns[*at].number), *style));
        }
        let area = Rect { y: inner.y + row, height: 1, ..inner };
        pen.line(inner, row, Line::from(spans));
        if is_selected {
            pen.buffer.set_style(area, theme.sel);
        }
        pen.hits.add(area, Spot::Row(pane, index));
    }
}

fn cell(text: &str, width: usize, number: bool) -> String {
    if number { format!("{text:>width$}  ") } else { format!("{text:<width$}  ") }
}

fn is_focused(pen: &Pen<'_>, pane: Pane) -> bool {
    pen.model.pane() == pane
}

/// The age of a quote against its minute.
fn age(seen: Option<&Seen>, now_ms: u64, offset_ms: i64) -> String {
    match seen {
        None => "...".to_owned(),
        Some(seen) if !seen.is_fresh(now_ms, offset_ms) => "stale".to_owned(),
        Some(seen) => format!("{}s", seen.age_ms(now_ms, offset_ms) / 1_000),
    }
}

pub(super) fn watchlist(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let symbols = model.shown_symbols();
    let sort = match model.sort {
        crate::model::Sort::Own => "",
        crate::model::Sort::Name => ", by name",
        crate::model::Sort::Change => ", by change",
    };
    let filter = if model.filter.is_empty() { String::new() } else { format!(", filter {}", model.filter) };
    let count = format!("{} symbols{sort}{filter}", symbols.len());
    let foot = format!(
        "{} filter  {} add  {} drop",
        pen.key(Action::Filter),
        pen.key(Action::AddSymbol),
        pen.key(Action::DropSymbol)
    );
    let inner = pen.frame(area, "Watchlist", &count, &foot, is_focused(pen, Pane::Watchlist));
    let theme = pen.look.theme;
    let columns = [
        words("SYM", 0),
        number("LAST", 0),
        number("CHANGE", 4),
        words("TREND", 1),
        number("AGE", 3),
        words("MINE", 2),
        number("SHARES", 5),
        number("P&L", 6),
    ];
    let rows: Vec<Cells> = symbols
        .iter()
        .map(|symbol| {
            let seen = model.quotes.get(*symbol);
            let fresh = model.is_live() && seen.is_some_and(|seen| seen.is_fresh(model.now_ms, model.offset_ms));
            let quiet = if fresh { theme.text } else { theme.dim };
            let change = seen.and_then(Seen::change_basis_points).unwrap_or(0);
            let flash = seen.is_some_and(|seen| model.now_ms.saturating_sub(seen.changed_ms) < 600);
            let last = seen.map_or("-".to_owned(), |seen| text::dollars(seen.price));
            let last_style = if flash && fresh && !pen.look.reduce_motion { theme.sel } else { quiet };
            let trend = seen.map_or(String::new(), |seen| {
                pen.look.glyphs.sparkline(seen.history.iter().map(|(_, price)| price.cents()), 10)
            });
            let account = model.account.as_ref();
            let holding = account.and_then(|account| account.holding(*symbol));
            let mine = [
                (holding.is_some(), 'H'),
                (model.pending().any(|order| order.terms.symbol == *symbol), 'P'),
                (account.is_some_and(|account| account.triggers.iter().any(|t| t.symbol == *symbol)), 'T'),
            ];
            let mine = mine.iter().map(|(is, letter)| if *is { *letter } else { ' ' }).collect::<String>();
            let shares = holding.map_or(String::new(), |holding| text::thousands(holding.shares()));
            let profit = holding.zip(seen).and_then(|(holding, seen)| {
                Some(Money::from_cents(seen.price.times(holding.shares())?.cents() - holding.basis.cents()))
            });
            let about = if fresh { "" } else { "~" };
            let gain = profit.map_or(String::new(), |profit| format!("{about}{}", pen.gain(profit)));
            vec![
                (symbol.to_string(), theme.text),
                (last, last_style),
                (
                    seen.map_or(String::new(), |_| pen.look.glyphs.change(change)),
                    if fresh { theme.moved(change) } else { theme.dim },
                ),
                (trend, theme.dim),
                (age(seen, model.now_ms, model.offset_ms), quiet),
                (mine, theme.text),
                (shares, theme.text),
                (gain, theme.moved(profit.map_or(0, Money::cents))),
            ]
        })
        .collect();
    let empty = if model.filter.is_empty() {
        format!("No symbols. Press {} to add one.", pen.key(Action::AddSymbol))
    } else {
        format!("No symbol matches {}. {} shows all.", model.filter, pen.key(Action::Back))
    };
    table(pen, inner, Pane::Watchlist, &columns, &rows, &empty);
}

pub(super) fn holdings(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let count = model.rows(Pane::Holdings);
    let foot = format!("{} buy  {} sell", pen.key(Action::Buy), pen.key(Action::Sell));
    let inner = pen.frame(area, "Holdings", &format!("{count} positions"), &foot, is_focused(pen, Pane::Holdings));
    let theme = pen.look.theme;
    let columns = [
        words("SYM", 0),
        number("SHARES", 0),
        number("FREE", 2),
        number("AVG", 3),
        number("LAST", 4),
        number("VALUE", 5),
        number("P&L", 6),
        number("%", 1),
    ];
    let rows: Vec<Cells> = model
        .account
        .iter()
        .flat_map(|account| &account.holdings)
        .map(|holding| {
            let seen = model.quotes.get(holding.symbol);
            let fresh = model.is_live() && seen.is_some_and(|seen| seen.is_fresh(model.now_ms, model.offset_ms));
            let about = if fresh { "" } else { "~" };
            let value = seen.and_then(|seen| seen.price.times(holding.shares()));
            let profit = value.map(|value| Money::from_cents(value.cents() - holding.basis.cents()));
            let share = profit.and_then(|profit| text::basis_points(profit, holding.basis));
            let style = theme.moved(profit.map_or(0, Money::cents));
            vec![
                (holding.symbol.to_string(), theme.text),
                (text::thousands(holding.shares()), theme.text),
                (text::thousands(holding.free), theme.text),
                (text::dollars(holding.average()), theme.text),
                (
                    seen.map_or("-".to_owned(), |seen| text::dollars(seen.price)),
                    if fresh { theme.text } else { theme.dim },
                ),
                (value.map_or("-".to_owned(), |value| format!("{about}{}", pen.money(value))), theme.text),
                (profit.map_or("-".to_owned(), |profit| format!("{about}{}", pen.gain(profit))), style),
                (share.map_or(String::new(), |share| pen.look.glyphs.change(share)), style),
            ]
        })
        .collect();
    let empty = loading_or(pen, &format!("No holdings yet. Press {} to buy.", pen.key(Action::Buy)));
    table(pen, inner, Pane::Holdings, &columns, &rows, &empty);
}

/// What an empty pane says: that it is not known yet, or what would fill it.
fn loading_or(pen: &Pen<'_>, empty: &str) -> String {
    if pen.model.account.is_some() || pen.model.no_account { empty.to_owned() } else { "loading".to_owned() }
}

pub(super) fn pending(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let count = model.rows(Pane::Pending);
    let title = if count == 0 { "Pending".to_owned() } else { format!("Pending: {count}, 60 s to commit") };
    let foot = format!("{} commit  {} cancel", pen.key(Action::Commit), pen.key(Action::Cancel));
    let inner = pen.frame(area, &title, "newest of a side first", &foot, is_focused(pen, Pane::Pending));
    let theme = pen.look.theme;
    let columns = [
        words("SIDE", 0),
        words("SYM", 0),
        number("SHARES", 3),
        number("PRICE", 2),
        number("TOTAL", 4),
        words("TIME LEFT", 1),
        number("", 0),
        words("", 0),
    ];
    let next = model.next_pending();
    let rows: Vec<Cells> = model
        .pending()
        .map(|order| {
            let left = model.left_ms(order.expires_at_ms);
            let is_next = next.is_some_and(|next| std::ptr::eq(next, order));
            let style = if left <= 20_000 { theme.warn } else { theme.text };
            vec![
                (order.side.as_str().to_owned(), theme.text),
                (order.terms.symbol.to_string(), theme.text),
                (text::thousands(order.terms.shares), theme.text),
                (text::dollars(order.terms.price), theme.text),
                (pen.money(order.terms.total), theme.text),
                (format!("[{}]", pen.look.glyphs.bar(left, 60_000, 10)), style),
                (if left == 0 { "expired".to_owned() } else { text::countdown(left) }, style),
                (if is_next { "NEXT".to_owned() } else { String::new() }, theme.title),
            ]
        })
        .collect();
    let empty = loading_or(pen, "Nothing pending. A buy or sell waits here for its commit.");
    table(pen, inner, Pane::Pending, &columns, &rows, &empty);
}

pub(super) fn triggers(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let triggers = model.triggers_by_nearness();
    let armed = triggers.iter().filter(|(trigger, _)| trigger.price.is_some()).count();
    let count = format!("{armed} armed, {} incomplete", triggers.len() - armed);
    let foot = format!("{} set  {} remove", pen.key(Action::Trigger), pen.key(Action::RemoveTrigger));
    let inner = pen.frame(area, "Triggers", &count, &foot, is_focused(pen, Pane::Triggers));
    let theme = pen.look.theme;
    let columns = [
        words("SIDE", 0),
        words("SYM", 0),
        number("AMOUNT", 3),
        number("FIRES AT", 0),
        number("NOW", 2),
        number("AWAY", 4),
        words("", 1),
    ];
    let (at_most, at_least) = pen.look.glyphs.bounds;
    let rows: Vec<Cells> = triggers
        .iter()
        .map(|(trigger, away)| {
            let buys = trigger.side == daytrade_protocol::Side::Buy;
            let now = model.quotes.get(trigger.symbol).map_or("-".to_owned(), |seen| text::dollars(seen.price));
            let (fires, does) = match trigger.price {
                Some(price) => {
                    let shares = if buys { trigger.amount.whole_shares(price) } else { trigger.shares };
                    let sign = if buys { at_most } else { at_least };
                    (
                        format!("{sign} {}", text::dollars(price)),
                        format!("{} {shares}", if buys { "buys" } else { "sells" }),
                    )
                }
                None => ("no price".to_owned(), format!("! {} arms it", pen.key(Action::Trigger))),
            };
            let away = away.map_or(String::new(), |away| text::percent(away).trim_start_matches('+').to_owned());
            let style = if trigger.price.is_some() { theme.text } else { theme.warn };
            vec![
                (trigger.side.as_str().to_owned(), style),
                (trigger.symbol.to_string(), style),
                (pen.money(trigger.amount), style),
                (fires, style),
                (now, theme.text),
                (away, theme.text),
                (does, theme.dim),
            ]
        })
        .collect();
    let empty = loading_or(pen, &format!("No triggers. Press {} to set one.", pen.key(Action::Trigger)));
    table(pen, inner, Pane::Triggers, &columns, &rows, &empty);
}

pub(super) fn activity(pen: &mut Pen<'_>, area: Rect) {
    let foot = match pen.model.screen {
        Screen::Activity => format!("{} request and reply  {} copy", pen.key(Action::Detail), pen.key(Action::Copy)),
        _ => format!("{} full log", pen.key(Action::Activity)),
    };
    let inner = pen.frame(area, "Activity", "newest first", &foot, is_focused(pen, Pane::Activity));
    let columns = [words("TIME", 2), words("WHAT", 0), words("", 0), number("TOOK", 1), words("", 0)];
    let rows = activity_rows(pen);
    let empty = "Nothing yet. What you do, and what the server does for you, is noted here.";
    table(pen, inner, Pane::Activity, &columns, &rows, empty);
}

/// The newest lines without a frame.
pub(super) fn newest(pen: &mut Pen<'_>, area: Rect) {
    for (row, line) in (0..area.height).zip(pen.model.activity.iter().rev()) {
        let (word, style) = verdict(line.verdict, pen);
        let what = format!(" {} {} {word}: {}", text::clock(line.at_ms), asked(&line.request), line.words);
        let what = super::fit_words(&what, usize::from(area.width));
        pen.line(area, row, Line::from(span(what, style)));
    }
}

fn verdict(verdict: Verdict, pen: &Pen<'_>) -> (&'static str, Style) {
    let theme = &pen.look.theme;
    match verdict {
        Verdict::Waiting => ("...", theme.dim),
        Verdict::Ok => ("ok", theme.text),
        Verdict::Refused => ("refused", theme.bad),
        Verdict::Unknown => ("UNKNOWN", theme.warn),
        Verdict::News => ("news", theme.title),
    }
}

/// A request without the user's name: `BUY XYZ 550`.
fn asked(request: &str) -> String {
    let mut fields = request.split(',');
    let name = fields.next().unwrap_or_default();
    let rest: Vec<_> = if matches!(name, "EXPIRED" | "TRIGGER") { fields.collect() } else { fields.skip(1).collect() };
    std::iter::once(name).chain(rest).collect::<Vec<_>>().join(" ")
}

fn activity_rows(pen: &Pen<'_>) -> Vec<Cells> {
    let theme = &pen.look.theme;
    let hide = pen.model.hide_money;
    let row = |line: &crate::model::Line| {
        let (word, style) = verdict(line.verdict, pen);
        let took = line.took_us.map_or(String::new(), text::millis);
        let words = if hide { String::new() } else { line.words.clone() };
        let request = asked(&line.request);
        let request = if hide { request.split(' ').next().unwrap_or_default().to_owned() } else { request };
        vec![
            (text::clock(line.at_ms), theme.dim),
            (request, theme.text),
            (word.to_owned(), style),
            (took, theme.dim),
            (words, style),
        ]
    };
    pen.model.activity.iter().rev().map(row).collect()
}

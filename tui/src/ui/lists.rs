//! The panes that are lists: watchlist, pending orders, triggers, activity.

use super::table::{Cells, number, table, visible, words};
use super::{Pen, span};
use crate::model::{Action, Pane, Screen, Seen, Sort, Verdict, text};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

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
    let sort = match (model.sort, model.reversed) {
        (Sort::Own, false) => String::new(),
        (sort, reversed) => {
            format!(", sort: {}{}", sort.words(), if reversed { ", reversed" } else { "" })
        }
    };
    let filter = if model.filter.is_empty() {
        String::new()
    } else {
        format!(", filter: {}", model.filter.text)
    };
    let held = if model.held_quotes.is_some() { ", HELD STILL" } else { "" };
    // What CHANGE is reckoned from.
    let since = if area.width >= 70 {
        format!(", change since {}", &text::clock(model.started_ms)[..5])
    } else {
        String::new()
    };
    let count =
        format!("{}{sort}{filter}{held}{since}", text::count(symbols.len() as u64, "symbol"));
    let foot = format!(
        "{} filter  {} sort  {} add  {} drop",
        pen.key(Action::Filter),
        pen.key(Action::Sort),
        pen.key(Action::AddSymbol),
        pen.key(Action::DropSymbol)
    );
    let inner = pen.pane(area, Pane::Watchlist, "Watchlist", &count, &foot);
    let theme = pen.look.theme;
    let columns = [
        words("SYM", 0).by(Sort::Name),
        number("LAST", 0).by(Sort::Last),
        number("CHANGE", 6).by(Sort::Change),
        words("TREND", 3),
        number("AGE", 5).by(Sort::Age),
        words("MINE", 4).by(Sort::Own),
        number("SHARES", 2),
        number("P&L", 1).by(Sort::Profit),
    ];
    let trend_cells = if area.width >= 66 { 20 } else { 10 };
    let range = visible(pen, inner, Pane::Watchlist, symbols.len());
    let first = range.start;
    let rows: Vec<Cells> = symbols[range]
        .iter()
        .map(|symbol| {
            let seen = model.shown_quotes().get(*symbol);
            let fresh = model.is_live()
                && seen.is_some_and(|seen| seen.is_fresh(model.now_ms, model.offset_ms));
            let quiet = if fresh { theme.text } else { theme.dim };
            let change = seen.and_then(Seen::change_basis_points).unwrap_or(0);
            let flash = seen.is_some_and(|seen| model.now_ms.saturating_sub(seen.changed_ms) < 600);
            let last = seen.map_or("-".to_owned(), |seen| text::dollars(seen.price));
            let last_style =
                if flash && fresh && !pen.look.reduce_motion { theme.sel } else { quiet };
            let trend = seen.map_or(String::new(), |seen| {
                pen.look
                    .glyphs
                    .sparkline(seen.history.iter().map(|(_, price)| price.cents()), trend_cells)
            });
            let account = model.account.as_ref();
            let holding = account.and_then(|account| account.holding(*symbol));
            let mine = [
                (holding.is_some(), 'H'),
                (model.pending().any(|order| order.terms.symbol == *symbol), 'P'),
                (
                    account.is_some_and(|account| {
                        account.triggers.iter().any(|t| t.symbol == *symbol)
                    }),
                    'T',
                ),
            ];
            let mine =
                mine.iter().map(|(is, letter)| if *is { *letter } else { ' ' }).collect::<String>();
            let shares = holding.map_or(String::new(), |holding| pen.count(holding.shares()));
            let profit = model.profit(*symbol);
            let about = if fresh { "" } else { "~" };
            let gain =
                profit.map_or(String::new(), |profit| format!("{about}{}", pen.gain(profit)));
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
        format!("No symbol matches {}. {} shows all.", model.filter.text, pen.key(Action::Back))
    };
    table(pen, inner, (Pane::Watchlist, first), &columns, &rows, &empty);
}

/// What an empty pane says: that it is not known yet, and how long that has been so, or what would
/// fill it.
pub(super) fn loading_or(pen: &Pen<'_>, empty: &str) -> String {
    let model = pen.model;
    if model.account.is_some() || model.no_account {
        return empty.to_owned();
    }
    match model.link {
        crate::model::Link::Live(since) if model.now_ms.saturating_sub(since) >= 1_000 => {
            format!("loading, {} s", (model.now_ms - since) / 1_000)
        }
        _ => "loading".to_owned(),
    }
}

pub(super) fn pending(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let count = model.rows(Pane::Pending);
    let title =
        if count == 0 { "Pending".to_owned() } else { format!("Pending: {count}, 60 s to commit") };
    let foot = format!(
        "{} commit  {} cancel  {} undo",
        pen.key(Action::Commit),
        pen.key(Action::Cancel),
        pen.key(Action::Undo)
    );
    let inner = pen.pane(area, Pane::Pending, &title, "newest of a side commits first", &foot);
    let theme = pen.look.theme;
    let columns = [
        words("SIDE", 0),
        words("SYM", 0),
        number("SHARES", 3),
        number("PRICE", 2),
        number("TOTAL", 4),
        words("", 1),
        number("LEFT", 0),
        words("", 0),
    ];
    let next = model.next_pending();
    let bar_cells = if area.width >= 90 { 24 } else { 10 };
    let range = visible(pen, inner, Pane::Pending, count);
    let first = range.start;
    let rows: Vec<Cells> = model
        .pending()
        .skip(first)
        .take(range.len())
        .map(|order| {
            let left = model.left_ms(order.expires_at_ms);
            let is_next = next.is_some_and(|next| std::ptr::eq(next, order));
            let style = if left <= 20_000 { theme.warn } else { theme.text };
            vec![
                (order.side.as_str().to_owned(), theme.text),
                (order.terms.symbol.to_string(), theme.text),
                (pen.count(order.terms.shares), theme.text),
                (text::dollars(order.terms.price), theme.text),
                (pen.money(order.terms.total), theme.text),
                (format!("[{}]", pen.look.glyphs.bar(left, 60_000, bar_cells)), style),
                (if left == 0 { "expired".to_owned() } else { text::countdown(left) }, style),
                (if is_next { "NEXT".to_owned() } else { String::new() }, theme.title),
            ]
        })
        .collect();
    let empty = loading_or(pen, "Nothing pending. A buy or sell waits here for its commit.");
    table(pen, inner, (Pane::Pending, first), &columns, &rows, &empty);
}

pub(super) fn triggers(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let triggers = model.triggers_by_nearness();
    let armed = triggers.iter().filter(|(trigger, _)| trigger.price.is_some()).count();
    let count = format!("{armed} armed, {} incomplete", triggers.len() - armed);
    let foot =
        format!("{} set  {} remove", pen.key(Action::Trigger), pen.key(Action::RemoveTrigger));
    let inner = pen.pane(area, Pane::Triggers, "Triggers", &count, &foot);
    let theme = pen.look.theme;
    let columns = [
        words("SIDE", 0),
        words("SYM", 0),
        number("AMOUNT", 4),
        number("FIRES AT", 0),
        number("NOW", 2),
        number("AWAY", 5),
        words("", 1),
        words("STATE", 3),
    ];
    let (at_most, at_least) = pen.look.glyphs.bounds;
    let range = visible(pen, inner, Pane::Triggers, triggers.len());
    let first = range.start;
    let rows: Vec<Cells> = triggers[range]
        .iter()
        .map(|(trigger, away)| {
            let buys = trigger.side == daytrade_protocol::Side::Buy;
            let now = model
                .shown_quotes()
                .get(trigger.symbol)
                .map_or("-".to_owned(), |seen| text::dollars(seen.price));
            let (fires, state) = match trigger.price {
                Some(price) => {
                    let shares =
                        if buys { trigger.amount.whole_shares(price) } else { trigger.shares };
                    let sign = if buys { at_most } else { at_least };
                    let would = if buys { "armed, buys" } else { "armed, sells" };
                    (
                        format!("{sign} {}", pen.money(price)),
                        format!("{would} {}", pen.count(shares)),
                    )
                }
                None => (
                    "no price".to_owned(),
                    format!("incomplete: {} sets its price", pen.key(Action::Trigger)),
                ),
            };
            let away = away.filter(|_| !model.hide_money);
            // Full at the price itself, empty a tenth away.
            let near = away.map_or(0, |away| 1_000_u64.saturating_sub(away.unsigned_abs()));
            let bar = if away.is_some() {
                format!("[{}]", pen.look.glyphs.bar(near, 1_000, 10))
            } else {
                String::new()
            };
            let away = away.map_or(String::new(), |away| {
                text::percent(away).trim_start_matches('+').to_owned()
            });
            let style = if trigger.price.is_some() { theme.text } else { theme.warn };
            vec![
                (trigger.side.as_str().to_owned(), style),
                (trigger.symbol.to_string(), style),
                (pen.money(trigger.amount), style),
                (fires, style),
                (now, theme.text),
                (away, theme.text),
                (bar, theme.dim),
                (state, style),
            ]
        })
        .collect();
    let empty =
        loading_or(pen, &format!("No triggers. Press {} to set one.", pen.key(Action::Trigger)));
    table(pen, inner, (Pane::Triggers, first), &columns, &rows, &empty);
}

pub(super) fn activity(pen: &mut Pen<'_>, area: Rect) {
    let foot = match pen.model.screen {
        Screen::Activity => format!(
            "{} request and reply  {} copy  {} export",
            pen.key(Action::Detail),
            pen.key(Action::Copy),
            pen.key(Action::Export)
        ),
        _ => format!("{} full log  {} export", pen.key(Action::Activity), pen.key(Action::Export)),
    };
    let inner = pen.pane(area, Pane::Activity, "Activity", "newest first", &foot);
    let columns = [
        words("TIME", 3),
        words("WHAT", 0),
        words("", 0),
        number("TOOK", 2),
        number("TAG", 1),
        words("", 0),
    ];
    let range = visible(pen, inner, Pane::Activity, pen.model.activity.len());
    let first = range.start;
    let rows = activity_rows(pen, range);
    let empty = "Nothing yet. What you do, and what the server does for you, is noted here.";
    table(pen, inner, (Pane::Activity, first), &columns, &rows, empty);
}

/// The newest lines without a frame.
pub(super) fn newest(pen: &mut Pen<'_>, area: Rect) {
    for (row, line) in (0..area.height).zip(pen.model.activity.iter().rev()) {
        let (word, style) = verdict(line.verdict, pen);
        let request = pen.words(&asked(&line.request));
        let head = if line.verdict == Verdict::News {
            String::new()
        } else {
            format!("{request} {word}: ")
        };
        let what = format!(" {} {head}{}", text::clock(line.at_ms), pen.words(&line.words));
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
        Verdict::Unknown | Verdict::Untold => ("UNKNOWN", theme.warn),
        Verdict::Lost => ("not done", theme.warn),
        Verdict::News => ("news", theme.title),
    }
}

/// A request without the user's name: `BUY XYZ 550`.
fn asked(request: &str) -> String {
    let mut fields = request.split(',');
    let name = fields.next().unwrap_or_default();
    let rest: Vec<_> = if matches!(name, "EXPIRED" | "TRIGGER" | "LINK") {
        fields.collect()
    } else {
        fields.skip(1).collect()
    };
    std::iter::once(name).chain(rest).collect::<Vec<_>>().join(" ")
}

fn activity_rows(pen: &Pen<'_>, range: std::ops::Range<usize>) -> Vec<Cells> {
    let theme = &pen.look.theme;
    let row = |line: &crate::model::Line| {
        let (word, style) = verdict(line.verdict, pen);
        let took = line.took_us.map_or(String::new(), text::millis);
        let words = pen.words(&line.words);
        let request = pen.words(&asked(&line.request));
        let tag = if line.tag > 0 { format!("#{}", line.tag) } else { String::new() };
        vec![
            (text::clock(line.at_ms), theme.dim),
            (request, theme.text),
            (word.to_owned(), style),
            (took, theme.dim),
            (tag, theme.dim),
            (words, style),
        ]
    };
    pen.model.activity.iter().rev().skip(range.start).take(range.len()).map(row).collect()
}

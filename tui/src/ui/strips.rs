//! The lines that are always there: account, screens, banner, notice, link, keys.

use super::{Pen, span};
use crate::model::{Action, Link, Model, Screen, Spot, text};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// How many lines there are that must not scroll away: no link, an order that waits.
pub(super) fn banner_lines(model: &Model) -> u16 {
    u16::from(matches!(model.link, Link::Offline { .. })) + u16::from(model.next_pending().is_some())
}

/// Cash, reserved, equity, profit; whole parts are dropped from the end where there is no room.
pub(super) fn account(pen: &mut Pen<'_>, area: Rect) {
    let (model, theme) = (pen.model, &pen.look.theme);
    let mut parts: Vec<Vec<Span<'static>>> = vec![vec![span(format!(" {}", model.user), theme.title)]];
    if let Some(account) = &model.account {
        let (worth, fresh) = model.worth();
        let about = if fresh { "" } else { "~" };
        let equity = account.cash.checked_add(account.reserved).and_then(|sum| sum.checked_add(worth)).unwrap_or(worth);
        let basis: i64 = account.holdings.iter().map(|holding| holding.basis.cents()).sum();
        let profit = Money::from_cents(worth.cents() - basis);
        parts.push(vec![span(format!("  Cash {}", pen.money(account.cash)), theme.text.add_modifier(Modifier::BOLD))]);
        parts.push(vec![span(format!("  Reserved {}", pen.money(account.reserved)), theme.text)]);
        parts.push(vec![span(format!("  Equity {about}{}", pen.money(equity)), theme.text)]);
        let share = text::basis_points(profit, Money::from_cents(basis)).unwrap_or(0);
        let moved = format!("  P&L {about}{} {}", pen.gain(profit), pen.look.glyphs.change(share));
        parts.push(vec![span(moved, theme.moved(profit.cents()))]);
        parts.push(vec![span(
            format!("  Realised {}", pen.gain(account.realised)),
            theme.moved(account.realised.cents()),
        )]);
        parts.push(vec![span(format!("  Holdings {about}{}", pen.money(worth)), theme.text)]);
        if !model.is_live() {
            parts.insert(3, vec![span(format!("  (as of {})", text::clock(model.account_ms)), theme.dim)]);
        }
    } else if model.no_account {
        parts.push(vec![
            span("  no account yet: ", theme.text),
            span(pen.key(Action::AddMoney), theme.title),
            span(" adds money", theme.text),
        ]);
    } else {
        parts.push(vec![span("  loading", theme.dim)]);
    }
    let mut spans = Vec::new();
    let mut room = usize::from(area.width);
    for part in parts {
        let width: usize = part.iter().map(Span::width).sum();
        if width > room {
            break;
        }
        room -= width;
        spans.extend(part);
    }
    pen.line(area, 0, Line::from(spans));
}

/// The screens, the one that is shown in brackets.
pub(super) fn tabs(pen: &mut Pen<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let actions = [Action::Trade, Action::Holdings, Action::Triggers, Action::Activity];
    let (mut x, theme) = (area.x + 1, pen.look.theme);
    for (screen, action) in Screen::ALL.into_iter().zip(actions) {
        let shown = screen == pen.model.screen;
        let words = format!("{} {}", pen.key(action), action.help());
        let words = if shown { format!("[{words}]") } else { format!(" {words} ") };
        let width = words.chars().count() as u16;
        if x + width > area.right() {
            break;
        }
        pen.buffer.set_string(x, area.y, &words, if shown { theme.title } else { theme.text });
        pen.hits.add(Rect::new(x, area.y, width, 1), Spot::Screen(screen));
        x += width + 1;
    }
    let keys = format!("{} command  {} help ", pen.key(Action::Palette), pen.key(Action::Help));
    pen.right(area, 0, &keys, theme.dim, usize::from(x - area.x));
}

/// No link, or the order that the next commit is about.
pub(super) fn banner(pen: &mut Pen<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let (model, theme) = (pen.model, pen.look.theme);
    if let Link::Offline { since_ms, cause, next_try_ms, attempt } = &model.link {
        let down = text::countdown((model.now_ms - since_ms).max(10_000));
        let down =
            if model.now_ms - since_ms < 10_000 { format!("0:0{}", (model.now_ms - since_ms) / 1_000) } else { down };
        let next = next_try_ms.saturating_sub(model.now_ms).div_ceil(1_000);
        let words = [
            format!(" !! OFFLINE {down} "),
            format!(" {cause}."),
            format!(" Next try in {next} s (attempt {attempt})."),
            format!(" Trading waits; {} tries now ", pen.key(Action::Reconnect)),
        ];
        let mut line = String::new();
        for word in words {
            if line.chars().count() + word.chars().count() <= usize::from(area.width) {
                line += &word;
            }
        }
        pen.line(area, 0, Line::from(span(line, theme.bad)));
    }
    let Some(order) = model.next_pending() else { return };
    let row = banner_lines(model) - 1;
    let left = model.left_ms(order.expires_at_ms);
    let late = model.round_trip(990).unwrap_or(0) / 500;
    let style = match left {
        20_001.. => theme.warn,
        5_001..=20_000 => theme.warn.add_modifier(Modifier::BOLD),
        _ => theme.bad.add_modifier(Modifier::REVERSED),
    };
    let total = pen.money(order.terms.total);
    let (side, symbol, shares, price) =
        (order.side.as_str(), order.terms.symbol, order.terms.shares, text::dollars(order.terms.price));
    let clock = if left == 0 { "expired".to_owned() } else { text::countdown(left) };
    let keys = if left == 0 {
        String::new()
    } else if !model.is_live() {
        " left, still running on the server".to_owned()
    } else if left <= late {
        format!("  too late to be sure  {} COMMIT  {} cancel", pen.key(Action::Commit), pen.key(Action::Cancel))
    } else {
        format!("   {} COMMIT  {} cancel", pen.key(Action::Commit), pen.key(Action::Cancel))
    };
    let more = model.pending().count() - 1;
    let more = if more > 0 { format!("  +{more}") } else { String::new() };
    let width = usize::from(area.width);
    let long = format!(" >> {side} {shares} {symbol} @ {price} = {total} ");
    let short = format!(" >> {side} {symbol} {total} ");
    // The two keys stay, whatever else has to go.
    let tight = short.chars().count() + clock.chars().count() + keys.chars().count() + more.chars().count() > width;
    let keys = if tight && left > 0 && model.is_live() {
        format!(" {}/{}", pen.key(Action::Commit), pen.key(Action::Cancel))
    } else {
        keys
    };
    let must = clock.chars().count() + keys.chars().count() + more.chars().count() + 1;
    let subject = if long.chars().count() + must <= width { long } else { short };
    let room = width.saturating_sub(subject.chars().count() + must + 3);
    let bar =
        if room >= 6 { format!("[{}] ", pen.look.glyphs.bar(left, 60_000, room.min(30) - 1)) } else { String::new() };
    pen.line(area, row, Line::from(span(format!("{subject}{bar}{clock}{keys}{more}"), style)));
}

/// What was last to be said.
pub(super) fn notice(pen: &mut Pen<'_>, area: Rect) {
    if let Some((words, _)) = &pen.model.notice {
        let words = super::fit_words(&format!(" {words}"), usize::from(area.width));
        pen.line(area, 0, Line::from(span(words, pen.look.theme.warn)));
    }
}

/// The link, its round trips, how many quotes are fresh, the time.
pub(super) fn status(pen: &mut Pen<'_>, area: Rect) {
    let (model, theme) = (pen.model, pen.look.theme);
    let (word, style) = match &model.link {
        Link::Live(_) => ("LIVE", theme.ok),
        Link::Connecting(_) => ("connecting", theme.dim),
        Link::Offline { .. } => ("OFFLINE", theme.bad),
    };
    let (fresh, stale) = model.quotes.freshness(&model.watchlist, model.now_ms, model.offset_ms);
    let trips = match (model.round_trips.back(), model.round_trip(990)) {
        (Some(last), Some(p99)) => format!("  rtt {} p99 {}", text::millis(*last), text::millis(p99)),
        _ => String::new(),
    };
    let stale = if stale > 0 { format!(" {stale} stale") } else { String::new() };
    let quotes =
        if model.is_live() { format!("  quotes {fresh} fresh{stale}") } else { "  quotes not kept fresh".to_owned() };
    let parts = [format!(" {word}"), format!(" {}", model.address), trips, quotes];
    let mut line = String::new();
    for part in parts {
        if line.chars().count() + part.chars().count() <= usize::from(area.width) {
            line += &part;
        }
    }
    let taken = line.chars().count();
    pen.line(area, 0, Line::from(span(line, style)));
    pen.right(area, 0, &format!("{} UTC ", text::clock(model.now_ms)), theme.dim, taken);
}

/// The keys that matter now, from the table; those of the banner are never dropped.
pub(super) fn hints(pen: &mut Pen<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let theme = pen.look.theme;
    let live = pen.model.is_live();
    let mut actions = Vec::new();
    if pen.model.filtering {
        let words = format!(" filter: {}_   Enter keep   Esc all", pen.model.filter);
        pen.line(area, 0, Line::from(span(words, theme.title)));
        return;
    }
    if pen.model.next_pending().is_some() && live {
        actions.extend([(Action::Commit, "commit"), (Action::Cancel, "cancel")]);
    }
    if live {
        actions.extend([
            (Action::Buy, "buy"),
            (Action::Sell, "sell"),
            (Action::Trigger, "trigger"),
            (Action::AddMoney, "add money"),
        ]);
    } else {
        actions.push((Action::Reconnect, "try now"));
    }
    actions.extend([
        (Action::NextPane, "pane"),
        (Action::AddSymbol, "add symbol"),
        (Action::Detail, "detail"),
        (Action::Filter, "filter"),
        (Action::HideMoney, "hide money"),
        (Action::Quit, "quit"),
        (Action::Help, "help"),
    ]);
    let mut spans = vec![Span::raw(" ")];
    let mut room = usize::from(area.width).saturating_sub(1);
    for (action, word) in actions {
        let key = pen.key(action);
        let width = key.chars().count() + word.chars().count() + 3;
        if width > room {
            break;
        }
        room -= width;
        spans.extend([span(key, theme.title), span(format!(" {word}  "), theme.text)]);
    }
    pen.line(area, 0, Line::from(spans));
}

/// Round trips and counts, where there is room for them.
pub(super) fn link_health(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let state = if model.is_live() { "LIVE" } else { "OFFLINE" };
    let inner = pen.frame(area, "Link", state, &format!("{} reconnect", pen.key(Action::Reconnect)), false);
    let at = |place| model.round_trip(place).map_or("-".to_owned(), text::millis);
    let waiting = model.waiting().len();
    let spark = pen
        .look
        .glyphs
        .sparkline(model.round_trips.iter().map(|us| i64::try_from(*us).unwrap_or(i64::MAX)), usize::from(inner.width));
    let rows = [
        format!("p50 {}  p90 {}  p99 {}", at(500), at(900), at(990)),
        format!("worst {}  clock offset {:+} ms", text::millis(model.worst_us), model.offset_ms),
        spark,
        format!("waiting {waiting}  trades {}", model.trades),
    ];
    for (row, words) in (0..).zip(rows) {
        pen.line(inner, row, Line::raw(words));
    }
}

//! The lines that are always there: account, screens, banner, notice, link, keys.

use super::{Pen, span};
use crate::model::{Action, Link, Model, Screen, Spot, text};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// Cash, reserved, equity, profit; whole parts are dropped from the end where there is no room.
pub(super) fn account(pen: &mut Pen<'_>, area: Rect) {
    let (model, theme) = (pen.model, &pen.look.theme);
    let mut parts: Vec<Vec<Span<'static>>> =
        vec![vec![span(format!(" {}", model.user), theme.title)]];
    if let Some(account) = &model.account {
        let (worth, fresh) = model.worth();
        let about = if fresh { "" } else { "~" };
        let equity = account
            .cash
            .checked_add(account.reserved)
            .and_then(|sum| sum.checked_add(worth))
            .unwrap_or(worth);
        let basis: i64 = account.holdings.iter().map(|holding| holding.basis.cents()).sum();
        let profit = Money::from_cents(worth.cents() - basis);
        let small = area.width < 60;
        let cash = if small { "" } else { "Cash " };
        parts.push(vec![span(
            format!("  {cash}{}", pen.money(account.cash)),
            theme.text.add_modifier(Modifier::BOLD),
        )]);
        let for_pending = model.reserved_for_pending();
        let for_triggers =
            Money::from_cents(account.reserved.cents().saturating_sub(for_pending.cents()));
        let split = if area.width >= 150 && account.reserved.is_positive() {
            format!(" (pending {} + triggers {})", pen.money(for_pending), pen.money(for_triggers))
        } else {
            String::new()
        };
        parts.push(vec![span(
            format!("  Reserved {}{split}", pen.money(account.reserved)),
            theme.text,
        )]);
        parts.push(vec![span(format!("  Equity {about}{}", pen.money(equity)), theme.text)]);
        // All that was gained, sold or not, and how much that is of what was put in.
        let profit = profit.checked_add(account.realised).unwrap_or(profit);
        let put_in = Money::from_cents(equity.cents().saturating_sub(profit.cents()));
        let share = text::basis_points(profit, put_in).unwrap_or(0);
        let share = if model.hide_money { String::new() } else { pen.look.glyphs.change(share) };
        let wide = area.width >= 150;
        let moved = format!("  P&L {about}{} {share}", pen.gain(profit));
        let moved = vec![span(moved, theme.moved(profit.cents()))];
        // Where there is room for two numbers, they are cash and profit.
        if small {
            parts.insert(2, moved);
        } else {
            parts.push(moved);
        }
        parts.push(vec![span(
            format!("  Realised {}", pen.gain(account.realised)),
            theme.moved(account.realised.cents()),
        )]);
        parts.push(vec![span(format!("  Holdings {about}{}", pen.money(worth)), theme.text)]);
        let armed = account.triggers.iter().any(|trigger| trigger.price.is_some());
        if let Some(cash) = model.cash_if_all_fired().filter(|_| wide && armed) {
            let words = format!("  If all triggers fired: cash {}", pen.money(cash));
            parts.push(vec![span(words, theme.text)]);
        }
        if !model.is_live() {
            parts.insert(
                3,
                vec![span(format!("  (as of {})", text::clock(model.account_ms)), theme.dim)],
            );
        }
    } else if model.link == Link::Apart {
        parts.push(vec![span(
            "  a workload on a server of its own; nothing here trades",
            theme.dim,
        )]);
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
    let actions =
        [Action::Trade, Action::Holdings, Action::Triggers, Action::Activity, Action::Replay];
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
    let mut right = area.right();
    for (action, words) in
        [(Action::Settings, "settings"), (Action::Help, "help"), (Action::Palette, "command")]
    {
        let words = format!("{} {words}  ", pen.key(action));
        let width = words.chars().count() as u16;
        if action == Action::Settings && area.width < 100 {
            continue;
        }
        if right < x + width {
            break;
        }
        right -= width;
        pen.buffer.set_string(right, area.y, &words, theme.dim);
        pen.button(Rect::new(right, area.y, width - 2, 1), action);
    }
}

/// What was last to be said.
pub(super) fn notice(pen: &mut Pen<'_>, area: Rect) {
    if let Some((words, _)) = &pen.model.notice {
        let words = super::fit_words(&format!(" {}", pen.words(words)), usize::from(area.width));
        pen.line(area, 0, Line::from(span(words, pen.look.theme.warn)));
    } else if let Some(line) = pen.model.activity.back().filter(|_| area.width < 60) {
        // Where there is no room for the log, its newest line.
        let words =
            super::fit_words(&pen.words(&format!(" {}", line.words)), usize::from(area.width));
        pen.line(area, 0, Line::from(span(words, pen.look.theme.dim)));
    }
}

/// The link, its round trips, how many quotes are fresh, the time.
pub(super) fn status(pen: &mut Pen<'_>, area: Rect) {
    let (model, theme) = (pen.model, pen.look.theme);
    let (word, style) = match &model.link {
        Link::Live(_) => ("LIVE", theme.ok),
        // Nothing special for a moment: most connections take less.
        Link::Connecting(since) if model.now_ms.saturating_sub(*since) < 300 => ("", theme.dim),
        Link::Connecting(_) => ("connecting to", theme.dim),
        Link::Offline { .. } => ("OFFLINE", theme.bad),
        Link::Apart => ("REPLAY", theme.ok),
    };
    let (fresh, stale) =
        model.shown_quotes().freshness(&model.watchlist, model.now_ms, model.offset_ms);
    let trips = match (model.round_trips.back(), model.round_trip(990)) {
        (Some(last), Some(p99)) => {
            format!("  rtt {} p99 {}", text::millis(*last), text::millis(p99))
        }
        _ => String::new(),
    };
    let stale = if stale > 0 { format!(" {stale} stale") } else { String::new() };
    let quotes = match model.link {
        Link::Live(_) => format!("  quotes {fresh} fresh{stale}"),
        Link::Offline { .. } => "  quotes not kept fresh".to_owned(),
        Link::Connecting(_) | Link::Apart => String::new(),
    };
    let waiting = if area.width >= 100 {
        format!("  sent {} waiting", model.waiting().len())
    } else {
        String::new()
    };
    let held = if model.held_quotes.is_some() {
        format!("  PRICES HELD, {} goes on", pen.key(Action::Pause))
    } else {
        String::new()
    };
    let address = if area.width < 60 { String::new() } else { format!(" {}", model.address) };
    let escape = match model.link {
        Link::Connecting(_) if !word.is_empty() => format!(", {} quits", pen.key(Action::Back)),
        _ => String::new(),
    };
    let parts = [format!(" {word}"), address, escape, held, trips, waiting, quotes];
    let mut line = String::new();
    for part in parts {
        if line.chars().count() + part.chars().count() <= usize::from(area.width) {
            line += &part;
        }
    }
    let taken = line.chars().count();
    pen.line(area, 0, Line::from(span(line, style)));
    let clock = text::clock(model.now_ms);
    // No seconds while nothing else counts them: the screen sleeps.
    let clock = if model.seconds_matter() { clock } else { clock.chars().take(5).collect() };
    pen.right(area, 0, &format!("{clock} UTC "), theme.dim, taken);
}

/// The keys that matter now, from the table; those of the banner are never dropped. What has no
/// room comes with another press of the key for more.
pub(super) fn hints(pen: &mut Pen<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let theme = pen.look.theme;
    if pen.model.filtering {
        filter_line(pen, area);
        return;
    }
    let (always, turning) = wanted_hints(pen.model);
    let width = |(action, word): &(Action, &str)| {
        pen.key(*action).chars().count() + word.chars().count() + 3
    };
    let more = (Action::MoreKeys, "more");
    let taken: usize = always.iter().map(width).sum();
    let room = usize::from(area.width).saturating_sub(2 + taken);
    let fits = turning.iter().map(width).sum::<usize>() <= room;
    let room = if fits { room } else { room.saturating_sub(width(&more)) };
    let mut pages: Vec<Vec<(Action, &str)>> = vec![Vec::new()];
    let mut left = room;
    for hint in turning {
        let wide = width(&hint);
        if wide > left && pages.last().is_some_and(|page| !page.is_empty()) {
            pages.push(Vec::new());
            left = room;
        }
        if wide <= left {
            left -= wide;
            pages.last_mut().into_iter().for_each(|page| page.push(hint));
        }
    }
    let page = pen.model.hints % pages.len();
    let shown = always.into_iter().chain(pages.swap_remove(page)).chain((!fits).then_some(more));
    let mut x = area.x + 1;
    for (action, word) in shown.collect::<Vec<_>>() {
        let key = pen.key(action);
        let wide = (key.chars().count() + word.chars().count() + 1) as u16;
        if x + wide > area.right() {
            break;
        }
        pen.buffer.set_string(x, area.y, &key, theme.title);
        pen.buffer.set_string(x + key.chars().count() as u16 + 1, area.y, word, theme.text);
        pen.button(Rect::new(x, area.y, wide, 1), action);
        x += wide + 2;
    }
}

type Hint = (Action, &'static str);

/// Hints that are always there, and those that take turns.
fn wanted_hints(model: &Model) -> (Vec<Hint>, Vec<Hint>) {
    let mut always = Vec::new();
    if model.next_pending().is_some() && model.is_live() {
        always.extend([(Action::Commit, "commit"), (Action::Cancel, "cancel")]);
    }
    if model.screen == Screen::Replay {
        let is_paused =
            model.replay.as_ref().is_some_and(|replay| replay.pace == crate::replay::Pace::Paused);
        let replay = [
            (Action::ReplayPause, if is_paused { "go on" } else { "pause" }),
            (Action::ReplayStep, "step"),
            (Action::ReplayFaster, "faster"),
            (Action::ReplaySlower, "slower"),
            (Action::ReplayJump, "next refusal"),
            (Action::Copy, "copy"),
            (Action::Help, "help"),
            (Action::Quit, "quit"),
        ];
        return (always, replay.to_vec());
    }
    let mut turning = if model.is_live() {
        vec![
            (Action::Buy, "buy"),
            (Action::Sell, "sell"),
            (Action::Trigger, "trigger"),
            (Action::AddMoney, "add money"),
            (Action::Undo, "undo"),
        ]
    } else {
        vec![(Action::Reconnect, "try now")]
    };
    turning.extend([
        (Action::Filter, "filter"),
        (Action::NextPane, "pane"),
        (Action::Detail, "detail"),
        (Action::Help, "help"),
        (Action::Quit, "quit"),
        (Action::RemoveTrigger, "remove"),
        (Action::AddSymbol, "add symbol"),
        (Action::DropSymbol, "drop"),
        (Action::Sort, "sort"),
        (Action::Alert, "alert"),
        (Action::Shorter, "shorter"),
        (Action::Longer, "longer"),
        (Action::ChartStyle, "line/bars"),
        (Action::Zoom, "zoom"),
        (Action::Pause, "hold prices"),
        (Action::Requote, "requote"),
        (Action::HideMoney, "hide money"),
        (Action::Export, "export"),
        (Action::Settings, "settings"),
        (Action::Log, "log"),
    ]);
    (always, turning)
}

/// The filter being typed; a word it does not know is underlined.
fn filter_line(pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.look.theme;
    let filter = &pen.model.filter;
    let (from, to) = filter.wrong.unwrap_or((filter.text.len(), filter.text.len()));
    let underlined = theme.bad.add_modifier(ratatui::style::Modifier::UNDERLINED);
    let hint = if filter.wrong.is_some() {
        "   xyz held chg<-1 away<3% age>60s"
    } else {
        "   Enter keep   Esc all"
    };
    pen.line(
        area,
        0,
        Line::from(vec![
            span(format!(" filter: {}", &filter.text[..from]), theme.title),
            span(&filter.text[from..to], underlined),
            span(format!("{}_", &filter.text[to..]), theme.title),
            span(hint, theme.dim),
        ]),
    );
}

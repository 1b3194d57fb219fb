//! The lines at the top and at the bottom: account, screens, notice, link, keys.

use super::text_width::{fit_parts, fit_words, width};
use super::{DrawContext, filter_line, span};
use crate::app::{Account, Action, App, Health, HitTarget, Link, Screen, text};
use crate::replay_message::{Pace, Stage};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// The minimum width for the longer texts about the account.
const WIDE: u16 = 150;
/// The width below which cash has no label.
const NARROW: u16 = 60;

/// Draws cash, reserved cash, equity and profit. Parts that do not fit are left out from the end.
pub(super) fn account(ctx: &mut DrawContext<'_>, area: Rect) {
    let (app, theme) = (ctx.app, &ctx.options.theme);
    let mut parts = vec![vec![span(format!(" {}", app.connection.user()), theme.title)]];
    if let Some(account) = app.account.current() {
        parts.extend(balances(ctx, account, area.width));
    } else if *app.connection.link() == Link::ReplayOnly {
        parts.push(vec![span(
            "  a workload on a server of its own; nothing here trades",
            theme.dim,
        )]);
    } else if app.account.is_missing() {
        parts.push(vec![
            span("  no account yet: ", theme.text),
            span(ctx.key(Action::AddMoney), theme.title),
            span(" adds money", theme.text),
        ]);
    } else {
        let is_offline = matches!(app.connection.link(), Link::Offline { .. });
        let text = if is_offline { "  no data: offline" } else { "  loading" };
        parts.push(vec![span(text, theme.dim)]);
    }
    let mut spans = Vec::new();
    let mut free = usize::from(area.width);
    for part in parts {
        let width: usize = part.iter().map(Span::width).sum();
        if width > free {
            break;
        }
        free -= width;
        spans.extend(part);
    }
    ctx.line(area, 0, Line::from(spans));
}

/// Returns the parts about a known account, most important first.
fn balances(ctx: &DrawContext<'_>, account: &Account, width: u16) -> Vec<Vec<Span<'static>>> {
    let (app, theme) = (ctx.app, &ctx.options.theme);
    let (is_wide, is_narrow) = (width >= WIDE, width < NARROW);
    let (value, fresh) = app.market_value();
    let about = if fresh { "" } else { "~" };
    let equity = account
        .cash
        .checked_add(account.reserved)
        .and_then(|sum| sum.checked_add(value))
        .unwrap_or(value);
    let cash = if is_narrow { "" } else { "Cash " };
    let cash = span(
        format!("  {cash}{}", ctx.money(account.cash)),
        theme.text.add_modifier(Modifier::BOLD),
    );
    let reserved =
        format!("  Reserved {}{}", ctx.money(account.reserved), split(ctx, account, is_wide));
    let reserved = span(reserved, theme.text);
    let equity_part = span(format!("  Equity {about}{}", ctx.money(equity)), theme.text);
    let profit = profit(ctx, account, value, equity, about);
    // The two most important numbers of a narrow screen are cash and profit.
    let mut parts = if is_narrow {
        vec![cash, profit, reserved, equity_part]
    } else {
        vec![cash, reserved, equity_part, profit]
    };
    let realised = format!("  Realised {}", ctx.signed_money(account.realised));
    parts.push(span(realised, theme.moved(account.realised.cents())));
    parts.push(span(format!("  Holdings {about}{}", ctx.money(value)), theme.text));
    let is_armed = account.triggers.iter().any(|trigger| trigger.price.is_some());
    if let Some(cash) = account.cash_if_all_fired().filter(|_| is_wide && is_armed) {
        let text = format!("  If all triggers fired: cash {}", ctx.money(cash));
        parts.push(span(text, theme.text));
    }
    if !app.connection.is_live() {
        let as_of = format!("  (as of {})", text::clock(app.account.updated_ms()));
        parts.insert(2, span(as_of, theme.dim));
    }
    parts.into_iter().map(|part| vec![part]).collect()
}

/// Returns how much of the reserved cash belongs to pending orders and to triggers.
fn split(ctx: &DrawContext<'_>, account: &Account, is_wide: bool) -> String {
    if !is_wide || !account.reserved.is_positive() {
        return String::new();
    }
    let pending = account.reserved_for_pending();
    let triggers = Money::from_cents(account.reserved.cents().saturating_sub(pending.cents()));
    format!(" (pending {} + triggers {})", ctx.money(pending), ctx.money(triggers))
}

/// Returns the realised and unrealised profit, and its share of the money that was added.
fn profit(
    ctx: &DrawContext<'_>,
    account: &Account,
    value: Money,
    equity: Money,
    about: &str,
) -> Span<'static> {
    let unrealised = value.saturating_sub(account.basis());
    let profit = unrealised.checked_add(account.realised).unwrap_or(unrealised);
    let added = Money::from_cents(equity.cents().saturating_sub(profit.cents()));
    let share = if ctx.app.view.is_money_hidden() {
        String::new()
    } else {
        ctx.options.glyphs.change(text::basis_points(profit, added).unwrap_or(0))
    };
    let text = format!("  P&L {about}{} {share}", ctx.signed_money(profit));
    span(text, ctx.options.theme.moved(profit.cents()))
}

/// Draws the names of the screens, with the displayed one in brackets.
pub(super) fn tabs(ctx: &mut DrawContext<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let actions =
        [Action::Trade, Action::Holdings, Action::Triggers, Action::Activity, Action::Replay];
    let (mut x, theme) = (area.x + 1, ctx.options.theme);
    for (screen, action) in Screen::ALL.into_iter().zip(actions) {
        let shown = screen == ctx.app.view.screen();
        let text = format!("{} {}", ctx.key(action), action.help());
        let text = if shown { format!("[{text}]") } else { format!(" {text} ") };
        let columns = width(&text) as u16;
        if x + columns > area.right() {
            break;
        }
        ctx.buffer.set_string(x, area.y, &text, if shown { theme.title } else { theme.text });
        ctx.hits.add(Rect::new(x, area.y, columns, 1), HitTarget::Screen(screen));
        x += columns + 1;
    }
    let mut right = area.right();
    for (action, text) in
        [(Action::Settings, "settings"), (Action::Help, "help"), (Action::Palette, "command")]
    {
        let text = format!("{} {text}  ", ctx.key(action));
        let columns = width(&text) as u16;
        if action == Action::Settings && area.width < 100 {
            continue;
        }
        if right < x + columns {
            break;
        }
        right -= columns;
        ctx.buffer.set_string(right, area.y, &text, theme.dim);
        ctx.button(Rect::new(right, area.y, columns - 2, 1), action);
    }
}

/// Draws the notice.
pub(super) fn notice(ctx: &mut DrawContext<'_>, area: Rect) {
    if let Some(text) = ctx.app.activity.notice() {
        let text = fit_words(&format!(" {}", ctx.words(text)), usize::from(area.width));
        ctx.line(area, 0, Line::from(span(text, ctx.options.theme.warn)));
    } else if let Some(line) = ctx.app.activity.lines().back().filter(|_| area.width < 60) {
        // A narrow screen shows the newest line of the activity here.
        let text = fit_words(&ctx.words(&format!(" {}", line.message)), usize::from(area.width));
        ctx.line(area, 0, Line::from(span(text, ctx.options.theme.dim)));
    }
}

/// Draws the state of the link, round-trip times, the number of fresh quotes and the time.
pub(super) fn status(ctx: &mut DrawContext<'_>, area: Rect) {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let (word, style) = match app.connection.link() {
        Link::Live(_) => match app.connection.health() {
            Health::Good => ("LIVE", theme.ok),
            Health::Slow => ("SLOW", theme.warn),
            Health::NoReply => ("NO REPLY", theme.bad),
        },
        // Nothing at first: most connections take less time.
        Link::Connecting(since) if app.clock.since_ms(*since) < 300 => ("", theme.dim),
        Link::Connecting(_) => ("connecting to", theme.dim),
        Link::Moving(_) => ("MOVING TO", theme.warn),
        Link::Offline { .. } => ("OFFLINE", theme.bad),
        Link::ReplayOnly => ("REPLAY", theme.ok),
    };
    let (fresh, stale) = app.market.shown_quotes().freshness(app.market.watchlist(), app.clock);
    let trips = match (app.activity.round_trips().back(), app.activity.round_trip(990)) {
        (Some(last), Some(p99)) => {
            format!("  rtt {} p99 {}", text::millis(*last), text::millis(p99))
        }
        _ => String::new(),
    };
    let stale = if stale > 0 { format!(" {stale} stale") } else { String::new() };
    let quotes = match app.connection.link() {
        Link::Live(_) => format!("  quotes {fresh} fresh{stale}"),
        Link::Offline { .. } => "  prices frozen".to_owned(),
        Link::Connecting(_) | Link::Moving(_) | Link::ReplayOnly => String::new(),
    };
    let waiting = if area.width >= 100 {
        format!("  waiting {}", app.connection.waiting().count())
    } else {
        String::new()
    };
    let frozen = if app.market.is_frozen() {
        format!("  PRICES PAUSED, {} resumes", ctx.key(Action::Pause))
    } else {
        String::new()
    };
    let address =
        if area.width < 60 { String::new() } else { format!(" {}", app.connection.place()) };
    let escape = match app.connection.link() {
        Link::Connecting(_) if !word.is_empty() => format!(", {} quits", ctx.key(Action::Back)),
        _ => String::new(),
    };
    // Most important while the server does not answer.
    let (urgent, heard) = if app.connection.health() == Health::Good {
        (String::new(), heard(app))
    } else {
        (heard(app), String::new())
    };
    let word = format!(" {word}{urgent}");
    let parts = [word, address, escape, frozen, heard, trips, waiting, quotes];
    let line = fit_parts(parts, usize::from(area.width));
    let taken = width(&line);
    ctx.line(area, 0, Line::from(span(line, style)));
    let clock = text::clock(app.clock.now_ms());
    // No seconds unless something else counts them: the screen is idle.
    let clock = if app.shows_seconds() { clock } else { clock.chars().take(5).collect() };
    ctx.right(area, 0, &format!("{clock} UTC "), theme.dim, taken);
}

/// Returns how long ago the server was heard. Left out while nothing on the screen counts seconds:
/// the number would not be true for long.
fn heard(app: &App) -> String {
    if !app.connection.is_live() || !app.shows_seconds() {
        return String::new();
    }
    let ms = app.clock.since_ms(app.connection.heard_ms());
    let dot = if app.settings.ascii { "-" } else { "\u{b7}" };
    format!(" {dot} heard {}.{} s ago", ms / 1_000, ms % 1_000 / 100)
}

/// Draws the keys that are useful now. Those of the banner are always displayed; the others fill
/// one page after the other, and a key turns the page.
pub(super) fn hints(ctx: &mut DrawContext<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let theme = ctx.options.theme;
    if ctx.app.view.is_filtering() {
        filter_line::draw(ctx, area);
        return;
    }
    let (always, paged) = wanted_hints(ctx.app);
    let columns = |(action, word): &Hint| width(&ctx.key(*action)) + width(word) + 3;
    let more = (Action::MoreKeys, "more");
    let taken: usize = always.iter().map(columns).sum();
    let free = usize::from(area.width).saturating_sub(2 + taken);
    let fits = paged.iter().map(columns).sum::<usize>() <= free;
    let free = if fits { free } else { free.saturating_sub(columns(&more)) };
    let mut pages = pages_of(paged, free, columns);
    let page = pages.swap_remove(ctx.app.view.hint_page() % pages.len());
    let shown: Vec<Hint> = always.into_iter().chain(page).chain((!fits).then_some(more)).collect();
    let mut x = area.x + 1;
    for (action, word) in shown {
        let key = ctx.key(action);
        let key_columns = width(&key) as u16;
        let columns = key_columns + width(word) as u16 + 1;
        if x + columns > area.right() {
            break;
        }
        ctx.buffer.set_string(x, area.y, &key, theme.title);
        ctx.buffer.set_string(x + key_columns + 1, area.y, word, theme.text);
        ctx.button(Rect::new(x, area.y, columns, 1), action);
        x += columns + 2;
    }
}

/// An action and its short name.
type Hint = (Action, &'static str);

/// Divides hints into pages of a width. A hint that is wider than a page is left out.
fn pages_of(
    hints: Vec<Hint>,
    page_columns: usize,
    columns: impl Fn(&Hint) -> usize,
) -> Vec<Vec<Hint>> {
    let (mut pages, mut page, mut free) = (Vec::new(), Vec::new(), page_columns);
    for hint in hints {
        let columns = columns(&hint);
        if columns > free && !page.is_empty() {
            pages.push(std::mem::take(&mut page));
            free = page_columns;
        }
        if columns <= free {
            free -= columns;
            page.push(hint);
        }
    }
    pages.push(page);
    pages
}

/// Returns the hints that are always displayed, and those that are divided into pages.
fn wanted_hints(app: &App) -> (Vec<Hint>, Vec<Hint>) {
    let mut always = Vec::new();
    if app.next_pending().is_some() && app.connection.is_live() {
        always.extend([(Action::Commit, "commit"), (Action::Cancel, "cancel")]);
    }
    if app.view.screen() == Screen::Replay {
        let progress = app.replay.progress();
        let is_paused = progress.is_some_and(|replay| replay.pace == Pace::Paused);
        let has_ended = progress.is_some_and(|replay| replay.stage == Stage::Ended);
        let pause = [(Action::ReplayPause, if is_paused { "resume" } else { "pause" })];
        let pace = [(Action::ReplayFaster, "faster"), (Action::ReplaySlower, "slower")];
        let look = [
            (Action::ReplayStep, "forward"),
            (Action::ReplayBack, "back"),
            (Action::ReplayJump, "next refusal"),
            (Action::ReplayJumpBack, "refusal before"),
            (Action::Filter, "search"),
            (Action::Copy, "copy"),
            (Action::Help, "help"),
            (Action::Quit, "quit"),
        ];
        let mut replay = Vec::new();
        if !has_ended {
            replay.extend(pause);
        }
        replay.extend(look);
        if !has_ended {
            replay.extend(pace);
        }
        return (always, replay);
    }
    let mut paged = if app.connection.is_live() {
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
    paged.extend([
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
        (Action::Pause, "pause prices"),
        (Action::Requote, "requote"),
        (Action::HideMoney, "hide money"),
        (Action::Export, "export"),
        (Action::Settings, "settings"),
        (Action::Log, "log"),
    ]);
    (always, paged)
}

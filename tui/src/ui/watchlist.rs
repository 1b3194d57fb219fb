//! The watchlist.

use super::DrawContext;
use super::table::{Cells, number_column, table, text_column, visible};
use crate::app::{Action, Clock, Pane, Sort, SymbolQuote, text};
use daytrade_protocol::{Money, Symbol};
use ratatui::layout::Rect;

/// The minimum width for the time that changes are relative to.
const SINCE_FROM: u16 = 70;
/// The minimum width for a long sparkline.
const LONG_TREND_FROM: u16 = 66;
/// The time for which a changed price is highlighted, in milliseconds.
const FLASH_MS: u64 = 600;

/// Draws the watchlist.
pub(super) fn watchlist(ctx: &mut DrawContext<'_>, area: Rect) {
    let symbols = ctx.app.shown_symbols();
    let footer = format!(
        "{} filter  {} sort  {} add  {} drop",
        ctx.key(Action::Filter),
        ctx.key(Action::Sort),
        ctx.key(Action::AddSymbol),
        ctx.key(Action::DropSymbol)
    );
    let state = state(ctx, symbols.len(), area.width);
    let title = match ctx.app.market.kind() {
        Some(kind) => format!("Watchlist {kind}"),
        None => "Watchlist".to_owned(),
    };
    let inner = ctx.pane(area, Pane::Watchlist, &title, &state, &footer);
    let columns = [
        text_column("SYM", 0).sorts_by(Sort::Name),
        number_column("LAST", 0).sorts_by(Sort::Last),
        number_column("CHANGE", 6).sorts_by(Sort::Change),
        text_column("TREND", 1),
        number_column("AGE", 5).sorts_by(Sort::Age),
        text_column("MINE", 3).sorts_by(Sort::Mine),
        number_column("SHARES", 2),
        number_column("P&L", 4).sorts_by(Sort::Profit),
    ];
    let trend_cells = if area.width >= LONG_TREND_FROM { 20 } else { 10 };
    let range = visible(ctx, inner, Pane::Watchlist, symbols.len());
    let first = range.start;
    let rows: Vec<Cells> =
        symbols[range].iter().map(|symbol| row(ctx, *symbol, trend_cells)).collect();
    let filter = ctx.app.market.filter();
    let empty = if filter.is_empty() {
        format!("No symbols. Press {} to add one.", ctx.key(Action::AddSymbol))
    } else {
        format!("No symbol matches {}. {} shows all.", filter.text(), ctx.key(Action::Back))
    };
    table(ctx, inner, (Pane::Watchlist, first), &columns, &rows, &empty);
}

/// Returns the number of symbols with the sort order and the filter.
fn state(ctx: &DrawContext<'_>, count: usize, width: u16) -> String {
    let market = &ctx.app.market;
    let mut parts = vec![text::count(count as u64, "symbol")];
    if market.sort() != Sort::Own || market.is_reversed() {
        parts.push(format!("sort: {}", market.sort().label()));
    }
    if market.is_reversed() {
        parts.push("reversed".to_owned());
    }
    if !market.filter().is_empty() {
        parts.push(format!("filter: {}", market.filter().text()));
    }
    if market.is_frozen() {
        parts.push("prices paused".to_owned());
    }
    if width >= SINCE_FROM {
        parts.push(if market.quotes().know_opens(market.watchlist()) {
            "change today".to_owned()
        } else {
            let since = text::clock(ctx.app.clock.started_ms());
            format!("change since {}", &since[..5])
        });
    }
    parts.join(", ")
}

fn row(ctx: &DrawContext<'_>, symbol: Symbol, trend_cells: usize) -> Cells {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let quote = app.market.shown_quote(symbol);
    let fresh = app.is_quote_current(symbol);
    let quiet = if fresh { theme.text } else { theme.dim };
    let change = quote.and_then(SymbolQuote::change_basis_points).unwrap_or(0);
    let flashes = quote.is_some_and(|quote| app.clock.since_ms(quote.changed_ms) < FLASH_MS)
        && fresh
        && !ctx.options.reduce_motion;
    let trend = quote.map_or(String::new(), |quote| {
        let prices = quote.history.iter().map(|(_, price)| price.cents());
        ctx.options.glyphs.sparkline(prices, trend_cells)
    });
    let account = app.account.current();
    let shares = account
        .and_then(|account| account.holding(symbol))
        .map_or(String::new(), |holding| ctx.share_count(holding.shares()));
    let profit = account.and_then(|account| account.profit(symbol, app.market.shown_quotes()));
    let about = if fresh { "" } else { "~" };
    let gain =
        profit.map_or(String::new(), |profit| format!("{about}{}", ctx.signed_money(profit)));
    vec![
        (app.market.shown_name(symbol), theme.text),
        (
            quote.map_or("-".to_owned(), |quote| text::dollars(quote.price)),
            if flashes { theme.selected } else { quiet },
        ),
        (
            quote.map_or(String::new(), |_| ctx.options.glyphs.change(change)),
            if fresh { theme.moved(change) } else { theme.dim },
        ),
        (trend, theme.dim),
        (age(quote, app.clock), quiet),
        (marks(ctx, symbol), theme.text),
        (shares, theme.text),
        (gain, theme.moved(profit.map_or(0, Money::cents))),
    ]
}

/// Returns the age of a quote.
fn age(quote: Option<&SymbolQuote>, clock: Clock) -> String {
    match quote {
        None => "...".to_owned(),
        Some(quote) if !quote.is_fresh(clock) => "stale".to_owned(),
        Some(quote) => format!("{}s", quote.age_ms(clock) / 1_000),
    }
}

/// Returns letters for a holding, a pending order and a trigger of the symbol.
fn marks(ctx: &DrawContext<'_>, symbol: Symbol) -> String {
    let marks = ctx.app.account.current().map_or([false; 3], |account| account.marks(symbol));
    marks.iter().zip("HPT".chars()).map(|(is, letter)| if *is { letter } else { ' ' }).collect()
}

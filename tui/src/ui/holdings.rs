//! The holdings, their total value, and the share of each in the equity.

use super::equity::equity_line;
use super::lists::empty_text;
use super::table::{Cells, number_column, table, text_column, visible};
use super::text_width::width;
use super::{DrawContext, span};
use crate::app::{Action, Holding, Pane, Screen, text};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// The minimum height of the list with a total.
const TOTAL_FROM_ROWS: u16 = 5;

/// Draws the holdings.
pub(super) fn holdings(ctx: &mut DrawContext<'_>, area: Rect) {
    let app = ctx.app;
    let count = app.rows(Pane::Holdings);
    let footer = format!("{} buy  {} sell", ctx.key(Action::Buy), ctx.key(Action::Sell));
    let inner =
        ctx.pane(area, Pane::Holdings, "Holdings", &text::count(count as u64, "position"), &footer);
    let columns = [
        text_column("SYM", 0),
        number_column("SHARES", 0),
        number_column("FREE", 2),
        number_column("AVG", 3),
        number_column("LAST", 4),
        number_column("VALUE", 5),
        number_column("P&L", 6),
        number_column("%", 1),
    ];
    // The total stays in view below the rows, the rest if the header and all rows fit.
    let has_total = count > 0 && inner.height >= TOTAL_FROM_ROWS;
    let rows_max = inner.height - if has_total { 2 } else { 0 };
    let rows = u16::try_from(count).unwrap_or(u16::MAX).saturating_add(1);
    let top = if has_total { Rect { height: rows.min(rows_max), ..inner } } else { inner };
    let range = visible(ctx, top, Pane::Holdings, count);
    let first = range.start;
    let holdings = app.account.current().into_iter().flat_map(|account| &account.holdings);
    let rows: Vec<Cells> =
        holdings.skip(first).take(range.len()).map(|holding| row(ctx, holding)).collect();
    let empty =
        empty_text(ctx, &format!("No holdings yet. Press {} to buy.", ctx.key(Action::Buy)));
    table(ctx, top, (Pane::Holdings, first), &columns, &rows, &empty);
    if !has_total {
        return;
    }
    let rest = Rect { y: top.bottom(), height: inner.height - top.height, ..inner };
    let below = totals(ctx, rest).min(rest.height);
    let rest = Rect { y: rest.y + below, height: rest.height - below, ..rest };
    shares_of_equity(ctx, rest);
}

fn row(ctx: &DrawContext<'_>, holding: &Holding) -> Cells {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let price = app.market.shown_quotes().price(holding.symbol);
    let fresh = app.is_quote_current(holding.symbol);
    let about = if fresh { "" } else { "~" };
    let value = price.and_then(|price| price.times(holding.shares()));
    let profit = value.map(|value| Money::from_cents(value.cents() - holding.basis.cents()));
    let share = profit.and_then(|profit| text::basis_points(profit, holding.basis));
    let share = share.filter(|_| !app.view.is_money_hidden());
    let style = theme.moved(profit.map_or(0, Money::cents));
    vec![
        (app.market.shown_name(holding.symbol), theme.text),
        (ctx.share_count(holding.shares()), theme.text),
        (ctx.share_count(holding.free), theme.text),
        (ctx.money(holding.average()), theme.text),
        (price.map_or("-".to_owned(), text::dollars), if fresh { theme.text } else { theme.dim }),
        (value.map_or("-".to_owned(), |value| format!("{about}{}", ctx.money(value))), theme.text),
        (
            profit.map_or("-".to_owned(), |profit| format!("{about}{}", ctx.signed_money(profit))),
            style,
        ),
        (share.map_or(String::new(), |share| ctx.options.glyphs.change(share)), style),
    ]
}

/// Draws the total of all holdings; returns the number of lines.
fn totals(ctx: &mut DrawContext<'_>, area: Rect) -> u16 {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let (value, fresh) = app.market_value();
    let Some(account) = app.account.current() else { return 0 };
    let about = if fresh { "" } else { "~" };
    let basis = account.basis();
    let profit = value.saturating_sub(basis);
    let share = text::basis_points(profit, basis)
        .filter(|_| !app.view.is_money_hidden())
        .map_or(String::new(), |share| ctx.options.glyphs.change(share));
    let rule =
        ctx.options.glyphs.border.horizontal_top.repeat(usize::from(area.width).saturating_sub(2));
    ctx.line(area, 0, Line::from(span(format!(" {rule}"), theme.border)));
    let total = format!(
        " Total {about}{}  P&L {about}{} {share}",
        ctx.money(value),
        ctx.signed_money(profit)
    );
    if width(&total) <= usize::from(area.width) {
        ctx.line(area, 1, Line::from(span(total, theme.moved(profit.cents()))));
    }
    let realised = format!(" realised {}", ctx.signed_money(account.realised));
    if width(&realised) <= usize::from(area.width) {
        ctx.line(area, 2, Line::from(span(realised, theme.moved(account.realised.cents()))));
    }
    let rest = Rect { y: area.y + 3, height: area.height.saturating_sub(3), ..area };
    if app.view.screen() == Screen::Trade { 3 + equity_line(ctx, rest) } else { 3 }
}

/// Draws the shares of the equity, largest first, with bars.
fn shares_of_equity(ctx: &mut DrawContext<'_>, area: Rect) {
    let (app, theme) = (ctx.app, ctx.options.theme);
    let fits = area.height >= 4 && area.width >= 40 && !app.view.is_money_hidden();
    let Some(account) = app.account.current().filter(|_| fits) else { return };
    let (value, _) = app.market_value();
    let Some(equity) =
        account.cash.checked_add(account.reserved).and_then(|sum| sum.checked_add(value))
    else {
        return;
    };
    let mut parts =
        vec![("cash".to_owned(), account.cash), ("reserved".to_owned(), account.reserved)];
    for holding in &account.holdings {
        let last = app
            .market
            .shown_quote(holding.symbol)
            .and_then(|quote| quote.price.times(holding.shares()));
        parts.push((app.market.shown_name(holding.symbol), last.unwrap_or(holding.basis)));
    }
    parts.retain(|(_, part)| part.is_positive());
    parts.sort_by_key(|(_, part)| std::cmp::Reverse(*part));
    ctx.line(area, 1, Line::from(span(" SHARE OF EQUITY", theme.dim)));
    let cells = usize::from(area.width).saturating_sub(22).min(40);
    let rows = usize::from(area.height - 2);
    let left_out = if parts.len() > rows { parts.split_off(rows - 1).len() } else { 0 };
    if left_out > 0 {
        ctx.line(
            area,
            area.height - 1,
            Line::from(span(format!(" and {left_out} more, each smaller"), theme.dim)),
        );
    }
    for (row, (name, part)) in (2..area.height).zip(parts) {
        let share = text::basis_points(part, equity).unwrap_or(0);
        let bar = ctx.options.glyphs.bar(share.unsigned_abs(), 10_000, cells);
        let percent = text::percent(share);
        let text = format!(" {name:<8} [{bar}] {:>7}", percent.trim_start_matches('+'));
        ctx.line(area, row, Line::from(span(text, theme.text)));
    }
}

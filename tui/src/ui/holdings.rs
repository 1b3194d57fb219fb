//! What is held, what it is worth together, and how much of everything each part is.

use super::lists::loading_or;
use super::table::{Cells, number, table, visible, words};
use super::{Pen, span};
use crate::model::{Action, Pane, text};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::text::Line;

pub(super) fn holdings(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let count = model.rows(Pane::Holdings);
    let foot = format!("{} buy  {} sell", pen.key(Action::Buy), pen.key(Action::Sell));
    let inner =
        pen.pane(area, Pane::Holdings, "Holdings", &text::count(count as u64, "position"), &foot);
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
    // Header and rows, a rule, the total, what was realised: only where all of it fits.
    let wanted = (count as u16).saturating_add(4);
    let with_totals = count > 0 && inner.height >= wanted;
    let top = if with_totals { Rect { height: count as u16 + 1, ..inner } } else { inner };
    let range = visible(pen, top, Pane::Holdings, count);
    let first = range.start;
    let rows: Vec<Cells> = model
        .account
        .iter()
        .flat_map(|account| &account.holdings)
        .skip(first)
        .take(range.len())
        .map(|holding| {
            let seen = model.shown_quotes().get(holding.symbol);
            let fresh = model.is_live()
                && seen.is_some_and(|seen| seen.is_fresh(model.now_ms, model.offset_ms));
            let about = if fresh { "" } else { "~" };
            let value = seen.and_then(|seen| seen.price.times(holding.shares()));
            let profit =
                value.map(|value| Money::from_cents(value.cents() - holding.basis.cents()));
            let share = profit.and_then(|profit| text::basis_points(profit, holding.basis));
            let share = share.filter(|_| !model.hide_money);
            let style = theme.moved(profit.map_or(0, Money::cents));
            vec![
                (holding.symbol.to_string(), theme.text),
                (pen.count(holding.shares()), theme.text),
                (pen.count(holding.free), theme.text),
                (pen.money(holding.average()), theme.text),
                (
                    seen.map_or("-".to_owned(), |seen| text::dollars(seen.price)),
                    if fresh { theme.text } else { theme.dim },
                ),
                (
                    value.map_or("-".to_owned(), |value| format!("{about}{}", pen.money(value))),
                    theme.text,
                ),
                (
                    profit.map_or("-".to_owned(), |profit| format!("{about}{}", pen.gain(profit))),
                    style,
                ),
                (share.map_or(String::new(), |share| pen.look.glyphs.change(share)), style),
            ]
        })
        .collect();
    let empty =
        loading_or(pen, &format!("No holdings yet. Press {} to buy.", pen.key(Action::Buy)));
    table(pen, top, (Pane::Holdings, first), &columns, &rows, &empty);
    if !with_totals {
        return;
    }
    let rest = Rect { y: top.bottom(), height: inner.height - top.height, ..inner };
    let below = totals(pen, rest);
    let rest = Rect { y: rest.y + below, height: rest.height - below, ..rest };
    shares_of_equity(pen, rest);
}

/// The sum of all positions; how many lines it took.
fn totals(pen: &mut Pen<'_>, area: Rect) -> u16 {
    let (model, theme) = (pen.model, pen.look.theme);
    let (worth, fresh) = model.worth();
    let Some(account) = &model.account else { return 0 };
    let about = if fresh { "" } else { "~" };
    let basis: i64 = account.holdings.iter().map(|holding| holding.basis.cents()).sum();
    let profit = Money::from_cents(worth.cents().saturating_sub(basis));
    let share = text::basis_points(profit, Money::from_cents(basis))
        .filter(|_| !model.hide_money)
        .map_or(String::new(), |share| pen.look.glyphs.change(share));
    let rule =
        pen.look.glyphs.border.horizontal_top.repeat(usize::from(area.width).saturating_sub(2));
    pen.line(area, 0, Line::from(span(format!(" {rule}"), theme.border)));
    let total =
        format!(" Total {about}{}  P&L {about}{} {share}", pen.money(worth), pen.gain(profit));
    if total.chars().count() <= usize::from(area.width) {
        pen.line(area, 1, Line::from(span(total, theme.moved(profit.cents()))));
    }
    let realised = format!(" realised {}", pen.gain(account.realised));
    if realised.chars().count() <= usize::from(area.width) {
        pen.line(area, 2, Line::from(span(realised, theme.moved(account.realised.cents()))));
    }
    3
}

/// What everything is made of, largest first, with bars.
fn shares_of_equity(pen: &mut Pen<'_>, area: Rect) {
    let (model, theme) = (pen.model, pen.look.theme);
    let fits = area.height >= 4 && area.width >= 40 && !model.hide_money;
    let Some(account) = model.account.as_ref().filter(|_| fits) else { return };
    let (worth, _) = model.worth();
    let Some(equity) =
        account.cash.checked_add(account.reserved).and_then(|sum| sum.checked_add(worth))
    else {
        return;
    };
    let mut parts =
        vec![("cash".to_owned(), account.cash), ("reserved".to_owned(), account.reserved)];
    for holding in &account.holdings {
        let last = model
            .shown_quotes()
            .get(holding.symbol)
            .and_then(|seen| seen.price.times(holding.shares()));
        parts.push((holding.symbol.to_string(), last.unwrap_or(holding.basis)));
    }
    parts.retain(|(_, part)| part.is_positive());
    parts.sort_by_key(|(_, part)| std::cmp::Reverse(*part));
    pen.line(area, 1, Line::from(span(" SHARE OF EQUITY", theme.dim)));
    let cells = usize::from(area.width).saturating_sub(22).min(40);
    let room = usize::from(area.height - 2);
    let left_out = if parts.len() > room { parts.split_off(room - 1).len() } else { 0 };
    if left_out > 0 {
        pen.line(
            area,
            area.height - 1,
            Line::from(span(format!(" and {left_out} more, each smaller"), theme.dim)),
        );
    }
    for (row, (name, part)) in (2..area.height).zip(parts) {
        let share = text::basis_points(part, equity).unwrap_or(0);
        let bar = pen.look.glyphs.bar(share.unsigned_abs(), 10_000, cells);
        let percent = text::percent(share);
        let words = format!(" {name:<8} [{bar}] {:>7}", percent.trim_start_matches('+'));
        pen.line(area, row, Line::from(span(words, theme.text)));
    }
}

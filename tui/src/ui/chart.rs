//! The price of one symbol over time, with the trader's own cost and triggers drawn in. Integers only.

use super::{Pen, span};
use crate::model::{Action, text};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Columns for the prices at the side.
const SCALE: u16 = 11;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    let Some(symbol) = model.symbol_at_hand() else {
        let inner = pen.frame(area, "Chart", "", "", false);
        pen.line(inner, 0, Line::raw("choose a symbol"));
        return;
    };
    let seen = model.quotes.get(symbol);
    let title = match seen {
        Some(seen) => {
            let change = seen.change_basis_points().map_or(String::new(), |bp| pen.look.glyphs.change(bp));
            format!("{symbol} {} {change}", text::dollars(seen.price))
        }
        None => symbol.to_string(),
    };
    let foot = format!("{} requote", pen.key(Action::Requote));
    let inner = pen.frame(area, title.trim_end(), "since it was first seen", &foot, false);
    let Some(seen) = seen.filter(|_| inner.width > SCALE + 4 && inner.height > 1) else {
        pen.line(inner, 0, Line::from(span("no price yet", pen.look.theme.dim)));
        return;
    };
    let mut marks: Vec<(i64, &str)> = Vec::new();
    if let Some(account) = &model.account {
        if let Some(holding) = account.holding(symbol) {
            marks.push((holding.average().cents(), "your cost"));
        }
        for trigger in account.triggers.iter().filter(|trigger| trigger.symbol == symbol) {
            if let Some(price) = trigger.price {
                let name = if trigger.side == daytrade_protocol::Side::Buy { "buy trigger" } else { "sell trigger" };
                marks.push((price.cents(), name));
            }
        }
    }
    let prices: Vec<i64> = seen.history.iter().map(|(_, price)| price.cents()).collect();
    let (low, high) = bounds(&prices, &marks);
    let plot = Rect { x: inner.x + SCALE, width: inner.width - SCALE, ..inner };
    scale(pen, inner, low, high);
    for (cents, name) in marks.iter().filter(|(cents, _)| (low..=high).contains(cents)) {
        let row = row_of(*cents, low, high, plot.height);
        let dots = if pen.look.glyphs.braille { "┈" } else { "." };
        let room = usize::from(plot.width).saturating_sub(name.len() + 1);
        pen.line(plot, row, Line::from(span(format!("{} {name}", dots.repeat(room)), pen.look.theme.dim)));
    }
    if pen.look.glyphs.braille { braille(pen, plot, &prices, low, high) } else { stars(pen, plot, &prices, low, high) }
}

/// The lowest and highest price to show, with a little air; marks count when they are not too far off.
fn bounds(prices: &[i64], marks: &[(i64, &str)]) -> (i64, i64) {
    let low = prices.iter().min().copied().unwrap_or(0);
    let high = prices.iter().max().copied().unwrap_or(0);
    let near = |cents: &i64| *cents > low - low / 10 && *cents < high + high / 10;
    let marks = || marks.iter().map(|(cents, _)| *cents).filter(near);
    let (low, high) = (marks().min().unwrap_or(low).min(low), marks().max().unwrap_or(high).max(high));
    // A price that hardly moves is not drawn as a cliff.
    let air = ((high - low) / 20).max(high / 200).max(2);
    (low - air, high + air)
}

fn row_of(cents: i64, low: i64, high: i64, rows: u16) -> u16 {
    let last = i64::from(rows.saturating_sub(1));
    (last - (cents - low) * last / (high - low).max(1)).clamp(0, last) as u16
}

fn scale(pen: &mut Pen<'_>, inner: Rect, low: i64, high: i64) {
    let last = i64::from(inner.height.saturating_sub(1)).max(1);
    for row in (0..inner.height).step_by(2) {
        let cents = high - (high - low) * i64::from(row) / last;
        let price = text::dollars(daytrade_protocol::Money::from_cents(cents));
        let words = if price.chars().count() < usize::from(SCALE) - 1 { format!("{price:>9} ") } else { String::new() };
        pen.line(inner, row, Line::from(span(words, pen.look.theme.dim)));
    }
}

/// The price at each of so many columns: the whole history, stretched or thinned.
fn columns(prices: &[i64], columns: usize) -> Vec<i64> {
    (0..columns).filter_map(|at| prices.get(at * prices.len() / columns.max(1)).copied()).collect()
}

fn stars(pen: &mut Pen<'_>, plot: Rect, prices: &[i64], low: i64, high: i64) {
    let style = pen.look.theme.text;
    for (x, cents) in (plot.x..).zip(columns(prices, usize::from(plot.width))) {
        pen.buffer.set_string(x, plot.y + row_of(cents, low, high, plot.height), "*", style);
    }
}

fn braille(pen: &mut Pen<'_>, plot: Rect, prices: &[i64], low: i64, high: i64) {
    const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    let (width, height) = (usize::from(plot.width), usize::from(plot.height));
    let mut cells = vec![0_u32; width * height];
    let mut before: Option<u16> = None;
    for (x, cents) in columns(prices, width * 2).into_iter().enumerate() {
        let y = row_of(cents, low, high, plot.height * 4);
        let from = before.unwrap_or(y);
        // Up or down to the next price without a gap.
        for y in from.min(y)..=from.max(y) {
            cells[usize::from(y) / 4 * width + x / 2] |= DOTS[x % 2][usize::from(y) % 4];
        }
        before = Some(y);
    }
    let style = pen.look.theme.focus;
    for (at, bits) in cells.into_iter().enumerate().filter(|(_, bits)| *bits > 0) {
        let (x, y) = ((at % width) as u16, (at / width) as u16);
        if let Some(letter) = char::from_u32(0x2800 + bits) {
            pen.buffer.set_string(plot.x + x, plot.y + y, letter.to_string(), style);
        }
    }
}

//! The price of one symbol over time, with the trader's own cost, triggers, buys and sells drawn
//! in. Integers only.

use super::{Pen, span};
use crate::model::{Action, Pane, Seen, Spot, Timeframe, text};
use daytrade_protocol::{Money, Side, Symbol};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Columns for the prices at the side.
const SCALE: u16 = 11;
/// Rows below which there is no room for times.
const TIMES_FROM_ROWS: u16 = 7;

/// The prices within one step of time, in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    low: i64,
    high: i64,
    last: i64,
}

/// The time that is shown, by the server's clock, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Window {
    from_ms: u64,
    to_ms: u64,
}

impl Window {
    fn of(timeframe: Timeframe, seen: &Seen, now_ms: u64) -> Self {
        let first = seen.history.front().map_or(now_ms, |(at, _)| *at);
        let from_ms = timeframe.span_ms().map_or(first, |span| now_ms.saturating_sub(span));
        Self { from_ms, to_ms: now_ms.max(from_ms + 1) }
    }

    /// Where a moment stands among so many columns.
    fn column(self, at_ms: u64, columns: u64) -> Option<u64> {
        let is_shown = (self.from_ms..=self.to_ms).contains(&at_ms);
        is_shown.then(|| {
            ((at_ms - self.from_ms) * columns / (self.to_ms - self.from_ms))
                .min(columns.saturating_sub(1))
        })
    }

    /// The prices of each of so many columns; a price holds until the next one. None before the
    /// first.
    fn steps(self, seen: &Seen, columns: usize) -> Vec<Option<Step>> {
        let mut steps: Vec<Option<Step>> = vec![None; columns];
        let mut before = None;
        for (at_ms, price) in &seen.history {
            let cents = price.cents();
            let Some(at) = self.column(*at_ms, columns as u64) else {
                if *at_ms < self.from_ms {
                    before = Some(cents);
                }
                continue;
            };
            if let Some(step) = steps.get_mut(at as usize) {
                *step = Some(step.map_or(Step { low: cents, high: cents, last: cents }, |step| {
                    Step { low: step.low.min(cents), high: step.high.max(cents), last: cents }
                }));
            }
        }
        for step in &mut steps {
            match (&step, before) {
                (Some(step), _) => before = Some(step.last),
                (None, Some(cents)) => *step = Some(Step { low: cents, high: cents, last: cents }),
                (None, None) => {}
            }
        }
        steps
    }
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect) {
    let model = pen.model;
    pen.hits.add(area, Spot::Pane(Pane::Watchlist));
    let Some(symbol) = model.symbol_at_hand() else {
        let inner = pen.frame(area, "Chart", "", "", false);
        pen.line(inner, 0, Line::raw("choose a symbol"));
        return;
    };
    let seen = model.shown_quotes().get(symbol);
    let title = match seen {
        Some(seen) => {
            let change =
                seen.change_basis_points().map_or(String::new(), |bp| pen.look.glyphs.change(bp));
            format!("{symbol} {} {change}", text::dollars(seen.price))
        }
        None => symbol.to_string(),
    };
    let frames = Timeframe::ALL.map(|frame| {
        if frame == model.timeframe {
            format!("[{}]", frame.name())
        } else {
            frame.name().to_owned()
        }
    });
    let foot = format!(
        "{} {} time  {} requote  {} line/bars",
        pen.key(Action::Shorter),
        pen.key(Action::Longer),
        pen.key(Action::Requote),
        pen.key(Action::ChartStyle)
    );
    let inner = pen.frame(area, title.trim_end(), &frames.join(" "), &foot, false);
    let Some(seen) = seen.filter(|_| inner.width > SCALE + 4 && inner.height > 1) else {
        pen.line(inner, 0, Line::from(span("no price yet", pen.look.theme.dim)));
        return;
    };
    let with_times = inner.height >= TIMES_FROM_ROWS;
    let inner = Rect { height: inner.height - u16::from(with_times), ..inner };
    let plot = Rect { x: inner.x + SCALE, width: inner.width - SCALE, ..inner };
    let window =
        Window::of(model.timeframe, seen, model.now_ms.saturating_add_signed(model.offset_ms));
    let dots = if pen.look.glyphs.braille && !model.bars { 2 } else { 1 };
    let steps = window.steps(seen, usize::from(plot.width) * dots);
    let marks = marks(pen, symbol);
    let (low, high) = bounds(steps.iter().flatten(), &marks);
    scale(pen, inner, low, high);
    if with_times {
        times(pen, Rect { y: plot.bottom(), height: 1, ..plot }, window);
    }
    for (cents, name) in marks.iter().filter(|(cents, _)| (low..=high).contains(cents)) {
        let row = row_of(*cents, low, high, plot.height);
        let dots = if pen.look.glyphs.braille { "┈" } else { "." };
        let room = usize::from(plot.width).saturating_sub(name.len() + 1);
        pen.line(
            plot,
            row,
            Line::from(span(format!("{} {name}", dots.repeat(room)), pen.look.theme.dim)),
        );
    }
    match (model.bars, pen.look.glyphs.braille) {
        (true, _) => bars(pen, plot, &steps, low, high),
        (false, true) => braille(pen, plot, &steps, low, high),
        (false, false) => stars(pen, plot, &steps, low, high),
    }
    for fill in model.fills.iter().filter(|fill| fill.terms.symbol == symbol) {
        let (letter, style) = if fill.side == Side::Buy {
            ("B", pen.look.theme.up)
        } else {
            ("S", pen.look.theme.down)
        };
        let cents = fill.terms.price.cents();
        if let Some(x) = window
            .column(fill.at_ms, u64::from(plot.width))
            .filter(|_| (low..=high).contains(&cents))
        {
            pen.buffer.set_string(
                plot.x + x as u16,
                plot.y + row_of(cents, low, high, plot.height),
                letter,
                style,
            );
        }
    }
}

/// The prices that are the trader's own: cost, triggers, alerts.
fn marks(pen: &Pen<'_>, symbol: Symbol) -> Vec<(i64, &'static str)> {
    let mut marks = Vec::new();
    if let Some(account) = &pen.model.account {
        if let Some(holding) = account.holding(symbol).filter(|_| !pen.model.hide_money) {
            marks.push((holding.average().cents(), "your cost"));
        }
        for trigger in account
            .triggers
            .iter()
            .filter(|trigger| trigger.symbol == symbol && !pen.model.hide_money)
        {
            if let Some(price) = trigger.price {
                let name = if trigger.side == Side::Buy { "buy trigger" } else { "sell trigger" };
                marks.push((price.cents(), name));
            }
        }
    }
    let alerts = pen.model.alerts.iter().filter(|alert| alert.symbol == symbol);
    marks.extend(alerts.map(|alert| (alert.price.cents(), "alert")));
    marks
}

/// The lowest and highest price to show, with a little air; marks count when they are not too far
/// off.
fn bounds<'a>(steps: impl Iterator<Item = &'a Step> + Clone, marks: &[(i64, &str)]) -> (i64, i64) {
    let low = steps.clone().map(|step| step.low).min().unwrap_or(0);
    let high = steps.map(|step| step.high).max().unwrap_or(0);
    let near = |cents: &i64| *cents > low - low / 10 && *cents < high + high / 10;
    let marks = || marks.iter().map(|(cents, _)| *cents).filter(near);
    let (low, high) =
        (marks().min().unwrap_or(low).min(low), marks().max().unwrap_or(high).max(high));
    // A price that hardly moves is not drawn as a cliff.
    let air = ((high - low) / 20).max(high / 200).max(2);
    (low - air, high + air)
}

fn row_of(cents: i64, low: i64, high: i64, rows: u16) -> u16 {
    let last = i128::from(rows.saturating_sub(1));
    let (above, whole) =
        (i128::from(cents) - i128::from(low), (i128::from(high) - i128::from(low)).max(1));
    // To the nearest row.
    (last - (above * last * 2 / whole + 1) / 2).clamp(0, last) as u16
}

fn scale(pen: &mut Pen<'_>, inner: Rect, low: i64, high: i64) {
    let last = i64::from(inner.height.saturating_sub(1)).max(1);
    for row in (0..inner.height).step_by(2) {
        let cents = high
            - (high - low) / last * i64::from(row)
            - (high - low) % last * i64::from(row) / last;
        let price = text::dollars(Money::from_cents(cents));
        let words = if price.chars().count() < usize::from(SCALE) - 1 {
            format!("{price:>9} ")
        } else {
            String::new()
        };
        pen.line(inner, row, Line::from(span(words, pen.look.theme.dim)));
    }
}

/// A few moments under the plot, whole or not at all.
fn times(pen: &mut Pen<'_>, area: Rect, window: Window) {
    let span_ms = window.to_ms - window.from_ms;
    let width = if span_ms < 600_000 { 8 } else { 5 };
    let mut x = 0;
    while x + width <= area.width {
        let at_ms = window.from_ms + span_ms * u64::from(x) / u64::from(area.width.max(1));
        let words: String = text::clock(at_ms).chars().take(usize::from(width)).collect();
        pen.buffer.set_string(area.x + x, area.y, words, pen.look.theme.dim);
        x += width + 6;
    }
}

fn stars(pen: &mut Pen<'_>, plot: Rect, steps: &[Option<Step>], low: i64, high: i64) {
    let style = pen.look.theme.focus;
    for (x, step) in (plot.x..).zip(steps) {
        if let Some(step) = step {
            pen.buffer.set_string(
                x,
                plot.y + row_of(step.last, low, high, plot.height),
                "*",
                style,
            );
        }
    }
}

/// From the lowest to the highest price of each step.
fn bars(pen: &mut Pen<'_>, plot: Rect, steps: &[Option<Step>], low: i64, high: i64) {
    let glyph = if pen.look.glyphs.braille { "┃" } else { "|" };
    let mut before: Option<i64> = None;
    for (x, step) in (plot.x..).zip(steps) {
        let Some(step) = step else { continue };
        let rose = before.map_or(0, |before| step.last - before);
        let style = pen.look.theme.moved(rose);
        let (top, bottom) =
            (row_of(step.high, low, high, plot.height), row_of(step.low, low, high, plot.height));
        for row in top..=bottom {
            pen.buffer.set_string(x, plot.y + row, glyph, style);
        }
        before = Some(step.last);
    }
}

fn braille(pen: &mut Pen<'_>, plot: Rect, steps: &[Option<Step>], low: i64, high: i64) {
    const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    let (width, height) = (usize::from(plot.width), usize::from(plot.height));
    let mut cells = vec![0_u32; width * height];
    let mut before: Option<u16> = None;
    for (x, step) in steps.iter().enumerate() {
        let Some(step) = step else { continue };
        let y = row_of(step.last, low, high, plot.height * 4);
        let from = before.unwrap_or(y);
        // Up or down to the next price without a gap.
        for y in from.min(y)..=from.max(y) {
            if let Some(cell) = cells.get_mut(usize::from(y) / 4 * width + x / 2) {
                *cell |= DOTS[x % 2][usize::from(y) % 4];
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Quotes;

    const START_MS: u64 = 1_795_334_400_000;

    #[test]
    fn a_price_holds_until_the_next_and_a_step_keeps_its_extremes() {
        let symbol = Symbol::parse(b"XYZ").unwrap();
        let mut quotes = Quotes::default();
        for (at_ms, cents) in [(0, 100), (61_000, 110), (63_000, 90), (64_000, 105), (90_000, 120)]
        {
            quotes.take(symbol, Money::from_cents(cents), START_MS + at_ms, START_MS + at_ms);
        }
        let seen = quotes.get(symbol).unwrap();
        let steps = Window::of(Timeframe::Minute, seen, START_MS + 120_000).steps(seen, 6);
        let step = |low, high, last| Some(Step { low, high, last });
        assert_eq!(
            steps,
            [
                step(90, 110, 105),
                step(105, 105, 105),
                step(105, 105, 105),
                step(120, 120, 120),
                step(120, 120, 120),
                step(120, 120, 120)
            ]
        );
        let late = Window::of(Timeframe::Hour, seen, START_MS + 120_000).steps(seen, 3_600);
        assert_eq!(late.iter().flatten().count(), 120, "nothing is drawn before the first price");
    }
}

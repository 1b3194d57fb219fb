//! Values over time as a line of dots, bars or asterisks, with a scale and times. All calculations
//! use integers.

use super::text_width::width;
use super::{DrawContext, span};
use crate::app::{Timeframe, text};
use daytrade_protocol::Money;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::collections::VecDeque;

/// Times, Unix milliseconds, and values, oldest first.
pub(super) type History = VecDeque<(u64, Money)>;

/// The width of the values at the side.
pub(super) const SCALE: u16 = 11;
/// The minimum height with times below the plot.
pub(super) const TIMES_FROM_ROWS: u16 = 7;

/// The lowest, the highest and the last price of one column, in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PriceBar {
    low: i64,
    high: i64,
    pub(super) last: i64,
}

/// The displayed time range by the server's clock, Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeRange {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

impl TimeRange {
    /// Returns the range of a timeframe for a number of columns. Each column is a whole step of
    /// time, so that what a column shows does not change while others are added.
    pub(super) fn new(
        timeframe: Timeframe,
        history: &History,
        now_ms: u64,
        columns: usize,
    ) -> Self {
        let columns = columns.max(1) as u64;
        let first = history.front().map_or(now_ms, |(at, _)| *at);
        let all_ms = now_ms.saturating_sub(first).max(columns);
        let span_ms = timeframe.span_ms().unwrap_or_else(|| {
            // It grows by a sixteenth at a time.
            let unit_ms = (all_ms.checked_next_power_of_two().unwrap_or(all_ms) / 16).max(1);
            all_ms.div_ceil(unit_ms).saturating_mul(unit_ms)
        });
        let step_ms = span_ms.div_ceil(columns).max(1);
        let to_ms = now_ms.div_ceil(step_ms).saturating_mul(step_ms);
        Self { from_ms: to_ms.saturating_sub(step_ms * columns), to_ms: to_ms.max(1) }
    }

    /// Returns the column of a moment; None outside the time range.
    pub(super) fn column(self, at_ms: u64, columns: u64) -> Option<u64> {
        let is_shown = (self.from_ms..=self.to_ms).contains(&at_ms);
        is_shown.then(|| {
            ((at_ms - self.from_ms) * columns / (self.to_ms - self.from_ms))
                .min(columns.saturating_sub(1))
        })
    }

    /// Returns the prices of each column. A price is valid until the next one; before the first
    /// there is None.
    pub(super) fn price_bars(self, history: &History, columns: usize) -> Vec<Option<PriceBar>> {
        let mut price_bars: Vec<Option<PriceBar>> = vec![None; columns];
        let mut before = None;
        for (at_ms, price) in history {
            let cents = price.cents();
            let Some(at) = self.column(*at_ms, columns as u64) else {
                if *at_ms < self.from_ms {
                    before = Some(cents);
                }
                continue;
            };
            if let Some(bar) = price_bars.get_mut(at as usize) {
                *bar = Some(bar.map_or(PriceBar { low: cents, high: cents, last: cents }, |bar| {
                    PriceBar { low: bar.low.min(cents), high: bar.high.max(cents), last: cents }
                }));
            }
        }
        for bar in &mut price_bars {
            match (&bar, before) {
                (Some(bar), _) => before = Some(bar.last),
                (None, Some(cents)) => {
                    *bar = Some(PriceBar { low: cents, high: cents, last: cents });
                }
                (None, None) => {}
            }
        }
        price_bars
    }
}

/// Draws a line of values without anything else.
pub(super) fn curve(ctx: &mut DrawContext<'_>, inner: Rect, history: &History, now_ms: u64) {
    if inner.width <= SCALE + 4 || inner.height < 2 {
        return;
    }
    let has_times = inner.height >= TIMES_FROM_ROWS;
    let inner = Rect { height: inner.height - u16::from(has_times), ..inner };
    let plot = Rect { x: inner.x + SCALE, width: inner.width - SCALE, ..inner };
    let dots = if ctx.options.glyphs.braille { 2 } else { 1 };
    let columns = usize::from(plot.width) * dots;
    let range = TimeRange::new(Timeframe::All, history, now_ms, columns);
    let bars = range.price_bars(history, columns);
    let (low, high) = bounds(bars.iter().flatten(), &[]);
    draw_scale(ctx, inner, low, high);
    if has_times {
        draw_times(ctx, Rect { y: plot.bottom(), height: 1, ..plot }, range);
    }
    if ctx.options.glyphs.braille {
        draw_braille(ctx, plot, &bars, low, high);
    } else {
        draw_stars(ctx, plot, &bars, low, high);
    }
}

/// Returns the lowest and the highest price to display, with a margin. Own prices count if they are
/// within a tenth of the others.
pub(super) fn bounds<'a>(
    price_bars: impl Iterator<Item = &'a PriceBar> + Clone,
    marks: &[(i64, &str)],
) -> (i64, i64) {
    let low = price_bars.clone().map(|bar| bar.low).min().unwrap_or(0);
    let high = price_bars.map(|bar| bar.high).max().unwrap_or(0);
    let near = |cents: &i64| *cents > low - low / 10 && *cents < high + high / 10;
    let marks = || marks.iter().map(|(cents, _)| *cents).filter(near);
    let (low, high) =
        (marks().min().unwrap_or(low).min(low), marks().max().unwrap_or(high).max(high));
    // The minimum margin keeps a small change from looking like a large one.
    let margin = ((high - low) / 20).max(high / 200).max(2);
    (low - margin, high + margin)
}

/// Returns the row of a price.
pub(super) fn row_of(cents: i64, low: i64, high: i64, rows: u16) -> u16 {
    let last = i128::from(rows.saturating_sub(1));
    let (above, whole) =
        (i128::from(cents) - i128::from(low), (i128::from(high) - i128::from(low)).max(1));
    // Rounded to the nearest row.
    (last - (above * last * 2 / whole + 1) / 2).clamp(0, last) as u16
}

/// Draws the prices at the side.
pub(super) fn draw_scale(ctx: &mut DrawContext<'_>, inner: Rect, low: i64, high: i64) {
    let last = i128::from(inner.height.saturating_sub(1)).max(1);
    let range = i128::from(high) - i128::from(low);
    for row in (0..inner.height).step_by(2) {
        let below = (range * i128::from(row) + last / 2) / last;
        let cents = i64::try_from(i128::from(high) - below).unwrap_or(low);
        let mut price = text::dollars(Money::from_cents(cents));
        if width(&price) >= usize::from(SCALE) - 1 {
            // Large amounts are shown without cents.
            price.truncate(price.len().saturating_sub(3));
        }
        // In a narrow range, not every row is that of a whole cent.
        let is_there = row_of(cents, low, high, inner.height) == row;
        let text = if is_there && width(&price) < usize::from(SCALE) - 1 {
            format!("{price:>9} ")
        } else {
            String::new()
        };
        ctx.line(inner, row, Line::from(span(text, ctx.options.theme.dim)));
    }
}

/// Draws times below the plot, each only if all of it fits.
pub(super) fn draw_times(ctx: &mut DrawContext<'_>, area: Rect, range: TimeRange) {
    let span_ms = range.to_ms - range.from_ms;
    let columns = if span_ms < 600_000 { 8 } else { 5 };
    let mut x = 0;
    while x + columns <= area.width {
        let at_ms = range.from_ms + span_ms * u64::from(x) / u64::from(area.width.max(1));
        let text: String = text::clock(at_ms).chars().take(usize::from(columns)).collect();
        ctx.buffer.set_string(area.x + x, area.y, text, ctx.options.theme.dim);
        x += columns + 6;
    }
}

/// Draws the last price of each column as an asterisk.
pub(super) fn draw_stars(
    ctx: &mut DrawContext<'_>,
    plot: Rect,
    price_bars: &[Option<PriceBar>],
    low: i64,
    high: i64,
) {
    let style = ctx.options.theme.focus;
    for (x, bar) in (plot.x..).zip(price_bars) {
        if let Some(bar) = bar {
            ctx.buffer.set_string(x, plot.y + row_of(bar.last, low, high, plot.height), "*", style);
        }
    }
}

/// Draws a bar from the lowest to the highest price of each column.
pub(super) fn draw_bars(
    ctx: &mut DrawContext<'_>,
    plot: Rect,
    price_bars: &[Option<PriceBar>],
    low: i64,
    high: i64,
) {
    let glyph = if ctx.options.glyphs.braille { "┃" } else { "|" };
    let mut before: Option<i64> = None;
    for (x, bar) in (plot.x..).zip(price_bars) {
        let Some(bar) = bar else { continue };
        let rose = before.map_or(0, |before| bar.last - before);
        let style = ctx.options.theme.moved(rose);
        let (top, bottom) =
            (row_of(bar.high, low, high, plot.height), row_of(bar.low, low, high, plot.height));
        for row in top..=bottom {
            ctx.buffer.set_string(x, plot.y + row, glyph, style);
        }
        before = Some(bar.last);
    }
}

/// Draws the prices as a line of braille dots.
pub(super) fn draw_braille(
    ctx: &mut DrawContext<'_>,
    plot: Rect,
    price_bars: &[Option<PriceBar>],
    low: i64,
    high: i64,
) {
    const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    let (width, height) = (usize::from(plot.width), usize::from(plot.height));
    let mut cells = vec![0_u32; width * height];
    let mut before: Option<u16> = None;
    for (x, bar) in price_bars.iter().enumerate() {
        let Some(bar) = bar else { continue };
        let y = row_of(bar.last, low, high, plot.height * 4);
        let from = before.unwrap_or(y);
        // The line continues up or down to the next price without a gap.
        for y in from.min(y)..=from.max(y) {
            if let Some(cell) = cells.get_mut(usize::from(y) / 4 * width + x / 2) {
                *cell |= DOTS[x % 2][usize::from(y) % 4];
            }
        }
        before = Some(y);
    }
    let style = ctx.options.theme.focus;
    for (at, bits) in cells.into_iter().enumerate().filter(|(_, bits)| *bits > 0) {
        let (x, y) = ((at % width) as u16, (at / width) as u16);
        if let Some(letter) = char::from_u32(0x2800 + bits) {
            ctx.buffer.set_string(plot.x + x, plot.y + y, letter.to_string(), style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Quotes;
    use daytrade_protocol::Symbol;

    const START_MS: u64 = 1_795_334_400_000;

    #[test]
    fn a_price_is_valid_until_the_next_and_a_column_keeps_its_extremes() {
        let symbol = Symbol::parse(b"XYZ").unwrap();
        let mut quotes = Quotes::default();
        for (at_ms, cents) in [(0, 100), (61_000, 110), (63_000, 90), (64_000, 105), (90_000, 120)]
        {
            quotes.record(symbol, Money::from_cents(cents), START_MS + at_ms, START_MS + at_ms);
        }
        let history = &quotes.get(symbol).unwrap().history;
        let price_bars = TimeRange::new(Timeframe::Minute, history, START_MS + 120_000, 6)
            .price_bars(history, 6);
        let bar = |low, high, last| Some(PriceBar { low, high, last });
        assert_eq!(
            price_bars,
            [
                bar(90, 110, 105),
                bar(105, 105, 105),
                bar(105, 105, 105),
                bar(120, 120, 120),
                bar(120, 120, 120),
                bar(120, 120, 120)
            ]
        );
        let late = TimeRange::new(Timeframe::Hour, history, START_MS + 120_000, 3_600)
            .price_bars(history, 3_600);
        assert_eq!(late.iter().flatten().count(), 120, "nothing is drawn before the first price");
    }
}

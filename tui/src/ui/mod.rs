//! The screen: draws a [`Model`] and changes nothing. What can be clicked where comes back.

mod chart;
mod layout;
mod lists;
mod popups;
mod strips;
mod theme;

pub use theme::{Glyphs, Theme, ThemeName};

use crate::model::{Model, Spot};
use daytrade_protocol::Money;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget as _};

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Shapes.
    pub glyphs: Glyphs,
    /// Nothing flashes.
    pub reduce_motion: bool,
}

/// Where what can be clicked, as it was last drawn.
#[derive(Clone, Debug, Default)]
pub struct HitMap(Vec<(Rect, Spot)>);

impl HitMap {
    /// What is at this place.
    pub fn at(&self, column: u16, row: u16) -> Option<Spot> {
        let hit = |(area, _): &&(Rect, Spot)| area.contains((column, row).into());
        self.0.iter().rev().find(hit).map(|(_, spot)| *spot)
    }

    fn add(&mut self, area: Rect, spot: Spot) {
        self.0.push((area, spot));
    }
}

/// Draws everything.
pub fn view(model: &Model, look: &Look, buffer: &mut Buffer) -> HitMap {
    let mut hits = HitMap::default();
    let area = buffer.area;
    let mut pen = Pen { model, look, buffer, hits: &mut hits };
    layout::draw(&mut pen, area);
    hits
}

/// What every part of the screen draws with.
pub(crate) struct Pen<'a> {
    pub(crate) model: &'a Model,
    pub(crate) look: &'a Look,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) hits: &'a mut HitMap,
}

impl Pen<'_> {
    /// A line at a row of an area; what does not fit is dropped at a word, never within a number.
    pub(crate) fn line<'a>(&mut self, area: Rect, row: u16, line: impl Into<Line<'a>>) {
        if row < area.height && area.width > 0 {
            self.buffer.set_line(area.x, area.y + row, &line.into(), area.width);
        }
    }

    /// Words at the right end of a row, if there is room for all of them behind `taken` columns.
    pub(crate) fn right(&mut self, area: Rect, row: u16, words: &str, style: Style, taken: usize) {
        let width = words.chars().count();
        if row < area.height && taken + width < usize::from(area.width) {
            self.buffer.set_string(area.right() - width as u16, area.y + row, words, style);
        }
    }

    /// A pane's frame; what is inside it comes back.
    pub(crate) fn frame(&mut self, area: Rect, title: &str, right: &str, foot: &str, focused: bool) -> Rect {
        let theme = &self.look.theme;
        let border = if focused { theme.focus } else { theme.border };
        let block = Block::bordered().border_set(self.look.glyphs.border).border_style(border);
        let inner = block.inner(area);
        block.render(area, self.buffer);
        let room = usize::from(area.width).saturating_sub(4);
        let mut put = |at: u16, words: &str, style: Style, from_right: bool| {
            let words = format!(" {words} ");
            let width = words.chars().count();
            if width <= 2 || width > room || area.height < 2 {
                return 0;
            }
            let x = if from_right { area.right() - 2 - width as u16 } else { area.x + 2 };
            self.buffer.set_string(x, at, words, style);
            width
        };
        let taken = put(area.y, title, if focused { theme.title } else { theme.text }, false);
        if taken + right.chars().count() + 3 <= room {
            put(area.y, right, theme.dim, true);
        }
        if area.height > 1 {
            put(area.bottom() - 1, foot, theme.dim, true);
        }
        inner
    }

    /// Money, unless it is hidden.
    pub(crate) fn money(&self, money: Money) -> String {
        if self.model.hide_money { "*****".to_owned() } else { crate::model::text::dollars(money) }
    }

    /// Money with its sign, unless it is hidden.
    pub(crate) fn gain(&self, money: Money) -> String {
        if self.model.hide_money { "*****".to_owned() } else { crate::model::text::signed(money) }
    }

    /// The key for an action, to be shown.
    pub(crate) fn key(&self, action: crate::model::Action) -> String {
        self.model.keys.key(action)
    }

    /// The background of an area made empty.
    pub(crate) fn clear(&mut self, area: Rect) {
        ratatui::widgets::Clear.render(area, self.buffer);
    }
}

/// As many whole words as fit, so that no number is cut.
pub(crate) fn fit_words(words: &str, width: usize) -> String {
    if words.chars().count() <= width {
        return words.to_owned();
    }
    let mut kept = String::new();
    for word in words.split_inclusive(' ') {
        if kept.chars().count() + word.trim_end().chars().count() + 3 > width {
            break;
        }
        kept.push_str(word);
    }
    format!("{}...", kept.trim_end())
}

/// A span in a style.
pub(crate) fn span(words: impl Into<String>, style: Style) -> Span<'static> {
    Span::styled(words.into(), style)
}

#[cfg(test)]
mod tests;

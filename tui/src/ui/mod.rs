//! The screen: draws a [`Model`] and changes nothing. What can be clicked where comes back.

mod alerts;
mod banner;
mod chart;
mod form;
mod holdings;
mod layout;
mod lists;
mod popups;
mod replay;
mod strips;
mod table;
mod theme;

pub use theme::{Glyphs, Theme};

use crate::model::{Action, Model, Pane, Settings, Spot, ThemeName};
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

impl Look {
    /// What the settings come to.
    pub fn of(settings: &Settings) -> Self {
        let theme = Theme::new(if settings.no_color { ThemeName::Mono } else { settings.theme });
        let glyphs = if settings.ascii { Glyphs::ASCII } else { Glyphs::UNICODE };
        Self { theme, glyphs, reduce_motion: settings.reduce_motion }
    }
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
    pub(crate) fn frame(
        &mut self,
        area: Rect,
        title: &str,
        right: &str,
        foot: &str,
        focused: bool,
    ) -> Rect {
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

    /// The frame of a pane that has rows: the wheel and clicks find it.
    pub(crate) fn pane(
        &mut self,
        area: Rect,
        pane: Pane,
        title: &str,
        right: &str,
        foot: &str,
    ) -> Rect {
        self.hits.add(area, Spot::Pane(pane));
        let focused = self.model.pane() == pane;
        self.frame(area, title, right, foot, focused)
    }

    /// A button: a hint that does with a click what its key does. What moves money is none.
    pub(crate) fn button(&mut self, area: Rect, action: Action) {
        if !matches!(action, Action::Commit | Action::Cancel | Action::Undo | Action::RemoveTrigger)
        {
            self.hits.add(area, Spot::Button(action));
        }
    }

    /// A number of shares, unless money is hidden.
    pub(crate) fn count(&self, shares: u64) -> String {
        if self.model.hide_money { "***".to_owned() } else { crate::model::text::thousands(shares) }
    }

    /// Words with every number in them hidden, if money is.
    pub(crate) fn words(&self, words: &str) -> String {
        if !self.model.hide_money {
            return words.to_owned();
        }
        let mut hidden = String::new();
        let mut in_number = false;
        for letter in words.chars() {
            let goes_on = in_number && matches!(letter, '.' | ',');
            if letter.is_ascii_digit() || goes_on {
                if !in_number {
                    hidden.push_str("***");
                }
                in_number = true;
            } else {
                in_number = false;
                hidden.push(letter);
            }
        }
        hidden
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
    pub(crate) fn key(&self, action: Action) -> String {
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

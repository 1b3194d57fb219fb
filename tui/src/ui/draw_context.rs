//! The context that every part of the screen draws with.

use super::table::ColumnWidths;
use super::text_width::width;
use super::{HitMap, RenderOptions};
use crate::app::{Action, App, HitTarget, Pane, text};
use daytrade_protocol::Money;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget as _};

/// The application, the options and the buffer.
pub(super) struct DrawContext<'a> {
    pub(super) app: &'a App,
    pub(super) options: &'a RenderOptions,
    pub(super) buffer: &'a mut Buffer,
    pub(super) hits: &'a mut HitMap,
    pub(super) widths: &'a mut ColumnWidths,
}

impl DrawContext<'_> {
    /// Draws a line in a row of an area, cut at the end of the area.
    pub(super) fn line<'a>(&mut self, area: Rect, row: u16, line: impl Into<Line<'a>>) {
        if row < area.height && area.width > 0 {
            self.buffer.set_line(area.x, area.y + row, &line.into(), area.width);
        }
    }

    /// Draws a text at the right end of a row, if it fits after `taken` columns.
    pub(super) fn right(&mut self, area: Rect, row: u16, text: &str, style: Style, taken: usize) {
        let width = width(text);
        if row < area.height && taken + width < usize::from(area.width) {
            self.buffer.set_string(area.right() - width as u16, area.y + row, text, style);
        }
    }

    /// Draws the frame of a pane; returns the area inside it.
    pub(super) fn frame(
        &mut self,
        area: Rect,
        title: &str,
        right: &str,
        footer: &str,
        focused: bool,
    ) -> Rect {
        let theme = &self.options.theme;
        let border = if focused { theme.focus } else { theme.border };
        let block = Block::bordered().border_set(self.options.glyphs.border).border_style(border);
        let inner = block.inner(area);
        block.render(area, self.buffer);
        let columns = usize::from(area.width).saturating_sub(4);
        let mut put = |y: u16, text: &str, style: Style, from_right: bool| {
            let text = format!(" {text} ");
            let width = width(&text);
            if width <= 2 || width > columns || area.height < 2 {
                return 0;
            }
            let x = if from_right { area.right() - 2 - width as u16 } else { area.x + 2 };
            self.buffer.set_string(x, y, text, style);
            width
        };
        let taken = put(area.y, title, if focused { theme.title } else { theme.text }, false);
        if taken + width(right) + 3 <= columns {
            put(area.y, right, theme.dim, true);
        }
        if area.height > 1 {
            put(area.bottom() - 1, footer, theme.dim, true);
        }
        inner
    }

    /// Draws the frame of a pane that has rows, and makes it a target of clicks and the wheel.
    pub(super) fn pane(
        &mut self,
        area: Rect,
        pane: Pane,
        title: &str,
        right: &str,
        footer: &str,
    ) -> Rect {
        self.hits.add(area, HitTarget::Pane(pane));
        let focused = self.app.view.pane() == pane;
        self.frame(area, title, right, footer, focused)
    }

    /// Makes an area a button for an action, unless the action moves money.
    pub(super) fn button(&mut self, area: Rect, action: Action) {
        if !matches!(action, Action::Commit | Action::Cancel | Action::Undo | Action::RemoveTrigger)
        {
            self.hits.add(area, HitTarget::Button(action));
        }
    }

    /// Returns a number of shares, or asterisks if money is hidden.
    pub(super) fn share_count(&self, shares: u64) -> String {
        if self.app.view.is_money_hidden() { "***".to_owned() } else { text::thousands(shares) }
    }

    /// Returns a text, with asterisks for every number in it if money is hidden.
    /// Returns a text about an account as people see it: with aliases, and without its numbers if
    /// those are hidden.
    pub(super) fn words(&self, text: &str) -> String {
        self.mask_numbers(&self.app.market.with_aliases(text))
    }

    fn mask_numbers(&self, text: &str) -> String {
        if !self.app.view.is_money_hidden() {
            return text.to_owned();
        }
        let mut hidden = String::new();
        let mut in_number = false;
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            // A comma after a number that ends there is no part of it.
            let goes_on = letters.peek().is_some_and(char::is_ascii_digit);
            let is_separator = in_number && goes_on && matches!(letter, '.' | ',');
            if letter.is_ascii_digit() || is_separator {
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

    /// Returns an amount of money, or asterisks if money is hidden.
    pub(super) fn money(&self, money: Money) -> String {
        if self.app.view.is_money_hidden() { "*****".to_owned() } else { text::dollars(money) }
    }

    /// Returns an amount of money with its sign, or asterisks if money is hidden.
    pub(super) fn signed_money(&self, money: Money) -> String {
        if self.app.view.is_money_hidden() { "*****".to_owned() } else { text::signed(money) }
    }

    /// Returns the first key of an action.
    pub(super) fn key(&self, action: Action) -> String {
        self.app.keys.key(action)
    }

    /// Clears an area.
    pub(super) fn clear(&mut self, area: Rect) {
        Clear.render(area, self.buffer);
    }
}

/// Returns a span in a style.
pub(super) fn span(text: impl Into<String>, style: Style) -> Span<'static> {
    Span::styled(text.into(), style)
}

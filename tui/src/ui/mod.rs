//! Draws an [`App`] and changes nothing in it. The result is the map of the parts that can be
//! clicked.

mod alerts;
mod banner;
mod chart;
mod draw_context;
mod equity;
mod filter_line;
mod form;
mod help;
mod holdings;
mod layout;
mod lists;
mod own_prices;
mod plot;
mod popups;
mod replay;
mod status_bar;
mod table;
mod text_width;
mod theme;
mod watchlist;

use theme::{Glyphs, Theme};

use crate::app::{App, HitTarget, Settings, ThemeName};
use draw_context::{DrawContext, span};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
pub use table::ColumnWidths;

/// The options for drawing the screen.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// The styles.
    pub(crate) theme: Theme,
    /// The characters for lines, bars and marks.
    pub(crate) glyphs: Glyphs,
    /// Nothing flashes when a price changes.
    pub(crate) reduce_motion: bool,
}

impl RenderOptions {
    /// Returns the options for the settings.
    pub fn for_settings(settings: &Settings) -> Self {
        let theme = Theme::new(if settings.no_color { ThemeName::Mono } else { settings.theme });
        let glyphs = if settings.ascii { Glyphs::ASCII } else { Glyphs::UNICODE };
        Self { theme, glyphs, reduce_motion: settings.reduce_motion }
    }
}

/// The parts of the last frame that can be clicked.
#[derive(Clone, Debug, Default)]
pub struct HitMap(Vec<(Rect, HitTarget)>);

impl HitMap {
    /// Returns the part at a position.
    pub(crate) fn at(&self, column: u16, row: u16) -> Option<HitTarget> {
        let contains = |(area, _): &&(Rect, HitTarget)| area.contains((column, row).into());
        self.0.iter().rev().find(contains).map(|(_, target)| *target)
    }

    fn add(&mut self, area: Rect, target: HitTarget) {
        self.0.push((area, target));
    }
}

/// Draws the whole screen. `widths` are those of the frame before.
pub fn view(
    app: &App,
    options: &RenderOptions,
    widths: &mut ColumnWidths,
    buffer: &mut Buffer,
) -> HitMap {
    let mut hits = HitMap::default();
    let area = buffer.area;
    let mut ctx = DrawContext { app, options, buffer, hits: &mut hits, widths };
    layout::draw(&mut ctx, area);
    hits
}

#[cfg(test)]
mod tests;

//! The styles of each role, and the characters for lines, bars and marks.

use crate::app::{ThemeName, text};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// The styles of a theme, by role.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) text: Style,
    pub(crate) dim: Style,
    pub(crate) title: Style,
    pub(crate) border: Style,
    pub(crate) focus: Style,
    pub(crate) up: Style,
    pub(crate) down: Style,
    pub(crate) warn: Style,
    pub(crate) bad: Style,
    pub(crate) ok: Style,
    pub(crate) selected: Style,
}

impl Theme {
    /// Returns the theme of a name.
    pub(crate) fn new(name: ThemeName) -> Self {
        let of = |color| Style::new().fg(color);
        let colours = |up, down, dim, accent| Self {
            text: Style::new(),
            dim: of(dim),
            title: of(accent).add_modifier(Modifier::BOLD),
            border: of(dim),
            focus: of(accent),
            up: of(up),
            down: of(down),
            warn: of(Color::Yellow).add_modifier(Modifier::BOLD),
            bad: of(Color::Red).add_modifier(Modifier::BOLD),
            ok: of(Color::Green),
            selected: Style::new().add_modifier(Modifier::REVERSED),
        };
        match name {
            ThemeName::Default => colours(Color::Green, Color::Red, Color::DarkGray, Color::Cyan),
            ThemeName::Inverted => colours(Color::Red, Color::Green, Color::DarkGray, Color::Cyan),
            ThemeName::Safe => {
                let orange = Color::Indexed(208);
                Self {
                    bad: of(orange).add_modifier(Modifier::BOLD),
                    ok: of(Color::Blue),
                    ..colours(Color::Blue, orange, Color::DarkGray, Color::Cyan)
                }
            }
            ThemeName::Light => Self {
                warn: of(Color::Magenta).add_modifier(Modifier::BOLD),
                ..colours(Color::Indexed(28), Color::Indexed(160), Color::Indexed(242), Color::Blue)
            },
            ThemeName::Mono => {
                let plain = Style::new();
                let bold = plain.add_modifier(Modifier::BOLD);
                Self {
                    text: plain,
                    dim: plain.add_modifier(Modifier::DIM),
                    title: bold,
                    border: plain,
                    focus: bold,
                    up: bold,
                    down: plain.add_modifier(Modifier::UNDERLINED),
                    warn: bold,
                    bad: bold.add_modifier(Modifier::REVERSED),
                    ok: plain,
                    selected: plain.add_modifier(Modifier::REVERSED),
                }
            }
        }
    }

    /// Returns the style of a number that is positive, negative or zero.
    pub(crate) const fn moved(&self, by: i64) -> Style {
        match by {
            0 => self.text,
            1.. => self.up,
            _ => self.down,
        }
    }
}

/// The characters for lines, bars and marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyphs {
    /// Borders of panes.
    pub(crate) border: border::Set<'static>,
    /// The levels of a sparkline, low to high.
    pub(crate) spark: &'static [char],
    /// A full and an empty cell of a bar.
    pub(crate) bar: (char, char),
    /// Up and down.
    pub(crate) arrows: (char, char),
    /// The mark of the selected row.
    pub(crate) mark: char,
    /// Charts use braille dots.
    pub(crate) braille: bool,
    /// The signs for "at most" and "at least".
    pub(crate) bounds: (&'static str, &'static str),
}

impl Glyphs {
    /// ASCII characters, for any terminal.
    pub(crate) const ASCII: Self = Self {
        border: border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        },
        spark: &['_', '.', '-', '=', '^'],
        bar: ('#', '-'),
        arrows: ('^', 'v'),
        mark: '>',
        braille: false,
        bounds: ("<=", ">="),
    };
    /// Unicode characters.
    pub(crate) const UNICODE: Self = Self {
        border: border::ROUNDED,
        spark: &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        bar: ('█', '░'),
        arrows: ('▲', '▼'),
        mark: '▸',
        braille: true,
        bounds: ("≤", "≥"),
    };

    /// Returns a bar of a number of cells, filled in proportion.
    pub(crate) fn bar(&self, part: u64, whole: u64, cells: usize) -> String {
        let full =
            if whole == 0 { 0 } else { (part.min(whole) * cells as u64).div_ceil(whole) as usize };
        std::iter::repeat_n(self.bar.0, full)
            .chain(std::iter::repeat_n(self.bar.1, cells - full))
            .collect()
    }

    /// Returns a percentage with an arrow.
    pub(crate) fn change(&self, basis_points: i64) -> String {
        let arrow = match basis_points {
            0 => ' ',
            1.. => self.arrows.0,
            _ => self.arrows.1,
        };
        format!("{}{arrow}", text::percent(basis_points))
    }

    /// Returns the last numbers as a sparkline of a number of cells.
    pub(crate) fn sparkline(
        &self,
        values: impl DoubleEndedIterator<Item = i64>,
        cells: usize,
    ) -> String {
        let mut last: Vec<i64> = values.rev().take(cells).collect();
        last.reverse();
        let (Some(low), Some(high)) = (last.iter().min().copied(), last.iter().max().copied())
        else {
            return String::new();
        };
        let (low, high) = (i128::from(low), i128::from(high));
        let (span, top) = ((high - low).max(1), self.spark.len() as i128 - 1);
        let level = |value: i64| match i128::from(value) {
            _ if high == low => top / 2,
            value => (value - low) * top / span,
        };
        last.iter().filter_map(|value| self.spark.get(level(*value) as usize)).collect()
    }
}

//! The screen as a picture with its colours: HTML or SVG.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// The width of a cell of the SVG picture, in hundredths of a pixel: that of a usual monospaced
/// font of 14 pixels.
const CELL_WIDTH: usize = 843;
/// The height of a cell of the SVG picture, in pixels.
const CELL_HEIGHT: usize = 17;
/// The distance from the top of a cell to the line its letters stand on, in pixels.
const BASELINE: usize = 13;
/// The margin around the SVG picture, in pixels.
const MARGIN: usize = 8;

/// Returns a buffer as HTML with its colours: one span for adjacent cells of the same style.
pub(super) fn html(buffer: &Buffer) -> String {
    let mut out =
        String::from("<pre style=\"background:#111;color:#ddd;font-family:monospace\">\n");
    for cells in buffer.content.chunks(usize::from(buffer.area.width).max(1)) {
        for run in cells.chunk_by(|one, other| style_of(one) == style_of(other)) {
            let text: String = run.iter().map(Cell::symbol).collect();
            let text = escaped(&text);
            let style = style_of(&run[0]);
            if style.is_empty() {
                out.push_str(&text);
            } else {
                out.extend(["<span style=\"", &style, "\">", &text, "</span>"]);
            }
        }
        out.push('\n');
    }
    out.push_str("</pre>\n");
    out
}

/// Returns a buffer as an SVG picture: a rectangle behind adjacent cells of the same style, and a
/// text for each word of them. Each word has its own place and says its length, so that columns
/// stand below each other in any font.
pub(super) fn svg(buffer: &Buffer) -> String {
    let columns = usize::from(buffer.area.width).max(1);
    let width = pixels(columns, MARGIN);
    let height = usize::from(buffer.area.height) * CELL_HEIGHT + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"DejaVu Sans Mono,Menlo,Consolas,ui-monospace,monospace\" \
         font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#111\"/>\n"
    );
    for (row, cells) in buffer.content.chunks(columns).enumerate() {
        let mut column = 0;
        for run in cells.chunk_by(|one, other| style_of(one) == style_of(other)) {
            write_run(&mut out, run, (column, MARGIN + row * CELL_HEIGHT));
            column += run.len();
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Returns the left edge of a column in pixels, and as much more.
fn pixels(column: usize, more: usize) -> String {
    let hundredths = column * CELL_WIDTH + (MARGIN + more) * 100;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Writes adjacent cells of the same style from a column on, `y` pixels from the top.
fn write_run(out: &mut String, run: &[Cell], (column, y): (usize, usize)) {
    let length = |cells: usize| {
        let hundredths = cells * CELL_WIDTH;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let look = Look::of(&run[0]);
    if let Some(color) = look.background {
        let (x, width) = (pixels(column, 0), length(run.len()));
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{CELL_HEIGHT}\" \
             fill=\"{color}\"/>"
        );
    }
    let fill = look.foreground.unwrap_or("#ddd");
    let weight = if look.is_bold { " font-weight=\"bold\"" } else { "" };
    let line = if look.is_underlined { " text-decoration=\"underline\"" } else { "" };
    let opacity = if look.is_dim { " opacity=\"0.7\"" } else { "" };
    let mut at = column;
    for word in run.chunk_by(|one, other| (one.symbol() == " ") == (other.symbol() == " ")) {
        let text: String = word.iter().map(Cell::symbol).collect();
        let (x, width) = (pixels(at, 0), length(word.len()));
        at += word.len();
        if !text.trim().is_empty() {
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" \
                 lengthAdjust=\"spacingAndGlyphs\" fill=\"{fill}\"{weight}{line}{opacity}>\
                 {}</text>",
                y + BASELINE,
                escaped(&text)
            );
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The colours and the marks of a cell.
struct Look {
    foreground: Option<&'static str>,
    background: Option<&'static str>,
    is_bold: bool,
    is_underlined: bool,
    is_dim: bool,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (mut foreground, mut background) = (css(cell.fg), css(cell.bg));
        if cell.modifier.contains(Modifier::REVERSED) {
            (foreground, background) = (background.or(Some("#111")), foreground.or(Some("#ddd")));
        }
        Self {
            foreground,
            background,
            is_bold: cell.modifier.contains(Modifier::BOLD),
            is_underlined: cell.modifier.contains(Modifier::UNDERLINED),
            is_dim: cell.modifier.contains(Modifier::DIM),
        }
    }
}

/// Returns the CSS declarations of a cell; empty for the default style.
fn style_of(cell: &Cell) -> String {
    let look = Look::of(cell);
    let mut style = String::new();
    style.extend(look.foreground.map(|color| format!("color:{color};")));
    style.extend(look.background.map(|color| format!("background:{color};")));
    if look.is_bold {
        style.push_str("font-weight:bold;");
    }
    if look.is_underlined {
        style.push_str("text-decoration:underline;");
    }
    if look.is_dim {
        style.push_str("opacity:0.7;");
    }
    style
}

/// Returns the CSS colour; None for the terminal's default.
const fn css(color: Color) -> Option<&'static str> {
    match color {
        Color::Green => Some("#3c3"),
        Color::Red => Some("#e55"),
        Color::Yellow => Some("#ec3"),
        Color::Cyan => Some("#3cc"),
        Color::Blue => Some("#58f"),
        Color::Magenta => Some("#c6c"),
        Color::DarkGray => Some("#777"),
        Color::Indexed(_) => Some("#e90"),
        _ => None,
    }
}

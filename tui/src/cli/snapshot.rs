//! `daytrade snapshot`: prints the screen as text or HTML.

use super::config::ConfigFile;
use super::screen::{ScreenArgs, load_model, runtime};
use crate::exit::{Exit, Failure};
use crate::ui::{self, RenderOptions};
use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

/// Options of `daytrade snapshot`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// Size of the screen, columns x rows
    #[arg(long, default_value = "120x40", value_parser = parse_size)]
    pub size: (u16, u16),
    /// Print HTML with colours
    #[arg(long)]
    pub html: bool,
    /// Hide amounts of money
    #[arg(long)]
    pub hide_money: bool,
    /// Options of the screen.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Parses `WIDTHxHEIGHT`.
fn parse_size(text: &str) -> Result<(u16, u16), String> {
    let size = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    size.filter(|(w, h)| (1..=500).contains(w) && (1..=200).contains(h))
        .ok_or_else(|| "The size must be between 1x1 and 500x200.".to_owned())
}

/// Prints the screen.
///
/// # Errors
/// As [`super::screen::screen`].
pub(crate) fn snapshot(args: &SnapshotArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let endpoint = args.screen.endpoint.open()?;
    let mut model =
        runtime()?.block_on(load_model(&endpoint, config.watchlist(&endpoint.place)?))?;
    model.view.set_money_hidden(args.hide_money);
    model.keys = config.keys()?;
    model.settings = config.settings(&args.screen.appearance);
    let (width, height) = args.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    ui::view(&model, &RenderOptions::for_settings(&model.settings), &mut buffer);
    let text = if args.html { html(&buffer) } else { plain(&buffer) };
    endpoint.close()?;
    super::print_with(|out| out.write_all(text.as_bytes()))
}

/// Returns a buffer as lines of text.
pub(crate) fn plain(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", line.trim_end())
    };
    buffer.content.chunks(width).map(row).collect()
}

/// Returns a buffer as HTML with its colours: one span for adjacent cells of the same style.
fn html(buffer: &Buffer) -> String {
    let mut out =
        String::from("<pre style=\"background:#111;color:#ddd;font-family:monospace\">\n");
    for cells in buffer.content.chunks(usize::from(buffer.area.width).max(1)) {
        for run in cells.chunk_by(|one, other| style_of(one) == style_of(other)) {
            let text: String = run.iter().map(ratatui::buffer::Cell::symbol).collect();
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
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

/// Returns the CSS declarations of a cell; empty for the default style.
fn style_of(cell: &ratatui::buffer::Cell) -> String {
    let mut style = String::new();
    let (mut foreground, mut background) = (css(cell.fg), css(cell.bg));
    if cell.modifier.contains(Modifier::REVERSED) {
        (foreground, background) = (background.or(Some("#111")), foreground.or(Some("#ddd")));
    }
    style.extend(foreground.map(|color| format!("color:{color};")));
    style.extend(background.map(|color| format!("background:{color};")));
    if cell.modifier.contains(Modifier::BOLD) {
        style.push_str("font-weight:bold;");
    }
    if cell.modifier.contains(Modifier::UNDERLINED) {
        style.push_str("text-decoration:underline;");
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

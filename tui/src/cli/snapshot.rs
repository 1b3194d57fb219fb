//! `daytrade snapshot`: prints the screen as text, HTML or SVG.

use super::config::ConfigFile;
use super::picture;
use super::screen::{ScreenArgs, Wants, load_model, runtime};
use crate::exit::{Exit, Failure};
use crate::ui::{self, ColumnWidths, RenderOptions};
use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

/// Options of `daytrade snapshot`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// Size of the screen, columns x rows
    #[arg(long, default_value = "120x40", value_parser = parse_size)]
    pub size: (u16, u16),
    /// Print HTML with colours
    #[arg(long)]
    pub html: bool,
    /// Print an SVG picture with colours
    #[arg(long, conflicts_with = "html")]
    pub svg: bool,
    /// Watch the prices for this many seconds first, so that the chart has something to show
    #[arg(long, default_value_t = 0, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(..=3_600))]
    pub after: u64,
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
    let wants = Wants { past: true, watch: Duration::from_secs(args.after) };
    let mut model =
        runtime()?.block_on(load_model(&endpoint, config.watchlist(&endpoint.place)?, wants))?;
    model.view.set_money_hidden(args.hide_money);
    model.keys = config.keys()?;
    model.settings = config.settings(&args.screen.appearance);
    let (width, height) = args.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let options = RenderOptions::for_settings(&model.settings);
    ui::view(&model, &options, &mut ColumnWidths::default(), &mut buffer);
    let text = match args {
        SnapshotArgs { html: true, .. } => picture::html(&buffer),
        SnapshotArgs { svg: true, .. } => picture::svg(&buffer),
        _ => plain(&buffer),
    };
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

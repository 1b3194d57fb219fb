//! The configuration file of the screen, and what it comes to together with the command line and the environment.

use crate::exit::Failure;
use crate::model::KeyMap;
use crate::term::ScreenOptions;
use crate::ui::{Glyphs, Look, Theme, ThemeName};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use daytrade_protocol::Symbol;
use etcetera::BaseStrategy as _;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How it looks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Look")]
pub struct LookArgs {
    /// Colours [default: those of the configuration file, or default]
    #[arg(long)]
    pub theme: Option<ThemeName>,
    /// Use colour
    #[arg(long, value_enum, default_value = "auto")]
    pub color: UseColor,
    /// Letters instead of drawn lines
    #[arg(long)]
    pub ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
}

/// Whether to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UseColor {
    /// Unless NO_COLOR is set or the terminal is dumb.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `config.toml` in the user's configuration folder.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    theme: Option<ThemeName>,
    ascii: Option<bool>,
    mouse: Option<bool>,
    reduce_motion: bool,
    watchlist: Option<Vec<String>>,
    keys: BTreeMap<String, String>,
}

/// What a first start shows.
const WATCHLIST: [&str; 5] = ["ABC", "XYZ", "TSX", "MAO", "HWU"];

impl ConfigFile {
    /// Where it is.
    pub fn path() -> Option<PathBuf> {
        Some(etcetera::choose_base_strategy().ok()?.config_dir().join("daytrade/config.toml"))
    }

    /// Reads it; there need not be one.
    ///
    /// # Errors
    /// With file and line, when it cannot be understood.
    pub fn read() -> Result<Self, Failure> {
        let Some(path) = Self::path() else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.with_context(|| path.display().to_string()).map_err(Failure::usage)?,
        };
        toml::from_str(&text).with_context(|| path.display().to_string()).map_err(Failure::usage)
    }

    /// Which key does what.
    ///
    /// # Errors
    /// When two actions want one key, or a name is none.
    pub fn keys(&self) -> Result<KeyMap, Failure> {
        KeyMap::with(&self.keys).map_err(|words| Failure::usage(anyhow::anyhow!(words)))
    }

    /// The watchlist: the file's, the one of the last time, or a few symbols to begin with.
    pub fn watchlist(&self) -> Vec<Symbol> {
        let saved = || std::fs::read_to_string(saved_watchlist()?).ok();
        let names: Vec<String> = match (&self.watchlist, saved()) {
            (Some(names), _) => names.clone(),
            (None, Some(saved)) => saved.lines().map(str::to_owned).collect(),
            (None, None) => WATCHLIST.iter().map(|name| (*name).to_owned()).collect(),
        };
        names.iter().filter_map(|name| Symbol::parse(name.as_bytes())).collect()
    }

    /// What the file, the command line and the environment come to.
    pub fn options(&self, args: &LookArgs) -> ScreenOptions {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let no_color = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
        let plain = args.color == UseColor::Never || args.color == UseColor::Auto && (dumb || no_color);
        let name = if plain { ThemeName::Mono } else { args.theme.or(self.theme).unwrap_or_default() };
        let ascii = args.ascii || self.ascii.unwrap_or_else(|| !speaks_utf8());
        let glyphs = if ascii { Glyphs::ASCII } else { Glyphs::UNICODE };
        let look = Look { theme: Theme::new(name), glyphs, reduce_motion: self.reduce_motion };
        ScreenOptions { look, mouse: !args.no_mouse && self.mouse.unwrap_or(true) }
    }
}

/// Whether the terminal's locale is UTF-8: the first of the three that is set decides.
fn speaks_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    let first = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_ascii_lowercase();
    first.ends_with("utf-8") || first.ends_with("utf8")
}

fn saved_watchlist() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("daytrade-watchlist"))
}

/// Keeps the watchlist for the next time. A screen must not fail for it.
pub fn save_watchlist(symbols: &[Symbol]) {
    let Some(path) = saved_watchlist() else { return };
    let names: Vec<_> = symbols.iter().map(ToString::to_string).collect();
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = std::fs::write(path, names.join("\n") + "\n");
}

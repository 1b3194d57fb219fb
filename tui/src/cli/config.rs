//! The configuration file of the screen, and what it comes to together with the command line and
//! the environment.

use crate::app::{KeyMap, Settings, ThemeName};
use crate::exit::Failure;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use daytrade_protocol::Symbol;
use etcetera::BaseStrategy as _;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How it looks.
#[derive(Clone, Debug, Default, Args)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum UseColor {
    #[default]
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
    reduce_motion: Option<bool>,
    bell: Option<bool>,
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
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            read => read.with_context(|| path.display().to_string()).map_err(Failure::usage)?,
        };
        toml::from_str(&text).with_context(|| path.display().to_string()).map_err(Failure::usage)
    }

    /// Which key does what.
    ///
    /// # Errors
    /// When two actions want one key, or a name is none.
    pub fn keys(&self) -> Result<KeyMap, Failure> {
        let file = Self::path().map_or(String::new(), |path| format!("{}: ", path.display()));
        KeyMap::with_bindings(&self.keys)
            .map_err(|words| Failure::usage(anyhow::anyhow!("{file}{words}")))
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

    /// What the command line, the file, the last time and the environment come to, in this order.
    pub fn settings(&self, args: &LookArgs) -> Settings {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let no_color = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
        let saved = saved_settings();
        let last = saved.unwrap_or_default();
        let ascii = self.ascii.or(saved.map(|saved| saved.ascii)).unwrap_or(false);
        Settings {
            theme: args.theme.or(self.theme).unwrap_or(last.theme),
            ascii: args.ascii || ascii || !speaks_utf8(),
            reduce_motion: self.reduce_motion.unwrap_or(last.reduce_motion),
            bell: self.bell.unwrap_or(last.bell),
            no_color: args.color == UseColor::Never
                || args.color == UseColor::Auto && (dumb || no_color),
        }
    }

    /// Whether clicks are taken.
    pub fn mouse(&self, args: &LookArgs) -> bool {
        !args.no_mouse && self.mouse.unwrap_or(true)
    }
}

/// Whether the terminal's locale is UTF-8: the first of the three that is set decides.
fn speaks_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    let first =
        set.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_ascii_lowercase();
    first.ends_with("utf-8") || first.ends_with("utf8")
}

/// A file of the screen's own in the user's state folder.
fn state_file(name: &str) -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join(name))
}

fn saved_watchlist() -> Option<PathBuf> {
    state_file("daytrade-watchlist")
}

fn saved_settings() -> Option<Settings> {
    toml::from_str(&std::fs::read_to_string(state_file("daytrade-screen.toml")?).ok()?).ok()
}

/// Keeps the watchlist for the next time. A screen must not fail for it.
pub fn save_watchlist(symbols: &[Symbol]) {
    let names: Vec<_> = symbols.iter().map(ToString::to_string).collect();
    save(saved_watchlist(), &(names.join("\n") + "\n"));
}

/// Keeps what was changed in the screen for the next time. A screen must not fail for it.
pub fn save_settings(before: &Settings, settings: &Settings) {
    // ASCII that only the locale asked for is not the trader's choice.
    let chosen = if before.ascii == settings.ascii {
        saved_settings().is_some_and(|saved| saved.ascii)
    } else {
        settings.ascii
    };
    let kept = Settings { ascii: chosen, ..*settings };
    if before != settings
        && let Ok(text) = toml::to_string(&kept)
    {
        save(state_file("daytrade-screen.toml"), &text);
    }
}

fn save(path: Option<PathBuf>, text: &str) {
    let Some(path) = path else { return };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = std::fs::write(path, text);
}

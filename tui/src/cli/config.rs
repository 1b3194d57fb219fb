//! Configuration of the screen: the file, the command line, the environment and the settings saved
//! by the last session.

use super::saved;
use crate::app::{KeyMap, Settings, ThemeName};
use crate::exit::Failure;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use daytrade_protocol::Symbol;
use etcetera::BaseStrategy as _;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Options of the screen's appearance.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Appearance")]
pub(crate) struct AppearanceArgs {
    /// Colours [default: those of the configuration file, or default]
    #[arg(long)]
    pub theme: Option<ThemeName>,
    /// Use colour
    #[arg(long, value_enum, default_value = "auto")]
    pub color: UseColor,
    /// Draw lines with ASCII characters
    #[arg(long)]
    pub ascii: bool,
    /// Do not capture the mouse
    #[arg(long)]
    pub no_mouse: bool,
}

/// Use of colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum UseColor {
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
pub(crate) struct ConfigFile {
    theme: Option<ThemeName>,
    ascii: Option<bool>,
    mouse: Option<bool>,
    reduce_motion: Option<bool>,
    bell: Option<bool>,
    watchlist: Option<Vec<String>>,
    keys: BTreeMap<String, String>,
}

/// Watchlist of the first session.
const WATCHLIST: [&str; 5] = ["ABC", "XYZ", "TSX", "MAO", "HWU"];

impl ConfigFile {
    /// Returns the path of the file.
    fn path() -> Option<PathBuf> {
        Some(etcetera::choose_base_strategy().ok()?.config_dir().join("daytrade/config.toml"))
    }

    /// Reads the file, which is optional.
    ///
    /// # Errors
    /// A usage failure with file and line, if the file is invalid.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(path) = Self::path() else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            read => read.with_context(|| path.display().to_string()).map_err(Failure::usage)?,
        };
        toml::from_str(&text).with_context(|| path.display().to_string()).map_err(Failure::usage)
    }

    /// Returns the key bindings.
    ///
    /// # Errors
    /// A usage failure, if two actions have the same key or a name is unknown.
    pub(crate) fn keys(&self) -> Result<KeyMap, Failure> {
        let file = Self::path().map_or(String::new(), |path| format!("{}: ", path.display()));
        KeyMap::with_bindings(&self.keys)
            .map_err(|message| Failure::usage(anyhow::anyhow!("{file}{message}")))
    }

    /// Returns the watchlist of the file, of the last session of this user at this server, or of a
    /// first session, in this order.
    ///
    /// # Errors
    /// A usage failure, if the file's list has a word that is no symbol.
    pub(crate) fn watchlist(&self, place: &str) -> Result<Vec<Symbol>, Failure> {
        let Some(names) = &self.watchlist else {
            let first = || WATCHLIST.iter().filter_map(|name| Symbol::parse(name.as_bytes()));
            return Ok(saved::watchlist(place).unwrap_or_else(|| first().collect()));
        };
        let symbol = |name: &String| {
            Symbol::parse(name.as_bytes()).ok_or_else(|| {
                let file = Self::path().map_or(String::new(), |path| path.display().to_string());
                Failure::usage(anyhow::anyhow!(
                    "{file}: watchlist: {name:?} is not a symbol: 1 to 3 letters or digits"
                ))
            })
        };
        names.iter().map(symbol).collect()
    }

    /// Returns the settings of the command line, the file, the last session and the environment, in
    /// this order.
    pub(crate) fn settings(&self, args: &AppearanceArgs) -> Settings {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let no_color = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
        let saved = saved_settings();
        let last = saved.unwrap_or_default();
        let ascii = self.ascii.or(saved.map(|saved| saved.ascii)).unwrap_or(false);
        Settings {
            theme: args.theme.or(self.theme).unwrap_or(last.theme),
            ascii: args.ascii || ascii || !has_utf8_locale(),
            reduce_motion: self.reduce_motion.unwrap_or(last.reduce_motion),
            bell: self.bell.unwrap_or(last.bell),
            no_color: args.color == UseColor::Never
                || args.color == UseColor::Auto && (dumb || no_color),
        }
    }

    /// Returns true if the screen captures the mouse.
    pub(crate) fn mouse(&self, args: &AppearanceArgs) -> bool {
        !args.no_mouse && self.mouse.unwrap_or(true)
    }
}

/// Returns true if the terminal's locale is UTF-8. The first of the three variables that is set
/// decides.
fn has_utf8_locale() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    let first =
        set.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_ascii_lowercase();
    first.ends_with("utf-8") || first.ends_with("utf8")
}

/// Returns the path of a file in the user's state folder.
pub(super) fn state_file(name: &str) -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join(name))
}

fn saved_settings() -> Option<Settings> {
    toml::from_str(&std::fs::read_to_string(state_file("daytrade-screen.toml")?).ok()?).ok()
}

/// Saves changed settings for the next session. Errors are ignored: the session has already ended.
pub(crate) fn save_settings(before: Settings, settings: Settings) {
    // ASCII mode because of the locale is not the trader's choice.
    let ascii = if before.ascii == settings.ascii {
        saved_settings().is_some_and(|saved| saved.ascii)
    } else {
        settings.ascii
    };
    let saved = Settings { ascii, ..settings };
    if before != settings
        && let Ok(text) = toml::to_string(&saved)
    {
        save(state_file("daytrade-screen.toml"), &text);
    }
}

pub(super) fn save(path: Option<PathBuf>, text: &str) {
    let Some(path) = path else { return };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = std::fs::write(path, text);
}

//! The settings that the trader can change on the screen.

/// A theme by name.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Deserialize,
    serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ThemeName {
    /// The sixteen colours of the terminal.
    #[default]
    Default,
    /// Blue up, orange down.
    Safe,
    /// Green down, red up.
    Inverted,
    /// For light backgrounds.
    Light,
    /// No colour at all.
    Mono,
}

impl ThemeName {
    /// All themes.
    pub(crate) const ALL: [Self; 5] =
        [Self::Default, Self::Safe, Self::Inverted, Self::Light, Self::Mono];

    /// Returns the name in the configuration file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Safe => "safe",
            Self::Inverted => "inverted",
            Self::Light => "light",
            Self::Mono => "mono",
        }
    }
}

/// The settings of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one setting")]
pub struct Settings {
    /// The theme.
    pub theme: ThemeName,
    /// ASCII characters instead of line-drawing characters.
    pub ascii: bool,
    /// Nothing flashes when a price changes.
    pub reduce_motion: bool,
    /// The bell is on.
    pub bell: bool,
    /// The environment or the command line turns off colour, for every theme.
    #[serde(skip)]
    pub no_color: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeName::Default,
            ascii: false,
            reduce_motion: false,
            bell: true,
            no_color: false,
        }
    }
}

impl Settings {
    /// Number of settings in the popup.
    pub(crate) const COUNT: usize = 4;

    /// Returns the name and the value of each setting, in order.
    pub(crate) fn rows(self) -> [(&'static str, String); Self::COUNT] {
        let yes = |is: bool| if is { "on" } else { "off" }.to_owned();
        let theme = if self.no_color {
            "mono (no colour is allowed)".to_owned()
        } else {
            self.theme.name().to_owned()
        };
        [
            ("theme", theme),
            ("ASCII only", yes(self.ascii)),
            ("reduce motion", yes(self.reduce_motion)),
            ("bell", yes(self.bell)),
        ]
    }

    /// Changes a setting to its next or its previous value.
    pub(super) fn change(&mut self, row: usize, back: bool) {
        match row {
            0 => {
                let count = ThemeName::ALL.len();
                let at = ThemeName::ALL.iter().position(|name| *name == self.theme).unwrap_or(0);
                self.theme = ThemeName::ALL[(at + if back { count - 1 } else { 1 }) % count];
            }
            1 => self.ascii = !self.ascii,
            2 => self.reduce_motion = !self.reduce_motion,
            _ => self.bell = !self.bell,
        }
    }
}

//! What the trader can set on the screen itself.

/// A palette by name.
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
    /// The terminal's own sixteen colours.
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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Default, Self::Safe, Self::Inverted, Self::Light, Self::Mono];

    /// As the configuration file writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Safe => "safe",
            Self::Inverted => "inverted",
            Self::Light => "light",
            Self::Mono => "mono",
        }
    }
}

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one setting")]
pub struct Settings {
    /// Colours.
    pub theme: ThemeName,
    /// Letters instead of drawn lines.
    pub ascii: bool,
    /// Nothing flashes.
    pub reduce_motion: bool,
    /// The bell rings.
    pub bell: bool,
    /// The environment or the command line allows no colour, whatever the theme.
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
    /// How many there are to choose from.
    pub const COUNT: usize = 4;

    /// The name and the value of each, in order.
    pub fn rows(&self) -> [(&'static str, String); Self::COUNT] {
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

    /// Changes one of them to its next value, or the one before.
    pub fn turn(&mut self, row: usize, back: bool) {
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

//! The key table: dispatch, hints, help, command line and documentation all use it.

use std::collections::BTreeMap;
use std::fmt;

/// A key press; Shift is part of the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the key of that name")]
pub enum Key {
    Char(char),
    Ctrl(char),
    F(u8),
    Enter,
    Esc,
    Tab,
    BackTab,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Backspace,
    Delete,
}

impl Key {
    /// Parses a key of the configuration file.
    fn parse(text: &str) -> Option<Self> {
        let named = [
            ("enter", Self::Enter),
            ("esc", Self::Esc),
            ("tab", Self::Tab),
            ("backtab", Self::BackTab),
            ("up", Self::Up),
            ("down", Self::Down),
            ("left", Self::Left),
            ("right", Self::Right),
            ("home", Self::Home),
            ("end", Self::End),
            ("pgup", Self::PageUp),
            ("pgdn", Self::PageDown),
            ("space", Self::Char(' ')),
        ];
        let lower = text.to_ascii_lowercase();
        if let Some((_, key)) = named.iter().find(|(name, _)| *name == lower) {
            return Some(*key);
        }
        if let Some(letter) = lower.strip_prefix("ctrl-") {
            let mut letters = letter.chars();
            return letters.next().filter(|_| letters.next().is_none()).map(Self::Ctrl);
        }
        if let Some(number) = lower.strip_prefix('f').and_then(|number| number.parse().ok()) {
            return Some(Self::F(number));
        }
        let mut letters = text.chars();
        letters.next().filter(|_| letters.next().is_none()).map(Self::Char)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(letter) => write!(f, "{letter}"),
            Self::Ctrl(letter) => write!(f, "Ctrl-{letter}"),
            Self::F(number) => write!(f, "F{number}"),
            Self::PageUp => f.write_str("PgUp"),
            Self::PageDown => f.write_str("PgDn"),
            Self::BackTab => f.write_str("Shift-Tab"),
            other => write!(f, "{other:?}"),
        }
    }
}

macro_rules! actions {
    ($(
        $action:ident $name:literal $group:literal $help:literal [$($key:expr),+ $(,)?]
    ),+ $(,)?) => {
        /// An action that a key can perform.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the table has the help of each")]
        pub enum Action { $($action),+ }

        impl Action {
            /// All actions, in the order of the help.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$action),+];

            /// Returns the name in the configuration file and on the command line.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$action => $name),+ }
            }

            /// Returns the group in the help.
            pub(crate) const fn group(self) -> &'static str {
                match self { $(Self::$action => $group),+ }
            }

            /// Returns the help text.
            pub(crate) const fn help(self) -> &'static str {
                match self { $(Self::$action => $help),+ }
            }

            /// Returns true for an action of the Replay screen. Its keys work on that screen only,
            /// where they take precedence.
            pub(crate) fn is_replay_action(self) -> bool {
                self.group() == "Replay"
            }

            fn default_keys(self) -> &'static [Key] {
                match self { $(Self::$action => &[$($key),+]),+ }
            }
        }
    };
}

actions! {
    Buy "buy" "Trade" "buy: reserve at today's price" [Key::Char('b')],
    Sell "sell" "Trade" "sell: reserve shares" [Key::Char('s')],
    Trigger "trigger" "Trade" "set a trigger" [Key::Char('t')],
    Commit "commit" "Trade" "COMMIT the order in the banner" [Key::Char('y')],
    Cancel "cancel" "Trade" "cancel the order in the banner" [Key::Char('n')],
    Undo "undo" "Trade" "undo: cancel the newest order" [Key::Char('u')],
    RemoveTrigger "remove-trigger" "Trade" "remove the selected trigger" [Key::Char('x')],
    AddMoney "add-money" "Trade" "add money" [Key::Char('a')],
    Down "down" "Move" "down" [Key::Char('j'), Key::Down],
    Up "up" "Move" "up" [Key::Char('k'), Key::Up],
    Top "top" "Move" "first" [Key::Char('g'), Key::Home],
    Bottom "bottom" "Move" "last" [Key::Char('G'), Key::End],
    PageDown "page-down" "Move" "a page down" [Key::Ctrl('d'), Key::PageDown],
    PageUp "page-up" "Move" "a page up" [Key::Ctrl('u'), Key::PageUp],
    NextPane "next-pane" "Move" "next pane" [Key::Tab],
    PreviousPane "previous-pane" "Move" "previous pane" [Key::BackTab],
    Trade "trade" "Screens" "Trade" [Key::Char('1')],
    Holdings "holdings" "Screens" "Holdings" [Key::Char('2')],
    Triggers "triggers" "Screens" "Triggers" [Key::Char('3')],
    Activity "activity" "Screens" "Activity" [Key::Char('4')],
    Replay "replay-screen" "Screens" "Replay" [Key::Char('5')],
    Detail "detail" "See" "chart, or request and reply" [Key::Enter],
    Back "back" "See" "back" [Key::Esc],
    Filter "filter" "See" "filter; search on 4 and 5" [Key::Char('/')],
    Sort "sort" "See" "sort the watchlist" [Key::Char('o')],
    Reverse "reverse" "See" "reverse sort" [Key::Char('O')],
    Zoom "zoom" "See" "zoom pane" [Key::Char('z')],
    Shorter "shorter-time" "See" "chart: shorter time" [Key::Char('[')],
    Longer "longer-time" "See" "chart: longer time" [Key::Char(']')],
    Left "left" "See" "chart: earlier, or shorter time" [Key::Char('h'), Key::Left],
    Right "right" "See" "chart: later, or longer time" [Key::Char('l'), Key::Right],
    ChartStyle "chart-style" "See" "chart: line or bars" [Key::Char('f')],
    Pause "pause" "See" "pause prices" [Key::Char('p')],
    Requote "requote" "See" "request a new price" [Key::Char('r')],
    HideMoney "hide-money" "See" "hide money" [Key::Char('$')],
    AddSymbol "add-symbol" "Lists" "add a symbol" [Key::Char('+')],
    DropSymbol "drop-symbol" "Lists" "remove the symbol" [Key::Char('-')],
    Alert "new-alert" "Lists" "set a price alert" [Key::Char('!')],
    Copy "copy" "Lists" "copy request and reply" [Key::Char('c')],
    Export "export" "Lists" "activity to a file" [Key::Char('e')],
    ReplayPause "replay-pause" "Replay" "pause, resume" [Key::Char(' ')],
    ReplayStep "replay-step" "Replay" "one line forward" [Key::Char('.')],
    ReplayBack "replay-back" "Replay" "one line back" [Key::Char(',')],
    ReplayFaster "replay-faster" "Replay" "faster" [Key::Char('+')],
    ReplaySlower "replay-slower" "Replay" "slower" [Key::Char('-')],
    ReplayJump "replay-jump" "Replay" "to the next refusal" [Key::Char('f')],
    ReplayJumpBack "replay-jump-back" "Replay" "to the refusal before" [Key::Char('F')],
    Help "help" "App" "help" [Key::Char('?'), Key::F(1)],
    Palette "palette" "App" "command" [Key::Char(':'), Key::Ctrl('p')],
    MoreKeys "more-keys" "App" "more keys in the last line" [Key::Char('.')],
    Settings "settings" "App" "settings" [Key::Char(',')],
    Log "log" "App" "message log" [Key::Char('`')],
    Reconnect "reconnect" "App" "reconnect now" [Key::Char('R')],
    Redraw "redraw" "App" "redraw" [Key::Ctrl('l')],
    Suspend "suspend" "App" "suspend" [Key::Ctrl('z')],
    Quit "quit" "App" "quit" [Key::Char('q'), Key::Ctrl('c')],
}

/// The binding of keys to actions.
#[derive(Clone, Debug)]
pub struct KeyMap {
    /// Actions by key; true for the keys of the Replay screen.
    by_key: BTreeMap<(bool, Key), Action>,
    by_action: BTreeMap<Action, Vec<Key>>,
}

impl Default for KeyMap {
    fn default() -> Self {
        let by_action =
            Action::ALL.iter().map(|action| (*action, action.default_keys().to_vec())).collect();
        Self::from_actions(by_action)
            .unwrap_or_else(|_| Self { by_key: BTreeMap::new(), by_action: BTreeMap::new() })
    }
}

impl KeyMap {
    fn from_actions(by_action: BTreeMap<Action, Vec<Key>>) -> Result<Self, String> {
        let mut by_key: BTreeMap<(bool, Key), Action> = BTreeMap::new();
        for (action, keys) in &by_action {
            for key in keys {
                if let Some(other) = by_key.insert((action.is_replay_action(), *key), *action) {
                    return Err(format!(
                        "\"{key}\" is bound to both {} and {}",
                        other.name(),
                        action.name()
                    ));
                }
            }
        }
        Ok(Self { by_key, by_action })
    }

    /// Creates the default bindings with some actions bound to other keys.
    ///
    /// # Errors
    /// A message about an unknown action, an unknown key, or one key for two actions.
    pub(crate) fn with_bindings(rebound: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut by_action = Self::default().by_action;
        for (name, key) in rebound {
            let action = Action::ALL.iter().find(|action| action.name() == name);
            let action = *action.ok_or_else(|| format!("[keys] {name}: no such action"))?;
            let key =
                Key::parse(key).ok_or_else(|| format!("[keys] {name} = {key:?}: no such key"))?;
            by_action.insert(action, vec![key]);
        }
        Self::from_actions(by_action)
    }

    /// Returns the action of a key, on the Replay screen or on any other.
    pub(crate) fn action(&self, key: Key, on_replay: bool) -> Option<Action> {
        let own = self.by_key.get(&(true, key)).filter(|_| on_replay);
        own.or_else(|| self.by_key.get(&(false, key))).copied()
    }

    /// Returns the first key of an action, for display.
    pub(crate) fn key(&self, action: Action) -> String {
        self.by_action
            .get(&action)
            .and_then(|keys| keys.first())
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// Returns all keys of an action, for display.
    pub(crate) fn keys(&self, action: Action) -> String {
        let keys: Vec<_> =
            self.by_action.get(&action).into_iter().flatten().map(ToString::to_string).collect();
        keys.join(" ")
    }
}

/// Returns the key table as Markdown, for docs/SCREEN.md.
#[cfg(test)]
fn as_markdown() -> String {
    let mut table = String::from(
        "| group | keys | what they do | name in `[keys]` |\n| --- | --- | --- | --- |\n",
    );
    for action in Action::ALL {
        let shown: Vec<String> =
            action.default_keys().iter().map(|key| format!("`` {key} ``")).collect();
        let cells = [action.group(), &shown.join(" "), action.help(), action.name()];
        table += &["| ", &cells.join(" | "), " |\n"].concat();
    }
    table
}

/// Returns the key table as a section of the man page.
pub(crate) fn as_man_section() -> String {
    let escape = |text: &str| text.replace('\\', "\\(rs").replace('-', "\\-").replace('.', "\\&.");
    let mut section = String::from(
        ".SH KEYS\nOf the trading screen; all can be rebound in [keys] of config.toml.\n",
    );
    for action in Action::ALL {
        let keys: Vec<String> =
            action.default_keys().iter().map(|key| escape(&key.to_string())).collect();
        let place = if action.is_replay_action() { " (Replay screen)" } else { "" };
        section +=
            &[".TP\n\\fB", &keys.join(" "), "\\fR\n", &escape(action.help()), place, "\n"].concat();
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_key_table() {
        let docs =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SCREEN.md"))
                .unwrap();
        assert!(docs.contains(&as_markdown()), "docs/SCREEN.md should have:\n{}", as_markdown());
    }

    #[test]
    fn no_two_actions_share_a_key_and_a_conflict_is_an_error() {
        let keys = KeyMap::default();
        for action in Action::ALL {
            for key in action.default_keys() {
                assert_eq!(keys.action(*key, action.is_replay_action()), Some(*action), "{key}");
            }
        }
        let rebound = |name: &str, key: &str| {
            KeyMap::with_bindings(&BTreeMap::from([(name.to_owned(), key.to_owned())]))
        };
        assert_eq!(
            rebound("buy", "Ctrl-b").unwrap().action(Key::Ctrl('b'), false),
            Some(Action::Buy)
        );
        assert_eq!(rebound("buy", "Ctrl-b").unwrap().action(Key::Char('b'), false), None);
        assert_eq!(rebound("buy", "s").unwrap_err(), "\"s\" is bound to both buy and sell");
        assert!(rebound("fly", "s").is_err() && rebound("buy", "hyper").is_err());
    }
}

//! The command line's keys: typing, completion, the lines typed before.

use super::command_line::{Typed, complete, read};
use super::{Effect, FormKind, Key, Model, Popup, Purpose, ReplayRequest, Screen};

/// Bytes of a command line.
const TYPED_BYTES_MAX: usize = 200;
/// Lines that are remembered.
const REMEMBERED_MAX: usize = 50;

/// A command line being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// As typed so far.
    pub text: String,
    /// What is wrong with it.
    pub wrong: Option<String>,
    /// How far back among the lines typed before.
    back: usize,
}

impl Model {
    pub(super) fn palette_key(
        &mut self,
        mut palette: Palette,
        key: Key,
        effects: &mut Vec<Effect>,
    ) {
        palette.wrong = None;
        match key {
            Key::Esc | Key::Ctrl('c') => return,
            Key::Enter => {
                if let Err(words) = self.carry_out(&palette.text, effects) {
                    palette.wrong = Some(words);
                    self.popup = Some(Popup::Palette(palette));
                }
                return;
            }
            Key::Tab => palette.text = complete(&palette.text, &self.watchlist),
            Key::Up => self.look_back(&mut palette, true),
            Key::Down => self.look_back(&mut palette, false),
            Key::Backspace => {
                palette.text.pop();
            }
            Key::Ctrl('u') => palette.text.clear(),
            Key::Char(letter) if palette.text.len() < TYPED_BYTES_MAX => palette.text.push(letter),
            _ => {}
        }
        self.popup = Some(Popup::Palette(palette));
        // So that the preview has a price.
        self.watch_what_matters(effects);
    }

    /// Goes to the line typed before this one, or behind it.
    fn look_back(&self, palette: &mut Palette, back: bool) {
        palette.back = if back {
            (palette.back + 1).min(self.typed_before.len())
        } else {
            palette.back.saturating_sub(1)
        };
        let at = self.typed_before.len() - palette.back;
        palette.text = self.typed_before.get(at).cloned().unwrap_or_default();
    }

    fn carry_out(&mut self, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
        let typed = read(text, &self.user)?;
        // What the ticket would not send is not sent from here either.
        if let (Typed::Send(..), Some(form)) = (&typed, super::command_line::preview(text)) {
            let lines =
                form.consequences(self.account.as_ref(), &self.quotes, self.now_ms, self.offset_ms);
            if let Some(stops) = lines.into_iter().find(|line| line.stops) {
                return Err(format!("not sent. {}: {}", stops.name, stops.words));
            }
        }
        if self.typed_before.back().map(String::as_str) != Some(text) {
            if self.typed_before.len() == REMEMBERED_MAX {
                self.typed_before.pop_front();
            }
            self.typed_before.push_back(text.to_owned());
        }
        match typed {
            Typed::Do(action) => self.act(action, effects),
            Typed::Send(line, next) => self.send(line, Purpose::Form(next), effects),
            Typed::Watch(symbol) => self.add_symbol(symbol, effects),
            Typed::Open(form) => {
                self.popup = Some(Popup::Form(form));
                self.watch_what_matters(effects);
            }
            Typed::Theme(name) => self.settings.theme = name,
            Typed::Filter(text) => self.filter.set(&text),
            Typed::Alert(symbol, price) => self.add_alert(symbol, price, effects),
            Typed::Replay(file) => {
                self.screen = Screen::Replay;
                effects.push(Effect::Replay(ReplayRequest::Start(file)));
            }
            Typed::Panic => effects.push(Effect::Panic),
        }
        Ok(())
    }

    /// The order or trigger that is being typed, to show what would come of it.
    pub fn preview(&self) -> Option<super::Form> {
        match &self.popup {
            Some(Popup::Palette(palette)) => super::command_line::preview(&palette.text),
            _ => None,
        }
    }

    /// Whether the form is one that trades, and so may be docked beside the lists.
    pub const fn is_ticket(kind: FormKind) -> bool {
        matches!(kind, FormKind::Order(_) | FormKind::Trigger(_))
    }
}

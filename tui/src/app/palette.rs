//! The keys of the command line: typing, completion, earlier lines.

use super::actions::perform;
use super::command_line::{Parsed, complete, parse};
use super::orders::{add_alert, add_symbol, not_sent, show_form, update_watches};
use super::text_input::editing_request;
use super::{App, Effect, Form, Key, Popup, Purpose, ReplayRequest, Screen};
use std::collections::VecDeque;
use tui_input::{Input, InputRequest};

/// The maximum length of a command line, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// The command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Palette {
    input: Input,
    /// The message that the line cannot be carried out.
    error: Option<String>,
    /// Position in the history, counted from the newest line; 0 is the line being typed.
    history_position: usize,
}

impl Palette {
    /// Returns the text as it was typed.
    pub(crate) fn text(&self) -> &str {
        self.input.value()
    }

    /// Returns the position of the cursor, in characters.
    pub(crate) fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// Returns the message that the line cannot be carried out.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn set_text(&mut self, text: String) {
        self.input = text.into();
    }

    /// Handles an editing key or a letter.
    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(letter) => {
                if self.text().len() < TEXT_BYTES_MAX {
                    self.input.handle(InputRequest::InsertChar(letter));
                }
            }
            key => {
                editing_request(key).map(|request| self.input.handle(request));
            }
        }
    }

    /// Shows the next older or newer line of the history.
    fn browse_history(&mut self, older: bool, history: &VecDeque<String>) {
        self.history_position = if older {
            (self.history_position + 1).min(history.len())
        } else {
            self.history_position.saturating_sub(1)
        };
        let line = history.get(history.len() - self.history_position);
        self.set_text(line.cloned().unwrap_or_default());
    }
}

/// Handles a key of the command line.
pub(super) fn edit_palette(
    app: &mut App,
    mut palette: Palette,
    key: Key,
    effects: &mut Vec<Effect>,
) {
    palette.error = None;
    match key {
        Key::Esc | Key::Ctrl('c') => return,
        Key::Enter => {
            if let Err(message) = run_line(app, palette.text(), effects) {
                palette.error = Some(message);
                app.view.open_popup(Popup::Palette(palette));
            }
            return;
        }
        Key::Tab => palette.set_text(complete(palette.text(), app.market.watchlist())),
        Key::Up => palette.browse_history(true, app.view.commands()),
        Key::Down => palette.browse_history(false, app.view.commands()),
        key => palette.edit(key),
    }
    app.view.open_popup(Popup::Palette(palette));
    // The preview needs a price.
    update_watches(app, effects);
}

/// Carries out a line.
///
/// # Errors
/// The message to display.
fn run_line(app: &mut App, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    let user = app.connection.user().clone();
    let parsed = parse(&app.market.without_aliases(text), &user)?;
    if let Parsed::Submit(form) = &parsed
        && let Some(message) = blocked(app, form)
    {
        return Err(message);
    }
    app.view.remember_command(text);
    match parsed {
        Parsed::Action(action) => perform(app, action, effects),
        Parsed::Send(command) => app.send(command, Purpose::Form(None), effects),
        Parsed::Submit(form) => {
            if let Some((command, next)) = form.commands(&user, app.market.quotes()) {
                app.send(command, Purpose::Form(next), effects);
            }
        }
        Parsed::Watch(symbol) => add_symbol(app, symbol, effects),
        Parsed::Open(form) => show_form(app, form, effects),
        Parsed::Theme(name) => app.settings.theme = name,
        Parsed::Market(command) => {
            app.market_wanted = true;
            app.connection.send_session(command, app.clock, effects);
        }
        Parsed::Filter(text) => app.market.filter_mut().set(&text),
        Parsed::Alert(symbol, price) => add_alert(app, symbol, price, effects),
        Parsed::Replay(file) => {
            app.view.show(Screen::Replay);
            effects.push(Effect::Replay(ReplayRequest::Start(file)));
        }
        Parsed::Panic => effects.push(Effect::Panic),
    }
    Ok(())
}

/// Returns the message that a form would not be sent, and why. The command line sends nothing that
/// the form would not.
fn blocked(app: &App, form: &Form) -> Option<String> {
    let lines = form.consequences(app.account.current(), &app.market, app.clock);
    let line = lines.into_iter().find(|line| line.blocks)?;
    Some(not_sent(&line))
}

//! Reads the terminal and translates its events for the application.

use crate::app::{Event, HitTarget, Key};
use crate::ui::HitMap;
use ratatui::crossterm::event::{
    self, Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton,
    MouseEvent, MouseEventKind,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A terminal event as the screen handles it.
pub(super) enum Input {
    /// An event for the application.
    Event(Event),
    /// The size has changed.
    Resize,
    /// Nothing to handle.
    Ignored,
}

/// Reads the terminal on a thread of its own, because reading blocks.
pub(super) fn read_terminal() -> UnboundedReceiver<TerminalEvent> {
    let (sender, events) = unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}

/// Translates a terminal event; a click hits a part of the last frame.
pub(super) fn translate(event: &TerminalEvent, hits: &HitMap) -> Input {
    let event = match event {
        TerminalEvent::Key(key) if key.kind == KeyEventKind::Press => key_of(*key).map(Event::Key),
        TerminalEvent::Paste(text) => Some(Event::Paste(text.clone())),
        TerminalEvent::Resize(..) => return Input::Resize,
        TerminalEvent::Mouse(mouse) => mouse_event(*mouse, hits),
        _ => None,
    };
    event.map_or(Input::Ignored, Input::Event)
}

fn mouse_event(mouse: MouseEvent, hits: &HitMap) -> Option<Event> {
    let target = hits.at(mouse.column, mouse.row);
    let pane = match target {
        Some(HitTarget::Row(pane, _) | HitTarget::Pane(pane)) => Some(pane),
        _ => None,
    };
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => target.map(Event::Click),
        MouseEventKind::ScrollDown => Some(Event::Scroll(true, pane)),
        MouseEventKind::ScrollUp => Some(Event::Scroll(false, pane)),
        _ => None,
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            Key::Ctrl(letter.to_ascii_lowercase())
        }
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::F(number) => Key::F(number),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        _ => return None,
    })
}

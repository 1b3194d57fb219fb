//! The loop: takes every event that is there, then draws at most once in 16 ms and only when something visible changed.

use super::guard::Guard;
use super::now_ms;
use crate::link::{LinkRequest, spawn_link};
use crate::model::{Effect, Event, Key, LinkEvent, Model};
use crate::ui::{HitMap, Look, view};
use base64::Engine as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self as input, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use std::io::{Stdout, Write as _, stdout};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// Frames are at least this far apart.
const FRAME: Duration = Duration::from_millis(16);

/// How the screen is shown.
#[derive(Clone, Copy, Debug)]
pub struct ScreenOptions {
    /// Colours and shapes.
    pub look: Look,
    /// Take clicks and the wheel.
    pub mouse: bool,
}

/// Runs the screen until the trader leaves it; gives the model back for the leaving note.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn run(mut model: Model, options: ScreenOptions) -> anyhow::Result<Model> {
    let guard = Guard::enter(options.mouse)?;
    let mut terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
    let (ask, mut heard) = spawn_link(model.address.clone(), now_ms);
    let mut keys = read_terminal();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (mut hits, mut dirty, mut drawn_at) = (HitMap::default(), true, Instant::now() - FRAME);
    loop {
        if dirty && drawn_at.elapsed() >= FRAME {
            terminal.draw(|frame| hits = view(&model, &options.look, frame.buffer_mut()))?;
            (dirty, drawn_at) = (false, Instant::now());
        }
        let wake = if dirty {
            drawn_at + FRAME
        } else {
            let pause = model.next_change_ms().map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
            Instant::now() + pause.unwrap_or(Duration::from_hours(1))
        };
        let mut effects = Vec::new();
        tokio::select! {
            event = keys.recv() => match event {
                Some(event) => dirty |= take_input(&mut model, &event, &hits, &mut effects),
                None => return Ok(model),
            },
            event = heard.recv() => match event {
                Some(event) => {
                    take_link(&mut model, event, &mut heard, &mut effects);
                    dirty = true;
                }
                None => return Ok(model),
            },
            () = tokio::time::sleep_until(wake) => {
                if !dirty {
                    effects = model.update(Event::Tick, now_ms());
                    dirty = true;
                }
            }
            _ = terminate.recv() => return Ok(model),
            _ = hang_up.recv() => return Ok(model),
        }
        while let Ok(event) = keys.try_recv() {
            dirty |= take_input(&mut model, &event, &hits, &mut effects);
        }
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(model),
                Effect::Suspend => {
                    guard.suspend()?;
                    terminal.clear()?;
                    dirty = true;
                }
                Effect::Redraw => {
                    terminal.clear()?;
                    dirty = true;
                }
                effect => carry_out(effect, &ask)?,
            }
        }
    }
}

fn carry_out(effect: Effect, ask: &UnboundedSender<LinkRequest>) -> anyhow::Result<()> {
    match effect {
        Effect::Send(line) => {
            // The link outlives the screen; if it is gone, the screen ends too.
            let _ = ask.send(LinkRequest::Send(line));
        }
        Effect::Reconnect => {
            let _ = ask.send(LinkRequest::Reconnect);
        }
        Effect::Bell => write_out(b"\x07")?,
        Effect::Copy(text) => {
            let text = base64::engine::general_purpose::STANDARD.encode(text);
            write_out(format!("\x1b]52;c;{text}\x07").as_bytes())?;
        }
        Effect::Quit | Effect::Suspend | Effect::Redraw => {}
    }
    Ok(())
}

fn write_out(bytes: &[u8]) -> std::io::Result<()> {
    let mut out: Stdout = stdout();
    out.write_all(bytes)?;
    out.flush()
}

/// Takes in everything the link has said, so that a flood of prices costs one frame.
fn take_link(model: &mut Model, first: LinkEvent, heard: &mut UnboundedReceiver<LinkEvent>, effects: &mut Vec<Effect>) {
    effects.extend(model.update(Event::Link(first), now_ms()));
    for _ in 0..10_000 {
        let Ok(event) = heard.try_recv() else { return };
        effects.extend(model.update(Event::Link(event), now_ms()));
    }
}

/// Takes a terminal event in; whether the screen may have changed.
fn take_input(model: &mut Model, event: &input::Event, hits: &HitMap, effects: &mut Vec<Effect>) -> bool {
    let event = match event {
        input::Event::Key(key) if key.kind == KeyEventKind::Press => key_of(*key).map(Event::Key),
        input::Event::Paste(text) => Some(Event::Paste(text.clone())),
        input::Event::Resize(..) => return true,
        input::Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => hits.at(mouse.column, mouse.row).map(Event::Click),
            MouseEventKind::ScrollDown => Some(Event::Scroll(true)),
            MouseEventKind::ScrollUp => Some(Event::Scroll(false)),
            _ => None,
        },
        _ => None,
    };
    match event {
        None => false,
        Some(event) => {
            effects.extend(model.update(event, now_ms()));
            true
        }
    }
}

fn key_of(key: input::KeyEvent) -> Option<Key> {
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

/// Reads the terminal on a thread of its own: reading blocks, and nothing else may.
fn read_terminal() -> UnboundedReceiver<input::Event> {
    let (send, events) = unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = input::read() {
            if send.send(event).is_err() {
                return;
            }
        }
    });
    events
}

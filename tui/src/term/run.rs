//! The loop: takes every event that is there, then draws when the pacer lets it, and only when
//! something visible changed.

use super::guard::Guard;
use super::now_ms;
use super::pacer::Pacer;
use crate::link::{LinkRequest, spawn_link};
use crate::model::{Effect, Event, Key, LinkEvent, Model, ReplayRequest, Spot};
use crate::replay::{Control, Progress, ReplayArgs, ReplayMonitor, Stage};
use crate::ui::{HitMap, Look, view};
use base64::Engine as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{
    self as input, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use std::collections::VecDeque;
use std::io::{Stdout, Write as _, stdout};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// How the screen is shown.
pub struct ScreenOptions {
    /// Take clicks and the wheel.
    pub mouse: bool,
    /// A replay to be shown in the place of a server.
    pub replay: Option<ReplayArgs>,
}

/// Runs the screen until the trader leaves it; gives the model back for the leaving note.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn run(mut model: Model, options: ScreenOptions) -> anyhow::Result<Model> {
    let mut replay = options.replay.map(ReplayMonitor::start).transpose()?;
    let guard = Guard::enter(options.mouse)?;
    let mut terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
    let ((ask, mut heard), _kept) = if replay.is_some() {
        let ((ask, _), (kept, heard)) = (unbounded_channel(), unbounded_channel());
        ((ask, heard), Some(kept))
    } else {
        (spawn_link(model.address.clone(), now_ms), None)
    };
    let mut keys = read_terminal();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (mut hits, mut pacer) = (HitMap::default(), Pacer::default());
    pacer.wants_frame(true);
    loop {
        if pacer.is_due() {
            let look = Look::of(&model.settings);
            // All of a frame at once, where the terminal can.
            execute!(stdout(), BeginSynchronizedUpdate)?;
            terminal.draw(|frame| hits = view(&model, &look, frame.buffer_mut()))?;
            execute!(stdout(), EndSynchronizedUpdate)?;
            pacer.has_drawn();
        }
        let frame_at = pacer.next_frame();
        let wake = frame_at.unwrap_or_else(|| {
            let pause =
                model.next_change_ms().map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
            Instant::now() + pause.unwrap_or(Duration::from_hours(1))
        });
        let mut effects = Vec::new();
        tokio::select! {
            event = keys.recv() => match event {
                Some(event) => {
                    if take_input(&mut model, &event, &hits, &mut effects) {
                        pacer.wants_frame(true);
                    }
                }
                None => break,
            },
            event = heard.recv() => match event {
                Some(event) => {
                    take_link(&mut model, event, &mut heard, &mut effects);
                    pacer.wants_frame(false);
                }
                None => break,
            },
            progress = news_of(&mut replay) => {
                effects = model.update(Event::Replay(Box::new(progress)), now_ms());
                pacer.wants_frame(false);
            }
            () = tokio::time::sleep_until(wake) => {
                if frame_at.is_none() {
                    effects = model.update(Event::Tick, now_ms());
                    pacer.wants_frame(true);
                }
            }
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
        }
        while let Ok(event) = keys.try_recv() {
            if take_input(&mut model, &event, &hits, &mut effects) {
                pacer.wants_frame(true);
            }
        }
        let mut effects = VecDeque::from(effects);
        let mut is_over = false;
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Quit => is_over = true,
                Effect::Suspend => {
                    guard.suspend()?;
                    draw_anew(&mut terminal)?;
                    pacer.wants_frame(true);
                }
                Effect::Redraw => {
                    draw_anew(&mut terminal)?;
                    pacer.wants_frame(true);
                }
                Effect::Replay(request) => {
                    if let Err(error) = ask_replay(&mut replay, request) {
                        let failed = Progress {
                            stage: Stage::Failed(error.to_string()),
                            ..Progress::default()
                        };
                        effects.extend(model.update(Event::Replay(Box::new(failed)), now_ms()));
                    }
                }
                Effect::Export { name, text } => {
                    effects.extend(model.update(Event::Exported(export(&name, &text)), now_ms()));
                    pacer.wants_frame(true);
                }
                effect => carry_out(effect, &ask)?,
            }
        }
        if is_over {
            break;
        }
    }
    drop(guard);
    if let Some(replay) = replay {
        replay.stop();
    }
    Ok(model)
}

/// Lets the next frame draw every cell. `Terminal::clear` would ask the terminal where its cursor
/// is, and the answer would go to the thread that reads the keys.
fn draw_anew(terminal: &mut Terminal<CrosstermBackend<Stdout>>) -> std::io::Result<()> {
    let size = terminal.size()?;
    terminal.resize(size.into())
}

/// The next news of a replay; never, if there is none.
async fn news_of(replay: &mut Option<ReplayMonitor>) -> Progress {
    match replay {
        Some(replay) => replay.next_progress().await,
        None => std::future::pending().await,
    }
}

/// Starts or steers a replay; a new one takes the place of the one before.
fn ask_replay(replay: &mut Option<ReplayMonitor>, request: ReplayRequest) -> std::io::Result<()> {
    match (request, &replay) {
        (ReplayRequest::Start(file), _) => {
            if let Some(before) = replay.take() {
                // Its server may take a while to stop; trading goes on.
                std::thread::spawn(move || before.stop());
            }
            *replay = Some(ReplayMonitor::start(ReplayArgs::of_file(&file)?)?);
        }
        (ReplayRequest::Pace(pace), Some(replay)) => replay.send(Control::Pace(pace)),
        (ReplayRequest::Step, Some(replay)) => replay.send(Control::Step),
        (ReplayRequest::Pace(_) | ReplayRequest::Step, None) => {}
    }
    Ok(())
}

/// Writes a new file into the current folder; where it is.
fn export(name: &str, text: &str) -> Result<String, String> {
    let path = std::env::current_dir().map_err(|error| error.to_string())?.join(name);
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .map(|()| path.display().to_string())
        .map_err(|error| format!("{}: {error}", path.display()))
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
        Effect::Panic => panic!("a defect, made on purpose"),
        Effect::Quit
        | Effect::Suspend
        | Effect::Redraw
        | Effect::Replay(_)
        | Effect::Export { .. } => {}
    }
    Ok(())
}

fn write_out(bytes: &[u8]) -> std::io::Result<()> {
    let mut out: Stdout = stdout();
    out.write_all(bytes)?;
    out.flush()
}

/// Takes in everything the link has said, so that a flood of prices costs one frame.
fn take_link(
    model: &mut Model,
    first: LinkEvent,
    heard: &mut UnboundedReceiver<LinkEvent>,
    effects: &mut Vec<Effect>,
) {
    effects.extend(model.update(Event::Link(first), now_ms()));
    for _ in 0..10_000 {
        let Ok(event) = heard.try_recv() else { return };
        effects.extend(model.update(Event::Link(event), now_ms()));
    }
}

/// Takes a terminal event in; whether the screen may have changed.
fn take_input(
    model: &mut Model,
    event: &input::Event,
    hits: &HitMap,
    effects: &mut Vec<Effect>,
) -> bool {
    let event = match event {
        input::Event::Key(key) if key.kind == KeyEventKind::Press => key_of(*key).map(Event::Key),
        input::Event::Paste(text) => Some(Event::Paste(text.clone())),
        input::Event::Resize(..) => return true,
        input::Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                hits.at(mouse.column, mouse.row).map(Event::Click)
            }
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let over = hits.at(mouse.column, mouse.row).and_then(|spot| match spot {
                    Spot::Row(pane, _) | Spot::Pane(pane) => Some(pane),
                    Spot::Screen(_) | Spot::Header(_) | Spot::Button(_) => None,
                });
                Some(Event::Scroll(mouse.kind == MouseEventKind::ScrollDown, over))
            }
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

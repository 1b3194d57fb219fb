//! The event loop: handles every event that has arrived, then draws a frame if one is due and
//! something visible has changed.

use super::frame_timer::FrameTimer;
use super::guard::TerminalGuard;
use super::input::{Input, read_terminal, translate};
use super::now_ms;
use crate::app::{App, Effect, Event, LinkEvent, ReplayRequest};
use crate::link::{LinkRequest, spawn_link};
use crate::remote::Server;
use crate::replay::{ReplayArgs, ReplayMonitor};
use crate::replay_message::{Progress, Stage};
use crate::ui::{ColumnWidths, HitMap, RenderOptions, view};
use base64::Engine as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::Event as TerminalEvent;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use std::collections::VecDeque;
use std::io::{self, Stdout, Write as _, stdout};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// The maximum number of link events between two frames.
const LINK_EVENTS_MAX: usize = 10_000;

/// The options of the screen.
pub(crate) struct ScreenOptions {
    /// Use clicks and the wheel.
    pub(crate) mouse: bool,
    /// What is displayed.
    pub(crate) content: ScreenContent,
}

/// What a screen displays.
pub(crate) enum ScreenContent {
    /// An account at a server.
    Server(Server),
    /// A replay.
    Replay(Box<ReplayArgs>),
}

/// The application with everything that it is connected to.
struct ScreenLoop {
    app: App,
    guard: TerminalGuard,
    terminal: Terminal<CrosstermBackend<Stdout>>,
    timer: FrameTimer,
    /// The clickable parts of the last frame.
    hits: HitMap,
    widths: ColumnWidths,
    link: UnboundedSender<LinkRequest>,
    replay: Option<ReplayMonitor>,
    /// Effects that have not been carried out.
    effects: VecDeque<Effect>,
}

/// Runs the screen until the trader quits; returns the application for the final message.
///
/// # Errors
/// An error if the terminal cannot be used.
pub(crate) async fn run(app: App, options: ScreenOptions) -> anyhow::Result<App> {
    let (server, replay) = match options.content {
        ScreenContent::Server(server) => (Some(server), None),
        ScreenContent::Replay(args) => (None, Some(ReplayMonitor::start(*args)?)),
    };
    let guard = TerminalGuard::enter(options.mouse)?;
    let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
    // Without a link, its ends are kept so that the channels stay open and silent.
    let ((link, mut link_events), _silent) = if let Some(server) = server {
        (spawn_link(server, now_ms), None)
    } else {
        let ((link, _), (sender, events)) = (unbounded_channel(), unbounded_channel());
        ((link, events), Some(sender))
    };
    let mut keys = read_terminal();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut screen = ScreenLoop {
        app,
        guard,
        terminal,
        timer: FrameTimer::default(),
        hits: HitMap::default(),
        widths: ColumnWidths::default(),
        link,
        replay,
        effects: VecDeque::new(),
    };
    screen.timer.request_frame(true);
    loop {
        screen.draw_if_due()?;
        let frame_at = screen.timer.next_frame();
        let wake_at = frame_at.unwrap_or_else(|| screen.next_change());
        tokio::select! {
            event = keys.recv() => match event {
                Some(event) => screen.on_input(&event),
                None => break,
            },
            event = link_events.recv() => match event {
                Some(event) => screen.on_link_events(event, &mut link_events),
                None => break,
            },
            progress = next_progress(&mut screen.replay) => {
                screen.update(Event::Replay(Box::new(progress)), false);
            }
            () = tokio::time::sleep_until(wake_at) => {
                if frame_at.is_none() {
                    screen.update(Event::Tick, true);
                }
            }
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
        }
        while let Ok(event) = keys.try_recv() {
            screen.on_input(&event);
        }
        if screen.carry_out_effects()? {
            break;
        }
    }
    Ok(screen.finish())
}

impl ScreenLoop {
    /// Handles an event and requests a frame.
    fn update(&mut self, event: Event, has_input: bool) {
        // The answer to a PING changes nothing on a screen that counts no seconds.
        let changes_nothing = matches!(event, Event::Link(LinkEvent::Health(health))
            if health == self.app.connection.health() && !self.app.shows_seconds());
        self.effects.extend(self.app.update(event, now_ms()));
        if !changes_nothing {
            self.timer.request_frame(has_input);
        }
    }

    fn on_input(&mut self, event: &TerminalEvent) {
        match translate(event, &self.hits) {
            Input::Event(event) => self.update(event, true),
            Input::Resize => self.timer.request_frame(true),
            Input::Ignored => {}
        }
    }

    /// Handles all link events that have arrived, so that a burst of prices costs one frame.
    fn on_link_events(&mut self, first: LinkEvent, events: &mut UnboundedReceiver<LinkEvent>) {
        self.update(Event::Link(first), false);
        for _ in 0..LINK_EVENTS_MAX {
            let Ok(event) = events.try_recv() else { return };
            self.update(Event::Link(event), false);
        }
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        if !self.timer.is_due() {
            return Ok(());
        }
        let options = RenderOptions::for_settings(&self.app.settings);
        // The terminal displays a frame as a whole, if it can.
        execute!(stdout(), BeginSynchronizedUpdate)?;
        let (app, widths) = (&self.app, &mut self.widths);
        self.terminal.draw(|frame| self.hits = view(app, &options, widths, frame.buffer_mut()))?;
        execute!(stdout(), EndSynchronizedUpdate)?;
        self.timer.record_frame();
        Ok(())
    }

    /// Returns the time at which the screen changes without an event.
    fn next_change(&self) -> Instant {
        let at_ms = self.app.next_change_ms();
        let pause = at_ms.map(|at_ms| Duration::from_millis(at_ms.saturating_sub(now_ms())));
        Instant::now() + pause.unwrap_or(Duration::from_hours(1))
    }

    /// Carries out all effects; returns true to quit.
    fn carry_out_effects(&mut self) -> anyhow::Result<bool> {
        let mut quits = false;
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Quit => quits = true,
                Effect::Suspend => {
                    self.guard.suspend()?;
                    self.redraw()?;
                }
                Effect::Redraw => self.redraw()?,
                Effect::Replay(request) => {
                    if let Err(error) = self.control_replay(request) {
                        let stage = Stage::Failed(error.to_string());
                        let failed = Progress { stage, ..Progress::default() };
                        let event = Event::Replay(Box::new(failed));
                        self.effects.extend(self.app.update(event, now_ms()));
                    }
                }
                Effect::Export { name, text } => {
                    self.update(Event::Exported(export(&name, &text)), true);
                }
                // The link outlives the screen; if it has ended, the screen ends too.
                Effect::Send(request) => {
                    let _ = self.link.send(LinkRequest::Send(request));
                }
                Effect::Reconnect => {
                    let _ = self.link.send(LinkRequest::Reconnect);
                }
                Effect::Bell => write_out(b"\x07")?,
                Effect::Copy(text) => {
                    let text = base64::engine::general_purpose::STANDARD.encode(text);
                    write_out(format!("\x1b]52;c;{text}\x07").as_bytes())?;
                }
                Effect::Panic => panic!("a defect, made on purpose"),
            }
        }
        Ok(quits)
    }

    /// Makes the next frame draw every cell. `Terminal::clear` would ask the terminal for the
    /// cursor position, and the thread that reads the keys would receive the answer.
    fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())?;
        self.timer.request_frame(true);
        Ok(())
    }

    /// Starts or controls a replay; a new one replaces the one before.
    fn control_replay(&mut self, request: ReplayRequest) -> io::Result<()> {
        match request {
            ReplayRequest::Start(file) => {
                if let Some(before) = self.replay.take() {
                    // Its server may take time to stop, and trading continues.
                    std::thread::spawn(move || before.stop());
                }
                self.replay = Some(ReplayMonitor::start(ReplayArgs::of_file(&file)?)?);
            }
            ReplayRequest::Control(control) => {
                if let Some(replay) = &self.replay {
                    replay.send(control);
                }
            }
        }
        Ok(())
    }

    /// Restores the terminal and ends the replay.
    fn finish(self) -> App {
        drop(self.guard);
        if let Some(replay) = self.replay {
            replay.stop();
        }
        self.app
    }
}

/// Returns the next progress of a replay; never returns without one.
async fn next_progress(replay: &mut Option<ReplayMonitor>) -> Progress {
    match replay {
        Some(replay) => replay.next_progress().await,
        None => std::future::pending().await,
    }
}

/// Writes a new file in the current folder; returns its path.
fn export(name: &str, text: &str) -> Result<String, String> {
    let path = std::env::current_dir().map_err(|error| error.to_string())?.join(name);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .map(|()| path.display().to_string())
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(bytes)?;
    out.flush()
}

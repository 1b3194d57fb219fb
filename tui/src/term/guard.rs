//! Enters the screen, and leaves it after a normal end, an error, a panic or a signal.

use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use std::io::{self, Write as _, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// True while the terminal shows the screen, so that it is restored only once.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Restores the terminal when it is dropped.
pub(super) struct TerminalGuard {
    mouse: bool,
}

impl TerminalGuard {
    /// Enters the screen, and restores the terminal before a panic is reported.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            hook(panic);
            crate::local::stop_all();
        }));
        let guard = Self { mouse };
        guard.enter_screen()?;
        Ok(guard)
    }

    fn enter_screen(&self) -> io::Result<()> {
        ENTERED.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        if self.mouse {
            execute!(stdout(), EnableMouseCapture)?;
        }
        Ok(())
    }

    /// Returns to the shell, and enters the screen again when the shell resumes the program.
    pub(super) fn suspend(&self) -> io::Result<()> {
        leave();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        self.enter_screen()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        leave();
    }
}

/// Restores the terminal. Errors are ignored, because nothing is left to report them to.
fn leave() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            stdout(),
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
        let _ = stdout().flush();
    }
}

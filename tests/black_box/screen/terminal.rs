//! A program in a real pseudo-terminal, with a terminal emulator that reads its output.

use crate::harness::{Deadline, program};
use portable_pty::{CommandBuilder, MasterPty, NativePtySystem, PtySize, PtySystem as _};
use std::io::{Read as _, Write};
use std::sync::mpsc::{Receiver, channel};
use tempfile::{TempDir, tempdir};

/// A program in its terminal.
pub struct Terminal {
    /// Keeps the terminal open.
    _master: Box<dyn MasterPty + Send>,
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    pub parser: vt100::Parser,
    raw: Vec<u8>,
    /// Its home folder, with its own configuration and state.
    pub home: TempDir,
}

impl Terminal {
    /// Starts the client with these arguments.
    pub fn open(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::run(program("daytrade").to_str().unwrap(), args, env)
    }

    /// Starts any program.
    pub fn run(name: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let home = tempdir().unwrap();
        let size = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
        let pair = NativePtySystem::default().openpty(size).unwrap();
        let mut command = CommandBuilder::new(name);
        command.args(args);
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.cwd(home.path());
        command.env("HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = reader.read(&mut buffer) {
                if read == 0 || send.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let parser = vt100::Parser::new(30, 100, 0);
        Self { _master: pair.master, child, keys, output, parser, raw: Vec::new(), home }
    }

    /// Sends keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Returns true if the screen shows this text.
    pub fn shows(&self, text: &str) -> bool {
        self.parser.screen().contents().contains(text)
    }

    /// Returns true if the program has written this text at any time.
    pub fn has_shown(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.raw).contains(text)
    }

    /// Waits until the screen shows this text.
    pub fn expect(&mut self, text: &str) {
        self.wait_until(text, true);
    }

    /// Waits until the screen no longer shows this text; a frame can arrive in several reads.
    pub fn expect_gone(&mut self, text: &str) {
        self.wait_until(text, false);
    }

    fn wait_until(&mut self, text: &str, shown: bool) {
        let change = if shown { "appears" } else { "disappears" };
        let deadline = Deadline::new(format!("frame in which {text:?} {change}"));
        while self.shows(text) != shown {
            assert!(
                self.read(&deadline),
                "the program has exited before {text:?} {change}:\n{}",
                self.parser.screen().contents()
            );
        }
    }

    /// Presses a key until the screen shows this text, as a trader does while the screen ignores
    /// keys for a moment.
    pub fn press_until(&mut self, key: &str, text: &str) {
        let deadline = Deadline::new(format!("frame with {text:?} after {key:?}"));
        while !self.shows(text) {
            deadline.check();
            self.press(key);
            assert!(self.read(&deadline), "the program has exited before {text:?}");
        }
    }

    /// Processes the next output of the program. Returns false after its exit.
    fn read(&mut self, deadline: &Deadline) -> bool {
        let Some(bytes) = deadline.receive(&self.output) else { return false };
        self.raw.extend_from_slice(&bytes);
        self.parser.process(&bytes);
        true
    }

    /// Presses q and checks that the program ends as it should.
    pub fn quit(mut self) {
        self.press("q");
        assert_eq!(self.end().0, 0);
    }

    /// Waits until the program has exited, which closes the terminal. Returns its exit code and all
    /// its output.
    pub fn end(mut self) -> (u32, Vec<u8>) {
        let deadline = Deadline::new("exit of the program");
        while self.read(&deadline) {
            deadline.check();
        }
        let status = self.child.wait().unwrap();
        (status.exit_code(), self.raw)
    }
}

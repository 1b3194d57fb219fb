//! A program behind a real pseudo-terminal, read as a terminal reads it.

use crate::harness::program;
use portable_pty::{CommandBuilder, MasterPty, NativePtySystem, PtySize, PtySystem as _};
use std::io::{Read as _, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program in its terminal.
pub struct Terminal {
    pub master: Box<dyn MasterPty + Send>,
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    pub parser: vt100::Parser,
    raw: Vec<u8>,
    /// Its home, with configuration and state of its own.
    pub home: TempDir,
}

impl Terminal {
    /// The client with these arguments.
    pub fn open(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::run(program("daytrade").to_str().unwrap(), args, env)
    }

    /// Any program.
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
        Self { master: pair.master, child, keys, output, parser, raw: Vec::new(), home }
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Whether these words are on the screen.
    pub fn shows(&self, words: &str) -> bool {
        self.parser.screen().contents().contains(words)
    }

    /// Waits until the screen shows these words.
    pub fn expect(&mut self, words: &str) {
        self.wait_until(words, true);
    }

    /// Waits until they are gone: a frame may arrive in pieces.
    pub fn expect_gone(&mut self, words: &str) {
        self.wait_until(words, false);
    }

    fn wait_until(&mut self, words: &str, shown: bool) {
        let until = Instant::now() + PATIENCE;
        while self.shows(words) != shown {
            match self.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.raw.extend_from_slice(&bytes);
                    self.parser.process(&bytes);
                }
                Err(_) => break,
            }
        }
        let screen = self.parser.screen().contents();
        assert_eq!(self.shows(words), shown, "whether {words:?} is on the screen:\n{screen}");
    }

    /// Presses a key again and again until the screen shows these words, as a trader would whose
    /// key was ignored for a moment.
    pub fn press_until(&mut self, key: &str, words: &str) {
        while !self.shows(words) {
            self.press(key);
            let bytes = self.output.recv_timeout(PATIENCE).unwrap();
            self.raw.extend_from_slice(&bytes);
            self.parser.process(&bytes);
        }
    }

    /// Waits until the program has ended; everything it wrote.
    pub fn end(mut self) -> (u32, Vec<u8>) {
        let status = self.child.wait().unwrap();
        drop(self.keys);
        drop(self.master);
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.raw.extend_from_slice(&bytes);
        }
        (status.exit_code(), self.raw)
    }
}

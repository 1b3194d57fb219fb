//! The trading screen in a terminal of its own: a real program behind a real pseudo-terminal, read as a terminal reads it.

use crate::harness::{Daemon, program};
use portable_pty::{CommandBuilder, MasterPty, NativePtySystem, PtySize, PtySystem as _};
use std::io::{Read as _, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program in its terminal.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// Its home, with configuration and state of its own.
    _home: TempDir,
}

impl Terminal {
    fn open(args: &[&str], env: &[(&str, &str)]) -> Self {
        let home = tempdir().unwrap();
        let size = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
        let pair = NativePtySystem::default().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program("daytrade"));
        command.args(args);
        command.env_clear();
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
        Self { master: pair.master, child, keys, output, parser, raw: Vec::new(), _home: home }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn shows(&self, words: &str) -> bool {
        self.parser.screen().contents().contains(words)
    }

    /// Waits until the screen shows these words.
    fn expect(&mut self, words: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.shows(words) {
            match self.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.raw.extend_from_slice(&bytes);
                    self.parser.process(&bytes);
                }
                Err(_) => break,
            }
        }
        assert!(self.shows(words), "{words:?} is not on the screen:\n{}", self.parser.screen().contents());
    }

    /// Waits until the program has ended; everything it wrote.
    fn end(mut self) -> (u32, Vec<u8>) {
        let status = self.child.wait().unwrap();
        drop(self.keys);
        drop(self.master);
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.raw.extend_from_slice(&bytes);
        }
        (status.exit_code(), self.raw)
    }
}

fn frozen(folder: &Path) -> Daemon {
    Daemon::start(folder, &["--quotes", "simulated:7:frozen"])
}

#[test]
fn a_trader_adds_money_buys_and_commits() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    screen.expect("Press a to add practice money");
    screen.press("a");
    screen.expect("0.00 -> 10,000.00");
    screen.press("\r");
    screen.expect("Cash 10,000.00");
    screen.press("jb550");
    screen.expect("208 shares at 2.64");
    screen.press("\r");
    screen.expect("BUY 208 XYZ @ 2.64 = 549.12");
    screen.expect("y COMMIT");
    // The key is ignored for a moment after the order has appeared; a trader would press it again too.
    while !screen.shows("bought 208 XYZ for 549.12") {
        screen.press("y");
        let bytes = screen.output.recv_timeout(PATIENCE).unwrap();
        screen.parser.process(&bytes);
    }
    screen.expect("Cash 9,450.88");
    screen.press("q");
    let (status, raw) = screen.end();
    let said = String::from_utf8_lossy(&raw);
    assert_eq!(status, 0);
    assert!(said.contains("alice: 1 trades"), "the leaving note");
    assert!(said.rfind("\x1b[?1049l") > said.rfind("\x1b[?1049h"), "the alternate screen was left");
    let summary = server.talk("DISPLAY_SUMMARY,alice\n");
    assert!(
        summary.contains("-ACCOUNT,alice,9450.88,0.00,0.00") && summary.contains("-HOLDING,XYZ,208,0,549.12"),
        "{summary}"
    );
}

#[test]
fn a_server_that_dies_and_comes_back_is_shown_as_it_is() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    let (address, port) = (server.address(), server.port.to_string());
    server.talk("ADD,alice,1000\n");
    let mut screen = Terminal::open(&["--connect", &address, "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    server.kill();
    screen.expect("OFFLINE");
    screen.press("b");
    screen.expect("trading waits");
    let mut again = Command::new(program("daytraded"));
    again
        .args(["--listen", &format!("127.0.0.1:{port}"), "--quotes", "simulated:7:frozen", "--data-dir"])
        .arg(folder.path());
    let server = Daemon::spawn(&mut again).unwrap();
    screen.expect("connected again");
    screen.expect("Cash 1,000.00");
    assert!(!screen.shows("OFFLINE"));
    screen.press("q");
    assert_eq!(screen.end().0, 0);
    drop(server);
}

#[test]
fn the_terminal_is_given_back_when_the_program_is_told_to_end() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    let before = screen.master.get_termios().map(|termios| format!("{termios:?}"));
    screen.expect("LIVE");
    let pid = screen.child.process_id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    screen.child.wait().unwrap();
    let after = screen.master.get_termios().map(|termios| format!("{termios:?}"));
    assert!(before.is_some() && after.is_some());
    let (_, raw) = screen.end();
    let said = String::from_utf8_lossy(&raw);
    for off in ["\x1b[?1049l", "\x1b[?2004l", "\x1b[?1000l", "\x1b[?25h"] {
        assert!(said.contains(off), "{off:?} is missing");
    }
    let lflags = |termios: Option<String>| termios.unwrap();
    assert!(lflags(after).contains("ECHO"), "raw mode was left");
}

#[test]
fn without_colour_there_is_none_and_the_selected_row_is_still_seen() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[("NO_COLOR", "1")]);
    server.talk("ADD,alice,1000\n");
    screen.expect("Cash 1,000.00");
    let row = screen.parser.screen().contents().lines().position(|line| line.contains("▸ABC")).unwrap();
    assert!(screen.parser.screen().cell(row as u16, 3).unwrap().inverse());
    screen.press("q");
    let (_, raw) = screen.end();
    let said = String::from_utf8_lossy(&raw);
    for code in ["\x1b[38;", "\x1b[48;", "\x1b[31m", "\x1b[32m", "\x1b[36m"] {
        assert!(!said.contains(code), "{code:?}");
    }
}

#[test]
fn what_the_screen_shows_can_be_had_without_one() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    server.talk("[1] ADD,alice,1000\n[2] BUY,alice,XYZ,100\n[3] COMMIT_BUY,alice\n[4] SET_BUY_AMOUNT,alice,ABC,50\n");
    let address = server.address();
    let said = |args: &[&str]| {
        let run = Command::new(program("daytrade")).args(args).args(["--connect", &address]).output().unwrap();
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
        assert!(!run.stdout.contains(&0x1b), "no escape bytes in a pipe");
        String::from_utf8(run.stdout).unwrap()
    };
    assert_eq!(
        said(&["status", "--user", "alice"]),
        "user\tcash\treserved\trealised\tholdings\tpending\ttriggers\nalice\t852.32\t50.00\t0.00\t1\t0\t1\n"
    );
    assert_eq!(said(&["holdings", "--user", "alice"]).lines().nth(1), Some("XYZ\t37\t37\t0\t97.68\t2.64"));
    let holdings: serde_json::Value = serde_json::from_str(&said(&["holdings", "--user", "alice", "--json"])).unwrap();
    assert_eq!(holdings[0]["symbol"], "XYZ");
    let triggers: serde_json::Value = serde_json::from_str(&said(&["triggers", "--user", "alice", "--json"])).unwrap();
    assert_eq!((&triggers[0]["side"], &triggers[0]["price"]), (&"BUY".into(), &serde_json::Value::Null));
    assert!(said(&["quote", "XYZ", "--user", "alice"]).contains("XYZ\t2.64\t"));
    let picture = said(&["snapshot", "--user", "alice", "--size", "80x24", "--ascii"]);
    assert_eq!(picture.lines().count(), 24);
    assert!(picture.contains("Cash 852.32") && picture.contains("Watchlist"), "{picture}");
    assert!(said(&["snapshot", "--user", "alice", "--html"]).contains("<pre"));
}

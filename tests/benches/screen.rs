//! The trading screen in a terminal under ten thousand prices per second, and idle. Run with
//! `cargo bench -p daytrade-tests --bench screen`. It reports results and checks no limits.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its results and stops at the first error"
)]
#![allow(dead_code, unreachable_pub, reason = "this program uses a part of the tests' harness")]

#[path = "../black_box/harness.rs"]
mod harness;

use harness::program;
use portable_pty::{CommandBuilder, NativePtySystem, PtySize, PtySystem as _};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PRICES_PER_SECOND: u32 = 10_000;
const KEYS: usize = 200;
const IDLE_TIME: Duration = Duration::from_secs(10);
const FRAME_BEGINS: &[u8] = b"\x1b[?2026h";
const FRAME_ENDS: &[u8] = b"\x1b[?2026l";

#[expect(clippy::disallowed_methods, reason = "prices carry the time of day")]
fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Runs a fake server with one account, which pushes prices while `pushes` is set.
fn serve(listener: TcpListener, pushes: Arc<AtomicBool>) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut writer = stream.try_clone().unwrap();
            let pushes = Arc::clone(&pushes);
            thread::spawn(move || push_prices(&mut writer, &pushes));
            answer(stream);
        }
    });
}

fn answer(stream: TcpStream) {
    let mut writer = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let Some((tag, request)) = line.split_once("] ") else { continue };
        let tag = format!("{tag}]");
        let reply = match request.split(',').next().unwrap() {
            "DISPLAY_SUMMARY" => {
                format!("{tag}-ACCOUNT,alice,1000.00,0.00,0.00\n{tag} OK,DISPLAY_SUMMARY,alice,1\n")
            }
            "MARKET" => {
                format!("{tag} ERR,BAD_ARGUMENTS,the prices of this server have no clock\n")
            }
            "REPORT" => format!("{tag} OK,REPORT,0\n"),
            "OPEN" => format!("{tag} OK,{request},0.00,0,SIMULATED\n"),
            _ => format!("{tag} OK,{request}\n"),
        };
        if writer.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

fn push_prices(writer: &mut TcpStream, pushes: &AtomicBool) {
    let (started, mut sent) = (Instant::now(), 0_u128);
    loop {
        thread::sleep(Duration::from_millis(1));
        let due = started.elapsed().as_micros() * u128::from(PRICES_PER_SECOND) / 1_000_000;
        let mut batch = Vec::new();
        for number in sent..due {
            let symbol = ["ABC", "XYZ", "TSX", "MAO", "HWU"][(number % 5) as usize];
            writeln!(
                batch,
                "* QUOTE,{symbol},{}.{:02},{}",
                10 + number % 7,
                number % 100,
                now_ms()
            )
            .unwrap();
        }
        sent = due;
        if pushes.load(Ordering::Relaxed) && writer.write_all(&batch).is_err() {
            return;
        }
    }
}

struct Screen {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    seen: Vec<u8>,
    started: Instant,
}

impl Screen {
    fn open(address: &str, home: &str) -> Self {
        let (rows, cols) = (60, 200);
        let pair = NativePtySystem::default()
            .openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 })
            .unwrap();
        let mut command = CommandBuilder::new(program("daytrade"));
        command.args(["--user", "alice", "--connect", address]);
        command.env_clear();
        for (name, value) in [("HOME", home), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let (send, output) = channel();
        thread::spawn(move || {
            let _master = pair.master;
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read) = reader.read(&mut buffer) {
                if read == 0 || send.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keys,
            output,
            parser: vt100::Parser::new(rows, cols, 0),
            seen: Vec::new(),
            started,
        }
    }

    /// Reads until the condition holds for the screen. Returns the time of that output.
    fn until(&mut self, holds: impl Fn(&Self) -> bool) -> Instant {
        loop {
            let (at, bytes) = self
                .output
                .recv_timeout(Duration::from_secs(30))
                .expect("the screen printed nothing");
            self.seen.extend_from_slice(&bytes);
            self.parser.process(&bytes);
            if holds(self) {
                return at;
            }
        }
    }

    fn frames(&self) -> usize {
        self.seen.windows(FRAME_BEGINS.len()).filter(|window| *window == FRAME_BEGINS).count()
    }

    fn selected(&self) -> Option<String> {
        let text = self.parser.screen().contents();
        text.lines().find_map(|line| line.split_once('▸')).map(|(_, rest)| rest[..3].to_owned())
    }

    /// Returns the context switches of all its threads so far; each is a wake-up.
    fn switches(&self) -> u64 {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.child.process_id().unwrap())).unwrap();
        let status =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
        let count = |status: String| -> u64 {
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
        };
        status.map(count).sum()
    }
}

fn main() {
    // cargo may call any benchmark with `--list`.
    if std::env::args().any(|arg| arg == "--list") {
        return;
    }
    let (pushes, home) = (Arc::new(AtomicBool::new(false)), tempfile::tempdir().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    serve(listener, Arc::clone(&pushes));
    drop(program("daytrade"));
    let mut screen = Screen::open(&address, home.path().to_str().unwrap());
    let first = screen
        .until(|screen| screen.seen.windows(FRAME_ENDS.len()).any(|window| window == FRAME_ENDS));
    println!(
        "first frame: {} ms after the start of the process",
        (first - screen.started).as_millis()
    );
    screen.until(|screen| screen.parser.screen().contents().contains("Cash 1,000.00"));

    thread::sleep(Duration::from_secs(1));
    let before = screen.switches();
    thread::sleep(IDLE_TIME);
    println!(
        "idle, no price yet: {} wake-ups in {} s",
        screen.switches() - before,
        IDLE_TIME.as_secs()
    );

    pushes.store(true, Ordering::Relaxed);
    screen.until(|screen| screen.parser.screen().contents().contains("fresh"));
    screen.seen.clear();
    let (began, mut took_us) = (Instant::now(), Vec::new());
    for key in 0..KEYS {
        let before = screen.selected();
        let pressed = Instant::now();
        screen.keys.write_all(if key % 2 == 0 { b"j" } else { b"k" }).unwrap();
        screen.keys.flush().unwrap();
        let seen =
            screen.until(|screen| screen.selected() != before && screen.selected().is_some());
        took_us.push((seen - pressed).as_micros());
        // The pause varies, so that the keys arrive at different times within a frame.
        thread::sleep(Duration::from_micros(20_000 + 1_700 * (key as u64 % 10)));
    }
    let frames = screen.frames() as u128 * 1_000_000 / began.elapsed().as_micros();
    took_us.sort_unstable();
    let at = |per_mille: usize| took_us[(took_us.len() * per_mille / 1_000).min(took_us.len() - 1)];
    println!("{PRICES_PER_SECOND} prices per second at 200x60: {frames} frames per second");
    println!(
        "key to frame, {KEYS} keys: p50 {} us, p99 {} us, max {} us",
        at(500),
        at(990),
        at(1_000)
    );
    screen.child.kill().unwrap();
}

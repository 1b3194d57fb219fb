//! The practical limit: a program of our own kind that does the same commands and only those, on
//! plain threads, with one sync before the replies of each block of lines.
//!
//! It shows what the hardware allows, so it has no bounds and checks nothing; a wrong line ends it.
//! Server and client are this benchmark's own program, started again with other arguments.

mod account;
mod engine;
mod rules;
mod text;

use daytrade_server::test_support::Clock;
use engine::Engine;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Argument that makes this program the server: `--limit-server JOURNAL PRICES`.
const SERVER: &str = "--limit-server";
/// Argument that makes this program the client: `--limit-client ADDRESS FILE...`, one connection
/// for each file.
const CLIENT: &str = "--limit-client";
/// Size of a read and of a write, bytes.
const BLOCK_BYTES: usize = 256 << 10;

/// Engine and journal, which change together.
struct Shared {
    engine: Engine,
    journal: File,
}

/// Runs as server or client if the arguments say so. Returns false if they do not.
pub(super) fn run(args: &[String]) -> bool {
    let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    match args[..] {
        [SERVER, journal, prices] => serve(journal, prices),
        [CLIENT, address, ref files @ ..] => count(address, files),
        _ => return false,
    }
    true
}

/// A running limit program, killed on drop.
pub(super) struct Limit {
    child: Child,
    pub(super) address: String,
}

impl Limit {
    /// Starts the server with the prices of `SYMBOL,cents` lines.
    pub(super) fn start(folder: &Path, prices: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(SERVER).arg(folder.join("limit.journal")).arg(prices).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    /// Sends each file over a connection of its own and reads all replies.
    pub(super) fn replay(&self, files: &[impl AsRef<Path>]) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([CLIENT, &self.address]).args(files.iter().map(AsRef::as_ref));
        assert!(command.status().unwrap().success());
    }
}

impl Limit {
    /// Sends lines over one connection and returns the replies.
    pub(super) fn talk(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (mut sender, text) = (stream.try_clone().unwrap(), text.to_owned());
        let sending = std::thread::spawn(move || {
            sender.write_all(text.as_bytes()).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut replies = String::new();
        stream.read_to_string(&mut replies).unwrap();
        sending.join().unwrap();
        replies
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(journal: &str, prices: &str) {
    let engine = Engine::new(&std::fs::read_to_string(prices).unwrap());
    let shared = Arc::new(Mutex::new(Shared { engine, journal: File::create(journal).unwrap() }));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        let shared = Arc::clone(&shared);
        std::thread::spawn(move || answer(stream.unwrap(), &shared));
    }
}

/// Answers the lines of one connection, a block at a time.
fn answer(mut stream: TcpStream, shared: &Mutex<Shared>) {
    stream.set_nodelay(true).unwrap();
    let (mut input, mut filled) = (vec![0; BLOCK_BYTES], 0);
    let (mut replies, mut records, clock) = (Vec::new(), Vec::new(), Clock::default());
    loop {
        let read = stream.read(&mut input[filled..]).unwrap();
        if read == 0 {
            return;
        }
        filled += read;
        let whole = input[..filled].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let now_ms = clock.now_ms();
        replies.clear();
        records.clear();
        let mut shared = shared.lock().unwrap();
        let Shared { engine, journal } = &mut *shared;
        let mut rest = &input[..whole];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            engine.line(&rest[..end], now_ms, &mut replies, &mut records);
            rest = &rest[end + 1..];
        }
        journal.write_all(&records).unwrap();
        journal.sync_data().unwrap();
        drop(shared);
        stream.write_all(&replies).unwrap();
        input.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// Sends files and counts the lines of the replies.
fn count(address: &str, files: &[&str]) {
    let lines: usize = std::thread::scope(|scope| {
        let work = files.iter().map(|file| scope.spawn(move || count_one(address, file)));
        let work: Vec<_> = work.collect();
        work.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert!(lines > 0, "no reply");
}

fn count_one(address: &str, file: &str) -> usize {
    let text = std::fs::read(file).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        text.chunks(BLOCK_BYTES).for_each(|block| sender.write_all(block).unwrap());
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let (mut lines, mut block) = (0, vec![0; BLOCK_BYTES]);
    loop {
        match stream.read(&mut block).unwrap() {
            0 => break,
            bytes => lines += memchr::memchr_iter(b'\n', &block[..bytes]).count(),
        }
    }
    sending.join().unwrap();
    lines
}

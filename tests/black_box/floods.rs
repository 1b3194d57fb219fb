//! Clients that flood the server cost it neither memory nor the patience of the others.

use crate::harness::{Client, Daemon, Deadline, is_long_form};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::tempdir;

const FROZEN: &[&str] = &["--quotes", "simulated:7:frozen", "--shards", "2"];

/// Most memory that a flood may cost, KiB.
const SMALL_KIB: u64 = 16 << 10;

/// Sends the text again and again, reading nothing, as long as the socket accepts it and the time
/// lasts.
fn flood(stream: &mut TcpStream, text: &str, duration: Duration) -> usize {
    stream.set_nonblocking(true).unwrap();
    let (begun, mut sent) = (Instant::now(), 0);
    while begun.elapsed() < duration {
        match stream.write(text.as_bytes()) {
            Ok(bytes) => sent += bytes,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

fn flood_time() -> Duration {
    Duration::from_secs(if is_long_form() { 4 } else { 2 })
}

/// Returns the longest of some round trips.
fn slowest(client: &mut Client, line: &str, expected: &str, times: usize) -> Duration {
    let ask = |_| {
        let begun = Instant::now();
        let reply = client.ask(line);
        assert!(reply.starts_with(expected), "{reply}");
        begun.elapsed()
    };
    (0..times).map(ask).max().unwrap()
}

fn grown_kib(server: &Daemon, before: u64) -> u64 {
    server.memory_kib().saturating_sub(before)
}

#[test]
fn a_flood_of_watches_is_bounded_and_delays_nobody() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut watchers: Vec<Client> = (0..300).map(|_| server.connect()).collect();
    for watcher in &mut watchers {
        assert_eq!(watcher.ask("WATCH,S"), "OK,WATCH,S");
    }
    let mut other = server.connect();
    assert!(other.ask("ADD,bob,5").starts_with("OK,ADD,"));
    let before = server.memory_kib();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (mut stream, done) = (server.stream(), &done);
        let mut reader = stream.try_clone().unwrap();
        scope.spawn(move || {
            flood(&mut stream, &"WATCH,S\nUNWATCH,S\n".repeat(500), flood_time());
            done.store(true, Ordering::Relaxed);
        });
        scope.spawn(move || {
            let mut replies = vec![0; 1 << 16];
            while !done.load(Ordering::Relaxed) {
                // An error says that nothing has arrived yet.
                if !reader.read(&mut replies).is_ok_and(|bytes| bytes > 0) {
                    std::thread::yield_now();
                }
            }
        });
        let deadline = Deadline::new("end of the flood");
        let mut symbol = 0;
        while !done.load(Ordering::Relaxed) {
            symbol += 1;
            let took = slowest(&mut other, &format!("QUOTE,bob,{symbol}"), "OK,QUOTE,", 1);
            assert!(took < Duration::from_secs(1), "a QUOTE took {took:?}");
            deadline.check();
        }
        assert!(symbol > 3);
    });
    assert!(grown_kib(&server, before) < SMALL_KIB, "{} KiB", grown_kib(&server, before));
}

#[test]
fn an_account_has_few_subscribers_and_those_that_read_nothing_delay_nobody() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut other = server.connect();
    assert!(other.ask("ADD,bob,5").starts_with("OK,ADD,"));
    let count = if is_long_form() { 1_000 } else { 200 };
    let mut subscribers: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    let replies: Vec<String> =
        subscribers.iter_mut().map(|client| client.ask("SUBSCRIBE,alice")).collect();
    assert_eq!(replies.iter().filter(|reply| *reply == "OK,SUBSCRIBE,alice").count(), 64);
    assert_eq!(
        replies.iter().filter(|reply| reply.starts_with("ERR,LIMIT_EXCEEDED,")).count(),
        count - 64
    );
    let before = server.memory_kib();
    // A few milliseconds at least: the machine is busy with the test itself, too.
    let usual = slowest(&mut other, "ADD,bob,1", "OK,ADD,", 20).max(Duration::from_millis(5));
    let mut alice = server.connect();
    alice.send(&(1..=2_000).map(|n| format!("[{n}] ADD,alice,1\n")).collect::<String>());
    let took = slowest(&mut other, "ADD,bob,1", "OK,ADD,", 20);
    assert!(took < 20 * usual, "an ADD took {took:?}, and {usual:?} before");
    for number in 1..=2_000 {
        assert!(alice.line().starts_with(&format!("[{number}] OK,ADD,")));
    }
    assert!(grown_kib(&server, before) < 4 * SMALL_KIB, "{} KiB", grown_kib(&server, before));
    drop(subscribers.swap_remove(0));
    let mut next = server.connect();
    let deadline = Deadline::new("free place");
    while next.ask("SUBSCRIBE,alice") != "OK,SUBSCRIBE,alice" {
        deadline.check();
    }
}

#[test]
fn unread_answers_to_stats_and_help_are_bounded_and_delay_nobody() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut other = server.connect();
    assert_eq!(other.ask("PING"), "OK,PING");
    let before = server.memory_kib();
    let mut streams: Vec<TcpStream> = (0..8).map(|_| server.stream()).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        let line = if number % 2 == 0 { "[1] STATS\n" } else { "[1] HELP\n" };
        flood(stream, &line.repeat(8_192), Duration::from_millis(100));
        let took = slowest(&mut other, "PING", "OK,PING", 5);
        assert!(took < Duration::from_millis(250), "a PING took {took:?}");
    }
    assert!(grown_kib(&server, before) < SMALL_KIB, "{} KiB", grown_kib(&server, before));
}

#[test]
fn past_the_memory_for_replies_the_connection_that_holds_most_is_closed() {
    let folder = tempdir().unwrap();
    let args = [FROZEN, &["--memory-limit", "1MiB"]].concat();
    let server = Daemon::start(folder.path(), &args);
    let mut other = server.connect();
    assert!(other.ask("ADD,bob,5").starts_with("OK,ADD,"));
    // One connection is read no more before it holds 1 MiB, unless many replies come at once.
    let mut greedy = [server.stream(), server.stream()];
    for stream in &greedy {
        stream.set_nonblocking(true).unwrap();
    }
    let line = "[1] DISPLAY_SUMMARY,bob\n".repeat(100);
    let deadline = Deadline::new("end of a greedy connection");
    let mut is_closed = |stream: &mut TcpStream| match stream.write(line.as_bytes()) {
        Ok(_) => false,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    };
    while !greedy.iter_mut().any(&mut is_closed) {
        assert_eq!(other.ask("PING"), "OK,PING");
        deadline.check();
    }
    assert!(other.ask("ADD,bob,5").starts_with("OK,ADD,10.00"));
}

/// A connection with a long queue does not make the others wait for all of it.
#[test]
fn connections_take_turns_at_a_shard() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen", "--shards", "1"]);
    let mut other = server.connect();
    assert!(other.ask("ADD,bob,5").starts_with("OK,ADD,"));
    let lines: String = (1..=120_000).map(|n| format!("[{n}] ADD,alice,1\n")).collect();
    std::thread::scope(|scope| {
        let mut greedy = server.connect();
        let mut writer = greedy.writer();
        let lines = &lines;
        scope.spawn(move || writer.write_all(lines.as_bytes()).unwrap());
        let reading = scope.spawn(move || {
            let deadline = Deadline::new("120,000 replies");
            for _ in 0..120_000 {
                assert!(greedy.line().contains("OK,ADD,"));
                deadline.check();
            }
        });
        let (began, mut times) = (Instant::now(), Vec::new());
        while !reading.is_finished() {
            times.push(slowest(&mut other, "ADD,bob,1", "OK,ADD,", 1));
        }
        let took = began.elapsed();
        reading.join().unwrap();
        let most = times.iter().max().copied().unwrap_or_default();
        assert!(most < took / 2, "others are served meanwhile: {times:?} of {took:?}");
    });
}

//! Servers that do not answer: no command of the client hangs, and the screen says what it sees.

use crate::harness::{
    Daemon, daytrade, eventually, output, replay_after_first_reply, send_signal, text,
};
use crate::screen::Terminal;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use tempfile::tempdir;

/// The system accepts connections to a port that is listened on, and nobody answers them.
#[test]
fn a_port_that_never_speaks_ends_every_command_with_a_message() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let answer = format!("no answer from {address} within 3 s");
    let commands: [(&[&str], &str); 6] = [
        (&["send", "PING"], &answer),
        (&["status"], &answer),
        (&["quote", "S"], &answer),
        (&["snapshot", "--user", "alice"], &answer),
        (&["replay", "-"], &answer),
        (&["watch"], "no answer for 10 s"),
    ];
    std::thread::scope(|scope| {
        for (args, message) in commands {
            let args = [args, &["--connect", &address]].concat();
            scope.spawn(move || {
                let folder = tempdir().unwrap();
                let run = daytrade(folder.path(), &args, b"[1] PING\n");
                assert_eq!(run.status.code(), Some(3), "{args:?}");
                let said = text(&run.stderr);
                assert!(said.contains(message), "{args:?}: {said}");
            });
        }
    });
}

#[test]
fn a_server_that_stops_in_a_replay_ends_it_with_a_message() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &[]);
    let (child, mut stdin, _stdout) = replay_after_first_reply(&server);
    send_signal(server.pid(), "STOP");
    stdin.write_all(b"[2] ADD,a,5\n").unwrap();
    drop(stdin);
    let run = output(child);
    send_signal(server.pid(), "CONT");
    assert_eq!(run.status.code(), Some(3));
    let said = text(&run.stderr);
    assert!(said.contains(&format!("no answer from {} for", server.address())), "{said}");
}

#[test]
fn a_stopped_server_is_shown_as_slow_silent_and_offline() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    server.talk("ADD,alice,1000\n");
    let address = server.address();
    let mut screen = Terminal::open(&["--connect", &address, "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    screen.expect("LIVE");
    send_signal(server.pid(), "STOP");
    screen.expect("SLOW · heard");
    screen.expect("NO REPLY · heard");
    screen.expect("OFFLINE");
    screen.expect("no answer for 10 s");
    send_signal(server.pid(), "CONT");
    screen.expect("connected again");
    screen.expect("LIVE");
    screen.quit();
}

/// A DUMPLOG waits for the requests before it. Until then, the server answers no later request of
/// the same connection, PINGs included. It still answers other connections.
#[test]
fn a_connection_that_waits_for_a_dump_is_not_given_up() {
    let (folder, silent) = (tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let source = format!("legacy:{}", silent.local_addr().unwrap());
    let server = Daemon::start(folder.path(), &["--quotes", &source, "--quote-timeout", "14000"]);
    server.talk("ADD,alice,1000\n");
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    screen.press(":QUOTE,alice,ZZZ\r");
    screen.press(":DUMPLOG,alice,log\r");
    screen.expect("NO REPLY · heard");
    // The quote fails after 14 seconds; then the dump is written.
    screen.expect("LIVE");
    // The screen may hear of the quote before the file is there.
    let log = folder.path().join("dumps/log");
    eventually("log", || log.exists());
    assert!(!screen.has_shown("OFFLINE"), "the connection was not given up");
    screen.child.kill().unwrap();
    screen.end();
}

/// Runs `daytrade send` against a peer that answers with these bytes and closes.
fn send_to_peer(answer: &'static [u8], lines: &[&str]) -> (Option<i32>, String, String) {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = peer.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = peer.accept().unwrap();
        let mut requests = String::new();
        stream.read_to_string(&mut requests).unwrap();
        stream.write_all(answer).unwrap();
    });
    let folder = tempdir().unwrap();
    let args = [&["send"], lines, &["--connect", &address]].concat();
    let run = daytrade(folder.path(), &args, b"");
    serving.join().unwrap();
    (run.status.code(), text(&run.stdout), text(&run.stderr))
}

#[test]
fn replies_that_are_missing_or_of_another_server_are_an_error() {
    let both = ["[1] ADD,a,5", "[2] PING"];
    let (code, out, _) = send_to_peer(b"[1] OK,ADD,5.00\n[2] OK,PING\n", &both);
    assert_eq!((code, out.as_str()), (Some(0), "[1] OK,ADD,5.00\n[2] OK,PING\n"));
    let (code, out, said) = send_to_peer(b"[1] OK,ADD,5.00\n", &both);
    assert_eq!((code, out.as_str()), (Some(3), "[1] OK,ADD,5.00\n"));
    assert!(said.contains("1 lines unanswered; they may have been carried out"), "{said}");
    let (code, out, _) = send_to_peer(b"[1] OK,ADD,5.00\n[2] OK,PI", &both);
    assert_eq!((code, out.as_str()), (Some(3), "[1] OK,ADD,5.00\n"), "a cut line is not a reply");
    let (code, _, said) = send_to_peer(b"-ERR unknown command\r\n+OK\r\n", &["PING"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("is not a daytrade server (it sent \"+OK"), "{said}");
    let (code, ..) = send_to_peer(b"", &["PING noreply", "# a comment"]);
    assert_eq!(code, Some(0), "no reply is expected");
}

//! Servers that do not answer: no command of the client hangs, and the screen says what it sees.

use crate::harness::{Daemon, daytrade, output, program, send_signal, text, within};
use crate::screen::Terminal;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
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
    let mut child = Command::new(program("daytrade"))
        .args(["replay", "-", "--connect", &server.address()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"[1] ADD,a,5\n").unwrap();
    let mut stdout = child.stdout.take().unwrap();
    within("first reply", move || stdout.read_exact(&mut [0; 16]).unwrap());
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
    screen.expect("SLOW, heard");
    screen.expect("NO REPLY, heard");
    screen.expect("OFFLINE");
    screen.expect("no answer for 10 s");
    send_signal(server.pid(), "CONT");
    screen.expect("connected again");
    screen.expect("LIVE");
    screen.press("q");
    assert_eq!(screen.end().0, 0);
}

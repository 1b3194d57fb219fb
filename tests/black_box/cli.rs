//! Command lines, their errors and their exit codes.

use crate::harness::{Daemon, daytrade, program, run, text};
use std::process::Command;
use tempfile::tempdir;

#[test]
fn errors_name_their_cause_and_exit_codes_are_stable() {
    let folder = tempdir().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["replay", "missing.txt"], 2, "cannot read missing.txt"),
        (&["replay", "."], 2, ". is a folder"),
        (&["replay", "-", "--expect", "missing"], 2, "cannot read missing"),
        (&["replay", "-", "--connections", "0"], 2, "connections"),
        (&["replay", "-", "--quotes", "csv:x"], 2, "cannot read the prices x"),
        (&["replay", "-", "--quotes", "guess"], 2, "is not one of simulated"),
        (&["replay", "-", "--connect", "127.0.0.1:1"], 3, "cannot connect to 127.0.0.1:1"),
        (&["send", "PING", "--connect", "127.0.0.1:1"], 3, "cannot connect to 127.0.0.1:1"),
        (&["generate", "--users", "5", "--commands", "5"], 2, "5 users need at least 6 commands"),
        (&["nonsense"], 2, "nonsense"),
    ];
    for (args, code, message) in cases {
        let run = daytrade(folder.path(), args, b"");
        assert_eq!(run.status.code(), Some(*code), "{args:?}");
        assert!(text(&run.stderr).contains(message), "{args:?}: {}", text(&run.stderr));
        assert!(run.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn send_prints_the_replies() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &[]);
    let run =
        daytrade(folder.path(), &["send", "ADD,a,5", "PING", "--connect", &server.address()], b"");
    assert_eq!(
        (run.status.code(), text(&run.stdout).as_str()),
        (Some(0), "OK,ADD,5.00\nOK,PING\n")
    );
    let run =
        daytrade(folder.path(), &["send", "[4] COMMIT_BUY,a", "--connect", &server.address()], b"");
    assert_eq!(run.status.code(), Some(1));
}

#[test]
fn completions_and_the_man_page_come_from_the_same_table() {
    let folder = tempdir().unwrap();
    let completions = text(&daytrade(folder.path(), &["completions", "bash"], b"").stdout);
    let man = text(&daytrade(folder.path(), &["man"], b"").stdout);
    for command in ["replay", "generate", "send", "completions"] {
        assert!(completions.contains(command) && man.contains(command), "{command}");
    }
}

#[test]
fn the_server_refuses_what_it_cannot_do() {
    let folder = tempdir().unwrap();
    let refused_with = |code: i32, args: &[&str]| {
        let mut command = Command::new(program("daytraded"));
        let run = run(command.args(args).arg("--data-dir").arg(folder.path()), b"");
        assert_eq!(run.status.code(), Some(code), "{args:?}");
        text(&run.stderr)
    };
    let refused = |args: &[&str]| refused_with(1, args);
    assert!(refused_with(2, &["--listen", "0.0.0.0:0"]).contains("not a loopback address"));
    let server = Daemon::start(folder.path(), &["--shards", "2"]);
    assert!(refused(&["--listen", "127.0.0.1:0"]).contains("in use by another server"));
    let other = tempdir().unwrap();
    let taken = Daemon::try_start(other.path(), &["--listen", &server.address()]);
    assert!(taken.is_err(), "clap takes an option once");
    drop(server);
    assert!(
        refused(&["--listen", "127.0.0.1:0", "--shards", "3"])
            .contains("made with 2 shards and cannot be opened with 3")
    );
}

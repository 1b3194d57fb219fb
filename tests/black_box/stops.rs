//! Stops while users wait for prices: no hole in a user's commands, no reply that overtakes another
//! one, and every refusal by a rule is in the log.

use crate::harness::{Daemon, Deadline, is_long_form, program, send_signal};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

const USERS: usize = 40;
/// Commands of one user that follow each other; the third waits for a price.
const COMMANDS: [&str; 6] = [
    "ADD,{user},1000",
    "ADD,{user},x",
    "BUY,{user},{symbol},500",
    "COMMIT_BUY,{user}",
    "CANCEL_SELL,{user}",
    "ADD,{user},0.001",
];

fn rounds() -> usize {
    if is_long_form() { 15 } else { 2 }
}

/// Starts the stand-in quote server with the delays of the real one: a third takes seconds.
fn slow_quotes() -> Daemon {
    let mut command = Command::new(program("daytraded"));
    command.args(["quote-server", "--listen", "127.0.0.1:0", "--delay", "legacy"]);
    Daemon::spawn(&mut command).unwrap()
}

fn start(data: &Path, quotes: &Daemon) -> Daemon {
    let source = format!("legacy:{}", quotes.address());
    Daemon::start(data, &["--quotes", &source, "--hedge-after", "0", "--shards", "2"])
}

/// Sends commands of all users in turn until the connection ends, and interrupts the server by
/// `end` meanwhile. Returns the replies in the order in which they came: tag and code.
fn run(server: &Daemon, end: impl FnOnce() + Send) -> Vec<(usize, String)> {
    let stream = server.stream();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let deadline = Deadline::new("end of the connection");
        for tag in 1.. {
            let (user, round) = (tag % USERS, tag / USERS);
            let symbol = format!("{:03}", tag % 1_000);
            let command = COMMANDS[round % COMMANDS.len()]
                .replace("{user}", &format!("u{user}"))
                .replace("{symbol}", &symbol);
            if writeln!(writer, "[{tag}] {command}").is_err() {
                return;
            }
            deadline.check();
        }
    });
    let mut replies = Vec::new();
    let mut end = Some(end);
    std::thread::scope(|scope| {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let (tag, reply) = line.split_once("] ").unwrap();
            let mut fields = reply.split(',');
            let code = match fields.next() {
                Some("ERR") => fields.next().unwrap(),
                _ => "OK",
            };
            replies.push((tag[1..].parse().unwrap(), code.to_owned()));
            if replies.len() == 2_000
                && let Some(end) = end.take()
            {
                scope.spawn(end);
            }
        }
    });
    sender.join().unwrap();
    replies
}

/// Checks the order and the holes of each user.
fn check(replies: &[(usize, String)], not_taken_up: &str) {
    let mut by_user: BTreeMap<usize, Vec<&(usize, String)>> = BTreeMap::new();
    for reply in replies {
        by_user.entry(reply.0 % USERS).or_default().push(reply);
    }
    for replies in by_user.values() {
        assert!(replies.is_sorted_by_key(|(tag, _)| *tag), "replies overtake: {replies:?}");
        let first = replies.iter().position(|(_, code)| code == not_taken_up);
        let later = &replies[first.unwrap_or(replies.len())..];
        assert!(later.iter().all(|(_, code)| code == not_taken_up), "a hole: {later:?}");
    }
}

/// Checks that every refusal by a rule is in the log, and no command that was not taken up.
fn check_log(data: &Path, replies: &[(usize, String)], not_taken_up: &str) {
    let server = Daemon::start(data, &["--quotes", "simulated:7:frozen"]);
    let reply = server.talk("[1] DUMPLOG,log\n");
    assert!(reply.starts_with("[1] OK,DUMPLOG,"), "{reply}");
    let log = std::fs::read_to_string(data.join("dumps/log")).unwrap();
    let logged: BTreeSet<usize> = log
        .lines()
        .filter(|line| line.contains("<userCommand>"))
        .filter_map(|line| line.split("<transactionNum>").nth(1)?.split('<').next()?.parse().ok())
        .collect();
    for (tag, code) in replies.iter().filter(|(tag, _)| *tag > 1) {
        assert_eq!(logged.contains(tag), code != not_taken_up, "{tag} was answered {code}");
    }
}

#[test]
fn a_stop_with_waiting_users_leaves_no_hole() {
    let quotes = slow_quotes();
    for _ in 0..rounds() {
        let folder = tempdir().unwrap();
        let server = start(folder.path(), &quotes);
        let pid = server.pid();
        let replies = run(&server, || send_signal(pid, "TERM"));
        assert!(replies.iter().any(|(_, code)| code == "SHUTTING_DOWN"));
        assert!(replies.iter().any(|(_, code)| code == "BAD_AMOUNT"));
        check(&replies, "SHUTTING_DOWN");
        assert!(server.wait().success());
        check_log(folder.path(), &replies, "SHUTTING_DOWN");
    }
}

#[test]
fn a_failed_journal_with_waiting_users_leaves_no_hole() {
    let quotes = slow_quotes();
    for _ in 0..rounds() {
        let folder = tempdir().unwrap();
        let data = folder.path().to_owned();
        let server = start(folder.path(), &quotes);
        let replies = run(&server, move || {
            for shard in ["shard-0", "shard-1"] {
                std::fs::rename(data.join(shard), data.join(format!("{shard}.gone"))).unwrap();
            }
        });
        let failed: Vec<(usize, String)> = replies
            .iter()
            .map(|(tag, code)| (*tag, code.replace("SHUTTING_DOWN", "READ_ONLY")))
            .collect();
        assert!(replies.iter().any(|(_, code)| code == "READ_ONLY"));
        check(&failed, "READ_ONLY");
        assert_eq!(server.wait().code(), Some(1));
    }
}

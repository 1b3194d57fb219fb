//! Acknowledged commands survive every kind of server exit.

use crate::harness::{Client, Daemon, Deadline, eventually, program, run, skip, text};
use crate::http::{free_address, get};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::tempdir;

const FROZEN: &[&str] = &["--quotes", "simulated:7:frozen", "--shards", "2"];

/// Returns a summary without its history, which has times and grows with each request.
fn account(client: &mut Client, user: &str) -> Vec<String> {
    client.send(&format!("DISPLAY_SUMMARY,{user}\n"));
    let (mut lines, deadline) = (Vec::new(), Deadline::new("end of the summary"));
    loop {
        deadline.check();
        let line = client.line();
        if !line.starts_with('-') {
            return lines;
        }
        if !line.starts_with("-HISTORY") {
            lines.push(line);
        }
    }
}

#[test]
fn accounts_orders_and_triggers_survive_kill_9_and_a_clean_stop() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut client = server.connect();
    for line in [
        "ADD,alice,1000",
        "BUY,alice,S,300",
        "COMMIT_BUY,alice",
        "BUY,alice,S,60",
        "SELL,alice,S,30",
        "SET_BUY_AMOUNT,alice,S,50",
        "SET_BUY_TRIGGER,alice,S,20",
        "SET_SELL_AMOUNT,alice,S,400",
        "SET_SELL_TRIGGER,alice,S,100",
    ] {
        assert!(client.ask(line).starts_with("OK,"), "{line}");
    }
    let before = account(&mut client, "alice");
    assert_eq!(before.len(), 6, "account, holding, two pending, two triggers: {before:?}");
    server.kill();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut client = server.connect();
    assert_eq!(account(&mut client, "alice"), before);
    assert!(server.signal("TERM").success());
    let server = Daemon::start(folder.path(), FROZEN);
    assert_eq!(account(&mut server.connect(), "alice"), before);
    assert!(server.signal("INT").success());
    let verified = journal("verify", folder.path());
    assert!(
        verified.status.success()
            && text(&verified.stdout).lines().all(|line| line.ends_with("good")),
        "{verified:?}"
    );
    let printed = journal("print", folder.path());
    assert!(text(&printed.stdout).contains("CashAdded"));
}

/// Runs `daytraded journal` on a data folder.
fn journal(action: &str, data_dir: &Path) -> Output {
    run(Command::new(program("daytraded")).args(["journal", action]).arg(data_dir), b"")
}

/// Checks acknowledged <= recovered <= submitted after several kills under load on one folder.
#[test]
fn every_answered_command_survives_kill_9_under_load() {
    let folder = tempdir().unwrap();
    let (mut acknowledged, mut submitted) = (0_u64, 0_u64);
    for round in 0..5 {
        let server = Daemon::start(folder.path(), FROZEN);
        let stream = server.stream();
        let mut writer = stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            let (mut sent, deadline) = (0, Deadline::new("kill of the server"));
            while writer.write_all(b"ADD,alice,0.01\n").is_ok() {
                sent += 1;
                deadline.check();
            }
            sent
        });
        // The last acknowledged balance is the number of acknowledged cents.
        let mut replies = BufReader::new(stream).lines();
        let last = replies.by_ref().nth(2_000 + 700 * round).unwrap().unwrap();
        let balance = |line: &str| -> Option<u64> {
            line.strip_prefix("OK,ADD,")?.replace('.', "").parse().ok()
        };
        acknowledged = acknowledged.max(balance(&last).unwrap());
        server.kill();
        let deadline = Deadline::new("end of the connection");
        while let Some(Ok(line)) = replies.next() {
            deadline.check();
            // The kill can truncate a line; only a complete one counts.
            acknowledged =
                acknowledged.max(balance(&line).filter(|_| line.contains('.')).unwrap_or(0));
        }
        submitted += sender.join().unwrap() + 1;
        let server = Daemon::start(folder.path(), FROZEN);
        let summary = account(&mut server.connect(), "alice");
        let cash: u64 = summary[0].split(',').nth(2).unwrap().replace('.', "").parse().unwrap();
        assert!(
            acknowledged <= cash && cash <= submitted,
            "round {round}: {acknowledged} <= {cash} <= {submitted}"
        );
        acknowledged = cash;
        server.kill();
    }
}

#[test]
fn a_stopping_server_answers_what_it_has_read_and_closes() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut client = server.connect();
    client.send("[1] ADD,alice,5\n");
    assert_eq!(client.line(), "[1] OK,ADD,5.00");
    let ended = std::thread::spawn(move || server.signal("TERM"));
    assert_eq!(client.rest(), "", "the server closes the connection cleanly");
    assert!(ended.join().unwrap().success());
}

#[test]
fn a_damaged_journal_is_refused_and_named() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--shards", "1"]);
    let mut client = server.connect();
    for _ in 0..3 {
        client.ask("ADD,alice,5");
    }
    server.kill();
    let file = folder.path().join("shard-0/00000000000000000001.journal");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let printed = Daemon::try_start(folder.path(), &[]).err().expect("refused");
    assert!(
        printed.contains(
            "00000000000000000001.journal at byte 40: the frame's checksum does not match"
        ),
        "{printed}"
    );
    let verified = journal("verify", folder.path());
    assert_eq!(verified.status.code(), Some(1));
}

/// A close with unread bytes would reset the connection and destroy replies in flight. Every reply
/// before the stop arrives complete, and later commands are refused with a code.
#[test]
fn a_stop_under_load_loses_no_reply() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let stream = server.stream();
    let mut writer = stream.try_clone().unwrap();
    let closed = Arc::new(AtomicBool::new(false));
    let seen_closed = Arc::clone(&closed);
    let sender = std::thread::spawn(move || {
        let deadline = Deadline::new("end of the connection");
        while !seen_closed.load(Ordering::Relaxed)
            && writer.write_all(b"[1] ADD,alice,0.01\n").is_ok()
        {
            deadline.check();
        }
    });
    let mut replies = BufReader::new(stream);
    let mut acknowledged = 0_u64;
    let mut server = Some(server);
    let mut ended = None;
    let deadline = Deadline::new("end of the connection");
    loop {
        deadline.check();
        let mut line = String::new();
        if replies.read_line(&mut line).unwrap() == 0 {
            break;
        }
        assert!(line.ends_with('\n'), "truncated: {line}");
        if let Some(balance) = line.strip_prefix("[1] OK,ADD,") {
            acknowledged = balance.trim().replace('.', "").parse().unwrap();
        } else {
            assert!(line.starts_with("[1] ERR,SHUTTING_DOWN,"), "{line}");
        }
        if acknowledged > 20_000
            && let Some(server) = server.take()
        {
            ended = Some(std::thread::spawn(move || server.signal("TERM")));
        }
        if server.is_none() {
            // A reader slower than the server: replies it has not read yet must survive too.
            let read_at = Instant::now();
            while read_at.elapsed() < Duration::from_micros(2) {
                std::hint::spin_loop();
            }
        }
    }
    closed.store(true, Ordering::Relaxed);
    sender.join().unwrap();
    drop(replies);
    assert!(ended.unwrap().join().unwrap().success());
    let server = Daemon::start(folder.path(), FROZEN);
    let summary = account(&mut server.connect(), "alice");
    let cash: u64 = summary[0].split(',').nth(2).unwrap().replace('.', "").parse().unwrap();
    assert_eq!(cash, acknowledged, "every command that took effect was answered");
}

#[test]
fn a_data_folder_that_is_gone_ends_the_server() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Daemon::start(&data, FROZEN);
    let mut client = server.connect();
    assert_eq!(client.ask("ADD,alice,5"), "OK,ADD,5.00");
    std::fs::rename(&data, folder.path().join("elsewhere")).unwrap();
    let refused = client.ask("ADD,alice,5");
    assert!(refused.starts_with("ERR,READ_ONLY,"), "{refused}");
    assert_eq!(server.wait().code(), Some(1));
    let server = Daemon::start(&folder.path().join("elsewhere"), FROZEN);
    assert_eq!(account(&mut server.connect(), "alice")[0], "-ACCOUNT,alice,5.00,0.00,0.00");
}

/// Runs a shell script in its own user and mount namespace, where it may mount a small disk.
fn unshared(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command
}

/// The disk is a small tmpfs in a mount namespace. The test is skipped, or fails in CI, on a system
/// that does not permit one.
#[test]
fn a_full_disk_refuses_and_recovers() {
    let folder = tempdir().unwrap();
    let data = folder.path().display().to_string();
    let mount = "mount -t tmpfs -o size=64m tmpfs \"$1\"";
    match unshared(mount).arg(&data).output() {
        Ok(probe) if probe.status.success() => {}
        probe => return skip(&format!("no mount namespace for a small disk: {probe:?}")),
    }
    let serve = "exec \"$2\" --listen 127.0.0.1:0 --shards 2 --metrics \"$3\" --data-dir \"$1\"";
    let mut command = unshared(&format!("{mount} && {serve}"));
    let watched = free_address();
    let server = Daemon::spawn(command.arg(&data).arg(program("daytraded")).arg(&watched)).unwrap();
    let mut client = server.connect();
    assert_eq!(client.ask("ADD,alice,5"), "OK,ADD,5.00");
    // The disk is visible only in the server's namespace.
    let filler = format!("/proc/{}/root{data}/filler", server.pid());
    std::fs::write(&filler, vec![1; 50 << 20]).unwrap();
    // Nobody asks for anything, and it says so all the same.
    eventually("word of the full disk", || get(&watched, "/readyz").unwrap().0 == 503);
    let mut replies = (0..10).map(|_| client.ask("ADD,alice,1"));
    let refused = replies.find(|reply| !reply.starts_with("OK,ADD,")).unwrap();
    assert!(refused.starts_with("ERR,READ_ONLY,the disk is almost full"), "{refused}");
    let low = (503, "disk low: commands that write are refused\n".to_owned());
    assert_eq!(get(&watched, "/readyz").unwrap(), low);
    assert_eq!(get(&watched, "/livez").unwrap().0, 200);
    let before = account(&mut client, "alice");
    assert!(before[0].starts_with("-ACCOUNT,alice,"), "{before:?}");
    assert!(client.ask("QUOTE,alice,NEW").starts_with("ERR,READ_ONLY,"));
    std::fs::remove_file(&filler).unwrap();
    // The shard checks the free space again on its own.
    eventually("ADD after the disk has space", || client.ask("ADD,alice,1").starts_with("OK,ADD,"));
    eventually("readiness", || get(&watched, "/readyz").unwrap().0 == 200);
    let after = account(&mut client, "alice");
    assert_ne!(before[0], after[0]);
    server.kill();
}

#[test]
fn snapshots_shorten_a_start_and_old_journal_is_removed_only_on_request() {
    let folder = tempdir().unwrap();
    let files = |kind: &str| {
        let files = std::fs::read_dir(folder.path().join("shard-0")).unwrap();
        files
            .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(kind))
            .count()
    };
    let args = ["--quotes", "simulated:7:frozen", "--shards", "1", "--snapshot-every", "500"];
    let server = Daemon::start(folder.path(), &args);
    let lines: String = (1..=3_000).map(|n| format!("[{n}] ADD,u{},1\n", n % 10)).collect();
    for _ in 0..4 {
        assert_eq!(server.talk(&lines).matches("OK,ADD").count(), 3_000);
    }
    eventually("snapshot", || {
        server.connect().ask("ADD,u1,1");
        files(".snapshot") > 0
    });
    let want = account(&mut server.connect(), "u5");
    server.kill();
    let server = Daemon::start(folder.path(), &args);
    assert_eq!(account(&mut server.connect(), "u5"), want);
    assert!(crate::harness::stat(&server, "shard_0_snapshot_record").parse::<u64>().unwrap() > 0);
    assert!(server.talk("DUMPLOG,all.xml\n").starts_with("OK,DUMPLOG,"));
    let whole = std::fs::read_to_string(folder.path().join("dumps/all.xml")).unwrap();
    assert!(
        !whole.contains("no longer kept")
            && whole.matches("<action>add</action>").count() >= 12_000
    );
}

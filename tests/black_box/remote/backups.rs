//! Backups of a running server, and what becomes of them.

use super::super::harness::{Daemon, text};
use super::daytraded;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Runs `daytraded` with these arguments; it must succeed. Returns what it printed.
fn tool(args: &[&str]) -> String {
    let output = Command::new(super::program("daytraded")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// Returns the cash of a user, in cents.
fn cash(server: &Daemon, user: &str) -> u64 {
    let summary = server.talk(&format!("DISPLAY_SUMMARY,{user}\n"));
    let line = summary.lines().find_map(|line| line.strip_prefix(&format!("-ACCOUNT,{user},")));
    let cash = line.unwrap_or_else(|| panic!("{summary}")).split(',').next().unwrap();
    cash.replace('.', "").parse().unwrap()
}

#[test]
fn a_backup_under_load_holds_what_was_answered_before_it_and_can_be_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (path(folder.path(), "data"), path(folder.path(), "backup"));
    let server = Daemon::start(Path::new(&data), &["--shards", "2"]);
    // Four users, each adds a cent at a time; what was answered is counted.
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load: Vec<_> = ["alice", "bob", "carl", "dora"]
        .into_iter()
        .map(|user| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let mut stream = server.stream();
            std::thread::spawn(move || {
                let mut replies = BufReader::new(stream.try_clone().unwrap()).lines();
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(format!("ADD,{user},0.01\n").as_bytes()).unwrap();
                    assert!(replies.next().unwrap().unwrap().starts_with("OK,ADD,"));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    super::super::harness::eventually("some load", || answered.load(Ordering::Relaxed) > 200);
    let before = answered.load(Ordering::Relaxed);
    let taken = tool(&["backup", &to, "--data-dir", &data]);
    let after = answered.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    for thread in load {
        thread.join().unwrap();
    }
    server.kill();
    assert_eq!(tool(&["backup", "verify", &to]), taken);
    assert!(tool(&["journal", "verify", &to]).contains("good"));
    let restored = path(folder.path(), "restored");
    assert_eq!(tool(&["restore", &to, "--to", &restored]), taken);
    let server = Daemon::start(Path::new(&restored), &[]);
    let sum: u64 = ["alice", "bob", "carl", "dora"].iter().map(|user| cash(&server, user)).sum();
    // Each of the four may have had one more answer on its way.
    assert!((before..=after + 4).contains(&sum), "{before} <= {sum} <= {after} + 4");
    // Neither writes over anything, and a byte that has changed is found.
    let again = Command::new(super::program("daytraded"))
        .args(["restore", &to, "--to", &restored])
        .output()
        .unwrap();
    assert!(text(&again.stderr).contains("is not empty"), "{}", text(&again.stderr));
    let record = folder.path().join("backup/backup.toml");
    let changed = std::fs::read_to_string(&record).unwrap().replace("state = \"", "state = \"0");
    std::fs::write(&record, changed).unwrap();
    let checked =
        Command::new(super::program("daytraded")).args(["backup", "verify", &to]).output().unwrap();
    assert!(!checked.status.success());
}

#[test]
fn a_restore_to_a_time_has_all_before_it_and_nothing_after() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (path(folder.path(), "data"), path(folder.path(), "backup"));
    daytraded(Path::new(&data), &["init", "--admin", "root"], "");
    let server = Daemon::start(Path::new(&data), &[]);
    let now = || {
        let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]).output().unwrap();
        text(&date.stdout).trim().to_owned()
    };
    assert_eq!(server.talk("ADD,alice,5\n"), "OK,ADD,5.00\n");
    let time = now();
    super::super::harness::eventually("the next millisecond", || now() > time);
    assert_eq!(server.talk("ADD,alice,7\n"), "OK,ADD,12.00\n");
    drop(server);
    tool(&["backup", &to, "--data-dir", &data]);
    let (early, late) = (path(folder.path(), "early"), path(folder.path(), "late"));
    tool(&["restore", &to, "--to", &early, "--until", &time]);
    tool(&["restore", &to, "--to", &late]);
    assert_eq!(cash(&Daemon::start(Path::new(&early), &[]), "alice"), 500);
    assert_eq!(cash(&Daemon::start(Path::new(&late), &[]), "alice"), 1200);
    // The logins and the key are part of it.
    let users = |name: &str| std::fs::read(folder.path().join(name).join("users.toml")).unwrap();
    assert_eq!(users("late"), users("data"));
    assert!(folder.path().join("late/tls/key.pem").is_file());
}

//! Backups of a running server, and what becomes of them.

use super::super::harness::{Daemon, eventually, text};
use super::daytraded;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
    let load = Load::begin(&server);
    eventually("some load", || load.answered() > 200);
    let before = load.answered();
    let taken = tool(&["backup", &to, "--data-dir", &data]);
    let after = load.answered();
    load.end();
    server.kill();
    assert_eq!(tool(&["backup", "verify", &to]), taken);
    assert!(tool(&["journal", "verify", &to]).contains("good"));
    let restored = path(folder.path(), "restored");
    assert_eq!(tool(&["restore", &to, "--to", &restored]), taken);
    let server = Daemon::start(Path::new(&restored), &[]);
    let sum: u64 = USERS.iter().map(|user| cash(&server, user)).sum();
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
    let new = path(folder.path(), "new");
    for args in [&["backup", "verify", &to][..], &["restore", &to, "--to", &new]] {
        let refused = Command::new(super::program("daytraded")).args(args).output().unwrap();
        assert!(!refused.status.success());
        let said = text(&refused.stderr);
        assert!(said.contains("the accounts are not those of the backup"), "{said}");
    }
    assert!(!Path::new(&new).exists(), "nothing is left of a restore that fails");
}

/// Users who add a cent at a time until they are told to stop, or until the server is gone.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

const USERS: [&str; 4] = ["alice", "bob", "carl", "dora"];

impl Load {
    fn begin(server: &Daemon) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let user = |user| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let mut stream = server.stream();
            std::thread::spawn(move || {
                let mut replies = BufReader::new(stream.try_clone().unwrap()).lines();
                while !stop.load(Ordering::Relaxed)
                    && stream.write_all(format!("ADD,{user},0.01\n").as_bytes()).is_ok()
                {
                    let Some(Ok(reply)) = replies.next() else { break };
                    assert!(reply.starts_with("OK,ADD,"), "{reply}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let threads = USERS.into_iter().map(user).collect();
        Self { stop, answered, threads }
    }

    fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn a_restore_to_a_time_under_load_is_exact_to_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (path(folder.path(), "data"), path(folder.path(), "backup"));
    let server = Daemon::start(Path::new(&data), &["--shards", "2", "--snapshot-every", "300"]);
    let load = Load::begin(&server);
    eventually("some load", || load.answered() > 800);
    server.kill();
    load.end();
    let taken = tool(&["backup", &to, "--data-dir", &data]);
    // Each is an ADD of a cent.
    let records = times_of_records(&to);
    let mut times: Vec<u64> = records.iter().map(|(_, at)| *at).collect();
    times.sort_unstable();
    for (number, share) in [1, 2, 3].into_iter().enumerate() {
        let time_ms = times[times.len() * share / 4];
        let restored = path(folder.path(), &format!("restored-{number}"));
        let until = format!("{}.{:03}Z", date(time_ms / 1_000), time_ms % 1_000);
        let said = tool(&["restore", &to, "--to", &restored, "--until", &until]);
        let count =
            |of: usize| records.iter().filter(|(shard, at)| *shard == of && *at <= time_ms).count();
        for (shard, line) in said.lines().enumerate() {
            assert!(line.contains(&format!(" {} records, ", count(shard))), "{until}: {said}");
        }
        // The accounts are what the records come to, by another way.
        let recorded = tool(&[
            "backup",
            &path(folder.path(), &format!("b-{number}")),
            "--data-dir",
            &restored,
        ]);
        assert_eq!(recorded, said);
        let server = Daemon::start(Path::new(&restored), &[]);
        let sum: u64 = USERS.iter().map(|user| cash(&server, user)).sum();
        assert_eq!(sum, (count(0) + count(1)) as u64, "{until}");
    }
    assert_eq!(tool(&["backup", "verify", &to]), taken);
}

/// Returns the shard and the time of every record of a backup, Unix milliseconds.
fn times_of_records(backup: &str) -> Vec<(usize, u64)> {
    let fields = |line: &str| {
        let mut words = line.split(' ');
        let shard = words.next().unwrap().parse().unwrap();
        (shard, words.nth(1).unwrap().parse().unwrap())
    };
    tool(&["journal", "print", backup]).lines().map(fields).collect()
}

/// Returns a time of day without fractions, as `--until` takes it.
fn date(seconds: u64) -> String {
    let at = format!("@{seconds}");
    let date = Command::new("date").args(["-u", "-d", &at, "+%Y-%m-%dT%H:%M:%S"]).output().unwrap();
    text(&date.stdout).trim().to_owned()
}

#[test]
fn a_second_backup_copies_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path(), "data");
    let server = Daemon::start(Path::new(&data), &["--shards", "1"]);
    // Lines that are refused and long, so that segments of 64 MiB are soon full.
    let line = format!("DUMPLOG,alice,../{}\n", "x".repeat(900));
    let fill = |lines: usize| assert_eq!(server.talk(&line.repeat(lines)).lines().count(), lines);
    (0..8).for_each(|_| fill(20_000));
    let back_up = |name: &str, options: &[&str]| {
        let to = path(folder.path(), name);
        let mut command = Command::new(super::program("daytraded"));
        let output = command.args(["backup", &to, "--data-dir", &data]).args(options).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(tool(&["backup", "verify", &to]), text(&output.stdout));
        text(&output.stderr)
    };
    let first = back_up("first", &[]);
    assert!(first.starts_with("copied ") && !first.contains("linked"), "{first}");
    fill(10);
    let second = back_up("second", &[]);
    assert!(second.contains("; linked 2 files, "), "{second}");
    let segment = "shard-0/00000000000000000001.journal";
    let inode = |name: &str| fs::metadata(folder.path().join(name).join(segment)).unwrap().ino();
    assert_eq!(inode("first"), inode("second"));
    assert_ne!(inode("first"), inode("data"), "a server's own file is never shared");
    // A backup does not need the one before it.
    fs::remove_dir_all(folder.path().join("first")).unwrap();
    tool(&["backup", "verify", &path(folder.path(), "second")]);
    let third = back_up("third", &["--full"]);
    assert!(!third.contains("linked"), "{third}");
    // A history that went another way shares only what is the same.
    let restored = path(folder.path(), "restored");
    tool(&["restore", &path(folder.path(), "second"), "--to", &restored]);
    assert_ne!(inode("second"), inode("restored"));
}

#[test]
fn a_restore_to_a_time_has_all_before_it_and_nothing_after() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (path(folder.path(), "data"), path(folder.path(), "backup"));
    daytraded(Path::new(&data), &["init", "--admin", "root"], "");
    let server = Daemon::start(Path::new(&data), &[]);
    assert_eq!(server.talk("ADD,alice,5\n"), "OK,ADD,5.00\n");
    // The server's clock may be apart from the system's, and goes on as the steady one does.
    let added = Instant::now();
    eventually("the next millisecond", || added.elapsed() > Duration::from_millis(2));
    assert_eq!(server.talk("ADD,alice,7\n"), "OK,ADD,12.00\n");
    drop(server);
    tool(&["backup", &to, "--data-dir", &data]);
    let added = times_of_records(&to).into_iter().map(|(_, at)| at).min().unwrap();
    let time = format!("{}.{:03}Z", date(added / 1_000), added % 1_000);
    let (early, late) = (path(folder.path(), "early"), path(folder.path(), "late"));
    tool(&["restore", &to, "--to", &early, "--until", &time]);
    tool(&["restore", &to, "--to", &late]);
    // Without its zone a time could be any; the whole day is not meant.
    for time in ["2027-01-31T12:00:00", "2027-01-31 12:00", "2027-01-31T12"] {
        let other = path(folder.path(), "other");
        let args = ["restore", &to, "--to", &other, "--until", time];
        let refused = Command::new(super::program("daytraded")).args(args).output().unwrap();
        assert!(text(&refused.stderr).contains("a time with its zone"), "{time}");
        assert_eq!(refused.status.code(), Some(2));
    }
    // A folder that is not there, as after a disk was lost, gives no backup.
    let args = ["backup", &path(folder.path(), "none"), "--data-dir", &path(folder.path(), "lost")];
    let refused = Command::new(super::program("daytraded")).args(args).output().unwrap();
    assert!(!refused.status.success() && !folder.path().join("lost").exists());
    assert_eq!(cash(&Daemon::start(Path::new(&early), &[]), "alice"), 500);
    assert_eq!(cash(&Daemon::start(Path::new(&late), &[]), "alice"), 1200);
    // The logins and the key are part of it.
    let users = |name: &str| std::fs::read(folder.path().join(name).join("users.toml")).unwrap();
    assert_eq!(users("late"), users("data"));
    assert!(folder.path().join("late/tls/key.pem").is_file());
}

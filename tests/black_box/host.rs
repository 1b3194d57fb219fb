//! What other programs and users of the same machine can do to the server, and it to them.

use crate::harness::{Daemon, daytrade, eventually, program, send_signal, stat, text};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

const FROZEN: &[&str] = &["--quotes", "simulated:7:frozen"];

#[test]
fn a_dump_replaces_only_an_audit_log() {
    let (folder, dumps) = (tempdir().unwrap(), tempdir().unwrap());
    let path = dumps.path().to_str().unwrap();
    let server = Daemon::start(folder.path(), &["--dump-dir", path, "--shards", "2"]);
    let mut client = server.connect();
    for name in ["Cargo.toml", "empty", "sub/notes.xml"] {
        let file = dumps.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let content = if name == "empty" { "" } else { "<?xml version=\"1.0\"?>\nmine" };
        fs::write(&file, content).unwrap();
        let reply = client.ask(&format!("DUMPLOG,{name}"));
        assert!(reply.starts_with("ERR,DUMP_FAILED,"), "{reply}");
        assert!(reply.contains("not an audit log"), "{reply}");
        assert_eq!(fs::read_to_string(&file).unwrap(), content, "{name} is as it was");
    }
    symlink("elsewhere", dumps.path().join("link")).unwrap();
    make_pipe(&dumps.path().join("pipe"));
    for name in ["link", "pipe"] {
        let reply = client.ask(&format!("DUMPLOG,{name}"));
        assert!(reply.contains("not an audit log"), "{reply}");
    }
    for name in [".git/config", "./.bashrc", "a/.b", "..."] {
        let reply = client.ask(&format!("DUMPLOG,{name}"));
        assert!(reply.starts_with("ERR,BAD_FILENAME,"), "{reply}");
    }
    let deep = format!("DUMPLOG,{}x", "a/".repeat(17));
    assert!(client.ask(&deep).starts_with("ERR,DUMP_FAILED,"));
    for _ in 0..2 {
        let reply = client.ask("DUMPLOG,./testLOG");
        assert!(reply.starts_with("OK,DUMPLOG,"), "a log of ours is replaced: {reply}");
    }
    let names: Vec<_> = fs::read_dir(dumps.path()).unwrap().flatten().collect();
    assert_eq!(names.len(), 6, "no temporary file is left: {names:?}");
}

/// Makes a pipe with a name; opening one waits for its other end.
fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_replay_does_not_replace_a_file_of_the_current_folder() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\n").unwrap();
    let replayed = daytrade(folder.path(), &[], b"[1] ADD,alice,5\n[2] DUMPLOG,Cargo.toml\n");
    let replies = text(&replayed.stdout) + &text(&replayed.stderr);
    assert!(replies.contains("DUMP_FAILED"), "{replies}");
    assert_eq!(fs::read_to_string(folder.path().join("Cargo.toml")).unwrap(), "[package]\n");
}

#[test]
fn dumps_keep_to_their_quota_and_leave_nothing_behind() {
    let (folder, dumps) = (tempdir().unwrap(), tempdir().unwrap());
    let path = dumps.path().to_str().unwrap();
    let args = ["--dump-dir", path, "--dump-quota", "64KiB", "--shards", "1"];
    let server = Daemon::start(folder.path(), &args);
    let mut client = server.connect();
    assert_eq!(client.ask("ADD,alice,5"), "OK,ADD,5.00");
    assert!(client.ask("DUMPLOG,first").starts_with("OK,DUMPLOG,"));
    for number in 0..100 {
        assert!(client.ask("ADD,alice,1").starts_with("OK,ADD,"), "{number}");
    }
    assert!(client.ask("DUMPLOG,first").starts_with("OK,DUMPLOG,"), "it replaces its own");
    let reply = client.ask("DUMPLOG,second");
    assert!(reply.starts_with("ERR,DUMP_FAILED,") && reply.contains("--dump-quota"), "{reply}");
    assert_eq!(fs::read_dir(dumps.path()).unwrap().count(), 1);
    assert!(client.ask("ADD,alice,1").starts_with("OK,ADD,"), "trading goes on");
    server.kill();

    // What a killed server was writing is removed by the next start, other files are not.
    for name in [".daytrade-dump.77.0.tmp", "sub/.daytrade-dump.1.9.tmp", "sub/mine.tmp"] {
        let file = dumps.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, [b'x'; 4096]).unwrap();
    }
    let _server = Daemon::start(folder.path(), &args);
    assert!(!dumps.path().join(".daytrade-dump.77.0.tmp").exists());
    assert!(!dumps.path().join("sub/.daytrade-dump.1.9.tmp").exists());
    assert!(dumps.path().join("sub/mine.tmp").exists() && dumps.path().join("first").exists());
}

#[test]
fn the_data_is_readable_by_its_user_only_and_no_link_is_followed() {
    let outer = tempdir().unwrap();
    let data = outer.path().join("data");
    let server = Daemon::start(&data, &["--shards", "1"]);
    let mut client = server.connect();
    assert_eq!(client.ask("ADD,alice,5"), "OK,ADD,5.00");
    assert!(client.ask("DUMPLOG,log").starts_with("OK,DUMPLOG,"));
    check_modes(&data);
    assert!(server.signal("TERM").success());
    // The server within a client keeps to it too.
    let own = outer.path().join("own");
    let args = ["replay", "-", "-q", "--data-dir", own.to_str().unwrap()];
    assert!(daytrade(outer.path(), &args, b"[1] ADD,alice,5\n").status.success());
    check_modes(&own);

    let victim = outer.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::remove_file(data.join("LOCK")).unwrap();
    symlink(&victim, data.join("LOCK")).unwrap();
    let refused = Daemon::try_start(&data, &[]).err().expect("a link is not followed");
    assert!(refused.contains("data folder"), "{refused}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    fs::remove_file(data.join("LOCK")).unwrap();

    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let log = outer.path().join("log");
    let _server = Daemon::start_logging(&data, &log);
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("others may read the data folder"), "{log}");
}

fn check_modes(path: &Path) {
    let there = fs::metadata(path).unwrap();
    let expected = if there.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(there.mode() & 0o777, expected, "{}", path.display());
    if there.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            check_modes(&entry.unwrap().path());
        }
    }
}

#[test]
fn the_servers_own_name_is_no_users_and_moves_no_numbers() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let replies = server.talk(
        "[1] ADD,daytraded,5\n[9223372036854775807] QUOTE,daytraded,S\n[3] SUBSCRIBE,daytraded\n",
    );
    assert_eq!(replies.matches("ERR,BAD_USER,").count(), 3, "{replies}");
    assert!(server.signal("TERM").success());
    let server = Daemon::start(folder.path(), FROZEN);
    assert_eq!(server.talk("ADD,alice,5\n"), "OK,ADD,5.00\n");
    let history = server.talk("DISPLAY_SUMMARY,alice\n");
    let number: u64 = history
        .split("HISTORY,")
        .nth(1)
        .unwrap()
        .split(',')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap_or_else(|_| panic!("{history}"));
    assert!(number < 100, "{history}");
}

#[test]
fn only_terminate_and_interrupt_end_the_server() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("log");
    let server = Daemon::start_logging(&folder.path().join("data"), &log);
    let moved = folder.path().join("log.1");
    fs::rename(&log, &moved).unwrap();
    for signal in ["HUP", "USR1", "USR2", "QUIT", "ALRM", "PIPE", "XFSZ", "PROF", "IO"] {
        send_signal(server.pid(), signal);
    }
    eventually("new log file", || log.exists());
    eventually("message in it", || fs::read_to_string(&log).unwrap().contains("opened the log"));
    assert_eq!(server.talk("ADD,alice,5\n"), "OK,ADD,5.00\n");
    assert!(server.signal("INT").success());
}

#[test]
fn a_full_server_tells_each_connection_why_it_is_refused() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--max-connections", "2"]);
    let mut held = [server.connect(), server.connect()];
    for client in &mut held {
        assert_eq!(client.ask("PING"), "OK,PING");
    }
    for _ in 0..50 {
        let mut refused = server.connect();
        // Lines that the server never reads must not destroy the reply on its way.
        refused.send(&"ADD,alice,5\n".repeat(500));
        assert!(refused.line().starts_with("ERR,OVERLOADED,"));
        refused.half_close();
        assert_eq!(refused.rest(), "");
    }
    assert_eq!(held[0].ask("PING"), "OK,PING");
    assert_eq!(stat_over(&mut held[1], "connections_refused"), "50");
}

fn stat_over(client: &mut crate::harness::Client, name: &str) -> String {
    client.send("STATS\n");
    let prefix = format!("-STAT,{name},");
    let line = std::iter::repeat_with(|| client.line()).find(|line| line.starts_with(&prefix));
    let value = line.unwrap()[prefix.len()..].to_owned();
    client.skip_to("OK,STATS");
    value
}

/// A write beyond the maximum size of a file is an error like any other, not the end by a signal.
#[test]
fn a_limit_on_the_size_of_files_ends_the_server_in_order() {
    let folder = tempdir().unwrap();
    let mut command = Command::new("sh");
    let script = "ulimit -f 64; exec \"$0\" --listen 127.0.0.1:0 --shards 1 --data-dir \"$1\"";
    command.args(["-c", script]).arg(program("daytraded")).arg(folder.path());
    let server = Daemon::spawn(&mut command).unwrap();
    let mut client = server.connect();
    let reply = std::iter::repeat_with(|| client.ask("ADD,alice,1"))
        .find(|reply| !reply.starts_with("OK,"))
        .unwrap();
    assert!(reply.starts_with("ERR,READ_ONLY,"), "{reply}");
    assert_eq!(server.wait().code(), Some(1));
    assert_eq!(fs::read_dir(folder.path().join("shard-0")).unwrap().count(), 1);
    let server = Daemon::start(folder.path(), FROZEN);
    assert!(server.talk("ADD,alice,1\n").starts_with("OK,ADD,"));
    assert_eq!(stat(&server, "users"), "1");
}

/// Where threads are scarce, a start says so or everything works, dumps included.
#[test]
fn a_limit_on_threads_ends_neither_a_start_nor_a_dump_in_a_panic() {
    let uid = 41_000 + std::process::id() % 20_000;
    if !rustix::process::getuid().is_root() {
        return crate::harness::skip("only root can run a server as another user");
    }
    let outer = tempdir().unwrap();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let server = outer.path().join("daytraded");
    fs::copy(program("daytraded"), &server).unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
    let start = |limit: u64| {
        let mut command = Command::new("setpriv");
        let data = outer.path().join(format!("data-{limit}"));
        let (uid, limit) = (uid.to_string(), format!("--nproc={limit}"));
        command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "prlimit", &limit]);
        command.arg(&server).args(["--listen", "127.0.0.1:0", "--shards", "2", "--data-dir"]);
        command.arg(data);
        Daemon::spawn(&mut command)
    };
    let roomy = start(1_000).unwrap_or_else(|printed| panic!("{printed}"));
    let tasks = fs::read_dir(format!("/proc/{}/task", roomy.pid())).unwrap().count() as u64;
    roomy.kill();
    for limit in tasks.saturating_sub(4)..=tasks + 10 {
        match start(limit) {
            Err(printed) => {
                assert!(printed.contains("no thread left"), "{limit} of {tasks}: {printed}");
                assert!(!printed.contains("panicked"), "{limit} of {tasks}: {printed}");
            }
            Ok(server) => {
                let mut client = server.connect();
                assert_eq!(client.ask("ADD,alice,5"), "OK,ADD,5.00");
                let reply = client.ask("DUMPLOG,log");
                assert!(
                    reply.starts_with("OK,DUMPLOG,") || reply.starts_with("ERR,DUMP_FAILED,"),
                    "{limit} of {tasks}: {reply}"
                );
                assert_eq!(client.ask("ADD,alice,5"), "OK,ADD,10.00");
                assert!(server.signal("TERM").success(), "{limit} of {tasks}");
            }
        }
    }
    assert!(start(tasks - 4).is_err(), "the limit is in force");
    assert!(start(tasks + 10).is_ok(), "it starts with enough threads");
}

/// Clients that take every descriptor they can get leave those that the journal needs.
#[test]
fn clients_cannot_take_the_files_that_the_journal_needs() {
    let folder = tempdir().unwrap();
    let mut command = Command::new("prlimit");
    command.arg("--nofile=96").arg(program("daytraded")).args(["--listen", "127.0.0.1:0"]);
    command.args(["--shards", "2", "--data-dir"]).arg(folder.path());
    let server = Daemon::spawn(&mut command).unwrap();
    let mut held: Vec<_> = (0..300).map(|_| server.connect()).collect();
    let replies: Vec<String> = held
        .iter_mut()
        .map(|client| {
            client.try_send("PING\n");
            client.line()
        })
        .collect();
    let served = replies.iter().filter(|reply| *reply == "OK,PING").count();
    let refused = replies.iter().filter(|reply| reply.starts_with("ERR,OVERLOADED,")).count();
    assert!(served >= 16 && served + refused == 300, "{served} served, {refused} refused");
    // Two shards' first segments, a dump and a last snapshot all need files.
    for user in 0..20 {
        assert!(held[0].ask(&format!("ADD,u{user},1")).starts_with("OK,ADD,"));
    }
    assert!(held[0].ask("DUMPLOG,log").starts_with("OK,DUMPLOG,"));
    let too_low = Command::new("prlimit")
        .arg("--nofile=20")
        .arg(program("daytraded"))
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path().join("other"))
        .output()
        .unwrap();
    assert!(text(&too_low.stderr).contains("ulimit -n"), "{}", text(&too_low.stderr));
}

/// A journal that is taken away below a running server would be gone after the next restart.
#[test]
fn a_journal_that_is_removed_replaced_or_cut_ends_the_server() {
    for how in ["removed", "replaced", "cut", "folder replaced"] {
        let folder = tempdir().unwrap();
        let server = Daemon::start(folder.path(), &["--shards", "1"]);
        let mut client = server.connect();
        assert!(client.ask("ADD,alice,1").starts_with("OK,ADD,"));
        let shard = folder.path().join("shard-0");
        let journal = fs::read_dir(&shard).unwrap().next().unwrap().unwrap().path();
        match how {
            "removed" => fs::remove_file(&journal).unwrap(),
            "replaced" => {
                fs::copy(&journal, shard.join("copy")).unwrap();
                fs::rename(shard.join("copy"), &journal).unwrap();
            }
            "cut" => fs::write(&journal, "").unwrap(),
            _ => {
                fs::rename(&shard, folder.path().join("old")).unwrap();
                fs::create_dir(&shard).unwrap();
            }
        }
        let reply = client.ask("ADD,alice,1");
        assert!(reply.starts_with("ERR,READ_ONLY,"), "{how}: {reply}");
        assert_eq!(server.wait().code(), Some(1), "{how}");
    }
}

/// Many folders cost a dump no descriptors, and a refused dump creates nothing among the journals.
#[test]
fn folders_of_dumps_take_no_descriptors_and_none_appears_among_the_journals() {
    let outer = tempdir().unwrap();
    let data = outer.path().join("data");
    let dumps = outer.path().to_str().unwrap();
    let mut command = Command::new("prlimit");
    command.arg("--nofile=96").arg(program("daytraded")).args(["--listen", "127.0.0.1:0"]);
    command.args(["--shards", "1", "--dump-dir", dumps, "--data-dir"]).arg(&data);
    let server = Daemon::spawn(&mut command).unwrap();
    let mut client = server.connect();
    for number in 0..200 {
        let reply = client.ask(&format!("DUMPLOG,d{number}/x"));
        assert!(reply.starts_with("OK,DUMPLOG,"), "{number}: {reply}");
    }
    let reply = client.ask("DUMPLOG,data/shard-0/00000000000000999999.journal/x");
    assert!(reply.starts_with("ERR,BAD_FILENAME,"), "{reply}");
    assert!(!data.join("shard-0/00000000000000999999.journal").exists());
    assert!(client.ask("ADD,alice,5").starts_with("OK,ADD,"));
}

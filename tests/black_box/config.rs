//! Settings of the server: a file, the environment, the command line; and what a running server
//! takes over.

use crate::harness::{Daemon, eventually, program, send_signal, text};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::tempdir;

/// Runs `daytraded` with a configuration file.
fn daytraded(file: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program("daytraded"));
    command.arg("--config").arg(file).args(args).envs(variables.iter().copied());
    command.output().unwrap()
}

#[test]
fn the_command_line_comes_before_the_environment_before_the_file_before_the_default() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("daytraded.toml");
    let settings = "# a comment\nmemory_limit = \"64MiB\"\nidle-timeout = 90\nloop = true\n\
                    trusted_net = [\"10.0.0.0/8\", \"192.168.0.0/16\"]\nmax_connections = 50\n";
    fs::write(&file, settings).unwrap();
    let variables = [("DAYTRADED_IDLE_TIMEOUT", "2m"), ("DAYTRADED_MAX_CONNECTIONS", "60")];
    let printed = daytraded(&file, &["--print-config", "--max-connections", "70"], &variables);
    let printed = text(&printed.stdout);
    let path = file.display();
    for line in [
        "max_connections = 70  # the command line".to_owned(),
        "idle_timeout = \"2m\"  # DAYTRADED_IDLE_TIMEOUT".to_owned(),
        format!("memory_limit = \"64MiB\"  # {path}:2"),
        format!("loop = true  # {path}:4"),
        format!("trusted_net = [\"10.0.0.0/8\", \"192.168.0.0/16\"]  # {path}:5"),
        "fsync = \"always\"  # default".to_owned(),
        "# listen is not set".to_owned(),
    ] {
        assert!(printed.lines().any(|one| one == line), "{line}\n{printed}");
    }
    // What it prints is a file that it reads.
    let again = folder.path().join("again.toml");
    fs::write(&again, &printed).unwrap();
    let mut check = Command::new(program("daytraded"));
    let checked = check.args(["config", "check"]).arg(&again).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

#[test]
fn a_mistake_is_named_with_its_line_and_nothing_starts() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("daytraded.toml");
    for (settings, problem) in [
        ("fsync = \"always\"\nidle_time = 5\n", ":2: idle_time is not a setting"),
        ("\n\nidle_timeout = \"soon\"\n", ":3: invalid value 'soon' for '--idle-timeout"),
        ("shards = [1, 2]\n", ":1: shards has one value, not a list"),
        ("loop = \"maybe\"\n", ":1: loop is true or false"),
        ("fsync = \"always\nshards = 2\n", ":1: "),
        ("[server]\nshards = 2\n", ":1: server is neither a value nor a list"),
    ] {
        fs::write(&file, settings).unwrap();
        let data = folder.path().join("data");
        let started = daytraded(&file, &["--data-dir", data.to_str().unwrap()], &[]);
        let said = text(&started.stderr);
        assert_eq!(started.status.code(), Some(2), "{settings}: {said}");
        assert!(said.contains(problem), "{settings}: {said}");
        assert!(!data.exists());
        let mut check = Command::new(program("daytraded"));
        let checked = check.args(["config", "check"]).arg(&file).output().unwrap();
        assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(2), said));
    }
    fs::write(&file, "").unwrap();
    let unknown = daytraded(&file, &["--print-config"], &[("DAYTRADED_SHARD", "2")]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("DAYTRADED_SHARD names no setting"));
    let none = daytraded(Path::new(""), &["--print-config"], &[]);
    assert!(none.status.success(), "an empty name is no file: {}", text(&none.stderr));
    let missing = daytraded(&folder.path().join("none.toml"), &["--print-config"], &[]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn the_data_folder_of_the_file_is_that_of_the_other_commands_too() {
    let folder = tempdir().unwrap();
    let (file, data) = (folder.path().join("daytraded.toml"), folder.path().join("data"));
    fs::write(&file, format!("data_dir = {:?}\n", data.display().to_string())).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(program("daytraded"));
        command.env("DAYTRADED_CONFIG", &file).args(args).output().unwrap()
    };
    let made = run(&["init", "--admin", "root"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let listed = run(&["user", "list"]);
    assert!(text(&listed.stdout).contains("root"), "{}", text(&listed.stderr));
    assert!(data.join("users.toml").exists());
}

#[test]
fn a_running_server_takes_over_what_can_change_and_says_what_cannot() {
    let folder = tempdir().unwrap();
    let (file, data) = (folder.path().join("daytraded.toml"), folder.path().join("data"));
    let data = data.to_str().unwrap();
    fs::write(&file, "idle_timeout = 0\n").unwrap();
    let mut command = Command::new(program("daytraded"));
    command.arg("--config").arg(&file).args(["--listen", "127.0.0.1:0", "--data-dir", data]);
    let server = Daemon::spawn(&mut command).unwrap_or_else(|printed| panic!("{printed}"));
    let mut idle = server.connect();
    assert_eq!(idle.ask("PING"), "OK,PING");
    let reload = || {
        let mut command = Command::new(program("daytraded"));
        command.args(["reload", "--data-dir", data]).output().unwrap()
    };
    fs::write(&file, "idle_timeout = 1\nmax_connections = 7\nlog_level = \"debug\"\n").unwrap();
    let done = reload();
    assert!(done.status.success(), "{}", text(&done.stderr));
    // A new connection is closed after a second of silence; the one before is not.
    assert!(server.connect().rest().contains("IDLE"));
    assert_eq!(idle.ask("PING"), "OK,PING");
    eventually("words about the rest", || {
        server.log_lines().iter().any(|line| line.contains("max_connections"))
    });
    fs::write(&file, "idle_timeout = 1\nmax_connection = 7\n").unwrap();
    let refused = reload();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(":2: max_connection is not a setting"));
    send_signal(server.pid(), "HUP");
    eventually("words about the mistake", || {
        server.log_lines().iter().any(|line| line.contains("not everything was reloaded"))
    });
    assert_eq!(idle.ask("PING"), "OK,PING");
    assert!(server.signal("TERM").success());
    assert!(text(&reload().stderr).contains("no server runs on"));
}

#[test]
fn a_damaged_folder_ends_with_a_code_of_its_own() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Daemon::start(&data, &["--shards", "1"]);
    for _ in 0..20 {
        server.talk("ADD,alice,1.00\n");
    }
    server.kill();
    let journals = fs::read_dir(data.join("shard-0")).unwrap().map(|entry| entry.unwrap().path());
    let journal = journals.into_iter().find(|path| path.extension().unwrap() == "journal").unwrap();
    let mut bytes = fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end / 2] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let mut command = Command::new(program("daytraded"));
    let started = command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(&data).output();
    assert_eq!(started.unwrap().status.code(), Some(3));
}

#[test]
fn the_log_can_be_json() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new(program("daytraded"));
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--log-file"]).arg(&log);
    let mut child = command.arg("--data-dir").arg(folder.path().join("data")).spawn().unwrap();
    eventually("listening server", || {
        fs::read_to_string(&log).unwrap_or_default().contains("\"message\":\"listening\"")
    });
    send_signal(child.id(), "TERM");
    child.wait().unwrap();
    for line in fs::read_to_string(&log).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["fields"]["message"].is_string(), "{line}");
    }
}

//! The audit log is valid, complete, ordered, and consistent with the accounts.

use crate::harness::{Daemon, daytrade, has_tool, run, text, workload, workspace};
use daytrade_protocol::{CommandName, Money};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// An element of the log: its name and its children in order.
type Entry = (String, Vec<(String, String)>);

fn read(path: &Path) -> Vec<Entry> {
    let xml = std::fs::read_to_string(path).unwrap();
    let mut reader = Reader::from_str(&xml);
    let (mut entries, mut open): (Vec<Entry>, Vec<String>) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                match open.len() {
                    0 => assert_eq!(name, "log"),
                    1 => entries.push((name.clone(), Vec::new())),
                    2 => entries.last_mut().unwrap().1.push((name.clone(), String::new())),
                    _ => panic!("{name} is nested too deep"),
                }
                open.push(name);
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(value) if open.len() == 3 => {
                entries.last_mut().unwrap().1.last_mut().unwrap().1.push_str(&value);
            }
            Event::Text(space) => assert!(space.trim().is_empty()),
            Event::GeneralRef(reference) => {
                let value = quick_xml::escape::resolve_predefined_entity(&reference).unwrap();
                entries.last_mut().unwrap().1.last_mut().unwrap().1.push_str(value);
            }
            Event::Eof => return entries,
            _ => {}
        }
    }
}

fn get<'a>(entry: &'a Entry, child: &str) -> &'a str {
    entry.1.iter().find(|(name, _)| name == child).map_or("", |(_, value)| value)
}

/// Checks a log against the tables of docs/COMMANDS.md, and against the schema if xmllint is
/// installed.
fn check_schema(path: &Path) {
    const COMMAND: &[&str] = &[
        "timestamp",
        "server",
        "transactionNum",
        "command",
        "username",
        "stockSymbol",
        "filename",
        "funds",
    ];
    for entry in read(path) {
        let (allowed, needed): (Vec<&str>, &[&str]) = match entry.0.as_str() {
            "userCommand" | "systemEvent" => (COMMAND.to_vec(), &COMMAND[..4]),
            "errorEvent" => ([COMMAND, &["errorMessage"]].concat(), &COMMAND[..4]),
            "quoteServer" => {
                let all = [
                    "timestamp",
                    "server",
                    "transactionNum",
                    "price",
                    "stockSymbol",
                    "username",
                    "quoteServerTime",
                    "cryptokey",
                ];
                (
                    all.to_vec(),
                    &["price", "stockSymbol", "username", "quoteServerTime", "cryptokey"],
                )
            }
            "accountTransaction" => (
                vec!["timestamp", "server", "transactionNum", "action", "username", "funds"],
                &["action", "username", "funds"],
            ),
            other => panic!("{other} is not an event"),
        };
        let names: Vec<&str> = entry.1.iter().map(|(name, _)| name.as_str()).collect();
        let mut in_order = allowed.iter().filter(|name| names.contains(name));
        assert!(names.iter().all(|name| in_order.next() == Some(name)), "{entry:?}");
        assert!(needed.iter().all(|name| names.contains(name)), "{entry:?}");
        assert!(get(&entry, "transactionNum").parse::<u64>().unwrap() >= 1, "{entry:?}");
        assert!(
            get(&entry, "timestamp").len() == 13 && get(&entry, "stockSymbol").len() <= 3,
            "{entry:?}"
        );
        assert!(get(&entry, "server").starts_with("daytraded-"), "{entry:?}");
        for money in ["funds", "price"] {
            let value = get(&entry, money);
            assert!(
                value.is_empty()
                    || value.rsplit_once('.').is_some_and(|(_, cents)| cents.len() == 2),
                "{entry:?}"
            );
        }
        let command = get(&entry, "command");
        assert!(
            command.is_empty() || CommandName::parse(command.as_bytes()).is_some(),
            "{entry:?}"
        );
    }
    if has_tool("xmllint") {
        let schema = workspace().join("docs/audit.xsd");
        let mut xmllint = Command::new("xmllint");
        let checked = run(xmllint.args(["--noout", "--schema"]).arg(schema).arg(path), b"");
        assert!(checked.status.success(), "{}", text(&checked.stderr));
    }
}

/// Replays a workload with the client and returns its replies.
fn replay(folder: &Path, name: &str) -> String {
    let file = workload(name);
    let run = daytrade(
        folder,
        &["replay", file.to_str().unwrap(), "--quotes", "simulated:7:frozen"],
        b"",
    );
    assert_eq!(run.status.code(), Some(0));
    text(&run.stdout)
}

#[test]
fn the_logs_of_all_workloads_are_valid() {
    for name in ["every-outcome.txt", "1-user.txt", "10-users.txt"] {
        let folder = tempdir().unwrap();
        replay(folder.path(), name);
        check_schema(&folder.path().join("testLOG"));
    }
}

#[test]
fn every_answered_transaction_is_in_the_log_in_time_order() {
    let folder = tempdir().unwrap();
    let replies = replay(folder.path(), "10-users.txt");
    let entries = read(&folder.path().join("testLOG"));
    let commands = entries.iter().filter(|entry| entry.0 == "userCommand");
    let numbers: BTreeSet<u64> =
        commands.clone().map(|entry| get(entry, "transactionNum").parse().unwrap()).collect();
    assert_eq!((commands.count(), &numbers), (2_000, &(1..=2_000).collect()));
    let times: Vec<u64> =
        entries.iter().map(|entry| get(entry, "timestamp").parse().unwrap()).collect();
    assert!(times.is_sorted());
    let refused = replies.lines().filter(|line| line.contains("] ERR,")).count();
    assert_eq!(entries.iter().filter(|entry| entry.0 == "errorEvent").count(), refused);
    let counted = replies.lines().last().unwrap().rsplit_once(',').unwrap().1;
    assert_eq!(counted, entries.len().to_string(), "the reply counts the events");
    let symbols: Vec<_> = entries
        .iter()
        .filter(|entry| entry.0 == "quoteServer")
        .map(|entry| get(entry, "stockSymbol"))
        .collect();
    assert_eq!(
        symbols.len(),
        symbols.iter().collect::<BTreeSet<_>>().len(),
        "each symbol was fetched once"
    );
}

#[test]
fn the_cash_in_the_log_equals_the_cash_in_the_accounts() {
    let folder = tempdir().unwrap();
    let mut lines = std::fs::read_to_string(workload("10-users.txt")).unwrap();
    let users: BTreeSet<String> = lines
        .lines()
        .filter(|line| line.contains("] ADD,"))
        .map(|line| line.split(',').nth(1).unwrap().to_owned())
        .collect();
    let dump = lines.rfind("[2000]").unwrap();
    lines.truncate(dump);
    let summaries: String = users
        .iter()
        .zip(3_001..)
        .map(|(user, n)| format!("[{n}] DISPLAY_SUMMARY,{user}\n"))
        .collect();
    let input = format!("{lines}{summaries}[9999] DUMPLOG,./testLOG\n");
    let run = daytrade(
        folder.path(),
        &["replay", "-", "--quotes", "simulated:7:frozen"],
        input.as_bytes(),
    );
    let mut cash: BTreeMap<String, Money> = BTreeMap::new();
    for entry in
        read(&folder.path().join("testLOG")).iter().filter(|entry| entry.0 == "accountTransaction")
    {
        let funds = Money::parse_amount(get(entry, "funds").as_bytes()).unwrap();
        let total = cash.entry(get(entry, "username").to_owned()).or_default();
        *total += if get(entry, "action") == "add" { funds } else { -funds };
    }
    let replies = text(&run.stdout);
    for (user, number) in users.iter().zip(3_001..) {
        let prefix = format!("[{number}]-ACCOUNT,{user},");
        let account = replies.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
        assert_eq!(account.split(',').next().unwrap(), cash[user].to_string(), "{user}");
    }
}

#[test]
fn a_negative_add_is_logged_as_a_command_and_an_error_with_its_funds() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &[]);
    server.talk(
        "[1] ADD,umhaEY4lil,5\n[2] ADD,umhaEY4lil,-73280.58\n[3] BUY,umhaEY4lil,LONG,5\n\
         [4] DUMPLOG,umhaEY4lil,<log>&.xml\n",
    );
    let path = folder.path().join("dumps/<log>&.xml");
    check_schema(&path);
    let entries = read(&path);
    let of = |number: &str| -> Vec<&Entry> {
        entries.iter().filter(|entry| get(entry, "transactionNum") == number).collect()
    };
    let negative = of("2");
    assert_eq!(
        negative.iter().map(|entry| entry.0.as_str()).collect::<Vec<_>>(),
        ["userCommand", "errorEvent"]
    );
    assert!(negative.iter().all(|entry| get(entry, "funds") == "-73280.58"));
    assert!(get(negative[1], "errorMessage").starts_with("BAD_AMOUNT"));
    let long = of("3");
    assert!(
        long.len() == 2
            && long
                .iter()
                .all(|entry| get(entry, "stockSymbol").is_empty() && get(entry, "funds") == "5.00")
    );
    assert_eq!(of("4").len(), 1, "the DUMPLOG's own command is in its log");
}

#[test]
fn a_dump_for_one_user_has_only_entries_of_this_user() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--shards", "1", "--quotes", "simulated:7:frozen"]);
    server
        .talk("ADD,alice,5\nADD,bob,6\nQUOTE,bob,S\nQUOTE,alice,S\nDUMPLOG,alice,a/b/alice.xml\n");
    let entries = read(&folder.path().join("dumps/a/b/alice.xml"));
    assert!(entries.iter().all(|entry| get(entry, "username") == "alice"));
    let names: Vec<_> = entries.iter().map(|entry| entry.0.as_str()).collect();
    assert_eq!(
        names,
        ["userCommand", "accountTransaction", "userCommand", "systemEvent", "userCommand"]
    );
}

#[test]
fn a_dump_stays_in_its_folder() {
    let folder = tempdir().unwrap();
    let outside = tempdir().unwrap();
    let dumps = folder.path().join("dumps");
    std::fs::create_dir_all(dumps.join("taken")).unwrap();
    std::os::unix::fs::symlink(outside.path(), dumps.join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("file"), dumps.join("file_link")).unwrap();
    let server = Daemon::start(folder.path(), &[]);
    let mut client = server.connect();
    let fifo = Command::new("mkfifo").arg(dumps.join("fifo")).status().unwrap();
    assert!(fifo.success());
    for name in ["/etc/x", "../x", "a/../../x", "..", "", "link/x", "link/a/x", "file_link"] {
        let reply = client.ask(&format!("DUMPLOG,{name}"));
        assert!(reply.starts_with("ERR,BAD_FILENAME,"), "{name}: {reply}");
    }
    assert!(client.ask("DUMPLOG,taken").starts_with("ERR,DUMP_FAILED,"));
    let reply = client.ask("DUMPLOG,fifo");
    assert!(reply.starts_with("ERR,DUMP_FAILED,"), "a dump does not wait for a FIFO: {reply}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    let reply = client.ask("DUMPLOG,./a//b/x");
    assert!(reply.starts_with("OK,DUMPLOG,") && reply.contains("/dumps/a/b/x,"), "{reply}");
    let remaining: Vec<_> =
        std::fs::read_dir(&dumps).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        remaining.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")),
        "{remaining:?}"
    );
    let entries = read(&dumps.join("a/b/x"));
    assert_eq!(
        entries.iter().filter(|entry| entry.0 == "errorEvent").count(),
        10,
        "every refusal is in the log"
    );
}

#[test]
fn a_dump_is_never_written_into_the_data_folder() {
    let folder = tempdir().unwrap();
    let lines = b"[1] ADD,a,5\n[2] DUMPLOG,data/manifest.toml\n[3] DUMPLOG,data/shard-0/x\n\
                  [4] DUMPLOG,data/new/x\n[5] DUMPLOG,x\n";
    let run =
        daytrade(folder.path(), &["replay", "-", "--data-dir", "data", "--shards", "1"], lines);
    let replies = text(&run.stdout);
    assert_eq!(replies.matches("ERR,BAD_FILENAME,").count(), 3, "{replies}");
    assert!(replies.contains("[5] OK,DUMPLOG,./x,"), "{replies}");
}

//! What whoever watches a server sees: its health, and the dashboard and the alerts of `packaging/`
//! against what it exposes.

use super::{Class, daytraded};
use crate::harness::{Daemon, eventually, has_tool, program, send_signal, workspace};
use crate::http::{free_address, get, wait_until_ready};
use crate::metrics::samples;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

#[test]
fn a_server_that_starts_or_stops_lives_and_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    daytraded(&data, &["init", "--admin", "root"], "");
    let server = Daemon::start(&data, &[]);
    assert_eq!(server.talk("ADD,alice,5\n"), "OK,ADD,5.00\n");
    server.kill();
    // The start waits for this certificate.
    let (cert, aside) = (data.join("tls/cert.pem"), folder.path().join("cert.pem"));
    fs::rename(&cert, &aside).unwrap();
    assert!(Command::new("mkfifo").arg(&cert).status().unwrap().success());
    let address = free_address();
    let mut command = Command::new(program("daytraded"));
    command.args(["--listen", "127.0.0.1:0", "--auth", "none", "--metrics", &address]);
    command.args(["--listen-tls", "127.0.0.1:0", "--data-dir"]).arg(&data);
    let starting = std::thread::spawn(move || Daemon::spawn(&mut command).unwrap());
    let mut said = None;
    eventually("answer about the health", || {
        said = get(&address, "/readyz");
        said.is_some()
    });
    assert_eq!(said.unwrap(), (503, "recovering: the server is starting\n".to_owned()));
    assert_eq!(get(&address, "/livez").unwrap().0, 200);
    assert!(get(&address, "/metrics").unwrap().1.contains("\ndaytrade_ready 0\n"));
    fs::write(&cert, fs::read(&aside).unwrap()).unwrap();
    let server = starting.join().unwrap();
    wait_until_ready(&address);
    assert!(server.talk("DISPLAY_SUMMARY,alice\n").contains("-ACCOUNT,alice,5.00"));
    // A stopping server answers a client that has not read its replies for a while.
    let mut greedy = server.stream();
    let lines = "DISPLAY_SUMMARY,alice\n".repeat(2_000);
    let flooding = std::thread::spawn(move || while greedy.write_all(lines.as_bytes()).is_ok() {});
    eventually("requests in flight", || {
        samples(&get(&address, "/metrics").unwrap().1)["daytrade_outbox_bytes"] > 100_000_000
    });
    send_signal(server.pid(), "TERM");
    eventually("word of the stop", || {
        get(&address, "/readyz").unwrap() == (503, "stopping\n".to_owned())
    });
    assert_eq!(get(&address, "/livez").unwrap().0, 200);
    assert!(server.wait().success());
    flooding.join().unwrap();
}

/// Returns the names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begin = |at: &usize| !text[..*at].ends_with(is_part);
    text.match_indices("daytrade_")
        .map(|(at, _)| at)
        .filter(begin)
        .map(|at| text[at..].chars().take_while(|c| is_part(*c)).collect())
        .collect()
}

#[test]
fn every_name_of_the_dashboard_and_of_the_alerts_is_exposed() {
    // A server without logins, certificate, backup or cluster has every metric too.
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let server = Daemon::start(folder.path(), &["--metrics", &address]);
    wait_until_ready(&address);
    let exposed = names(&get(&address, "/metrics").unwrap().1);
    drop(server);
    let packaging = workspace().join("packaging");
    let read = |path: &str| fs::read_to_string(packaging.join(path)).unwrap();
    let dashboard = read("grafana/daytrade.json");
    let _: Value = serde_json::from_str(&dashboard).unwrap();
    let rules = "prometheus/daytrade.rules.yml";
    let used: BTreeSet<String> = names(&dashboard).union(&names(&read(rules))).cloned().collect();
    assert!(used.len() > 30);
    let unknown: Vec<_> = used.difference(&exposed).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // The other way round: the page about operating names every metric.
    let page = fs::read_to_string(workspace().join("docs/OPERATING.md")).unwrap();
    let documented = names(&page);
    let is_base =
        |name: &&String| !["_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end));
    let missing: Vec<_> = exposed.difference(&documented).filter(is_base).collect();
    assert!(missing.is_empty(), "not in docs/OPERATING.md: {missing:?}");
    check_rules(&packaging.join(rules));
}

fn check_rules(rules: &Path) {
    if has_tool("promtool") {
        let checked = Command::new("promtool").args(["check", "rules"]).arg(rules).output();
        assert!(checked.unwrap().status.success());
    }
}

#[test]
fn logins_a_backup_a_snapshot_and_the_certificate_are_measured() {
    let address = free_address();
    let class = Class::new(&[], &["--metrics", &address, "--snapshot-every", "10"]);
    let mut client = class.log_in("root");
    for _ in 0..60 {
        assert!(client.ask("ADD,root,1").starts_with("OK,ADD,"));
    }
    assert!(class.connect().ask("AUTH,root,wrong-password").starts_with("ERR,AUTH_FAILED"));
    let measured = || samples(&get(&address, "/metrics").unwrap().1);
    assert_eq!(measured()["daytrade_last_backup_timestamp_seconds"], 0);
    let backup = class.folder.path().join("backup");
    daytraded(&class.data(), &["backup", backup.to_str().unwrap()], "");
    eventually("snapshot", || {
        let taken = measured().into_iter().filter(|(name, _)| name.contains("snapshot_record"));
        taken.map(|(_, record)| record).sum::<u64>() > 0
    });
    let measured = measured();
    for (name, least) in [
        ("daytrade_logins_total{result=\"ok\"}", 1),
        ("daytrade_logins_total{result=\"failed\"}", 1),
        ("daytrade_sessions{role=\"admin\"}", 1),
        ("daytrade_last_backup_timestamp_seconds", 1_700_000_000),
        ("daytrade_certificate_expiry_timestamp_seconds", 1_700_000_000),
        ("daytrade_disk_free_bytes", 1),
        ("daytrade_cluster_owner", 1),
    ] {
        assert!(measured[name] >= least * 100, "{name}: {}", measured[name]);
    }
}

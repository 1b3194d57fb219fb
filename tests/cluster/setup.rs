//! Making a cluster, looking at it, importing a data folder and going back to one machine.

use crate::harness::{Daemon, eventually, program};
use crate::http::{free_address, get, wait_until_ready};
use crate::servers::{Nats, nats_server, owns};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

#[test]
fn a_folder_is_imported_and_goes_back_to_one_machine() {
    let Some(mut nats) = Nats::start() else { return };
    let folder = TempDir::new().unwrap();
    let (data, other) = (folder.path().join("d"), folder.path().join("e"));
    let server = Daemon::start(&data, &["--shards", "2", "--quotes", "simulated:1:frozen"]);
    server.talk("ADD,alice,100.00\nBUY,alice,ABC,50.00\nADD,bob,7.00\n");
    let before = server.talk("DISPLAY_SUMMARY,alice\n");
    server.signal("TERM");
    nats.make(&["--import", data.to_str().unwrap()]);
    let again = nats.cluster_ok("init", &["--import", data.to_str().unwrap()]);
    assert!(again.contains(", 0 of them copied now, good"), "{again}");
    let alone = Daemon::try_start(&data, &[]).err().expect("a member does not start alone");
    assert!(alone.contains("start with --cluster"), "{alone}");

    // A server without a copy fetches everything; the folder itself is a copy already.
    let member = nats.try_member(&other, &["--quotes", "simulated:1:frozen"]).unwrap();
    eventually("owner", || owns(&member));
    let after = member.talk("DISPLAY_SUMMARY,alice\n");
    assert_eq!(cash(&before), cash(&after));
    member.talk("ADD,alice,1.00\n");
    let second = nats.member(&data);
    let moved = second.talk("ADD,alice,1.00\nPING\n");
    let address = member.address();
    assert_eq!(moved, format!("ERR,MOVED,{address}\nOK,PING\n* BYE,MOVED\n"));
    let running = nats.cluster("leave", &["--data-dir", other.to_str().unwrap()]);
    assert!(!running.status.success(), "not while servers run");
    eventually("follower at the end", || {
        nats.cluster_ok("status", &[]).contains("could take over")
    });
    second.signal("TERM");
    member.signal("TERM");
    let left = nats.cluster_ok("leave", &["--data-dir", other.to_str().unwrap()]);
    assert!(left.contains("a data folder of its own again"), "{left}");
    let alone = Daemon::start(&other, &[]);
    assert_eq!(cents(&alone.talk("DISPLAY_SUMMARY,alice\n")), cents(&before) + 100);
    let closed = nats.try_member(&data, &[]).err().expect("the streams are closed");
    assert!(closed.contains("was closed by daytraded cluster leave"), "{closed}");
    let again = nats.cluster("leave", &["--data-dir", data.to_str().unwrap()]);
    assert!(!again.status.success(), "only one folder goes on");
}

/// Takes a backup of a folder, checks it, and returns what it says of the accounts.
fn back_up(data: &Path, to: &Path) -> String {
    let run = |args: &[&str]| {
        let output = Command::new(program("daytraded")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let taken = run(&["backup", to.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    assert_eq!(run(&["backup", "verify", to.to_str().unwrap()]), taken);
    taken
}

#[test]
fn a_standby_says_so_and_its_copy_is_backed_up() {
    let Some(mut nats) = Nats::start() else { return };
    nats.init(2);
    let folder = TempDir::new().unwrap();
    let (first, second) = (folder.path().join("d"), folder.path().join("e"));
    let (of_first, of_second) = (free_address(), free_address());
    let owner = nats.try_member(&first, &["--metrics", &of_first]).unwrap();
    eventually("owner", || owns(&owner));
    let standby = nats.try_member(&second, &["--metrics", &of_second]).unwrap();
    let shows = |address: &str, line: &str| get(address, "/metrics").unwrap().1.contains(line);
    eventually("standby", || get(&of_second, "/readyz").unwrap().1.starts_with("ready: standby"));
    wait_until_ready(&of_first);
    assert_eq!(get(&of_first, "/readyz").unwrap(), (200, "ready\n".to_owned()));
    assert!(shows(&of_first, "\ndaytrade_cluster_owner 1\n"));
    assert!(shows(&of_second, "\ndaytrade_cluster_owner 0\n"));
    for n in 0..200 {
        assert!(owner.talk(&format!("ADD,u{n},1.00\n")).starts_with("OK,ADD,"));
    }
    let of_owner = back_up(&first, &folder.path().join("of-owner"));
    assert_eq!(of_owner.lines().count(), 2);
    // The copy is behind by what is on its way.
    let mut number = 0;
    eventually("the same state", || {
        number += 1;
        back_up(&second, &folder.path().join(format!("of-standby-{number}"))) == of_owner
    });
    standby.signal("TERM");
    owner.signal("TERM");
    // A backup of a member is a member: its folder joins the cluster.
    let restored = folder.path().join("restored");
    let from = folder.path().join("of-standby-1");
    let mut restore = Command::new(program("daytraded"));
    restore.arg("restore").arg(&from).arg("--to").arg(&restored);
    assert!(restore.status().unwrap().success());
    let member = nats.member(&restored);
    eventually("owner", || owns(&member));
    let summary = member.talk("DISPLAY_SUMMARY,u199\n");
    assert!(summary.starts_with("-ACCOUNT,u199,1.00,"), "{summary}");
}

/// Returns the cash of a summary, free and reserved, in cents.
fn cents(summary: &str) -> u64 {
    let account = cash(summary);
    let amounts = account.split(',').skip(2).take(2);
    amounts.map(|amount| amount.replace('.', "").parse::<u64>().unwrap()).sum()
}

/// Returns the line of an account.
fn cash(summary: &str) -> String {
    summary.lines().find(|line| line.starts_with("-ACCOUNT")).unwrap_or_default().to_owned()
}

#[test]
fn a_start_is_refused_in_words() {
    let Some(mut nats) = Nats::start() else { return };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("d");
    eventually("answer", || {
        let refused = nats.try_member(&data, &[]).err().unwrap();
        refused.contains("there is no cluster daytrade: make it with daytraded cluster init")
    });
    nats.init(2);
    let own = folder.path().join("own");
    let server = Daemon::start(&own, &[]);
    server.talk("ADD,alice,1.00\n");
    server.signal("TERM");
    let refused = nats.try_member(&own, &[]).err().unwrap();
    assert!(refused.contains("has journals of its own"), "{refused}");
    assert!(Daemon::try_start(&own, &[]).is_ok(), "the folder is as it was");
}

#[test]
fn servers_that_sync_later_are_refused() {
    let Some(nats) = Nats::start_with("2m") else { return };
    let mut said = String::new();
    eventually("refusal", || {
        let output = nats.cluster("init", &[]);
        assert!(!output.status.success());
        said = String::from_utf8(output.stderr).unwrap();
        said.contains("does not sync before it acknowledges")
    });
}

#[test]
fn the_printed_configuration_is_one_that_nats_accepts() {
    let Some(program) = nats_server() else { return };
    let folder = TempDir::new().unwrap();
    let args = ["cluster", "conf", "--node", "b", "--peers", "a=10.0.0.1,b=10.0.0.2,c=10.0.0.3"];
    let mut print = std::process::Command::new(crate::harness::program("daytraded"));
    let printed = print.env("NATS_ROUTE_PASSWORD", "between9").args(args).output().unwrap();
    assert!(printed.status.success());
    let path = folder.path().join("nats.conf");
    std::fs::write(&path, printed.stdout).unwrap();
    let mut check = std::process::Command::new(program);
    check.env("NATS_PASSWORD", "secret-of-clients");
    let checked = check.arg("-t").arg("-c").arg(&path).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

//! Logins of a cluster: a change on one server is in force on all.

use crate::harness::{eventually, program};
use crate::servers::Nats;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn daytraded(data: &Path, args: &[&str]) {
    let mut command = Command::new(program("daytraded"));
    let output = command.args(args).arg("--data-dir").arg(data).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_login_made_on_one_server_is_known_on_the_other() {
    let Some(nats) = Nats::start() else { return };
    nats.init(1);
    let folder = TempDir::new().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    daytraded(&one, &["init", "--admin", "root"]);
    daytraded(&two, &["init", "--admin", "other"]);
    let args = ["--listen-tls", "127.0.0.1:0"];
    let _owner = nats.try_member(&one, &args).unwrap();
    eventually("owner", || nats.cluster_ok("status", &[]).contains("owns the accounts"));
    let _follower = nats.try_member(&two, &args).unwrap();
    let users = |data: &Path| std::fs::read_to_string(data.join("users.toml")).unwrap();
    eventually("same logins", || users(&one) == users(&two));
    assert!(users(&two).contains("root") && !users(&two).contains("other"), "the first were kept");
    daytraded(&one, &["user", "invite", "alice"]);
    eventually("login on the other server", || users(&two).contains("alice"));
    daytraded(&two, &["user", "disable", "alice"]);
    eventually("change on the first server", || users(&one).contains("disabled = true"));
}

//! Logins of a cluster: a change on one server is in force on all.

use crate::harness::{Daemon, eventually, program};
use crate::servers::Nats;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Runs `daytraded` with a folder; it must succeed. Returns what it printed.
fn daytraded(data: &Path, args: &[&str]) -> String {
    let mut command = Command::new(program("daytraded"));
    let output = command.args(args).arg("--data-dir").arg(data).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a cluster of one shard, and a folder for the data of its servers.
fn cluster() -> Option<(Nats, TempDir)> {
    let mut nats = Nats::start()?;
    nats.init(1);
    Some((nats, TempDir::new().unwrap()))
}

#[test]
fn a_login_made_on_one_server_is_known_on_the_other() {
    let Some((nats, folder)) = cluster() else { return };
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

#[test]
fn a_client_with_a_token_follows_the_accounts_from_tls_to_tls() {
    let Some((nats, folder)) = cluster() else { return };
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let made = daytraded(&one, &["init", "--admin", "root"]);
    let words = |text: &str, begin: &str| {
        let found = text.split_whitespace().find(|word| word.starts_with(begin));
        found.unwrap_or_else(|| panic!("{begin} in {text}")).to_owned()
    };
    let pin = words(&made, "SHA256:");
    let token = words(&daytraded(&one, &["user", "token", "new", "root"]), "dt1_");
    // The others have the same key and logins.
    std::fs::create_dir_all(two.join("tls")).unwrap();
    std::fs::set_permissions(&two, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for name in ["users.toml", "tls/cert.pem", "tls/key.pem"] {
        std::fs::copy(one.join(name), two.join(name)).unwrap();
    }
    let start = |data: &Path| nats.try_member(data, &["--listen-tls", "127.0.0.1:0"]).unwrap();
    let owner = start(&one);
    eventually("owner", || nats.cluster_ok("status", &[]).contains("owns the accounts"));
    let follower = start(&two);
    let (owner_port, follower_port) = (tls_port(&owner), tls_port(&follower));
    let add = |port: u16, pin: &str| {
        let mut client = Command::new(program("daytrade"));
        client.env("DAYTRADE_TOKEN", &token).env("HOME", folder.path());
        client.args(["send", "--login", "root", "--tls-pin", pin, "--connect"]);
        client.arg(format!("tls://127.0.0.1:{port}")).arg("ADD,alice,1.00");
        client.output().unwrap()
    };
    let said = |output: std::process::Output| {
        let (printed, errors) = (output.stdout, output.stderr);
        String::from_utf8_lossy(&printed).into_owned() + &String::from_utf8_lossy(&errors)
    };
    assert_eq!(said(add(owner_port, &pin)), "OK,ADD,1.00\n");
    eventually("follower", || nats.cluster_ok("status", &[]).contains("could take over"));
    assert_eq!(said(add(follower_port, &pin)), "OK,ADD,2.00\n", "it was followed");
    // When the owner dies, the client waits for the next one.
    owner.kill();
    assert_eq!(said(add(follower_port, &pin)), "OK,ADD,3.00\n", "it was waited for");
    // A server with another key is not followed to, nor trusted.
    let other = folder.path().join("other");
    daytraded(&other, &["init", "--admin", "root"]);
    std::fs::remove_dir_all(one.join("tls")).unwrap();
    std::fs::rename(other.join("tls"), one.join("tls")).unwrap();
    let stranger = start(&one);
    let refused = said(add(tls_port(&stranger), &pin));
    assert!(refused.contains("has changed"), "{refused}");
}

/// Returns the port that a server listens on with TLS.
fn tls_port(server: &Daemon) -> u16 {
    let mut port = None;
    eventually("address with TLS", || {
        let lines = server.log_lines();
        let line = lines.iter().find(|line| line.contains("listening with TLS"));
        port = line.and_then(|line| line.rsplit(':').next()?.trim().parse().ok());
        port.is_some()
    });
    port.unwrap()
}

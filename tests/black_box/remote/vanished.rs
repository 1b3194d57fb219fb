//! A peer on another machine that vanishes without a word: another network namespace whose cable is
//! pulled. It needs root and `ip`, and takes two minutes.

use super::super::harness::{Daemon, is_long_form, program, stat};
use super::{PASSWORD, daytraded};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A network namespace with a cable to this one.
struct Elsewhere {
    name: String,
    cable: String,
}

fn ip(args: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(args.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Elsewhere {
    /// Makes the namespace. Returns None where that is not permitted.
    fn make() -> Option<Self> {
        let number = std::process::id();
        let (name, cable) = (format!("daytrade-{number}"), format!("dt{}", number % 100_000));
        let made = Self { name, cable };
        let Self { name, cable } = &made;
        let steps = [
            format!("netns add {name}"),
            format!("link add {cable} type veth peer name {cable}p"),
            format!("link set {cable}p netns {name}"),
            format!("addr add 10.213.77.1/24 dev {cable}"),
            format!("link set {cable} up"),
            format!("-n {name} addr add 10.213.77.2/24 dev {cable}p"),
            format!("-n {name} link set {cable}p up"),
        ];
        steps.iter().all(|step| ip(step)).then_some(made)
    }

    /// Starts a client there that logs in and then is silent.
    fn client(&self, port: u16) -> Child {
        let talk = format!(
            "(echo AUTH,root,$SECRET; sleep 200) | \
             openssl s_client -quiet -connect 10.213.77.1:{port}"
        );
        Command::new("ip")
            .args(["netns", "exec", &self.name, "sh", "-c", &talk])
            .env("SECRET", PASSWORD)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        ip(&format!("link del {}", self.cable));
        ip(&format!("netns del {}", self.name));
    }
}

#[test]
fn a_peer_that_vanishes_gives_its_place_back_within_two_minutes() {
    if !is_long_form() {
        return;
    }
    let Some(elsewhere) = Elsewhere::make() else {
        // Not a defect of a machine for tests: it takes privileges.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no network namespace can be made here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    daytraded(&data, &["init", "--admin", "root"], "");
    daytraded(&data, &["user", "passwd", "root", "--password-stdin"], &format!("{PASSWORD}\n"));
    let port = 30_000 + (std::process::id() % 20_000) as u16;
    let mut command = Command::new(program("daytraded"));
    command.args(["--listen", "127.0.0.1:0", "--auth", "none", "--idle-timeout", "0"]);
    command.args(["--listen-tls", &format!("10.213.77.1:{port}"), "--data-dir"]).arg(&data);
    let server = Daemon::spawn(&mut command).unwrap_or_else(|printed| panic!("{printed}"));
    let mut client = elsewhere.client(port);
    super::super::harness::eventually("the login", || {
        std::fs::read_to_string(data.join("security.log")).unwrap().contains("\"event\":\"login\"")
    });
    assert_eq!(stat(&server, "connections"), "2");
    assert!(ip(&format!("link set {} down", elsewhere.cable)));
    let begun = Instant::now();
    while stat(&server, "connections") != "1" {
        assert!(begun.elapsed() < Duration::from_mins(2), "the place is still taken");
        std::thread::park_timeout(Duration::from_millis(500));
    }
    drop(elsewhere);
    // The shell and both ends of its pipe.
    kill_process_group(Pid::from_child(&client), Signal::KILL).unwrap();
    client.wait().unwrap();
}

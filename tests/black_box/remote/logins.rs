//! Logging in: order, failures, changes of logins under running sessions, and where secrets go.

use super::super::harness::{eventually, send_signal};
use super::{Class, PASSWORD, add_user, daytraded};
use std::time::{Duration, Instant};

#[test]
fn what_follows_auth_waits_for_it_and_is_answered_in_order() {
    let class = Class::new(&[("alice", &["--may-add"])], &[]);
    let mut client = class.connect();
    let lines: String = (0..1_000).map(|number| format!("ADD,alice,{}.01\n", number + 1)).collect();
    client.send(&format!("AUTH,alice,{PASSWORD}\n{lines}"));
    client.half_close();
    let replies = client.rest();
    let mut sum = 0;
    let mut replies = replies.lines();
    assert_eq!(replies.next(), Some("OK,AUTH,alice,trader"));
    for number in 1..=1_000_u64 {
        sum += number * 100 + 1;
        let want = format!("OK,ADD,{}.{:02}", sum / 100, sum % 100);
        assert_eq!(replies.next(), Some(want.as_str()));
    }
    assert_eq!(replies.next(), None);
}

#[test]
fn nothing_but_a_login_works_before_it_and_little_of_that() {
    let class = Class::plain(&[("alice", &[])], &[]);
    let mut client = class.server.connect();
    for line in ["ADD,alice,5", "WHOAMI", "STATS", "READLOG", "WATCH,ABC", "BUY,alice,ABC,-1"] {
        let reply = client.ask(line);
        assert!(reply.starts_with("ERR,AUTH_REQUIRED,"), "{line}: {reply}");
    }
    assert_eq!(client.ask("PING"), "OK,PING");
    assert!(client.ask(&format!("AUTH,alice,{PASSWORD} noreply")).starts_with("ERR,BAD_ARGUMENTS"));
    assert!(client.ask("AUTH,alice,short").starts_with("ERR,BAD_ARGUMENTS,"));
    assert_eq!(client.ask(&format!("AUTH,alice,{PASSWORD}")), "OK,AUTH,alice,trader");
    assert!(client.ask(&format!("AUTH,alice,{PASSWORD}")).starts_with("ERR,BAD_ARGUMENTS,"));
    assert_eq!(client.ask("WHOAMI"), "OK,WHOAMI,alice,trader,own");
    // 4 KiB, and no more.
    let mut talker = class.server.connect();
    talker.try_send(&"PING\n".repeat(2_000));
    let answered = talker.rest().lines().count();
    assert!(answered < 900, "{answered}");
    // Plain loopback without logins is as it was.
    let folder = tempfile::tempdir().unwrap();
    let open = super::Daemon::start(folder.path(), &[]);
    assert_eq!(open.talk("WHOAMI\n"), "OK,WHOAMI,local,admin,*\n");
    assert!(open.talk("AUTH,alice,twelve-chars\n").starts_with("ERR,BAD_ARGUMENTS,"));
}

#[test]
fn three_failures_close_the_connection_and_all_have_one_text() {
    let class = Class::plain(&[("alice", &[]), ("carl", &[])], &[]);
    daytraded(&class.data(), &["user", "disable", "carl"], "");
    let mut client = class.server.connect();
    let lines = format!("AUTH,alice,wrong-secret\nAUTH,nobody,{PASSWORD}\nAUTH,carl,{PASSWORD}\n");
    client.send(&format!("{lines}AUTH,alice,{PASSWORD}\n"));
    let replies = client.rest();
    let failed = "ERR,AUTH_FAILED,no such login, or a wrong or expired secret\n";
    assert_eq!(replies, failed.repeat(3));
}

#[test]
fn a_change_of_a_login_ends_its_sessions_within_a_second() {
    let class = Class::new(&[("alice", &["--may-add"]), ("bob", &[])], &[]);
    let data = class.data();
    let token = daytraded(&data, &["user", "token", "new", "bob", "--label", "ci"], "");
    let token = token.lines().find_map(|line| line.strip_prefix("token  ")).unwrap().to_owned();
    let id = &token[4..12];
    for change in [
        vec!["user", "disable", "alice"],
        vec!["user", "enable", "alice"],
        vec!["user", "role", "alice", "auditor"],
        vec!["user", "passwd", "alice", "--password-stdin"],
        vec!["user", "remove", "alice"],
        vec!["user", "token", "revoke", "bob", id],
    ] {
        if change[1] == "enable" {
            daytraded(&data, &change, "");
            continue;
        }
        let mut client = class.connect();
        let (login, secret) =
            if change[1] == "token" { ("bob", token.as_str()) } else { ("alice", PASSWORD) };
        let reply = client.ask(&format!("AUTH,{login},{secret}"));
        assert!(reply.starts_with("OK,AUTH,"), "{change:?}: {reply}");
        let mut other = class.log_in("root");
        daytraded(&data, &change, &format!("{PASSWORD}\n"));
        // The command ends when the change is in force.
        let begun = Instant::now();
        assert_eq!(client.rest(), "* BYE,REVOKED\n", "{change:?}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{change:?}");
        assert_eq!(other.ask("PING"), "OK,PING");
    }
}

#[test]
fn a_new_password_ends_the_other_sessions_of_the_old_one() {
    let class = Class::plain(&[("alice", &[])], &[]);
    let log_in = |secret: &str| {
        let mut client = class.server.connect();
        let reply = client.ask(&format!("AUTH,alice,{secret}"));
        (client, reply)
    };
    let ((mut one, _), (mut other, _)) = (log_in(PASSWORD), log_in(PASSWORD));
    let wrong = one.ask("PASSWD,not-my-password,another-secret-2");
    assert!(wrong.starts_with("ERR,AUTH_FAILED,"), "{wrong}");
    assert_eq!(one.ask(&format!("PASSWD,{PASSWORD},another-secret-2")), "OK,PASSWD");
    assert_eq!(other.rest(), "* BYE,REVOKED\n");
    assert_eq!(one.ask("WHOAMI"), "OK,WHOAMI,alice,trader,own");
    assert!(log_in(PASSWORD).1.starts_with("ERR,AUTH_FAILED,"));
    assert_eq!(log_in("another-secret-2").1, "OK,AUTH,alice,trader");
}

#[test]
fn an_invitation_becomes_a_password_once() {
    let class = Class::plain(&[], &[]);
    let printed = daytraded(&class.data(), &["user", "invite", "zoe"], "");
    let secret = printed.lines().find_map(|line| line.strip_prefix("invitation  ")).unwrap();
    let mut client = class.server.connect();
    assert_eq!(client.ask(&format!("AUTH,zoe,{secret}")), "OK,AUTH,zoe,trader");
    assert!(client.ask("QUOTE,zoe,ABC").starts_with("ERR,FORBIDDEN,choose a password first"));
    assert_eq!(client.ask(&format!("PASSWD,{secret},{PASSWORD}")), "OK,PASSWD");
    assert!(client.ask("QUOTE,zoe,ABC").starts_with("OK,QUOTE,"));
    let mut again = class.server.connect();
    assert!(again.ask(&format!("AUTH,zoe,{secret}")).starts_with("ERR,AUTH_FAILED,"));
}

#[test]
fn a_secret_is_in_no_file_and_no_argument_list() {
    let class = Class::new(&[("alice", &["--may-add"])], &["--log-level", "trace"]);
    let mut client = class.log_in("alice");
    client.ask("ADD,alice,5");
    client.ask("DUMPLOG,alice,a.xml");
    client.ask("PASSWD,wrong-secret-9,another-secret-2");
    let pin = class.fingerprint();
    let address = class.address();
    let args = ["login", &address, "--user", "alice", "--tls-pin", &pin];
    let (code, _, error) = class.daytrade(&args, &format!("{PASSWORD}\n"));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let (code, _, error) = class.daytrade(&["send", "AUTH,alice,x", "--connect", &address], "");
    assert!(code == Some(2) && error.contains("must not be an argument"), "{error}");
    let secrets = [PASSWORD, "wrong-secret-9", "another-secret-2"];
    let mut folders = vec![class.data()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                for secret in secrets {
                    let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                    assert!(!found, "{secret} in {}", path.display());
                }
            }
        }
    }
    assert!(files > 6, "{files}");
    let line = format!("/proc/{}/cmdline", class.server.pid());
    let line = String::from_utf8(std::fs::read(line).unwrap()).unwrap();
    assert!(secrets.iter().all(|secret| !line.contains(secret)), "{line}");
}

#[test]
fn a_hangup_reloads_the_logins_and_loses_no_reply() {
    let class = Class::plain(&[("alice", &["--may-add"])], &[]);
    let mut client = class.server.connect();
    client.send(&format!("AUTH,alice,{PASSWORD}\n"));
    let users = class.data().join("users.toml");
    let before = std::fs::read_to_string(&users).unwrap();
    let (pid, count) = (class.server.pid(), 400);
    let writer = std::thread::spawn({
        let mut stream = client.writer();
        move || {
            use std::io::Write as _;
            for round in 0..count {
                stream.write_all("ADD,alice,0.01\n".repeat(50).as_bytes()).unwrap();
                if round % 100 == 0 {
                    send_signal(pid, "HUP");
                }
            }
        }
    });
    assert_eq!(client.line(), "OK,AUTH,alice,trader");
    for number in 1..=count * 50 {
        assert_eq!(client.line(), format!("OK,ADD,{}.{:02}", number / 100, number % 100));
    }
    writer.join().unwrap();
    // A file that cannot be used is reported, and the logins stay.
    std::fs::write(&users, "nonsense").unwrap();
    send_signal(pid, "HUP");
    assert_eq!(client.ask("PING"), "OK,PING");
    std::fs::write(&users, before.replace("may_add = true", "may_add = false")).unwrap();
    send_signal(pid, "HUP");
    eventually("end of the session", || client.line() == "* BYE,REVOKED");
    add_user(&class.data(), "late", &[]);
    let mut late = class.server.connect();
    assert_eq!(late.ask(&format!("AUTH,late,{PASSWORD}")), "OK,AUTH,late,trader");
}

#[test]
fn the_security_log_says_who_did_what() {
    let class = Class::plain(&[("alice", &[])], &[]);
    let mut client = class.server.connect();
    client.ask("AUTH,alice,wrong-secret");
    client.ask(&format!("AUTH,alice,{PASSWORD}"));
    client.ask("ADD,bob,5");
    drop(client);
    let mut admin = class.server.connect();
    admin.ask(&format!("AUTH,root,{PASSWORD}"));
    admin.ask("ADD,bob,5");
    let log = class.data().join("security.log");
    let read = || std::fs::read_to_string(&log).unwrap();
    eventually("the events", || read().contains("\"logout\"") && read().contains("acts_for"));
    let text = read();
    for event in ["user_changed", "login_failed", "login", "forbidden", "logout", "acts_for"] {
        let line = text.lines().find(|line| line.contains(&format!("\"event\":\"{event}\"")));
        let line = line.unwrap_or_else(|| panic!("{event} in {text}"));
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(text.contains("\"cause\":\"wrong secret\"") && text.contains("127.0.0.1"), "{text}");
}

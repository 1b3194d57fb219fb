//! TLS as a transport: what is refused at the start, foreign clients, and large replies.

use super::super::harness::{Daemon, has_tool, is_long_form, run, text, workload};
use super::{Class, PASSWORD, TlsClient, daytraded, stream_from};
use std::io::{Read as _, Write as _};
use std::process::Command;

#[test]
fn plain_lines_stay_on_loopback_and_tls_needs_a_key_and_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = |args: &[&str]| {
        let mut command = Command::new(super::program("daytraded"));
        command.args(["--data-dir"]).arg(&data).args(args);
        Daemon::spawn(&mut command).err().unwrap()
    };
    let refused = start(&["--listen", "0.0.0.0:0"]);
    assert!(refused.contains("--listen-tls"), "{refused}");
    let refused = start(&["--listen-tls", "127.0.0.1:0"]);
    assert!(refused.contains("daytraded init"), "{refused}");
    daytraded(&data, &["init", "--admin", "root"], "");
    let users = data.join("users.toml");
    let text = std::fs::read_to_string(&users).unwrap();
    std::fs::remove_file(&users).unwrap();
    let refused = start(&["--listen-tls", "127.0.0.1:0"]);
    assert!(refused.contains("daytraded init"), "{refused}");
    std::fs::write(&users, text).unwrap();
    let refused = start(&["--listen-tls", "127.0.0.1:0"]);
    assert!(refused.contains("users.toml") && refused.contains("chmod 600"), "{refused}");
    Command::new("chmod").arg("600").arg(&users).status().unwrap();
    Command::new("chmod").arg("755").arg(&data).status().unwrap();
    let refused = start(&["--listen-tls", "127.0.0.1:0"]);
    assert!(refused.contains("chmod 700"), "{refused}");
}

#[test]
fn plain_bytes_on_the_tls_port_are_told_so() {
    let class = Class::new(&[("alice", &["--may-add"])], &[]);
    for bytes in [&b"ADD,alice,5\n"[..], b"POST / HTTP/1.1\r\n\r\nADD,alice,5\r\n"] {
        let mut stream = stream_from("127.0.0.1", class.server.port);
        stream.write_all(bytes).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("ERR,TLS_REQUIRED,"), "{answer}");
    }
    assert!(class.log_in("alice").ask("DISPLAY_SUMMARY,alice").starts_with("ERR,NO_ACCOUNT,"));
}

#[test]
fn openssl_is_a_client() {
    if !has_tool("openssl") {
        return;
    }
    let class = Class::new(&[("alice", &["--may-add"])], &[]);
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &class.server.address()]);
    let lines = format!("AUTH,alice,{PASSWORD}\nADD,alice,5\nWHOAMI\nQUIT\n");
    let output = run(&mut command, lines.as_bytes());
    let want = "OK,AUTH,alice,trader\nOK,ADD,5.00\nOK,WHOAMI,alice,trader,own\nOK,QUIT\n";
    assert_eq!(text(&output.stdout), want, "{}", text(&output.stderr));
    // Nothing older than TLS 1.3.
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-tls1_2", "-connect", &class.server.address()]);
    assert!(!run(&mut command, lines.as_bytes()).status.success());
}

/// The TLS layer keeps the end of what is written until it is flushed.
#[test]
fn a_large_reply_that_is_read_late_arrives_whole() {
    let class = Class::new(&[], &[]);
    let mut client = class.log_in("root");
    client.send(&"ADD,alice,1\n".repeat(11_000));
    for _ in 0..11_000 {
        client.line();
    }
    client.send("[1] READLOG\n[2] PING\n");
    // Meanwhile the server has filled the buffers of the system, and waits.
    class.log_in("root").ask("READLOG,nobody");
    let (mut bytes, mut events) = (0, 0);
    loop {
        let line = client.line();
        bytes += line.len() + 1;
        match line.strip_prefix("[1]-LOG,<") {
            Some(rest) if !rest.starts_with("/log") && !rest.starts_with(['?', 'l']) => events += 1,
            Some(_) => {}
            None => {
                assert_eq!(line, format!("[1] OK,READLOG,{events}"));
                break;
            }
        }
    }
    assert!(events == 22_000 && bytes > 4 << 20, "{events} events, {bytes} bytes");
    assert_eq!(client.line(), "[2] OK,PING");
}

/// A connection that breaks is not one that ends: what is unfinished does not count.
#[test]
fn only_close_notify_ends_the_input() {
    let class = Class::new(&[("alice", &["--may-add"])], &[]);
    let mut client = class.log_in("alice");
    client.send("ADD,alice,1\nADD,alice,2");
    client.half_close();
    assert_eq!(client.rest(), "OK,ADD,1.00\nOK,ADD,3.00\n");
    let mut client = class.log_in("alice");
    assert_eq!(client.ask("ADD,alice,1"), "OK,ADD,4.00");
    client.send("ADD,alice,50");
    client.reader.get_ref().sock.shutdown(std::net::Shutdown::Both).unwrap();
    drop(client);
    let mut client = class.log_in("alice");
    assert_eq!(client.ask("ADD,alice,1"), "OK,ADD,5.00");
}

#[test]
fn a_workload_over_tls_has_the_replies_of_loopback() {
    let users: [(&str, &[&str]); 1] = [("grader", &["--role", "replayer", "--accounts", "*"])];
    let class = Class::new(&users, &[]);
    let (file, expected) = (workload("10-users.txt"), workload("10-users.expected"));
    let (file, expected) = (file.to_str().unwrap(), expected.to_str().unwrap());
    let address = class.address();
    let (pin, secret) = (class.fingerprint(), class.folder.path().join("secret"));
    std::fs::write(&secret, PASSWORD).unwrap();
    Command::new("chmod").arg("600").arg(&secret).status().unwrap();
    let secret = secret.to_str().unwrap();
    let args = ["replay", file, "--expect", expected, "--connect", &address, "--login", "grader"];
    let more = ["--token-file", secret, "--tls-pin", &pin, "--connections", "4", "--json"];
    let (code, out, error) = class.daytrade(&[&args[..], &more[..]].concat(), "");
    assert_eq!(code, Some(0), "{out} {error}");
    let dump = class.data().join("dumps/users/grader/testLOG");
    assert!(std::fs::read_to_string(dump).unwrap().ends_with("</log>\n"));
}

/// The reply to DUMPLOG has the path as it was asked for: the client cannot read the server's disk.
#[test]
fn a_generated_file_of_1200_users_has_the_replies_of_loopback() {
    let users: [(&str, &[&str]); 1] = [("grader", &["--role", "replayer", "--accounts", "*"])];
    let class = Class::new(&users, &[]);
    let file = class.folder.path().join("w.txt");
    let args = ["generate", "--users", "1200", "--commands", "24000", "--seed", "5"];
    let (_, workload, _) = class.daytrade(&args, "");
    std::fs::write(&file, workload).unwrap();
    let (address, pin) = (class.address(), class.fingerprint());
    let secret = class.folder.path().join("secret");
    std::fs::write(&secret, PASSWORD).unwrap();
    Command::new("chmod").arg("600").arg(&secret).status().unwrap();
    let (file, secret) = (file.to_str().unwrap(), secret.to_str().unwrap());
    let replay = ["replay", file, "--mask"];
    let local = ["--quotes", "simulated:7:frozen"];
    let tls = ["--connect", &address, "--login", "grader", "--token-file", secret];
    let (code, here, error) = class.daytrade(&[&replay[..], &local[..]].concat(), "");
    assert_eq!(code, Some(0), "{error}");
    let all = [&replay[..], &tls[..], &["--tls-pin", &pin]].concat();
    let (code, there, error) = class.daytrade(&all, "");
    assert_eq!(code, Some(0), "{error}");
    assert!(here.lines().count() > 24_000);
    let differ = here.lines().zip(there.lines()).find(|(one, other)| one != other);
    assert_eq!((differ, here.len()), (None, there.len()));
}

/// In the long form: it takes these ten seconds.
#[test]
fn a_session_that_has_not_logged_in_ends_after_ten_seconds() {
    if !is_long_form() {
        return;
    }
    let class = Class::new(&[], &[]);
    let begun = std::time::Instant::now();
    let mut silent = stream_from("127.0.0.2", class.server.port);
    let mut client = TlsClient::new(stream_from("127.0.0.3", class.server.port));
    assert_eq!(client.ask("PING"), "OK,PING");
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest);
    let _ = client.try_send("PING\n");
    client.rest();
    let took = begun.elapsed().as_secs();
    assert!((9..20).contains(&took), "{took} s");
}

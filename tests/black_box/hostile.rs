//! Malformed input and misbehaving clients.

use crate::harness::{Client, Daemon, Deadline, eventually, send_signal, stat};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tempfile::tempdir;

const FROZEN: &[&str] = &["--quotes", "simulated:7:frozen"];

#[test]
fn binary_and_overlong_lines_are_refused_and_the_connection_stays_open() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut client = server.connect();
    client.send_bytes(b"\xff\xfe\x00\x01\n");
    assert_eq!(client.line(), "ERR,BAD_LINE,the line is not UTF-8 text");
    client.send_bytes(b"ADD,a\x07,5\n");
    assert_eq!(
        client.line(),
        "ERR,BAD_LINE,the line holds control characters, or U+FFFE or U+FFFF"
    );
    client.send_bytes(&[b"[9] ".as_slice(), &vec![b'x'; 1 << 20], b"\nPING\n"].concat());
    assert_eq!(client.line(), "[9] ERR,LINE_TOO_LONG,a line may have at most 1024 bytes");
    assert_eq!(client.line(), "OK,PING");
    let longest = format!("# {}\n", "x".repeat(1_022));
    client.send(&format!("{longest}PING\n"));
    assert_eq!(client.line(), "OK,PING", "1024 bytes are allowed");
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).chain(*b"\n").collect();
    client.send_bytes(&every_byte);
    client.send("[77] PING\n");
    client.skip_to("[77] OK,PING");
}

#[test]
fn an_incomplete_line_may_arrive_in_single_bytes_and_blocks_no_other_client() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut slow = server.connect();
    slow.send("ADD,slow,1");
    let mut other = server.connect();
    assert_eq!(other.ask("ADD,other,5"), "OK,ADD,5.00");
    for byte in b"00.5\r\n" {
        slow.send_bytes(&[*byte]);
        assert_eq!(other.ask("PING"), "OK,PING");
    }
    assert_eq!(slow.line(), "OK,ADD,100.50");
    slow.send("ADD,slow,1");
    drop(slow);
    assert_eq!(other.ask("ADD,slow,1").split(',').next(), Some("OK"));
}

/// Backpressure stops a client that never reads, and only this client. The commands it sent take
/// effect when it reads.
#[test]
fn a_client_that_never_reads_blocks_only_itself() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut stream = server.stream();
    stream.set_nonblocking(true).unwrap();
    let flood = "[1] DISPLAY_SUMMARY,absent\n".repeat(10_000);
    let mut sent = 0_usize;
    let mut full_for = 0;
    // The server has stopped reading when the socket stays full during a hundred replies to another
    // client.
    let mut other = server.connect();
    let deadline = Deadline::new("backpressure");
    while full_for < 100 {
        deadline.check();
        match stream.write(&flood.as_bytes()[sent % flood.len()..]) {
            Ok(bytes) => (sent, full_for) = (sent + bytes, 0),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                full_for += 1;
                assert_eq!(other.ask("ADD,other,1").split(',').next(), Some("OK"));
            }
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 1 << 30, "the server reads without a bound");
    }
    stream.set_nonblocking(false).unwrap();
    let complete_lines = sent / 27;
    let mut client = Client::new(stream);
    for _ in 0..complete_lines {
        assert!(client.line().starts_with("[1] ERR,NO_ACCOUNT,"));
    }
}

/// The server executes requests for long unread summaries a few at a time, so that it never holds
/// all of them in memory.
#[test]
fn unread_summaries_do_not_fill_the_memory() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let setup: String = (0..1_000).map(|n| format!("[{}] BUY,big,S,30\n", n + 2)).collect();
    let replies = server.talk(&format!("[1] ADD,big,100000\n{setup}"));
    assert_eq!(replies.matches("OK,BUY").count(), 1_000);
    let mut client = server.connect();
    client.send(&"[7] DISPLAY_SUMMARY,big\n".repeat(20_000));
    // After the first reply the server works on the others, and serves other clients meanwhile.
    client.skip_to("[7] OK,DISPLAY_SUMMARY");
    for _ in 0..200 {
        assert_eq!(server.connect().ask("PING"), "OK,PING");
    }
    let kib = server.memory_kib();
    assert!(kib < 256 << 10, "{kib} KiB for a client that does not read");
}

#[test]
fn ten_thousand_connections_at_once_are_all_served() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    // The server has the same limit of open files as this test; one connection is left for STATS.
    let count = limit.maximum.map_or(9_999, |maximum| (maximum as usize - 200).min(9_999));
    let mut clients: Vec<_> = (0..count).map(|_| server.stream()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("[{}] ADD,user{n},1\n", n + 1).as_bytes()).unwrap();
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let want = format!("[{}] OK,ADD,1.00\n", n + 1);
        let mut reply = vec![0; want.len()];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(String::from_utf8(reply).unwrap(), want);
    }
    assert_eq!(stat(&server, "users"), count.to_string());
}

#[test]
fn a_thousand_connections_at_once_are_all_served() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    // The test needs as many files open as the server.
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    // They connect while the server does not run: the system keeps them all for it.
    let address = server.address().parse().unwrap();
    send_signal(server.pid(), "STOP");
    let connect = |_| {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Client::new(stream)
    };
    let mut clients: Vec<_> = (0..1_000).map(connect).collect();
    send_signal(server.pid(), "CONT");
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&format!("[{}] ADD,user{n},{}\n", n + 1, n + 1));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.line(), format!("[{}] OK,ADD,{}.00", n + 1, n + 1));
    }
    assert_eq!(stat(&server, "users"), "1000");
}

#[test]
fn one_connection_too_many_is_refused_with_a_message() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--max-connections", "2"]);
    let (mut one, mut two) = (server.connect(), server.connect());
    assert_eq!((one.ask("PING"), two.ask("PING")), ("OK,PING".to_owned(), "OK,PING".to_owned()));
    assert_eq!(server.connect().rest(), "ERR,OVERLOADED,too many connections; try again later\n");
    one.half_close();
    assert_eq!(one.rest(), "");
    eventually("free connection after the end of another", || {
        server.connect().ask("PING") == "OK,PING"
    });
}

#[test]
fn requests_above_the_in_flight_limit_are_all_answered() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let count = 200_000;
    let lines: String = (1..=count).map(|n| format!("[{n}] ADD,u{},1\n", n % 50)).collect();
    let stream = server.stream();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        writer.write_all(lines.as_bytes()).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut replies = String::new();
    (&stream).read_to_string(&mut replies).unwrap();
    sender.join().unwrap();
    assert_eq!(replies.lines().count(), count);
    assert!(replies.lines().all(|line| line.contains("] OK,ADD,")));
}

/// Bytes that never complete a line do not keep a connection open; a subscription does.
#[test]
fn a_connection_without_a_complete_line_is_closed_and_a_subscriber_is_not() {
    let folder = tempdir().unwrap();
    let server =
        Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen", "--idle-timeout", "2"]);
    let mut subscriber = server.connect();
    assert_eq!(subscriber.ask("SUBSCRIBE,alice"), "OK,SUBSCRIBE,alice");
    let mut idle = server.connect();
    assert_eq!(idle.ask("PING"), "OK,PING");
    let mut slow = server.connect();
    let mut trickle = slow.writer();
    let trickling = std::thread::spawn(move || {
        let deadline = Deadline::new("end of the connection");
        while trickle.write_all(b"A").is_ok() {
            deadline.check();
            std::thread::park_timeout(std::time::Duration::from_millis(100));
        }
    });
    assert_eq!(slow.line(), "* BYE,IDLE");
    assert_eq!(idle.line(), "* BYE,IDLE");
    assert_eq!(idle.rest(), "");
    drop(slow);
    trickling.join().unwrap();
    assert_eq!(server.connect().ask("ADD,alice,5"), "OK,ADD,5.00");
    assert!(subscriber.line().starts_with("* ORDER,alice,"));
    assert_eq!(subscriber.line(), "* ACCOUNT,alice,5.00,0.00,0.00");
}

/// Sends bytes on a connection of their own and returns everything that comes back until the server
/// closes it.
fn answer_to(server: &Daemon, bytes: &[u8]) -> String {
    let mut stream = server.stream();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_request_of_another_protocol_ends_the_connection_and_carries_nothing_out() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let body = "ADD,mallory,1000\nDUMPLOG,./stolen\n[5] ADD,mallory,1\n";
    let heads = [
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:4462\r\nContent-Type: text/plain\r\n\r\n",
        "GET /a?b HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "Host: 127.0.0.1:4462\r\n\r\n",
    ];
    for head in heads {
        let answer = answer_to(&server, format!("{head}{body}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}: {answer}");
        assert!(answer.contains("It speaks a line protocol, not HTTP."), "{answer}");
        assert!(!answer.contains("OK,"), "{answer}");
    }
    let hello = [b"\x16\x03\x01\x02\x00\x01\x00", body.as_bytes()].concat();
    assert_eq!(answer_to(&server, &hello), "");
    assert_eq!(answer_to(&server, &hello[..7]), "", "a hello without a line end ends it as well");
    let answer = answer_to(&server, format!("ADD,alice,7\n{}{body}", heads[1]).as_bytes());
    assert!(answer.starts_with("OK,ADD,7.00\nHTTP/1.1 400 "), "replies keep their order: {answer}");
    let mut client = server.connect();
    assert!(client.ask("DISPLAY_SUMMARY,mallory").starts_with("ERR,NO_ACCOUNT,"));
    assert!(stat(&server, "refused_UNKNOWN_COMMAND").parse::<u32>().unwrap() >= 7);
    assert!(!folder.path().join("stolen").exists());
}

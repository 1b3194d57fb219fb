//! Input that nobody should send, and clients that do not behave.

use crate::harness::{Client, Daemon, stat};
use std::io::{Read, Write};
use std::net::TcpStream;
use tempfile::tempdir;

const FROZEN: &[&str] = &["--quotes", "simulated:7:frozen"];

#[test]
fn binary_and_overlong_lines_are_refused_and_the_connection_lives() {
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
    assert_eq!(client.line(), "OK,PING", "1024 bytes are not too many");
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).chain(*b"\n").collect();
    client.send_bytes(&every_byte);
    client.send("[77] PING\n");
    while client.line() != "[77] OK,PING" {}
}

#[test]
fn a_line_may_arrive_a_byte_at_a_time_and_half_a_line_holds_up_nobody() {
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

/// A client that sends and never reads is held up by itself and holds up nobody else; what it sent
/// takes effect once it reads.
#[test]
fn a_reader_that_never_reads_is_held_up_alone() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let flood = "[1] DISPLAY_SUMMARY,nobody\n".repeat(10_000);
    let mut sent = 0_usize;
    let mut full_for = 0;
    // Until the server has stopped reading: the socket has stayed full while another client got a
    // hundred answers.
    let mut other = server.connect();
    while full_for < 100 {
        match stream.write(&flood.as_bytes()[sent % flood.len()..]) {
            Ok(bytes) => (sent, full_for) = (sent + bytes, 0),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                full_for += 1;
                assert_eq!(other.ask("ADD,other,1").split(',').next(), Some("OK"));
            }
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 1 << 30, "the server reads without bound");
    }
    stream.set_nonblocking(false).unwrap();
    let whole = sent / 27;
    let mut client = Client::new(stream);
    for _ in 0..whole {
        assert!(client.line().starts_with("[1] ERR,NO_ACCOUNT,"));
    }
}

/// Long summaries that nobody reads: the server takes them up a few at a time rather than hold all
/// of them in memory.
#[test]
fn unread_summaries_do_not_fill_the_memory() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let setup: String = (0..1_000).map(|n| format!("[{}] BUY,big,S,30\n", n + 2)).collect();
    let said = server.talk(&format!("[1] ADD,big,100000\n{setup}"));
    assert_eq!(said.matches("OK,BUY").count(), 1_000);
    let mut client = server.connect();
    client.send(&"[7] DISPLAY_SUMMARY,big\n".repeat(20_000));
    // The first answer is there, so the server is at work on the rest; others are served meanwhile.
    while !client.line().starts_with("[7] OK,DISPLAY_SUMMARY") {}
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
    // The server may open as many files as this test; one place is left for STATS.
    let count = limit.maximum.map_or(9_999, |most| (most as usize - 200).min(9_999));
    let mut clients: Vec<_> =
        (0..count).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("[{}] ADD,user{n},1\n", n + 1).as_bytes()).unwrap();
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let want = format!("[{}] OK,ADD,1.00\n", n + 1);
        let mut said = vec![0; want.len()];
        client.read_exact(&mut said).unwrap();
        assert_eq!(String::from_utf8(said).unwrap(), want);
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
    let mut clients: Vec<_> = (0..1_000).map(|_| server.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&format!("[{}] ADD,user{n},{}\n", n + 1, n + 1));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.line(), format!("[{}] OK,ADD,{}.00", n + 1, n + 1));
    }
    assert_eq!(stat(&server, "users"), "1000");
}

#[test]
fn one_connection_too_many_is_told_so() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--max-connections", "2"]);
    let (mut one, mut two) = (server.connect(), server.connect());
    assert_eq!((one.ask("PING"), two.ask("PING")), ("OK,PING".to_owned(), "OK,PING".to_owned()));
    assert_eq!(server.connect().rest(), "ERR,OVERLOADED,too many connections; try again later\n");
    one.half_close();
    assert_eq!(one.rest(), "");
    // The place is free once the server has seen the end.
    while server.connect().ask("PING") != "OK,PING" {}
}

#[test]
fn more_requests_than_may_be_in_flight_are_answered_all_the_same() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let count = 200_000;
    let lines: String = (1..=count).map(|n| format!("[{n}] ADD,u{},1\n", n % 50)).collect();
    let stream = TcpStream::connect(server.address()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        writer.write_all(lines.as_bytes()).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut said = String::new();
    (&stream).read_to_string(&mut said).unwrap();
    sender.join().unwrap();
    assert_eq!(said.lines().count(), count);
    assert!(said.lines().all(|line| line.contains("] OK,ADD,")));
}

/// A byte a second never makes a line: such a connection is closed, one that listens or waits is
/// not.
#[test]
fn a_connection_that_sends_no_whole_line_is_closed_and_one_that_listens_is_not() {
    let folder = tempdir().unwrap();
    let server =
        Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen", "--idle-timeout", "2"]);
    let mut listening = server.connect();
    assert_eq!(listening.ask("SUBSCRIBE,alice"), "OK,SUBSCRIBE,alice");
    let mut idle = server.connect();
    assert_eq!(idle.ask("PING"), "OK,PING");
    let mut slow = server.connect();
    let mut trickle = slow.writer();
    let trickling = std::thread::spawn(move || {
        while trickle.write_all(b"A").is_ok() {
            std::thread::park_timeout(std::time::Duration::from_millis(100));
        }
    });
    assert_eq!(slow.line(), "* BYE,IDLE");
    assert_eq!(idle.line(), "* BYE,IDLE");
    assert_eq!(idle.rest(), "");
    drop(slow);
    trickling.join().unwrap();
    assert_eq!(server.connect().ask("ADD,alice,5"), "OK,ADD,5.00");
    assert_eq!(listening.line(), "* ACCOUNT,alice,5.00,0.00,0.00");
}

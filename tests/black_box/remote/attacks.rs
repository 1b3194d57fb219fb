//! Strangers at the port: guesses, connections that never log in, and one client that wants
//! everything.

use super::super::harness::{Deadline, is_long_form};
use super::{Class, PASSWORD, TlsClient, stream_from};
use std::time::{Duration, Instant};

/// The number of verified guesses is limited, for any number of attempts.
#[test]
fn guesses_are_limited_by_address_and_lock_nobody_out() {
    let class = Class::new(&[("alice", &[])], &[]);
    let (mut verified, mut limited) = (0, 0);
    // A thousand guesses, or forty.
    let connections = if is_long_form() { 334 } else { 14 };
    for _ in 0..connections {
        let mut client = class.connect_from("127.0.0.9");
        for _ in 0..3 {
            let _ = client.try_send("AUTH,alice,wrong-secret\n");
            let reply = client.line();
            verified += u32::from(reply.starts_with("ERR,AUTH_FAILED,"));
            limited += u32::from(reply.starts_with("ERR,RATE_LIMITED,too often; wait "));
        }
    }
    // One in ten seconds may be added while this runs.
    assert!((10..16).contains(&verified) && limited > 20, "{verified} verified, {limited}");
    let begun = Instant::now();
    class.log_in("alice");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// Whether a name exists cannot be told from the time of the answer.
#[test]
fn known_and_unknown_names_take_the_same_time() {
    let class = Class::plain(&[("alice", &[])], &["--trusted-net", "127.0.0.0/8"]);
    let rounds = if is_long_form() { 200 } else { 8 };
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // No name is tried so often that it has a delay of its own: a success forgets failures.
        for (times, name) in times.iter_mut().zip(["alice".to_owned(), format!("nobody{round}")]) {
            let mut client = class.server.connect();
            let begun = Instant::now();
            let reply = client.ask(&format!("AUTH,{name},wrong-secret"));
            times.push(begun.elapsed().as_micros());
            assert!(reply.starts_with("ERR,AUTH_FAILED,"), "{round}: {reply}");
        }
        let known = class.server.connect().ask(&format!("AUTH,alice,{PASSWORD}"));
        assert!(known.starts_with("OK,AUTH,"), "{known}");
    }
    // Other tests delay some of them.
    let [known, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 4]
    });
    assert!(known.abs_diff(unknown) * 10 <= known.max(unknown), "{known} and {unknown} us");
}

#[test]
fn connections_that_never_log_in_cost_little_and_keep_nobody_out() {
    let class = Class::new(&[("alice", &[])], &[]);
    class.log_in("alice");
    let before = class.server.memory_kib();
    let idle: Vec<_> = (0..300_u32)
        .map(|number| {
            stream_from(
                &format!("127.0.{}.{}", 1 + number / 16, 2 + number % 16),
                class.server.port,
            )
        })
        .collect();
    let grown = class.server.memory_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
    let begun = Instant::now();
    class.log_in("alice");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    drop(idle);
}

#[test]
fn the_connections_of_an_address_and_of_a_login_are_limited() {
    let class = Class::new(&[("alice", &[])], &["--address-connections", "4"]);
    let mut open: Vec<TlsClient> = Vec::new();
    for _ in 0..4 {
        let mut client = class.connect_from("127.0.0.7");
        assert!(client.ask(&format!("AUTH,alice,{PASSWORD}")).starts_with("OK,AUTH,"));
        open.push(client);
    }
    let mut fifth = class.connect_from("127.0.0.7");
    assert!(fifth.line().starts_with("ERR,OVERLOADED,at most 4 connections an address"));
    for number in 0..12 {
        let mut client = class.connect_from(&format!("127.0.1.{}", number + 1));
        assert!(client.ask(&format!("AUTH,alice,{PASSWORD}")).starts_with("OK,AUTH,"));
        open.push(client);
    }
    let mut seventeenth = class.connect_from("127.0.2.1");
    let refused = seventeenth.ask(&format!("AUTH,alice,{PASSWORD}"));
    assert!(refused.starts_with("ERR,OVERLOADED,at most 16 connections a login"), "{refused}");
    drop(open.pop());
    let deadline = Deadline::new("a place");
    while !seventeenth.ask(&format!("AUTH,alice,{PASSWORD}")).starts_with("OK,AUTH,") {
        deadline.check();
        seventeenth = class.connect_from("127.0.2.1");
    }
}

#[test]
fn a_login_past_its_rate_is_read_more_slowly_and_loses_nothing() {
    let args = ["--login-rate", "100", "--price-rate", "20"];
    let class = Class::plain(&[("alice", &["--may-add"])], &args);
    let mut client = class.server.connect();
    client.ask(&format!("AUTH,alice,{PASSWORD}"));
    let begun = Instant::now();
    client.send(&"ADD,alice,1\n".repeat(200));
    for number in 1..=200 {
        assert_eq!(client.line(), format!("OK,ADD,{number}.00"));
    }
    let commands = begun.elapsed().as_millis();
    client.send(&"QUOTE,alice,ABC\n".repeat(40));
    for _ in 0..40 {
        assert!(client.line().starts_with("OK,QUOTE,ABC,"));
    }
    let prices = begun.elapsed().as_millis() - commands;
    assert!(
        (900..6_000).contains(&commands) && (900..6_000).contains(&prices),
        "{commands} {prices}"
    );
    // Reading the log is refused instead: six times a minute.
    let refused = (0..8).filter(|_| client.ask("READLOG").starts_with("ERR,RATE_LIMITED,")).count();
    assert_eq!(refused, 2);
}

#[test]
fn many_connections_over_tls_cost_little_each() {
    let many = if is_long_form() { 4_000 } else { 60 };
    let connections = many.to_string();
    let args = ["--login-connections", &connections, "--address-connections", "100"];
    let class = Class::new(&[("alice", &[])], &args);
    class.log_in("alice");
    let token = super::daytraded(&class.data(), &["user", "token", "new", "alice"], "");
    let token = token.lines().find_map(|line| line.strip_prefix("token  ")).unwrap().to_owned();
    let before = class.server.memory_kib();
    let mut open = Vec::new();
    for number in 0..many - 1 {
        let mut client =
            class.connect_from(&format!("127.1.{}.{}", number / 100, 1 + number % 100));
        assert!(client.ask(&format!("AUTH,alice,{token}")).starts_with("OK,AUTH,"), "{number}");
        open.push(client);
    }
    let each = class.server.memory_kib().saturating_sub(before) * 1024 / many as u64;
    assert!(each < 30 << 10, "{each} bytes a connection");
    for client in &mut open {
        assert_eq!(client.ask("PING"), "OK,PING");
    }
}

/// The last places are for admins and monitors, so that somebody can look.
#[test]
fn a_server_that_is_almost_full_admits_admins() {
    let args = ["--max-connections", "200", "--login-connections", "400"];
    let class =
        Class::plain(&[("alice", &[])], &[&args[..], &["--address-connections", "400"]].concat());
    let token = super::daytraded(&class.data(), &["user", "token", "new", "alice"], "");
    let token = token.lines().find_map(|line| line.strip_prefix("token  ")).unwrap().to_owned();
    let mut open = Vec::new();
    let refused = loop {
        let mut client = class.server.connect();
        let reply = client.ask(&format!("AUTH,alice,{token}"));
        if !reply.starts_with("OK,AUTH,") {
            break reply;
        }
        open.push(client);
    };
    assert!(
        refused.starts_with("ERR,OVERLOADED,") && open.len() == 198,
        "{refused} {}",
        open.len()
    );
    let mut admin = class.server.connect();
    assert!(admin.ask(&format!("AUTH,root,{PASSWORD}")).starts_with("OK,AUTH,root,admin"));
}

//! A server that is cut off from NATS: another one takes over, and it answers nothing more.

use crate::harness::eventually;
use crate::servers::{Nats, owns};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// Passes bytes on to a server until it is cut: from then on they vanish, in both directions.
fn relay(to: u16, cut: &Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cut = Arc::clone(cut);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            pass(&client, &server, &cut);
            pass(&server, &client, &cut);
        }
    });
    port
}

fn pass(from: &TcpStream, to: &TcpStream, cut: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let cut = Arc::clone(cut);
    std::thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            if !cut.load(Ordering::Relaxed) && to.write_all(&bytes[..read]).is_err() {
                return;
            }
        }
    })
}

#[test]
fn an_owner_that_is_cut_off_is_replaced_and_answers_nothing() {
    let Some(nats) = Nats::start() else { return };
    nats.init(2);
    let (folder, cut) = (TempDir::new().unwrap(), Arc::new(AtomicBool::new(false)));
    let relays: Vec<_> = nats
        .client_ports()
        .into_iter()
        .map(|port| format!("127.0.0.1:{}", relay(port, &cut)))
        .collect();
    let mut options = nats.options();
    options[0] = format!("nats://{}", relays.join(","));
    let owner = Nats::member_of(&options, &folder.path().join("one"), &[]).unwrap();
    eventually("owner", || owns(&owner));
    assert_eq!(owner.talk("ADD,alice,1.00\n"), "OK,ADD,1.00\n");
    let other = nats.member(&folder.path().join("two"));
    eventually("follower", || nats.cluster_ok("status", &[]).contains("could take over"));

    cut.store(true, Ordering::Relaxed);
    let mut client = owner.connect();
    client.send("ADD,alice,10.00\nADD,alice,100.00\n");
    eventually("other owner", || owns(&other));
    assert_eq!(other.talk("ADD,alice,1.00\n"), "OK,ADD,2.00\n");
    // What was under way is not known; what came later was not carried out.
    let replies = client.rest();
    let lines: Vec<_> = replies.lines().collect();
    assert!(lines[0].starts_with("ERR,UNKNOWN,"), "{replies}");
    assert!(lines.iter().all(|line| !line.starts_with("OK")), "{replies}");
    assert_eq!(lines.last(), Some(&"* BYE,MOVED"), "{replies}");
    assert!(owner.talk("ADD,alice,1.00\n").starts_with("ERR,READ_ONLY,"));

    cut.store(false, Ordering::Relaxed);
    let moved = format!("ERR,MOVED,{}", other.address());
    eventually("follower again", || owner.talk("ADD,alice,1.00\n").starts_with(&moved));
    assert_eq!(other.talk("ADD,alice,1.00\n"), "OK,ADD,3.00\n");
}

//! A server that is cut off from NATS, alone or with its whole machine: another one takes over, and
//! it answers nothing more.

use crate::harness::{eventually, has_tool};
use crate::lan::Lan;
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
    let Some(mut nats) = Nats::start() else { return };
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

/// Returns the free and the reserved cash of a user together, as one machine's server knows it.
fn account(lan: &Lan, machine: usize) -> String {
    let summary = lan.talk(machine, "DISPLAY_SUMMARY,alice\n");
    summary.lines().find(|line| line.starts_with("-ACCOUNT")).unwrap_or_default().to_owned()
}

#[test]
fn machines_whose_cable_is_pulled_are_replaced_and_come_back() {
    if !has_tool("ip") || !has_tool("nc") {
        return;
    }
    let Some(lan) = Lan::start(2) else { return };
    let owner = lan.owner_among(&[0, 1, 2]);
    lan.settle(owner);
    assert_eq!(lan.talk(owner, "ADD,alice,1.00\n"), "OK,ADD,1.00\n");

    // The owner and its NATS server, which may lead any of the streams.
    lan.cut(owner);
    let others: Vec<_> = (0..3).filter(|machine| *machine != owner).collect();
    std::thread::scope(|scope| {
        let alone = scope.spawn(|| lan.talk(owner, "ADD,alice,10.00\nADD,alice,100.00\n"));
        lan.owner_among(&others);
        assert_eq!(lan.carried_out(&others, "ADD,alice,1.00\n"), "OK,ADD,2.00\n");
        let replies = alone.join().unwrap();
        assert!(replies.starts_with("ERR,UNKNOWN,"), "{replies}");
        assert!(replies.lines().all(|line| !line.starts_with("OK")), "{replies}");
        assert_eq!(replies.lines().last(), Some("* BYE,MOVED"), "{replies}");
    });
    assert!(lan.talk(owner, "ADD,alice,1.00\n").starts_with("ERR,READ_ONLY,"));
    lan.mend(owner);
    eventually("follower again", || {
        // The next owner may have been replaced by the third server meanwhile.
        let reply = lan.talk(owner, "ADD,bob,1.00\n");
        let moved = |machine: &usize| format!("ERR,MOVED,{}", Lan::advertised(*machine));
        others.iter().any(|other| reply.starts_with(&moved(other)))
    });
    lan.settle(others[0]);

    // A machine that follows: the others go on, and it catches up.
    let owner = lan.owner_among(&[0, 1, 2]);
    let follower = (owner + 1) % 3;
    let others: Vec<_> = (0..3).filter(|machine| *machine != follower).collect();
    lan.cut(follower);
    assert_eq!(lan.carried_out(&others, "ADD,alice,0.01\n"), "OK,ADD,2.01\n");
    assert_eq!(lan.carried_out(&others, "ADD,alice,1.00\n"), "OK,ADD,3.01\n");
    lan.mend(follower);
    lan.settle(others[0]);
    let owner = lan.owner_among(&[0, 1, 2]);
    assert!(account(&lan, owner).starts_with("-ACCOUNT,alice,3.01,"));
}

//! Servers that die, stop and wake while clients trade: nothing answered is lost, nothing takes
//! effect twice.

use crate::harness::{Daemon, eventually, send_signal};
use crate::servers::{Nats, owner_of};
use crate::traders::{Ports, Traders};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The owner is killed.
    Kill,
    /// The owner is stopped for five seconds.
    Pause,
    /// The owner stops in order.
    Terminate,
    /// The NATS server that leads the stream of the first shard is killed.
    KillLeader,
    /// The same server is stopped for eight seconds.
    PauseLeader,
    /// The owner and that server are killed.
    KillBoth,
    /// A follower is killed.
    KillFollower,
    /// All NATS servers are killed, and started again.
    KillAllNats,
}

use Fault::{Kill, KillAllNats, KillBoth, KillFollower, KillLeader, Pause, PauseLeader, Terminate};

/// The faults of CI.
const FEW: &[Fault] = &[Kill, Terminate, Pause, KillLeader];
/// The faults of the long form, again and again.
const MANY: &[Fault] =
    &[Kill, Terminate, KillLeader, Pause, KillBoth, KillFollower, KillAllNats, PauseLeader];

/// Faults of the long form: those whose names are in `DAYTRADE_FAULT_KINDS`, or all.
fn many() -> Vec<Fault> {
    let named = std::env::var("DAYTRADE_FAULT_KINDS").unwrap_or_default();
    let is_named = |fault: &Fault| named.split(',').any(|name| name == format!("{fault:?}"));
    MANY.iter().copied().filter(|fault| named.is_empty() || is_named(fault)).collect()
}

/// Number of faults of the long form: `DAYTRADE_FAULTS`, or thirteen of each kind.
fn long_count() -> usize {
    let named = std::env::var("DAYTRADE_FAULTS").ok().and_then(|count| count.parse().ok());
    named.unwrap_or(13 * MANY.len())
}

struct Cluster {
    nats: Nats,
    folder: TempDir,
    members: Vec<Option<Daemon>>,
    ports: Ports,
    /// How long owners that had been paused took to refuse after they woke.
    refused: Vec<Duration>,
}

impl Cluster {
    fn start() -> Option<Self> {
        let mut nats = Nats::start()?;
        nats.init(4);
        let folder = TempDir::new().unwrap();
        let ports = Arc::new(Mutex::new(vec![0; 3]));
        let mut cluster = Self { nats, folder, members: Vec::new(), ports, refused: Vec::new() };
        for number in 0..3 {
            cluster.members.push(None);
            cluster.run(number);
        }
        Some(cluster)
    }

    fn data(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("d{number}"))
    }

    fn run(&mut self, number: usize) {
        let member = self.nats.member(&self.data(number));
        self.ports.lock().unwrap()[number] = member.port;
        self.members[number] = Some(member);
    }

    /// Waits until all servers follow or own, so that the next fault finds a whole cluster.
    fn settle(&self) {
        let mut said = String::new();
        eventually("whole cluster", || {
            let status = self.nats.cluster_ok("status", &[]);
            if status != said {
                println!("{status}");
                said.clone_from(&status);
            }
            let able = status.matches("could take over").count();
            able == 2 && status.contains("owns the accounts") && !status.contains("behind:")
        });
    }

    /// Returns the number of the NATS server that leads the stream of the first shard.
    fn leader(&self) -> usize {
        let status = self.nats.cluster_ok("status", &[]);
        let (_, after) = status.split_once("leader n").unwrap_or_else(|| panic!("{status}"));
        after.split(|byte: char| !byte.is_ascii_digit()).next().unwrap().parse().unwrap()
    }

    /// Pauses the owner until another server has taken over.
    fn pause(&mut self, owner: usize) {
        let pid = self.members[owner].as_ref().unwrap().pid();
        send_signal(pid, "STOP");
        let others: Vec<_> = (0..3).filter(|number| *number != owner).collect();
        eventually("other owner", || {
            others
                .iter()
                .any(|number| self.members[*number].as_ref().is_some_and(crate::servers::owns))
        });
        send_signal(pid, "CONT");
        let woke = Instant::now();
        let reply = self.members[owner].as_ref().unwrap().talk("QUOTE,nobody,ABC\n");
        assert!(!reply.starts_with("OK"), "an owner that was replaced has answered: {reply}");
        self.refused.push(woke.elapsed());
    }

    /// Lets a fault happen, and everything come back. Returns when it happened.
    fn suffer(&mut self, fault: Fault) -> Instant {
        let owner = owner_of(&self.members);
        let leader = self.leader();
        let at = Instant::now();
        match fault {
            Kill => self.members[owner].take().unwrap().kill(),
            KillFollower => self.members[(owner + 1) % 3].take().unwrap().kill(),
            Terminate => {
                self.members[owner].take().unwrap().signal("TERM");
            }
            Pause => self.pause(owner),
            KillLeader => self.nats.kill(leader),
            PauseLeader => self.nats.pause_for(leader, Duration::from_secs(8)),
            KillAllNats => {
                (0..3).for_each(|number| self.nats.kill(number));
                (0..3).for_each(|number| self.nats.run(number));
            }
            KillBoth => {
                self.nats.kill(leader);
                self.members[owner].take().unwrap().kill();
            }
        }
        let found = owner_of(&self.members);
        assert!(fault != Kill || found != owner);
        for number in 0..3 {
            if self.members[number].is_none() {
                self.run(number);
            }
        }
        if matches!(fault, KillLeader | KillBoth) {
            self.nats.run(leader);
        }
        at
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for member in self.members.iter().flatten() {
                member.log_lines().iter().for_each(|line| println!("{}: {line}", member.port));
            }
        }
    }
}

#[test]
fn servers_that_die_lose_and_double_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    let long = std::env::var_os("DAYTRADE_LONG_TESTS").is_some();
    let (faults, count) = if long { (many(), long_count()) } else { (FEW.to_vec(), FEW.len()) };
    cluster.settle();
    let traders = Traders::start(6, &cluster.ports);
    let mut happened = Vec::new();
    for number in 0..count {
        let fault = faults[number % faults.len()];
        println!("{number}: {fault:?}");
        happened.push((fault, cluster.suffer(fault)));
        if number + 1 < count {
            cluster.settle();
        }
    }
    let accounts = traders.check();
    let done: u64 = accounts.iter().map(|account| account.done).sum();
    let unknown: u64 = accounts.iter().map(|account| account.unknown).sum();
    println!("{count} faults: {done} lines answered, {unknown} unknown");
    for fault in &faults {
        let mut worst: Vec<_> = happened
            .iter()
            .enumerate()
            .filter(|(_, (kind, _))| kind == fault)
            .map(|(number, (_, at))| {
                let until = happened.get(number + 1).map_or(Instant::now(), |next| next.1);
                let stalls = accounts.iter().flat_map(|account| &account.stalls);
                let within = stalls.filter(|(end, _)| (*at..until).contains(end));
                within.map(|(_, stall)| *stall).max().unwrap_or(Duration::ZERO)
            })
            .collect();
        worst.sort_unstable();
        let (Some(median), Some(longest)) = (worst.get(worst.len() / 2), worst.last()) else {
            continue;
        };
        println!(
            "{fault:?}: {} times, stall median {median:.2?}, worst {longest:.2?}: {worst:.2?}",
            worst.len()
        );
    }
    println!("refused after waking: {:.2?}", cluster.refused);
}

//! Whether a command takes longer, and how much memory it takes, the more users there are.

use super::{Daemon, median, program, ratio, server};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Numbers of users.
const USERS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// How often the file is sent. After the first two, a million accounts are copied into a snapshot
/// twice, once in eight records for each of them.
const PASSES: usize = 18;

/// The results of one number of users, an element for each round.
#[derive(Default)]
struct Results {
    /// Nanoseconds a line of the first pass, in which the accounts are opened: with a million
    /// users, by every line.
    opening: Vec<u64>,
    /// The same of the second pass. With a million users, it allocates a part of every history.
    next: Vec<u64>,
    /// The mean of all later passes, with their snapshots and the rest of the histories.
    later: Vec<u64>,
    /// Memory of the server before it has accounts, after they are opened, and in the end, KiB.
    memory: [Vec<u64>; 3],
}

/// Sends a million ADDs over each number of users, in turn, several times.
pub fn growth(folder: &Path, rounds: usize) {
    println!("\ngrowth: 1,000,000 ADDs over increasing numbers of users, {PASSES} times");
    let mut results: Vec<Results> = USERS.iter().map(|_| Results::default()).collect();
    for _ in 0..rounds {
        for (users, results) in USERS.iter().zip(&mut results) {
            run(folder, *users, results);
        }
    }
    let mut first = None;
    for (users, results) in USERS.iter().zip(&mut results) {
        let times =
            [&mut results.opening, &mut results.next, &mut results.later].map(|of| median(of));
        let [before, after, end] = results.memory.each_mut().map(|kib| median(kib) / 1_024);
        let base = *first.get_or_insert(times);
        let [opening, next, later] = [0, 1, 2].map(|of: usize| {
            format!("{} ns a command ({} x)", times[of], ratio(times[of], base[of]))
        });
        println!(
            "  {users:>9} users: first pass {opening}, second {next}, later ones {later}; the \
             server grew from {before} to {after} and {end} MiB"
        );
    }
}

fn run(folder: &Path, users: u64, results: &mut Results) {
    let file = folder.join("growth.txt");
    let mut lines = Vec::new();
    for line in 0..1_000_000_u64 {
        writeln!(lines, "[{}] ADD,user{},1.00", line + 1, line % users).unwrap();
    }
    std::fs::write(&file, lines).unwrap();
    std::fs::File::open(&file).unwrap().sync_all().unwrap();
    let daemon = server(folder, "growth");
    let [before, after, end] = &mut results.memory;
    before.push(daemon.memory_kib());
    results.opening.push(replay(&daemon, &file));
    after.push(daemon.memory_kib());
    results.next.push(replay(&daemon, &file));
    let later: u64 = (2..PASSES).map(|_| replay(&daemon, &file)).sum();
    results.later.push(later / (PASSES - 2) as u64);
    end.push(daemon.memory_kib());
}

/// Returns the nanoseconds a line of a replay.
fn replay(daemon: &Daemon, file: &Path) -> u64 {
    let mut command = Command::new(program("daytrade"));
    command.args(["replay", "--quiet", "--json", "--connect", &daemon.address()]).arg(file);
    let json: serde_json::Value =
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    1_000_000_000 / json["lines_per_second"].as_u64().unwrap()
}

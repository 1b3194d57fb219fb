//! Whether a command takes longer, and how much memory it takes, the more users there are.

use super::{Daemon, median, program, ratio, server};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Numbers of users.
const USERS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The results of one number of users, an element for each round.
#[derive(Default)]
struct Results {
    /// Lines a second while the accounts are opened.
    opening: Vec<u64>,
    /// The same of the next commands to these accounts.
    opened: Vec<u64>,
    /// Memory of the server before it has accounts, after they are opened, and in the end, KiB.
    memory: [Vec<u64>; 3],
}

/// Sends a million ADDs over each number of users, in turn, and then again.
pub fn growth(folder: &Path, rounds: usize) {
    println!("\ngrowth: 1,000,000 ADDs over increasing numbers of users, and again");
    let mut results: Vec<Results> = USERS.iter().map(|_| Results::default()).collect();
    for _ in 0..rounds {
        for (users, results) in USERS.iter().zip(&mut results) {
            run(folder, *users, results);
        }
    }
    let mut first = None;
    for (users, results) in USERS.iter().zip(&mut results) {
        let (opening, opened) = (median(&mut results.opening), median(&mut results.opened));
        let [before, after, end] = results.memory.each_mut().map(|kib| median(kib) / 1_024);
        let base = *first.get_or_insert((opening, opened));
        println!(
            "  {users:>9} users: {opening:>7} lines/s, time per command {} x the first; again \
             {opened:>7} lines/s, {} x; the server grew from {before} to {after} and {end} MiB",
            ratio(base.0, opening),
            ratio(base.1, opened),
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
    results.opened.push(replay(&daemon, &file));
    end.push(daemon.memory_kib());
}

/// Returns the lines a second of a replay.
fn replay(daemon: &Daemon, file: &Path) -> u64 {
    let mut command = Command::new(program("daytrade"));
    command.args(["replay", "--quiet", "--json", "--connect", &daemon.address()]).arg(file);
    let json: serde_json::Value =
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    json["lines_per_second"].as_u64().unwrap()
}

//! A comparison with redis, with redis that does the same commands in Lua, and with a program that
//! shows what the hardware allows: throughput, one command at a time, a thousand connections,
//! DUMPLOG, memory, growth. Run with `cargo bench -p daytrade-tests --bench peers [-- --rounds N
//! --plots DIR --only PART]`, where a part is `same`, `throughput`, `single`, `many`, `sweep`,
//! `dump` or `growth`. It reports results and checks no limits, but `same` stops if the peers do
//! not give the same replies. If redis-server is not installed, its parts are skipped with a note.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its results and stops at the first error"
)]
#![allow(dead_code, unreachable_pub, reason = "this program uses a part of the tests' harness")]

#[path = "../../black_box/harness.rs"]
mod harness;

mod closed_loop;
mod dump;
mod growth;
mod limit;
mod lua;
mod plot;
mod redis;
mod throughput;
mod usage;
mod workload;

use closed_loop::{Dialect, Run, closed_loop};
use harness::{Daemon, program};
use redis::Redis;
use std::path::{Path, PathBuf};
use std::time::Duration;
use workload::Workload;

/// Number of users and lines of the workload.
const SIZE: (u64, u64) = (1_000, 1_000_000);
/// Duration of a closed-loop run.
const LOOP: Duration = Duration::from_secs(2);
/// Numbers of connections of the sweep.
const SWEEP: [usize; 5] = [1, 8, 64, 256, 1_000];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--list") || limit::run(&args) {
        return;
    }
    let value = |name: &str| {
        args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1).cloned())
    };
    let rounds: usize = value("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    let plots = value("--plots").map(PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    if !Redis::is_installed() {
        println!("redis-server is not installed: its part is skipped");
    }
    let only = value("--only");
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if wanted("same") {
        throughput::same(folder.path());
    }
    if wanted("throughput") {
        throughput::throughput(folder.path(), rounds);
    }
    if wanted("single") {
        one_at_a_time(folder.path(), rounds);
    }
    let many = if wanted("many") { many_at_once(folder.path(), rounds) } else { Vec::new() };
    let sweep = if wanted("sweep") { sweep(folder.path()) } else { Vec::new() };
    if wanted("dump") {
        let daemon = server(folder.path(), "dump");
        let workload = Workload::generate(folder.path(), SIZE.0, SIZE.1, &daemon);
        dump::dump(folder.path(), &daemon, &workload.trades, rounds);
    }
    if wanted("growth") {
        growth::growth(folder.path(), rounds);
    }
    if let Some(plots) = plots {
        std::fs::create_dir_all(&plots).unwrap();
        plot::throughput(&plots.join("throughput.svg"), &sweep);
        plot::latency(&plots.join("latency.svg"), &many);
        println!("plots are in {}", plots.display());
    }
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Returns `a / b` with two decimals.
fn ratio(a: u64, b: u64) -> String {
    let hundredths = a * 100 / b.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn server(folder: &Path, name: &str) -> Daemon {
    let data = folder.join(name);
    let _ = std::fs::remove_dir_all(&data);
    Daemon::start(&data, &["--quotes", "simulated:7:frozen"])
}

fn one_at_a_time(folder: &Path, rounds: usize) {
    println!("\none durable command at a time, one connection");
    let (mut p50, mut p99) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for round in 1..=rounds {
        let daemon = server(folder, "single");
        let ours = closed_loop(&daemon.address(), Dialect::Daytrade, 1, LOOP);
        p50.0.push(ours.percentile_us(500));
        p99.0.push(ours.percentile_us(990));
        print!(
            "  round {round}: p50 {} us, p99 {} us",
            ours.percentile_us(500),
            ours.percentile_us(990)
        );
        if let Some(redis) = Redis::start(folder) {
            let theirs = closed_loop(&redis.address(), Dialect::Redis, 1, LOOP);
            p50.1.push(theirs.percentile_us(500));
            p99.1.push(theirs.percentile_us(990));
            print!(
                "; redis p50 {} us, p99 {} us",
                theirs.percentile_us(500),
                theirs.percentile_us(990)
            );
        }
        println!();
    }
    if !p50.1.is_empty() {
        let fifty = ratio(median(&mut p50.0), median(&mut p50.1));
        let ninety_nine = ratio(median(&mut p99.0), median(&mut p99.1));
        println!("  ratios of medians: p50 {fifty}, p99 {ninety_nine} (goal at most 0.9)");
    }
}

/// Returns the last run of this project and of redis, for the plot.
fn many_at_once(folder: &Path, rounds: usize) -> Vec<(&'static str, Run)> {
    println!("\n1,000 connections, each one command at a time");
    let (mut ours, mut theirs, mut runs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        runs.clear();
        let daemon = server(folder, "many");
        let run = closed_loop(&daemon.address(), Dialect::Daytrade, 1_000, LOOP);
        println!("  round {round}: {}", run.describe());
        ours.push(run.per_second());
        runs.push(("daytrade", run));
        if let Some(redis) = Redis::start(folder) {
            let run = closed_loop(&redis.address(), Dialect::Redis, 1_000, LOOP);
            println!("      redis: {}", run.describe());
            theirs.push(run.per_second());
            runs.push(("redis", run));
        }
    }
    if !theirs.is_empty() {
        println!("  ratio of medians {} (goal 1.1)", ratio(median(&mut ours), median(&mut theirs)));
    }
    runs
}

fn sweep(folder: &Path) -> Vec<(&'static str, Vec<(u64, u64)>)> {
    println!("\nthroughput over connections, each one command at a time");
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for connections in SWEEP {
        let daemon = server(folder, "sweep");
        let run = closed_loop(&daemon.address(), Dialect::Daytrade, connections, LOOP);
        ours.push((connections as u64, run.per_second()));
        print!("  {connections:>5} connections: {:>7} commands/s", run.per_second());
        if let Some(redis) = Redis::start(folder) {
            let run = closed_loop(&redis.address(), Dialect::Redis, connections, LOOP);
            theirs.push((connections as u64, run.per_second()));
            print!(", redis {:>7}", run.per_second());
        }
        println!();
    }
    vec![("daytrade", ours), ("redis", theirs)]
}

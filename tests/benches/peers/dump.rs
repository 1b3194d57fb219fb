//! A DUMPLOG of a million transactions: events per second, memory, and the effect on other clients.

use super::closed_loop::{Dialect, closed_loop};
use super::harness::{Daemon, program};
use super::{LOOP, median, ratio};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Interval between two readings of the server's memory.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);

pub fn dump(folder: &Path, daemon: &Daemon, file: &Path, rounds: usize) {
    println!(
        "\nconsecutive DUMPLOGs of a million transactions, \
         while one connection sends ADDs one at a time"
    );
    let replayed = Command::new(program("daytrade"))
        .args(["replay", "--json", "--connect", &daemon.address()])
        .arg(file)
        .current_dir(folder)
        .output();
    assert!(replayed.unwrap().status.success());
    let (mut before, mut meanwhile, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let quiet = closed_loop(&daemon.address(), Dialect::Daytrade, 1, LOOP);
        let (memory, stop) = (daemon.memory_kib(), AtomicBool::new(false));
        let (busy, (events, took), peak) = std::thread::scope(|scope| {
            let dumps = scope.spawn(|| dumps(daemon, &stop));
            let peak = scope.spawn(|| peak_kib(daemon, &stop));
            let busy = closed_loop(&daemon.address(), Dialect::Daytrade, 1, LOOP);
            stop.store(true, Ordering::Relaxed);
            (busy, dumps.join().unwrap(), peak.join().unwrap())
        });
        let rate = (u128::from(events) * 1_000_000 / took.as_micros()) as u64;
        println!(
            "  round {round}: {rate} events/s, at most {} MiB more; p50 {} us, p99 {} us; \
             without DUMPLOG {} us, {} us",
            peak.saturating_sub(memory) / 1_024,
            busy.percentile_us(500),
            busy.percentile_us(990),
            quiet.percentile_us(500),
            quiet.percentile_us(990)
        );
        before.push(quiet.percentile_us(990));
        meanwhile.push(busy.percentile_us(990));
        rates.push(rate);
    }
    let ninety_nine = ratio(median(&mut meanwhile), median(&mut before));
    println!("  medians: {} events/s, p99 {ninety_nine} x (goal 2)", median(&mut rates));
}

/// Dumps until `stop` is set. Returns the number of events and the elapsed time.
fn dumps(daemon: &Daemon, stop: &AtomicBool) -> (u64, Duration) {
    let (mut events, started, mut client) = (0, Instant::now(), daemon.connect());
    while !stop.load(Ordering::Relaxed) {
        let reply = client.ask("DUMPLOG,./dump.xml");
        let count = reply.trim().rsplit(',').next().and_then(|count| count.parse::<u64>().ok());
        events += count.unwrap_or_else(|| panic!("{reply}"));
    }
    (events, started.elapsed())
}

fn peak_kib(daemon: &Daemon, stop: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !stop.load(Ordering::Relaxed) {
        peak = peak.max(daemon.memory_kib());
        std::thread::sleep(SAMPLE_INTERVAL);
    }
    peak
}

//! Processor time of child processes.

use nix::sys::resource::{UsageWho, getrusage};
use std::time::{Duration, Instant};

/// What a run of child processes took.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Lines a second.
    pub per_second: u64,
    /// Processor time of all processes, nanoseconds a line.
    pub ns_a_line: u64,
}

/// Runs `work`, which returns how long its lines took, with all its processes ended, and measures
/// it. A process is counted once somebody has waited for it.
pub fn cost(lines: u64, work: impl FnOnce() -> Duration) -> Cost {
    let before = used();
    let took = work();
    let used = used().saturating_sub(before);
    Cost {
        per_second: (u128::from(lines) * 1_000_000_000 / took.as_nanos().max(1)) as u64,
        ns_a_line: (used.as_nanos() / u128::from(lines.max(1))) as u64,
    }
}

/// Returns how long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| {
            let (whole, rest) = (time.tv_sec() as u64, time.tv_usec() as u64);
            Duration::from_secs(whole) + Duration::from_micros(rest)
        })
        .sum()
}

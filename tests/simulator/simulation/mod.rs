//! A simulation of a complete server from a seed: sessions, shards, quotes and snapshots over disks
//! in memory, on one thread and in virtual time. The same seed reproduces a simulation exactly.
//!
//! A simulation consists of several server runs. In each run, clients trade over connections that
//! can break, quotes arrive late or not at all, and the system clock steps. The run ends with a
//! clean stop, a process crash, or a power failure during any disk operation. After each run, the
//! checker compares the journals with the clients' observations.

mod checker;
mod client;
mod market;
mod run;

use super::Tally;
use anyhow::Context as _;
use client::Observed;
use daytrade_server::SyncMode;
use daytrade_server::test_support::journal::FaultDisk;
use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use run::ServerRun;
use std::sync::Arc;
use std::time::Instant;

/// Number of server runs in one simulation.
const SERVER_RUNS: u64 = 3;

/// Simulates each of these seeds.
///
/// # Errors
/// Returns the first broken promise and its seed.
pub fn run(seeds: std::ops::Range<u64>) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for seed in seeds {
        let (one, _) = run_seed(seed).with_context(|| format!("simulation: seed {seed}"))?;
        tally += one;
    }
    Ok(tally)
}

/// Simulates one seed. Returns its counts and a hash over all lines the clients received.
///
/// # Errors
/// Returns the broken promise.
pub fn run_seed(seed: u64) -> anyhow::Result<(Tally, u64)> {
    run_seed_with(seed, SyncMode::Always)
}

/// Simulates one seed with another sync mode. Modes other than `always` can lose acknowledged
/// commands in a power failure, which proves that the checker detects a loss.
///
/// # Errors
/// Returns the broken promise.
pub fn run_seed_with(seed: u64, mode: SyncMode) -> anyhow::Result<(Tally, u64)> {
    let started = Instant::now();
    let mut random = Random::new(seed);
    let observed = Arc::new(Mutex::new(Observed::default()));
    let shards = random.below(3) as usize + 1;
    let mut disks: Vec<_> = (0..shards).map(|_| FaultDisk::with_seed(random.draw())).collect();
    let mut tally = Tally::default();
    let mut start_ms = 1_000_000_000;
    for number in 0..SERVER_RUNS {
        let plan = ServerRun::new(&mut random, start_ms, number + 1 == SERVER_RUNS);
        tally.faults += 1;
        start_ms = run::execute(&plan, mode, &disks, &observed)
            .with_context(|| format!("server run {number}, {plan:?}"))?;
        if plan.power_fails() {
            disks = disks.iter().map(FaultDisk::after_power_cut).collect();
        } else {
            let unchanged = |disk: &FaultDisk| FaultDisk::with_files(disk.files());
            disks = disks.iter().map(unchanged).collect();
        }
        checker::check(&disks, &observed.lock())
            .with_context(|| format!("after server run {number}, {plan:?}"))?;
    }
    let observed = observed.lock();
    tally.runs = SERVER_RUNS;
    tally.submitted = observed.submitted();
    tally.acknowledged = observed.acknowledged();
    tally.recovered = checker::recorded(&disks)?;
    tally.took = started.elapsed();
    Ok((tally, observed.digest()))
}

/// Random number generator with a fixed seed.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Returns the next 64 random bits.
    pub fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Returns the next random number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// Returns true with probability `1 / times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Creates an independent generator.
    pub fn fork(&mut self) -> Self {
        Self::new(self.draw())
    }
}

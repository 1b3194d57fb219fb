//! A whole server out of a seed: sessions, shards, quotes and snapshots over disks in memory, on
//! one thread and in virtual time. The same seed gives the same run, to the letter.
//!
//! A run has several lives. In each, clients trade over connections that may break, quotes come
//! late or not at all, the system's clock is set about, and the life ends: in order, by a crash of
//! the process, or by a power cut that may come in the middle of any operation of a disk. After
//! each life the journals are read and held against what the clients saw.

mod client;
mod judge;
mod life;
mod market;

use crate::Tally;
use anyhow::Context as _;
use client::Seen;
use daytrade_server::SyncMode;
use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Instant;

/// Lives of one run.
const LIVES: u64 = 3;

/// Runs these seeds.
///
/// # Errors
/// The first promise broken, with the seed that shows it.
pub fn run(seeds: std::ops::Range<u64>) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for seed in seeds {
        let (one, _) = run_seed(seed).with_context(|| format!("simulation: seed {seed}"))?;
        tally += one;
    }
    Ok(tally)
}

/// One run, and a hash over everything that the clients saw in it.
///
/// # Errors
/// The promise broken.
pub fn run_seed(seed: u64) -> anyhow::Result<(Tally, u64)> {
    run_seed_with(seed, SyncMode::Always)
}

/// As [`run_seed`], with another promise: all but `always` may lose what was answered when the
/// power goes, which shows that the judge would notice.
///
/// # Errors
/// The promise broken.
pub fn run_seed_with(seed: u64, mode: SyncMode) -> anyhow::Result<(Tally, u64)> {
    let started = Instant::now();
    let mut random = Random::new(seed);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let shards = random.below(3) as usize + 1;
    let mut disks: Vec<_> = (0..shards)
        .map(|_| daytrade_server::journal::FaultDisk::with_seed(random.draw()))
        .collect();
    let mut tally = Tally::default();
    let mut start_ms = 1_000_000_000;
    for life in 0..LIVES {
        let plan = life::Plan::new(&mut random, start_ms, life + 1 == LIVES);
        tally.faults += 1;
        start_ms = life::live(&plan, mode, &disks, &seen)
            .with_context(|| format!("life {life}, {plan:?}"))?;
        if plan.power_goes() {
            disks =
                disks.iter().map(daytrade_server::journal::FaultDisk::after_power_cut).collect();
        } else {
            let kept = |disk: &daytrade_server::journal::FaultDisk| {
                daytrade_server::journal::FaultDisk::with_files(disk.files())
            };
            disks = disks.iter().map(kept).collect();
        }
        judge::judge(&disks, &seen.lock())
            .with_context(|| format!("after life {life}, {plan:?}"))?;
    }
    let seen = seen.lock();
    tally.runs = LIVES;
    tally.submitted = seen.submitted();
    tally.acknowledged = seen.acknowledged();
    tally.recovered = judge::recorded(&disks)?;
    tally.took = started.elapsed();
    Ok((tally, seen.digest()))
}

/// Numbers out of a seed.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Numbers of its own for somebody else.
    pub fn fork(&mut self) -> Self {
        Self::new(self.draw())
    }
}

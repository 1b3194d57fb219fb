//! Every operation of a disk goes wrong in every way, in turn; then the process dies, or the power
//! goes.

use crate::Tally;
use crate::bench::{Bench, Sizes, script};
use crate::check::Clean;
use anyhow::{Context as _, ensure};
use daytrade_server::journal::{DiskFault, FaultDisk};
use std::time::Instant;

/// Commands of a script: with these sizes they make some fifteen segments and ten snapshots.
const COMMANDS: u64 = 40;
/// How often the power goes in different ways after each fault.
const POWER_CUTS: u64 = 2;

/// All faults at all operations, for scripts of these seeds.
///
/// # Errors
/// The first promise broken.
pub fn run(seeds: std::ops::Range<u64>) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let mut tally = Tally::default();
    for seed in seeds {
        for retention_bytes in [None, Some(300)] {
            let sizes = Sizes { segment_bytes_max: 300, snapshot_every: 5, retention_bytes };
            let batches = script(seed, COMMANDS);
            let clean = Clean::run(&batches, sizes)?;
            for fault in DiskFault::ALL {
                for operation in 0..clean.disk.operations() {
                    one(&mut tally, seed, &batches, &clean, sizes, fault, operation).with_context(|| {
                        format!("storage: seed {seed}, {fault:?} at operation {operation}, {sizes:?}")
                    })?;
                }
            }
        }
    }
    tally.took = started.elapsed();
    Ok(tally)
}

fn one(
    tally: &mut Tally,
    seed: u64,
    batches: &[Vec<String>],
    clean: &Clean,
    sizes: Sizes,
    fault: DiskFault,
    operation: usize,
) -> anyhow::Result<()> {
    let disk = FaultDisk::with_seed(seed ^ operation as u64);
    disk.fail_after(operation, fault);
    tally.faults += 1;
    let (mut submitted, mut acknowledged) = (0, 0);
    if let Ok(mut bench) = Bench::open(&disk, sizes) {
        for batch in batches {
            submitted += batch.len() as u64;
            let (said, works) = bench.ask(batch);
            let refused = said.lines().filter(|line| line.contains("ERR,READ_ONLY")).count();
            ensure!(works || refused == batch.len(), "a failed round has answered: {said}");
            if !works {
                let (said, _) = bench.ask(&["[999] ADD,u0,1".to_owned()]);
                ensure!(said.starts_with("[999] ERR,READ_ONLY,"), "after a failure: {said}");
                break;
            }
            acknowledged = submitted;
        }
    }
    let killed = FaultDisk::with_files(disk.files());
    for left in std::iter::once(killed).chain((0..POWER_CUTS).map(|_| disk.after_power_cut())) {
        tally.runs += 1;
        tally.submitted += submitted;
        match clean.recovered(&left)? {
            Ok(found) => {
                // A bit that was stored wrong in the very last frame looks like a frame that was
                // not finished.
                ensure!(
                    found >= acknowledged || fault == DiskFault::BitFlip,
                    "{acknowledged} acknowledged, {found} found"
                );
                ensure!(found <= submitted, "{submitted} submitted, {found} found");
                if fault != DiskFault::BitFlip {
                    clean.journal_holds(&left, found)?;
                }
                if fault != DiskFault::BitFlip {
                    tally.acknowledged += acknowledged;
                    tally.recovered += found;
                }
                let mut bench = Bench::open(&left, sizes).context("going on")?;
                let (said, works) = bench.ask(&["[900] ADD,u0,1".to_owned()]);
                ensure!(works && said.starts_with("[900] OK,ADD,"), "it does not go on: {said}");
            }
            Err(refused) => {
                ensure!(fault == DiskFault::BitFlip, "a start was refused: {refused}");
                tally.refused_starts += 1;
            }
        }
    }
    Ok(())
}

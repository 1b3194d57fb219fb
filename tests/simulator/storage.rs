//! Makes each disk operation fail in each way, one at a time, followed by a process crash or a
//! power failure.

use super::Tally;
use super::harness::{ShardHarness, Sizes, script};
use super::reference::{ReferenceRun, check_journal};
use anyhow::{Context as _, ensure};
use daytrade_server::test_support::journal::{DiskFault, FaultDisk};
use std::time::Instant;

/// Number of commands in a script. With these sizes, about 15 segments and 10 snapshots result.
const COMMANDS: u64 = 40;
/// Number of different power failures after each fault.
const POWER_CUTS: u64 = 2;
/// Number of restarts after each fault, each with other data in the system's cache.
const RESTARTS: u64 = 2;
/// Number of further lives of a disk, each of which ends with a failed sync.
const FURTHER_LIVES: usize = 2;

/// One fault in one run.
#[derive(Clone, Copy, Debug)]
struct Case {
    seed: u64,
    sizes: Sizes,
    fault: DiskFault,
    /// Index of the disk operation that fails.
    operation: usize,
}

/// Injects all faults at all operations of the scripts of these seeds.
///
/// # Errors
/// Returns the first broken promise.
pub fn run(seeds: std::ops::Range<u64>) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let mut tally = Tally::default();
    for seed in seeds {
        for retention_bytes in [None, Some(300)] {
            let sizes = Sizes { segment_bytes_max: 300, snapshot_every: 5, retention_bytes };
            let batches = script(seed, COMMANDS);
            let reference = ReferenceRun::run(&batches, sizes)?;
            for fault in DiskFault::ALL {
                for operation in 0..reference.disk.operations() {
                    let case = Case { seed, sizes, fault, operation };
                    inject(&mut tally, case, &batches, &reference)
                        .with_context(|| format!("storage: {case:?}"))?;
                }
            }
        }
    }
    tally.took = started.elapsed();
    Ok(tally)
}

fn inject(
    tally: &mut Tally,
    case: Case,
    batches: &[Vec<String>],
    reference: &ReferenceRun,
) -> anyhow::Result<()> {
    let Case { seed, sizes, fault, operation } = case;
    let disk = FaultDisk::with_seed(seed ^ operation as u64);
    disk.fail_after(operation, fault);
    tally.faults += 1;
    let (mut submitted, mut acknowledged) = (0, 0);
    if let Ok(mut harness) = ShardHarness::open(&disk, sizes) {
        for batch in batches {
            submitted += batch.len() as u64;
            let (replies, works) = harness.ask(batch);
            let refused = replies.lines().filter(|line| line.contains("ERR,READ_ONLY")).count();
            ensure!(works || refused == batch.len(), "a failed round has acknowledged: {replies}");
            if !works {
                let (replies, _) = harness.ask(&["[999] ADD,u0,1".to_owned()]);
                ensure!(replies.starts_with("[999] ERR,READ_ONLY,"), "after a failure: {replies}");
                break;
            }
            acknowledged = submitted;
        }
    }
    let killed = (0..RESTARTS).map(|_| disk.after_restart());
    for survivor in killed.chain((0..POWER_CUTS).map(|_| disk.after_power_cut())) {
        tally.runs += 1;
        tally.submitted += submitted;
        match reference.recovered(&survivor)? {
            Ok(found) => {
                // A flipped bit in the very last frame looks like an unfinished frame.
                ensure!(
                    found >= acknowledged || fault == DiskFault::BitFlip,
                    "{acknowledged} acknowledged, {found} found"
                );
                ensure!(found <= submitted, "{submitted} submitted, {found} found");
                if fault != DiskFault::BitFlip {
                    check_journal(&survivor, found)?;
                    tally.acknowledged += acknowledged;
                    tally.recovered += found;
                }
                go_on(tally, &survivor, sizes)?;
            }
            Err(refused) => {
                ensure!(fault == DiskFault::BitFlip, "a start was refused: {refused}");
                tally.refused_starts += 1;
            }
        }
    }
    Ok(())
}

/// Goes on after a fault: lives that answer a command and end with another failed sync, then one
/// that works. Everything they have answered must survive a power failure.
fn go_on(tally: &mut Tally, disk: &FaultDisk, sizes: Sizes) -> anyhow::Result<()> {
    let mut disk = disk.clone();
    for life in 0..=FURTHER_LIVES {
        let mut harness = ShardHarness::open(&disk, sizes).context("continuing")?;
        let (replies, works) = harness.ask(&["[900] ADD,u0,1".to_owned()]);
        ensure!(works && replies.starts_with("[900] OK,ADD,"), "it does not continue: {replies}");
        let answered = harness.state_hash();
        for _ in 0..POWER_CUTS {
            let found = ShardHarness::open(&disk.after_power_cut(), sizes)
                .context("after a fault, a restart and a power failure")?
                .state_hash();
            ensure!(found == answered, "a power failure after a fault has lost an answer");
        }
        tally.runs += POWER_CUTS;
        if life < FURTHER_LIVES {
            disk.fail_after(life, DiskFault::Sync);
            harness.ask(&["[901] ADD,u1,1".to_owned()]);
            tally.faults += 1;
            disk = disk.after_restart();
        }
    }
    Ok(())
}

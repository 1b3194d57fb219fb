//! A reference run without faults, which every run with faults must be a prefix of.

use super::harness::{ShardHarness, Sizes, store};
use anyhow::{Context as _, bail, ensure};
use daytrade_server::test_support::engine::Record;
use daytrade_server::test_support::journal::{FaultDisk, RecoveryError, Start, recover};
use daytrade_server::test_support::shard::recover_shard;
use std::collections::BTreeMap;

/// Recovery does not append, so the size of segments does not matter.
const SEGMENT_BYTES_MAX: u64 = 1 << 20;

/// The result of a script on a disk without faults.
pub struct ReferenceRun {
    /// Disk after the run.
    pub disk: FaultDisk,
    /// Number of commands in the script.
    pub commands: u64,
    /// Hash over the accounts after each batch, by the number of commands until then.
    hashes: BTreeMap<u64, u64>,
}

impl ReferenceRun {
    /// Runs a script.
    ///
    /// # Errors
    /// Returns an error if the shard fails.
    pub fn run(batches: &[Vec<String>], sizes: Sizes) -> anyhow::Result<Self> {
        let disk = FaultDisk::default();
        let mut harness = ShardHarness::open(&disk, sizes)?;
        let mut hashes = BTreeMap::from([(0, harness.state_hash())]);
        let mut commands = 0;
        for batch in batches {
            let (_, works) = harness.ask(batch);
            ensure!(works, "a disk without faults has failed");
            commands += batch.len() as u64;
            hashes.insert(commands, harness.state_hash());
        }
        Ok(Self { disk, commands, hashes })
    }

    /// Recovers a disk and checks that it holds a prefix of the script and the accounts this prefix
    /// produces. Returns the number of commands, or the refusal of the start.
    ///
    /// # Errors
    /// Returns an error if the recovered state is not such a prefix.
    pub fn recovered(&self, disk: &FaultDisk) -> anyhow::Result<Result<u64, RecoveryError>> {
        let recovered = match recover_shard(&store(disk, 0, SEGMENT_BYTES_MAX), 0, true) {
            Ok(recovered) => recovered,
            Err(refused) => return Ok(Err(refused)),
        };
        let commands = recovered.end.record;
        let hash = recovered.book.state_hash().0;
        let Some(&want) = self.hashes.get(&commands) else {
            bail!("recovered a part of a batch: {commands}")
        };
        ensure!(hash == want, "the accounts differ from those after {commands} commands");
        let again =
            recover_shard(&store(disk, 0, SEGMENT_BYTES_MAX), 0, true).context("a second start")?;
        ensure!(
            again.end.record == commands && again.end.cut_bytes == 0,
            "a second start recovers a different state"
        );
        Ok(Ok(commands))
    }
}

/// Checks that the journal holds the first `commands` commands in order, without a gap. Old
/// segments may have been removed.
///
/// # Errors
/// Returns an error if it does not.
pub fn check_journal(disk: &FaultDisk, commands: u64) -> anyhow::Result<()> {
    let mut numbers = Vec::new();
    recover(disk, 0, Start::FirstKept, false, |_, _, record| {
        if let Record::Transaction { number, .. } = record {
            numbers.push(number);
        }
    })?;
    let first = numbers.first().copied().unwrap_or(commands + 1);
    ensure!(
        numbers.iter().copied().eq(first..=commands),
        "the journal holds {numbers:?}, not 1 to {commands}"
    );
    Ok(())
}

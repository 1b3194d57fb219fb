//! What a disk gives back, held against what was sent and what was answered.

use crate::bench::{Bench, Sizes};
use anyhow::{Context as _, bail, ensure};
use daytrade_server::engine::Record;
use daytrade_server::journal::{FaultDisk, RecoveryError, Start, recover};
use daytrade_server::shard::recover_shard;
use std::collections::BTreeMap;

/// A run without faults: what every run with faults must be the beginning of.
pub struct Clean {
    /// The disk it left behind.
    pub disk: FaultDisk,
    /// The commands sent.
    pub commands: u64,
    /// The hash over the accounts after so many commands, at the end of each batch.
    hashes: BTreeMap<u64, u64>,
}

impl Clean {
    /// Runs a script.
    ///
    /// # Errors
    /// When the shard does not work at all.
    pub fn run(batches: &[Vec<String>], sizes: Sizes) -> anyhow::Result<Self> {
        let disk = FaultDisk::default();
        let mut bench = Bench::open(&disk, sizes)?;
        let mut hashes = BTreeMap::from([(0, bench.state_hash())]);
        let mut commands = 0;
        for batch in batches {
            let (_, works) = bench.ask(batch);
            ensure!(works, "a disk without faults has failed");
            commands += batch.len() as u64;
            hashes.insert(commands, bench.state_hash());
        }
        Ok(Self { disk, commands, hashes })
    }

    /// How many commands a disk gives back: exactly the first ones, with exactly the accounts they
    /// make.
    ///
    /// # Errors
    /// The start's refusal inside; outside, when something was invented.
    pub fn recovered(&self, disk: &FaultDisk) -> anyhow::Result<Result<u64, RecoveryError>> {
        let recovered = match recover_shard(disk, 0, true) {
            Ok(recovered) => recovered,
            Err(refused) => return Ok(Err(refused)),
        };
        let commands = recovered.end.record;
        let hash = recovered.book.state_hash().0;
        let Some(&want) = self.hashes.get(&commands) else {
            bail!("recovered up to the middle of a batch: {commands}")
        };
        ensure!(
            hash == want,
            "the accounts after {commands} commands are not what those commands make"
        );
        let again = recover_shard(disk, 0, true).context("a second start")?;
        ensure!(
            again.end.record == commands && again.end.cut_bytes == 0,
            "a second start finds something else"
        );
        Ok(Ok(commands))
    }

    /// That the journal itself holds the first so many commands, in order, without a gap.
    ///
    /// # Errors
    /// When it does not.
    pub fn journal_holds(&self, disk: &FaultDisk, commands: u64) -> anyhow::Result<()> {
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
}

//! Truncates the files of a disk with several segments, frames and snapshots at every byte, and
//! flips each of their bits.

use super::Tally;
use super::harness::{Sizes, script};
use super::reference::ReferenceRun;
use anyhow::{Context as _, ensure};
use daytrade_server::test_support::journal::FaultDisk;
use std::collections::BTreeMap;
use std::time::Instant;

/// Damages every byte that a script of `commands` commands has stored.
///
/// # Errors
/// Returns the first damage after which the start neither recovers a prefix nor refuses with the
/// name of the file.
pub fn run(commands: u64) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let mut tally = Tally::default();
    let sizes =
        Sizes { segment_bytes_max: 400, snapshot_every: commands / 3, retention_bytes: None };
    let reference = ReferenceRun::run(&script(1, commands), sizes)?;
    let mut files = reference.disk.files();
    for bytes in files.values_mut() {
        // The preallocated zeros after the last frame are all alike, so eight bytes represent them.
        let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(written + 8);
    }
    let journals = files.keys().filter(|name| name.ends_with(".journal")).count();
    let snapshots = files.keys().filter(|name| name.ends_with(".snapshot")).count();
    ensure!(journals > 2 && snapshots == 2, "{:?}", files.keys());
    for (name, bytes) in &files {
        for at in 0..bytes.len() {
            let cut = bytes[..at].to_vec();
            damage(&mut tally, &reference, &files, name, cut)
                .with_context(|| format!("corruption: {name} cut at {at}"))?;
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                damage(&mut tally, &reference, &files, name, flipped).with_context(|| {
                    format!("corruption: bit {bit} of byte {at} of {name} flipped")
                })?;
            }
        }
    }
    tally.took = started.elapsed();
    Ok(tally)
}

fn damage(
    tally: &mut Tally,
    reference: &ReferenceRun,
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
    damaged: Vec<u8>,
) -> anyhow::Result<()> {
    let mut files = files.clone();
    let newest =
        files.keys().rfind(|name| name.ends_with(".journal")).is_some_and(|last| last == name);
    files.insert(name.to_owned(), damaged);
    tally.runs += 1;
    tally.faults += 1;
    tally.submitted += reference.commands;
    match reference.recovered(&FaultDisk::with_files(files))? {
        Ok(found) => {
            // Only the end of the newest segment can look like an interrupted write.
            ensure!(
                found == reference.commands || newest,
                "{found} of {} found",
                reference.commands
            );
            // The truncated commands were acknowledged, but no sync prevents later damage.
            tally.recovered += found;
            tally.acknowledged += found;
        }
        Err(refused) => {
            let message = refused.to_string();
            ensure!(
                message.contains(".journal") || message.contains(".snapshot"),
                "no file is named: {message}"
            );
            tally.refused_starts += 1;
        }
    }
    Ok(())
}

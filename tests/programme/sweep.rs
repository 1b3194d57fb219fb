//! A disk with several segments, frames and snapshots is cut at every byte and has every bit
//! flipped.

use crate::Tally;
use crate::bench::{Sizes, script};
use crate::check::Clean;
use anyhow::{Context as _, ensure};
use daytrade_server::journal::FaultDisk;
use std::collections::BTreeMap;
use std::time::Instant;

/// Cuts and flips everything that a script of this many commands leaves behind.
///
/// # Errors
/// The first damage that is neither a prefix nor a refusal that names the file.
pub fn run(commands: u64) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let mut tally = Tally::default();
    let sizes =
        Sizes { segment_bytes_max: 400, snapshot_every: commands / 3, retention_bytes: None };
    let clean = Clean::run(&script(1, commands), sizes)?;
    let mut files = clean.disk.files();
    for bytes in files.values_mut() {
        // Space filled ahead of writing is all alike; a little of it stays.
        let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(written + 8);
    }
    let journals = files.keys().filter(|name| name.ends_with(".journal")).count();
    let snapshots = files.keys().filter(|name| name.ends_with(".snapshot")).count();
    ensure!(journals > 2 && snapshots == 2, "{:?}", files.keys());
    for (name, bytes) in &files {
        for at in 0..bytes.len() {
            let cut = bytes[..at].to_vec();
            one(&mut tally, &clean, &files, name, cut)
                .with_context(|| format!("sweep: {name} cut at {at}"))?;
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                one(&mut tally, &clean, &files, name, flipped)
                    .with_context(|| format!("sweep: bit {bit} of byte {at} of {name} flipped"))?;
            }
        }
    }
    tally.took = started.elapsed();
    Ok(tally)
}

fn one(
    tally: &mut Tally,
    clean: &Clean,
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
    tally.submitted += clean.commands;
    match clean.recovered(&FaultDisk::with_files(files))? {
        Ok(found) => {
            // Only the newest segment's end can look like a write that was interrupted.
            ensure!(found == clean.commands || newest, "{found} of {} found", clean.commands);
            // What is cut off the end was acknowledged once: this is damage, which no sync
            // prevents.
            tally.recovered += found;
            tally.acknowledged += found;
        }
        Err(refused) => {
            let words = refused.to_string();
            ensure!(
                words.contains(".journal") || words.contains(".snapshot"),
                "no file is named: {words}"
            );
            tally.refused_starts += 1;
        }
    }
    Ok(())
}

//! `daytraded journal verify|print`: reads a journal offline and never changes it.

use super::frame_log::{LogStore, Start};
use std::io::{self, Write};
use std::sync::Arc;

/// Checks every frame of every shard of a data folder and prints one line a shard.
///
/// # Errors
/// Returns the first damage, with file and offset.
pub fn verify(stores: &[Arc<dyn LogStore>], out: &mut dyn Write) -> anyhow::Result<()> {
    for (shard, store) in stores.iter().enumerate() {
        let (mut records, mut first) = (0_u64, None);
        let found = store.recover(Start::FirstKept, false, &mut |number, _, _| {
            records += 1;
            first.get_or_insert(number);
        })?;
        write!(out, "shard {shard}: {} frames, {records} records, good", found.frame)?;
        if let Some(first) = first.filter(|first| *first > 1) {
            write!(out, "; the records before {first} are no longer kept")?;
        }
        if found.cut_bytes > 0 {
            write!(
                out,
                "; {} bytes of an interrupted last write, which a start would cut off",
                found.cut_bytes
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Prints every record of every shard of a data folder, one line each: shard, record number, time
/// and record.
///
/// # Errors
/// Returns the first damage, with file and offset, after the records before it are printed.
pub fn print(stores: &[Arc<dyn LogStore>], out: &mut dyn Write) -> anyhow::Result<()> {
    for (shard, store) in stores.iter().enumerate() {
        let mut written: io::Result<()> = Ok(());
        store.recover(Start::FirstKept, false, &mut |number, time_ms, record| {
            if written.is_ok() {
                written = writeln!(out, "{shard} {number} {time_ms} {record:?}");
            }
        })?;
        written?;
    }
    Ok(())
}

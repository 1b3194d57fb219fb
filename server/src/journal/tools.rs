//! `daytraded journal verify|print`: reads a journal offline and never changes it.

use super::fault::RecoveryError;
use super::frame_log::{LogStore, Start};
use crate::engine::{Book, Known, Stamp};
use std::io::{self, Write};
use std::sync::Arc;

/// Checks every frame of every shard of a data folder, and that each record fits the accounts
/// before it, and prints one line a shard. The accounts are only known if no record was removed.
///
/// # Errors
/// Returns the first damage, with file and offset, or the first record that does not fit.
pub fn verify(stores: &[Arc<dyn LogStore>], out: &mut dyn Write) -> anyhow::Result<()> {
    for (shard, store) in stores.iter().enumerate() {
        let (mut records, mut first, mut unfit) = (0_u64, None, None);
        let mut book = Book::default();
        let found = store.recover(Start::FirstKept, false, &mut |number, at_ms, record| {
            records += 1;
            if *first.get_or_insert(number) > 1 || unfit.is_some() {
                return;
            }
            if book.fits(&record) {
                book.commit(&record, Stamp { record: number, at_ms }, Known::Nothing, |_, _, _| {});
                book.take_interest();
            } else {
                unfit = Some(number);
            }
        })?;
        if let Some(record) = unfit {
            let folder = store.folder().describe("");
            return Err(RecoveryError::Unfit { folder, record }.into());
        }
        write!(out, "shard {shard}: {} frames, {records} records, good", found.frame)?;
        if let Some(first) = first.filter(|first| *first > 1) {
            write!(
                out,
                "; the records before {first} are no longer kept, so the accounts were not checked"
            )?;
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

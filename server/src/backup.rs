//! `daytraded backup` and `restore`: a data folder as it was at one moment.
//!
//! A backup is itself a data folder, made of the same segments up to the last frame of that moment.
//! It is taken from the files, while the server runs or not; nothing waits for it. It must never
//! write into a folder that has anything in it.

use crate::data_dir::{DataDir, copy_private, make_copy, note_backup, read_manifest, shard_dir};
use crate::journal::{Extent, FsStorage, Until, extent, snapshots};
use crate::logins::{SecurityLog, durable_frames};
use crate::server::open_stores;
use crate::shard::recover_shard;
use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

const RECORD: &str = "backup.toml";
/// Files besides the journal that belong to a server.
const OTHERS: [&str; 3] = ["users.toml", "tls/cert.pem", "tls/key.pem"];

/// What a backup holds, as it was when it was taken.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupRecord {
    /// When it was taken.
    taken: Timestamp,
    shard: Vec<ShardRecord>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShardRecord {
    frames: u64,
    records: u64,
    /// Hash over all accounts, in hexadecimal digits.
    state: String,
}

/// Copies a data folder as it is now.
///
/// # Errors
/// If `to` has anything in it, or a file cannot be read or written.
pub(crate) fn backup(data: &Path, to: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    // Without a server the folder is locked; with one, it says which frames are durable.
    let (frames, _lock) = if let Some(frames) = durable_frames(data)? {
        (frames.into_iter().map(Some).collect(), None)
    } else {
        let lock = DataDir::open(data, None).context(
            "the server that runs on it does not answer; if it is an older one, stop it",
        )?;
        (vec![None; usize::from(lock.manifest().shards)], Some(lock))
    };
    let until: Vec<Until> =
        frames.into_iter().map(|frame| Until { frame, time_ms: None }).collect();
    let shards = copy(data, to, &until)?;
    let record = BackupRecord { taken: Timestamp::now(), shard: shards };
    let text = toml::to_string(&record)?;
    copy_private(text.as_bytes(), &to.join(RECORD))?;
    say(out, &record.shard)?;
    note_backup(data, record.taken.as_millisecond())?;
    SecurityLog::open(data).context("security.log")?.write("backup", None, None, &[]);
    Ok(())
}

/// Checks that a backup is whole: every frame, and the accounts that come of them.
///
/// # Errors
/// The first difference.
pub(crate) fn verify(folder: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let path = folder.join(RECORD);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let record: BackupRecord = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let lock = DataDir::open(folder, None)?;
    let found = state_of(&lock)?;
    ensure!(
        found == record.shard,
        "{}: the accounts are not those of the backup",
        folder.display()
    );
    say(out, &found)
}

/// Makes a data folder of a backup, up to a time if one is given.
///
/// # Errors
/// If `to` has anything in it, or a file cannot be read or written.
pub(crate) fn restore(
    from: &Path,
    to: &Path,
    until: Option<Timestamp>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let lock = DataDir::open(from, None)?;
    let time_ms = until.map(|time| u64::try_from(time.as_millisecond()).unwrap_or(0));
    let shards = usize::from(lock.manifest().shards);
    let shards = copy(from, to, &vec![Until { frame: None, time_ms }; shards])?;
    say(out, &shards)?;
    SecurityLog::open(to).context("security.log")?.write("restore", None, None, &[]);
    Ok(())
}

fn say(out: &mut impl Write, shards: &[ShardRecord]) -> anyhow::Result<()> {
    for (number, ShardRecord { frames, records, state }) in shards.iter().enumerate() {
        writeln!(out, "shard {number}: {frames} frames, {records} records, state {state}")?;
    }
    Ok(())
}

/// Copies a data folder, each shard up to its moment. Returns what the copy holds.
fn copy(from: &Path, to: &Path, until: &[Until]) -> anyhow::Result<Vec<ShardRecord>> {
    let manifest = read_manifest(from)?;
    ensure!(usize::from(manifest.shards) == until.len(), "the server has another folder");
    if to.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty", to.display());
    }
    make_copy(to, &manifest)?;
    for (shard, until) in (0..manifest.shards).zip(until) {
        copy_shard(&shard_dir(from, shard), &shard_dir(to, shard), shard, *until)?;
    }
    for name in OTHERS {
        match std::fs::read(from.join(name)) {
            Ok(bytes) => copy_private(bytes.as_slice(), &to.join(name))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| name.to_owned()),
        }
    }
    state_of(&DataDir::open(to, None)?)
}

fn copy_shard(from: &Path, to: &Path, shard: u16, until: Until) -> anyhow::Result<()> {
    let storage = FsStorage::new(from);
    let Extent { segments, record, first_record, .. } = extent(&storage, shard, until)?;
    for (name, bytes) in segments {
        let file = std::fs::File::open(from.join(&name)).with_context(|| name.clone())?;
        copy_private(std::io::Read::take(file, bytes), &to.join(&name))?;
    }
    let mut has_snapshot = false;
    for name in snapshots(&storage)? {
        let covers = name.split('.').next().and_then(|digits| digits.parse::<u64>().ok());
        if covers.is_some_and(|covers| covers <= record) {
            let bytes = std::fs::read(from.join(&name)).with_context(|| name.clone())?;
            copy_private(bytes.as_slice(), &to.join(&name))?;
            has_snapshot = true;
        }
    }
    ensure!(
        first_record <= 1 || has_snapshot,
        "shard {shard}: the records before {first_record} are no longer kept, and no snapshot is \
         as old as that moment"
    );
    Ok(())
}

/// Reads the accounts of a folder.
fn state_of(folder: &DataDir) -> anyhow::Result<Vec<ShardRecord>> {
    let stores = open_stores(folder);
    let shards = stores.iter().zip(0..).map(|(store, shard)| {
        let recovered = recover_shard(&**store, shard, false)?;
        let state = format!("{:016x}", recovered.book.state_hash().0);
        Ok(ShardRecord { frames: recovered.end.frame, records: recovered.end.record, state })
    });
    shards.collect()
}
